/* SPDX-License-Identifier: MIT */
/*
 * The index that scenarios race on, its items, and what must hold of both in the end.
 *
 * Called by scenarios_index.c and mutants.c. The explorer puts everything here back before each
 * execution.
 */
#include "items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cache.h"
#include "explorer.h"

struct frozenref_index *table;
struct frozenref_index *other_table;
struct item *item[ITEMS];
struct notes notes;

/* Of the cache: those that fill the magazines of all threads. */
enum { OBJECTS = 256, ROOM = 2 };

static struct frozenref_cache *cache;
static bool is_made[ITEMS]; /* at setup */
static void *room[MODEL_THREADS_MAX][ROOM];
static const int keys[KEYS] = { A, B, C, D, E, F };

/* --------------------------------------------------------------------------------------- hashes */

/* The hash that becomes this one inside the index: undoes index_hash(). */
static uint64_t user_hash(uint32_t inside)
{
	const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t inverse = factor;
	uint64_t hash;

	/* Newton's iteration: each round doubles the bits that are right, from 3 on. */
	for (int i = 0; i < 5; i++)
		inverse *= 2 - factor * inverse;
	hash = ((uint64_t)__builtin_bswap32(inside) << 32) * inverse;
	hash ^= hash >> 32;
	model_assert(index_hash(hash) == inside);
	return hash;
}

uint64_t hash_of(enum key key)
{
	static const uint32_t hashes[KEYS] = { 0x100, 0x200, 0x101, 0x102, 0x100, 0x300 };

	return user_hash(hashes[key]);
}

void *find(struct frozenref_index *index, enum key key)
{
	return model_calls.index_try_get(index, hash_of(key), &keys[key]);
}

int insert(struct frozenref_index *index, struct item *it)
{
	enum key key = (enum key)it->key;

	return model_calls.index_insert(index, hash_of(key), &keys[key], it);
}

void *get_or_insert(struct frozenref_index *index, struct item *it)
{
	enum key key = (enum key)it->key;

	return frozenref_index_get_or_insert(index, hash_of(key), &keys[key], it);
}

/* ---------------------------------------------------------------------------------------- items */

int item_number(const struct item *it)
{
	for (int i = 0; i < ITEMS; i++) {
		if (it == item[i])
			return i;
	}
	return OTHER_ITEM;
}

static bool has_key(const void *object, const void *key, void *arg)
{
	const struct item *it = object;

	(void)arg;
	model_assert(model_read(&it->payload) != ENDED);
	return model_read(&it->key) == *(const int *)key;
}

static unsigned me_or_0(void)
{
	return explorer_thread() < 0 ? 0 : (unsigned)explorer_thread();
}

static void on_release(void *object, void *arg)
{
	struct item *it = object;

	(void)arg;
	model_assert(model_read(&it->payload) != ENDED);
	model_write(&it->payload, ENDED);
	notes.ended[me_or_0()]++;
}

/* What the caller owns frozen becomes an item, held by the caller. */
static void publish(struct item *it, enum key key, int payload)
{
	model_assert(model_read(&it->payload) == ENDED);
	model_write(&it->key, (int)key);
	model_write(&it->payload, payload);
	frozenref_unfreeze(&it->ref, 1);
	notes.made[me_or_0()]++;
}

void make_item(unsigned i, enum key key)
{
	publish(item[i], key, IN_USE);
	is_made[i] = true;
}

void put_in(unsigned i, enum key key)
{
	make_item(i, key);
	model_assert(insert(table, item[i]) == 0);
	model_assert(!frozenref_cache_put(cache, item[i]));
}

struct item *new_item(enum key key, int payload)
{
	struct item *it = frozenref_cache_alloc(cache);

	model_assert(it);
	publish(it, key, payload);
	return it;
}

bool drop_item(struct item *it)
{
	return frozenref_cache_put(cache, it);
}

void put_item(struct item *it)
{
	(void)frozenref_cache_put(cache, it);
}

void look_for(int me, enum key key)
{
	struct item *it = find(table, key);

	notes.found[me] = it ? item_number(it) : NO_ITEM;
	if (!it)
		return;
	model_assert(model_read(&it->key) == (int)key);
	model_assert(model_read(&it->payload) == IN_USE);
	put_item(it);
}

/* --------------------------------------------------------------------------------------- set-up */

