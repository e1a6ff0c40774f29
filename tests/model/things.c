/* SPDX-License-Identifier: MIT */
/*
 * The cache that scenarios race on, its objects, and what must hold of both in the end.
 *
 * Called by scenarios_cache.c. The explorer puts everything here back before each execution. The
 * backend purges a word at a time.
 */
#include <stdio.h>
#include <string.h>

#include "explorer.h"
#include "things.h"

enum { THREADS = 3, THING_BYTES = 8192 };

struct frozenref_cache *thing_cache;
struct thing *thing[THINGS];
uint32_t nr_things;
bool writes_at_end;

struct thing_notes noted;

static unsigned me_or_0(void)
{
	return explorer_thread() < 0 ? 0 : (unsigned)explorer_thread();
}

void fill_thing(struct thing *it, uintptr_t value)
{
	for (int i = 0; i < WORDS; i++)
		frozenref__storeptr(&it->word[i], value, relaxed);
}

/* --------------------------------------------------------------------------- callbacks, backend */

int construct_thing(void *object, void *arg)
{
	struct thing *it = object;

	(void)arg;
	model_write(&it->payload, FREE);
	fill_thing(it, FREE);
	return 0;
}

static void on_release(void *object, void *arg)
{
	struct thing *it = object;

	(void)arg;
	model_assert(model_read(&it->payload) >= FIRST);
	model_write(&it->payload, FREE);
	if (writes_at_end)
		fill_thing(it, FREE);
	noted.ended[me_or_0()]++;
}

static int commit(void *context, void *address, size_t size)
{
	(void)context;
	(void)address;
	(void)size;
	model_write(&noted.committed, 1);
	return 0;
}

/* Whoever is not ordered after a store may still see, or add to, what was there before it. */
void zero_things(void)
{
	for (uint32_t i = 0; i < nr_things; i++) {
		frozenref__store32(&thing[i]->ref.word, 0, relaxed);
		model_write(&thing[i]->payload, 0);
		fill_thing(thing[i], 0);
	}
}

static int purge(void *context, void *address, size_t size)
{
	(void)context;
	model_assert(address == thing[0] && size == (size_t)thing_cache->slab_mask + 1);
	zero_things();
	return 0;
}

static const struct frozenref_backend *backend(void)
{
	static struct frozenref_backend purging;

	purging = model_backend;
	purging.commit = commit;
	purging.purge = purge;
	return &purging;
}

/* ------------------------------------------------------------------------------ what threads do */

struct thing *alloc_thing(void)
{
	struct thing *it = frozenref_cache_alloc(thing_cache);

	if (!it)
		return NULL;
	model_assert(model_read(&it->payload) == FREE);
	model_write(&it->payload, OWNED);
	return it;
}

void free_thing(struct thing *it)
{
	model_assert(model_read(&it->payload) == OWNED);
	model_write(&it->payload, FREE);
	frozenref_cache_free(thing_cache, it);
}

void publish_thing(struct thing *it, int life)
{
	model_assert(model_read(&it->payload) == OWNED);
	model_write(&it->payload, life);
	fill_thing(it, (uintptr_t)life);
	noted.made[me_or_0()]++;
	frozenref_cache_unfreeze(thing_cache, it, 1);
}

bool put_thing(struct thing *it)
{
	return frozenref_cache_put(thing_cache, it);
}

/* A new object, most likely the one that the thread freed last. */
struct thing *make_thing(int life)
{
	struct thing *it = alloc_thing();

	if (it)
		publish_thing(it, life);
	return it;
}

/* What holders do: the payload, or 0 if there is nothing at the address. */
int use_thing(struct thing *at)
{
	struct thing *it = frozenref_cache_try_get(thing_cache, at);
	int payload;

	if (!it)
		return 0;
	model_assert(it == at);
	payload = model_read(&it->payload);
	model_assert(payload >= FIRST);
	(void)put_thing(it);
	return payload;
}

/* ---------------------------------------------------------------------------------------- setup */

void make_thing_cache(unsigned flags, uint32_t n)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;

	memset(&noted, 0, sizeof(noted));
	nr_things = n;
	writes_at_end = false;
	config.flags = flags;
	config.object_size = THING_BYTES;
	config.ref_offset = offsetof(struct thing, ref);
	config.max_objects = n;
	config.ctor = construct_thing;
	config.release = on_release;
	config.backend = backend();
	model_assert(frozenref_cache_create(&thing_cache, &config) == 0);
	for (uint32_t i = 0; i < n; i++)
		thing[i] = (void *)(thing_cache->first + i * (size_t)thing_cache->stride);
}

/* All objects through the hands of one thread, which leaves empty magazines in the depot. */
static void use_all(unsigned thread)
{
	struct thing *got[THINGS];

	model_acts_for = thread;
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < nr_things; i++)
			got[i] = alloc_thing();
		for (uint32_t i = 0; i < nr_things; i++)
			free_thing(got[i]);
	}
	model_acts_for = MODEL_THREADS_MAX;
}

static void keep_magazine(struct magazine *magazine)
{
	if (magazine)
		model_region(magazine, sizeof(*magazine) + sizeof(magazine->round[0]), "magazine");
}

