/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing target: two indexes over the objects of one cache.
 *
 * The model is a list of objects, each with its key, its references, and the index that it is in.
 * The first bytes of an input make cache and indexes and choose how bad the hashes are; each
 * further byte chooses a call.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <frozenref/index.h>

#include "fuzz.h"

enum { ITEMS = 60, KEYS = 24, INDEXES = 2, NOWHERE = -1 };

struct thing {
	frozenref_t ref;
	uint32_t key;
	struct frozenref_index_node node;
	uint32_t copy; /* of the key */
};

struct item {
	bool exists;
	bool frozen;
	uint32_t count; /* references, that of an index included; 0 while frozen */
	uint32_t key;
	int in; /* the index that it is in */
	struct thing *thing;
	unsigned visits;
};

static struct {
	struct frozenref_cache *cache;
	struct frozenref_index *indexes[INDEXES];
	struct item items[ITEMS];
	struct thing *gone;  /* an object that was freed */
	uint64_t collisions; /* the hash is the key modulo this */
	unsigned released;
} subject;

static char callback_arg;

/* -------------------------------------------------------------------------------------- model */

static uint64_t hash_of(uint32_t key)
{
	return key % subject.collisions;
}

static struct item *item_of(const struct thing *thing)
{
	for (unsigned i = 0; i < ITEMS; i++) {
		if (subject.items[i].exists && subject.items[i].thing == thing)
			return &subject.items[i];
	}
	return NULL;
}

static struct item *pick_item(void)
{
	struct item *item = &subject.items[fuzz_byte() % ITEMS];

	return item->exists ? item : NULL;
}

/* The live object with this key in the index, or NULL. */
static struct item *find(int in, uint32_t key)
{
	for (unsigned i = 0; i < ITEMS; i++) {
		struct item *item = &subject.items[i];

		if (item->exists && item->in == in && item->key == key && !item->frozen)
			return item;
	}
	return NULL;
}

/* Whether an object that may have this key is in the index, and frozen. */
static bool is_obscured(int in, uint32_t key)
{
	for (unsigned i = 0; i < ITEMS; i++) {
		const struct item *item = &subject.items[i];

		if (item->exists && item->in == in && item->frozen &&
		    hash_of(item->key) == hash_of(key))
			return true;
	}
	return false;
}

/* How many references of an object are ours. */
static uint32_t ours(const struct item *item)
{
	return item->frozen ? 0 : item->count - (item->in != NOWHERE);
}

static void check_item(const struct item *item)
{
	const struct thing *thing = item->thing;

	fuzz_check(frozenref_count(&thing->ref) == item->count);
	fuzz_check(thing->key == item->key && thing->copy == item->key);
}

static void drop(struct item *item)
{
	unsigned released = subject.released;
	bool last = item->count == 1;

	item->count--;
	fuzz_check(frozenref_cache_put(subject.cache, item->thing) == last);
	fuzz_check(subject.released == released + last);
	if (!last)
		return;
	item->exists = false;
	subject.gone = item->thing;
}

/* ----------------------------------------------------------------------------------- callbacks */

/* `key` points to a key; the object has a reference, and is of the cache, or was. */
static bool equal(const void *object, const void *key, void *arg)
{
	const struct thing *thing = object;
	uint32_t wanted;

	memcpy(&wanted, key, sizeof(wanted));
	fuzz_check(arg == &callback_arg && item_of(thing));
	fuzz_check(frozenref_count(&thing->ref) > 0);
	return thing->key == wanted;
}

static void release(void *object, void *arg)
{
	struct thing *thing = object;

	fuzz_check(arg == &callback_arg && item_of(thing));
	fuzz_check(frozenref_is_frozen(&thing->ref));
	subject.released++;
	thing->key = UINT32_MAX;
}

/* --------------------------------------------------------------------------------------- calls */