static void label_items(void)
{
	static char names[ITEMS][4][16];
	static const char *const words[] = { "word", "next", "hash", "index" };

	for (unsigned i = 0; i < ITEMS; i++) {
		const void *at[] = { &item[i]->ref, &item[i]->node.next, &item[i]->node.hash,
				     &item[i]->node.index };

		for (unsigned w = 0; w < 4; w++) {
			snprintf(names[i][w], sizeof(names[i][w]), "%s[%u]", words[w], i);
			model_label(at[w], names[i][w]);
		}
	}
}

static void make_cache(void)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;

	config.object_size = sizeof(struct item);
	config.ref_offset = offsetof(struct item, ref);
	config.max_objects = OBJECTS;
	config.stable_offset = offsetof(struct item, node);
	config.stable_size = sizeof(struct frozenref_index_node);
	config.release = on_release;
	config.backend = &model_backend;
	model_assert(frozenref_cache_create(&cache, &config) == 0);
	for (unsigned i = 0; i < ITEMS; i++) {
		item[i] = frozenref_cache_alloc(cache);
		model_assert(item[i]);
	}
	/* Each thread finds its magazines made, and room in them: it must not allocate. */
	for (unsigned t = 0; t < MODEL_THREADS_MAX; t++) {
		model_acts_for = t;
		for (unsigned i = 0; i < ROOM; i++) {
			room[t][i] = frozenref_cache_alloc(cache);
			model_assert(room[t][i]);
		}
	}
	model_acts_for = MODEL_THREADS_MAX;
}

static struct frozenref_index *make_table(unsigned stripes, uint32_t number)
{
	struct frozenref_index_config config = FROZENREF_INDEX_CONFIG_INIT;
	struct frozenref_index *index;

	config.cache = cache;
	config.node_offset = offsetof(struct item, node);
	config.equal = has_key;
	config.stripes = stripes;
	config.max_buckets = 8;
	config.backend = &model_backend;
	model_assert(frozenref_index_create(&index, &config) == 0);
	index->number = number;
	return index;
}

static void name_table(struct frozenref_index *index)
{
	model_region(index->stripes, (index->stripe_mask + 1) * sizeof(struct stripe), "stripes");
	model_region(index, sizeof(*index), "index");
	model_region(index->table, frozenref__index_table_bytes(index), "table");
	model_label(&index->stripes[0].lock, "lock");
	model_label(&index->stripes[0].sequence, "sequence");
	model_label(&index->stripes[0].buckets, "buckets");
}

void setup_items(unsigned stripes, bool two_tables)
{
	memset(&notes, 0, sizeof(notes));
	memset(is_made, 0, sizeof(is_made));
	make_cache();
	table = make_table(stripes, TABLE_NUMBER);
	other_table = two_tables ? make_table(stripes, OTHER_NUMBER) : NULL;
}

void items_are_set_up(void)
{
	struct cache *inside = cache_of(cache);

	model_region(&notes, sizeof(notes), "notes");
	model_region((void *)cache->first, OBJECTS * (size_t)cache->stride, "items");
	model_region(inside, sizeof(*inside), "cache");
	for (struct thread_cache *own = inside->threads; own; own = own->next_of_cache) {
		model_region(own, sizeof(*own), "magazines");
		model_region(own->magazine[0],
			     sizeof(struct magazine) + own->magazine[0]->capacity * sizeof(void *),
			     "magazine");
	}
	model_label(&notes.flag, "flag");
	name_table(table);
	if (other_table)
		name_table(other_table);
	label_items();
}

static void empty(struct frozenref_index *index)
{
	uint64_t cursor = 0;
	struct item *it;

	while (index && (it = frozenref_index_next(index, &cursor))) {
		(void)frozenref_index_erase(index, it);
		put_item(it);
	}
	model_assert(!index || frozenref_index_destroy(index) == 0);
}

void teardown_items(void)
{
	empty(table);
	empty(other_table);
	for (unsigned i = 0; i < ITEMS; i++) {
		while (frozenref_count(&item[i]->ref))
			put_item(item[i]);
		if (!is_made[i])
			frozenref_cache_free(cache, item[i]);
	}
	for (unsigned t = 0; t < MODEL_THREADS_MAX; t++) {
		for (unsigned i = 0; i < ROOM; i++)
			frozenref_cache_free(cache, room[t][i]);
	}
	model_assert(frozenref_cache_destroy(cache) == 0);
}