/* Everything is in the slabs, and there is room for it in magazines that need not be made. */
void setup_things(unsigned flags, uint32_t n)
{
	struct thing *got[THINGS];

	make_thing_cache(flags, n);
	for (unsigned t = 0; t < THREADS; t++) {
		use_all(t);
		frozenref__magazines_flush_all(cache_of(thing_cache));
	}
	/* By nobody: what is taken out of the depot leaves an empty magazine there. */
	use_all(MODEL_THREADS_MAX);
	for (uint32_t i = 0; i < n; i++)
		got[i] = alloc_thing();
	for (uint32_t i = 0; i < n; i++)
		model_write(&got[i]->payload, FREE);
	frozenref__slabs_give(cache_of(thing_cache), (void **)got, n);
}

/* The last step of every setup. */
void things_are_set_up(void)
{
	struct cache *inside = cache_of(thing_cache);

	model_region(inside, sizeof(*inside), "cache");
	model_region(slab_of(inside, 1), inside->slab_bytes, "slab");
	model_region(&noted, sizeof(noted), "notes");
	model_own_changes();
	for (uint32_t i = 0; i < nr_things; i++) {
		static char names[THINGS][16];

		snprintf(names[i], sizeof(names[i]), "thing[%u]", (unsigned)i);
		model_region(thing[i], sizeof(*thing[i]), names[i]);
	}
	for (struct thread_cache *own = inside->threads; own; own = own->next_of_cache) {
		model_region(own, sizeof(*own), "magazines");
		keep_magazine(own->magazine[0]);
		keep_magazine(own->magazine[1]);
	}
	for (struct magazine *empty = inside->depot.empty; empty; empty = empty->next)
		keep_magazine(empty);
	for (struct magazine *full = inside->depot.full; full; full = full->next)
		keep_magazine(full);
	model_label(inside->lock, "lock");
	model_label(&thing_cache->limit, "limit");
}

/* The thread takes as many objects, the lowest first, and may give them back. */
void take_things(unsigned thread, uint32_t n, bool gives_back)
{
	struct thing *got[THINGS];

	model_acts_for = thread;
	for (uint32_t i = 0; i < n; i++)
		got[i] = alloc_thing();
	for (uint32_t i = 0; gives_back && i < n; i++)
		free_thing(got[i]);
	model_acts_for = MODEL_THREADS_MAX;
}

void teardown_things(void)
{
	for (uint32_t i = 0; i < nr_things; i++) {
		while (frozenref_count(&thing[i]->ref))
			(void)put_thing(thing[i]);
		if (thing[i]->payload == OWNED)
			free_thing(thing[i]);
	}
	model_assert(frozenref_cache_destroy(thing_cache) == 0);
}

/* ---------------------------------------------------------------------------------------- check */

static unsigned places_in(const struct magazine *magazine, const struct thing *it)
{
	unsigned n = 0;

	for (uint32_t i = 0; magazine && i < magazine->count; i++)
		n += magazine->round[i] == it;
	return n;
}

/* How often the object is free: a bit of its slab, or a round of a magazine. */
static unsigned places_of(uint32_t i)
{
	const struct cache *inside = cache_of(thing_cache);
	unsigned n = slab_of(inside, 1)->free[0] >> i & 1;

	for (const struct thread_cache *own = inside->threads; own; own = own->next_of_cache)
		n += places_in(own->magazine[0], thing[i]) + places_in(own->magazine[1], thing[i]);
	for (const struct magazine *full = inside->depot.full; full; full = full->next)
		n += places_in(full, thing[i]);
	return n;
}

static void check_depot(const struct depot *depot)
{
	uint64_t rounds = 0;
	uint32_t nr_full = 0;
	uint32_t nr_empty = 0;

	for (const struct magazine *full = depot->full; full; full = full->next) {
		nr_full++;
		rounds += full->count;
	}
	for (const struct magazine *empty = depot->empty; empty; empty = empty->next) {
		nr_empty++;
		model_assert(!empty->count);
	}
	model_assert(rounds == depot->rounds);
	model_assert(nr_full == depot->nr_full && nr_empty == depot->nr_empty);
}

static void check_slab(const struct cache *inside)
{
	const struct slab *slab = slab_of(inside, 1);
	uint32_t bits = (uint32_t)__builtin_popcount(slab->free[0]);
	bool in_use = slab->state == SLAB_IN_USE;

	model_assert(!inside->nr_busy && slab->state != SLAB_BUSY);
	model_assert(slab->nr_free == bits && inside->nr_free == bits);
	model_assert(inside->nr_populated == in_use);
	model_assert(inside->nr_objects == (in_use ? nr_things : 0));
	model_assert((inside->absent == 1) == !in_use);
	model_assert((inside->empty == 1) == (in_use && bits == nr_things));
	model_assert((inside->partial == 1) == (in_use && bits && bits < nr_things));
}

/* Each object has one owner, or is free in one place, or not there; none ended more than once. */
void check_things(void)
{
	const struct cache *inside = cache_of(thing_cache);
	bool in_use = slab_of(inside, 1)->state == SLAB_IN_USE;
	unsigned living = 0;
	unsigned made = 0;
	unsigned ended = 0;

	check_depot(&inside->depot);
	check_slab(inside);
	for (uint32_t i = 0; i < nr_things; i++) {
		int payload = thing[i]->payload;

		model_assert((payload >= FREE) == in_use);
		model_assert(places_of(i) == (payload == FREE));
		model_assert((payload >= FIRST) == (frozenref_count(&thing[i]->ref) > 0));
		living += payload >= FIRST;
	}
	for (unsigned t = 0; t < MODEL_THREADS_MAX; t++) {
		made += noted.made[t];
		ended += noted.ended[t];
	}
	model_assert(made == ended + living);
}