static void op_make(void)
{
	struct item *item = subject.items;
	struct thing *thing;

	while (item < subject.items + ITEMS && item->exists)
		item++;
	if (item == subject.items + ITEMS)
		return;
	fuzz_op("make");
	thing = frozenref_cache_alloc(subject.cache);
	if (!thing) {
		fuzz_check(fuzz_has_failed());
		return;
	}
	*item = (struct item){ .exists = true, .count = 1, .in = NOWHERE, .thing = thing };
	item->key = fuzz_byte() % KEYS;
	thing->key = item->key;
	thing->copy = item->key;
	frozenref_unfreeze(&thing->ref, 1);
	check_item(item);
}

static void op_insert(void)
{
	int in = fuzz_byte() % INDEXES;
	struct item *item = pick_item();
	int wanted = 0;
	int err;

	if (!item || (!item->frozen && !ours(item)))
		return;
	fuzz_op("insert(%d, key %u)", in, item->key);
	if (item->frozen)
		wanted = -EINVAL;
	else if (find(in, item->key))
		wanted = -EEXIST;
	else if (is_obscured(in, item->key) || item->in != NOWHERE)
		wanted = -EBUSY;
	err = frozenref_index_insert(subject.indexes[in], hash_of(item->key), &item->key,
				     item->thing);
	/* Which of the two it meets first is the index's affair. */
	if (wanted == -EEXIST && is_obscured(in, item->key))
		fuzz_check(err == -EEXIST || err == -EBUSY);
	else
		fuzz_check(err == wanted);
	if (!err) {
		item->in = in;
		item->count++;
	}
	check_item(item);
}

static void op_get_or_insert(void)
{
	int in = fuzz_byte() % INDEXES;
	struct item *item = pick_item();
	struct item *found;
	struct thing *thing;

	if (!item || (!item->frozen && !ours(item)))
		return;
	fuzz_op("get_or_insert(%d, key %u)", in, item->key);
	found = find(in, item->key);
	errno = 0;
	thing = frozenref_index_get_or_insert(subject.indexes[in], hash_of(item->key), &item->key,
					      item->thing);
	if (found) {
		fuzz_check(thing == found->thing);
		found->count++;
	} else if (item->frozen) {
		fuzz_check(!thing && errno == EINVAL);
	} else if (is_obscured(in, item->key) || item->in != NOWHERE) {
		fuzz_check(!thing && errno == EBUSY);
	} else {
		fuzz_check(thing == item->thing);
		item->in = in;
		item->count += 2;
	}
	check_item(item);
}

/* What is no object of the cache. */
static void op_insert_wrongly(void)
{
	struct frozenref_index *index = subject.indexes[fuzz_byte() % INDEXES];
	struct item *item = pick_item();
	uint32_t key = KEYS + 1;

	fuzz_op("insert of what is no object");
	fuzz_check(frozenref_index_insert(index, hash_of(key), &key, NULL) == -EINVAL);
	fuzz_check(frozenref_index_insert(index, hash_of(key), &key, &subject) == -EINVAL);
	fuzz_check(frozenref_index_erase(index, NULL) == -ENOENT);
	fuzz_check(frozenref_index_erase(index, &subject) == -ENOENT);
	fuzz_check(!frozenref_index_erase_if_unused(index, &subject));
	if (item)
		fuzz_check(frozenref_index_insert(index, hash_of(key), &key, &item->thing->key) ==
			   -EINVAL);
	if (subject.gone && !item_of(subject.gone))
		fuzz_check(frozenref_index_insert(index, hash_of(key), &key, subject.gone) ==
			   -EINVAL);
}

static void op_try_get(void)
{
	int in = fuzz_byte() % INDEXES;
	uint32_t key = fuzz_byte() % (KEYS + 1);
	struct item *item = find(in, key);

	fuzz_op("try_get(%d, key %u)", in, key);
	fuzz_check(frozenref_index_try_get(subject.indexes[in], hash_of(key), &key) ==
		   (item ? item->thing : NULL));
	if (!item)
		return;
	item->count++;
	check_item(item);
}

static void op_erase(void)
{
	int in = fuzz_byte() % INDEXES;
	struct item *item = pick_item();

	if (!item || !ours(item))
		return;
	fuzz_op("erase(%d, key %u)", in, item->key);
	fuzz_check(frozenref_index_erase(subject.indexes[in], item->thing) ==
		   (item->in == in ? 0 : -ENOENT));
	if (item->in == in) {
		item->in = NOWHERE;
		item->count--;
	}
	check_item(item);
}