/* ---------------------------------------------------------------------------------------- check */

static unsigned count_chain(const struct frozenref_index *index, uintptr_t *head, uint32_t buckets)
{
	unsigned n = 0;

	for (uintptr_t link = *head; link != chain_end(head); link = node_at(link)->next) {
		const struct frozenref_index_node *node = node_at(link);
		const struct item *it = object_of(index, node);

		model_assert(link && !is_end(link));
		model_assert(node->index == index->number);
		model_assert(home_of(index, node->hash, buckets) == head);
		model_assert(it->payload != ENDED && frozenref_count(&it->ref) >= 1);
		model_assert(++n < ITEMS + 1);
	}
	return n;
}

static unsigned count_table(struct frozenref_index *index)
{
	unsigned n = 0;

	for (uint32_t s = 0; s <= index->stripe_mask; s++) {
		struct stripe *stripe = &index->stripes[s];
		unsigned in_stripe = 0;

		for (uint32_t b = 0; b < stripe->buckets; b++)
			in_stripe +=
				count_chain(index, &index->table[(b << index->stripe_shift) + s],
					    stripe->buckets);
		model_assert(in_stripe == stripe->objects);
		model_assert(!(stripe->sequence & 1));
		n += in_stripe;
	}
	return n;
}

void check_items(void)
{
	unsigned living = 0;
	unsigned made = 0;
	unsigned ended = 0;

	(void)count_table(table);
	if (other_table)
		(void)count_table(other_table);
	for (unsigned t = 0; t < MODEL_THREADS_MAX; t++) {
		made += notes.made[t];
		ended += notes.ended[t];
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		const struct item *it = (const void *)(cache->first + i * (size_t)cache->stride);

		model_assert((it->payload != ENDED) == (frozenref_count(&it->ref) > 0));
		living += it->payload != ENDED;
	}
	model_assert(living == made - ended);
}

/* -------------------------------------------------------------------------------- with a fault */

static void *faulty_lookup(struct frozenref_index *index, uint64_t user, const void *key,
			   bool any_end)
{
	uint32_t hash = index_hash(user);
	struct stripe *stripe = index_stripe(index, hash);

	for (;;) {
		uint32_t sequence = frozenref__load32(&stripe->sequence, acquire);
		uint32_t buckets = frozenref__load32(&stripe->buckets, acquire);
		uintptr_t *head = home_of(index, hash, buckets);
		uintptr_t link = frozenref__loadptr(head, acquire);

		while (!is_end(link) && link) {
			struct frozenref_index_node *node = node_at(link);
			struct item *it = object_of(index, node);

			if (frozenref__load32(&node->hash, relaxed) == hash &&
			    frozenref__load32(&node->index, relaxed) == index->number &&
			    frozenref_try_get(&it->ref)) {
				if (has_key(it, key, NULL) &&
				    frozenref__load32(&node->index, acquire) == index->number)
					return it;
				put_item(it);
			}
			link = frozenref__loadptr(&node->next, acquire);
		}
		if (frozenref__load32(&stripe->sequence, relaxed) == sequence &&
		    (any_end ? link != 0 : link == chain_end(head) || link == 0))
			return NULL;
		model_wait();
	}
}

/* Takes the end of any chain for its own. */
void *try_get_any_end(struct frozenref_index *index, uint64_t user, const void *key)
{
	return faulty_lookup(index, user, key, true);
}

/* Takes memory that was given back for the end of a chain. */
void *try_get_zero_ends(struct frozenref_index *index, uint64_t user, const void *key)
{
	return faulty_lookup(index, user, key, false);
}

/* Says that the object is in the index before it is linked. */
int insert_shows_first(struct frozenref_index *index, uint64_t user, const void *key, void *object)
{
	uint32_t hash = index_hash(user);
	struct stripe *stripe = index_stripe(index, hash);
	struct frozenref_index_node *node = node_of(index, object);
	uintptr_t *head;

	(void)key;
	lock_stripe(stripe);
	frozenref_get(ref_of(index, object));
	frozenref__store32(&node->hash, hash, relaxed);
	frozenref__store32(&node->index, index->number, release);
	head = home_of(index, hash, stripe->buckets);
	set_link(&node->next, link_locked(head));
	set_link(head, (uintptr_t)node);
	stripe->objects++;
	unlock_stripe(stripe);
	return 0;
}