static void op_erase_if_unused(void)
{
	int in = fuzz_byte() % INDEXES;
	struct item *item = pick_item();
	unsigned released = subject.released;
	struct thing *thing = item ? item->thing : subject.gone;
	bool unused;

	if (!thing)
		return;
	/* What was freed may be an object again. */
	item = item_of(thing);
	fuzz_op("erase_if_unused(%d, %p)", in, (void *)thing);
	unused = item && item->in == in && !item->frozen && item->count == 1;
	fuzz_check(frozenref_index_erase_if_unused(subject.indexes[in], thing) == unused);
	fuzz_check(subject.released == released + unused);
	if (unused) {
		item->exists = false;
		subject.gone = thing;
	} else if (item) {
		check_item(item);
	}
}

static void op_put(void)
{
	struct item *item = pick_item();

	if (!item || !ours(item))
		return;
	fuzz_op("put(key %u)", item->key);
	drop(item);
}

static void op_freeze(void)
{
	struct item *item = pick_item();

	if (!item)
		return;
	fuzz_op("freeze or unfreeze(key %u)", item->key);
	if (item->frozen) {
		/* With the reference of the index, if it is in one, and one of ours. */
		item->count = 1 + (item->in != NOWHERE);
		item->frozen = false;
		frozenref_cache_unfreeze(subject.cache, item->thing, item->count);
	} else if (ours(item)) {
		fuzz_check(frozenref_cache_freeze(subject.cache, item->thing, item->count));
		item->frozen = true;
		item->count = 0;
	}
	check_item(item);
}

/* A whole walk: each live object once. */
static void op_walk(void)
{
	int in = fuzz_byte() % INDEXES;
	uint64_t cursor = 0;
	struct thing *thing;

	fuzz_op("walk(%d)", in);
	for (unsigned i = 0; i < ITEMS; i++)
		subject.items[i].visits = 0;
	while ((thing = frozenref_index_next(subject.indexes[in], &cursor))) {
		struct item *item = item_of(thing);

		fuzz_check(item && item->in == in && !item->frozen);
		fuzz_check(item->visits++ == 0);
		item->count++;
		drop(item);
	}
	for (unsigned i = 0; i < ITEMS; i++) {
		const struct item *item = &subject.items[i];

		fuzz_check(item->visits ==
			   (unsigned)(item->exists && item->in == in && !item->frozen));
	}
}

static void op_stats(void)
{
	struct frozenref_index_stats stats = FROZENREF_INDEX_STATS_INIT;
	int in = fuzz_byte() % INDEXES;
	uint64_t objects = 0;

	for (unsigned i = 0; i < ITEMS; i++)
		objects += subject.items[i].exists && subject.items[i].in == in;
	fuzz_op("stats(%d)", in);
	frozenref_index_stats(subject.indexes[in], &stats);
	fuzz_check(stats.objects == objects);
	fuzz_check(stats.buckets >= stats.stripes && stats.buckets <= stats.buckets_max);
	fuzz_check(stats.locked == 0);
	if (objects)
		fuzz_check(frozenref_index_destroy(subject.indexes[in]) == -EBUSY);
	fuzz_check(frozenref_index_destroy(NULL) == -EINVAL);
}

static void op_memory(void)
{
	uint8_t choice = fuzz_byte();

	fuzz_purge = (enum fuzz_purge)(choice & 3);
	if (choice & 4)
		fuzz_fail_after(choice >> 4);
	fuzz_op("purging %u, failing %u", choice & 3, choice >> 2);
	if (choice & 8)
		(void)frozenref_cache_trim(subject.cache);
}

/* -------------------------------------------------------------------------------------- target */

static void (*const ops[])(void) = {
	op_make, op_insert, op_get_or_insert, op_insert_wrongly, op_try_get, op_erase,
	op_put,	 op_freeze, op_walk,	      op_stats,		 op_memory,  op_erase_if_unused,
	op_make, op_insert,
};

static bool is_power_of_two(unsigned n)
{
	return !(n & (n - 1));
}

static bool config_is_valid(const struct frozenref_index_config *config)
{
	return config->size == sizeof(*config) && config->cache && config->equal &&
	       !config->flags && (!config->load || (config->load >= 25 && config->load <= 1000)) &&
	       config->stripes <= 4096 && is_power_of_two(config->stripes) &&
	       config->node_offset == offsetof(struct thing, node) &&
	       (!config->max_buckets || config->initial_buckets <= config->max_buckets);
}

static bool make_index(struct frozenref_index **index)
{
	static const unsigned loads[] = { 0, 25, 1000, 100, 24, 1001, 50, 200 };
	static const unsigned stripes[] = { 0, 1, 2, 64, 3, 8192, 4, 1 };
	static const size_t buckets[] = { 0, 1, 2, 16, 100, 5000, 0, 20000 };
	struct frozenref_index_config config = FROZENREF_INDEX_CONFIG_INIT;
	uint8_t choice = fuzz_byte();
	int err;

	config.cache = choice == 1 ? NULL : subject.cache;
	config.equal = choice == 2 ? NULL : equal;
	config.flags = choice == 3;
	config.size -= choice == 4;
	config.node_offset = offsetof(struct thing, node) + (choice == 5 ? 4 : 0);
	config.arg = &callback_arg;
	config.backend = &fuzz_backend;
	config.load = loads[fuzz_byte() % 8];
	config.stripes = stripes[fuzz_byte() % 8];
	config.initial_buckets = buckets[fuzz_byte() % 8];
	config.max_buckets = buckets[fuzz_byte() % 8];
	if (choice >> 4 == 15)
		fuzz_fail_after(choice & 7);
	fuzz_op("create");
	err = frozenref_index_create(index, &config);
	if (!config_is_valid(&config))
		fuzz_check(err == -EINVAL);
	else if (fuzz_has_failed())
		fuzz_check(err == 0 || err == -ENOMEM);
	else
		fuzz_check(err == 0);
	return !err;
}

static bool make_all(void)
{
	static const uint64_t collisions[] = { 1, 2, 5, UINT64_MAX };
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;
	uint8_t choice = fuzz_byte();

	config.object_size = sizeof(struct thing);
	config.stable_offset = offsetof(struct thing, node);
	config.stable_size = sizeof(struct frozenref_index_node);
	config.release = release;
	config.arg = &callback_arg;
	config.backend = &fuzz_backend;
	config.max_objects = choice & 8 ? 100000 : 0;
	config.flags = choice >> 4 & 7;
	subject.collisions = collisions[choice & 3];
	fuzz_check(frozenref_cache_create(&subject.cache, &config) == 0);
	return make_index(&subject.indexes[0]) && make_index(&subject.indexes[1]);
}

static void finish_item(struct item *item)
{
	uint32_t ref_of_index = item->in != NOWHERE;

	check_item(item);
	if (item->frozen) {
		item->frozen = false;
		item->count = 1 + ref_of_index;
		frozenref_unfreeze(&item->thing->ref, item->count);
	}
	if (ref_of_index && !ours(item)) {
		item->count++;
		frozenref_get(&item->thing->ref);
	}
	if (ref_of_index) {
		fuzz_check(frozenref_index_erase(subject.indexes[item->in], item->thing) == 0);
		item->in = NOWHERE;
		item->count--;
	}
	while (item->exists)
		drop(item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_begin(data, size);
	memset(&subject, 0, sizeof(subject));
	if (make_all()) {
		while (fuzz_more()) {
			ops[fuzz_byte() % (sizeof(ops) / sizeof(ops[0]))]();
			fuzz_settle();
		}
	}
	fuzz_op("taking all out");
	for (unsigned i = 0; i < ITEMS; i++) {
		if (subject.items[i].exists)
			finish_item(&subject.items[i]);
	}
	for (unsigned i = 0; i < INDEXES; i++)
		fuzz_check(!subject.indexes[i] || frozenref_index_destroy(subject.indexes[i]) == 0);
	fuzz_check(frozenref_cache_destroy(subject.cache) == 0);
	fuzz_check(fuzz_bytes_reserved() == 0);
	fuzz_settle();
	return 0;
}
