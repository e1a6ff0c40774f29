/* SPDX-License-Identifier: MIT */
/*
 * Giving a cache's memory back: how much of it, and while others look for what was there.
 *
 * Run by `make check` twice, like cache.c. Relies on /proc/self/smaps_rollup for resident memory.
 */
#include <pthread.h>

#include <frozenref/atomic.h>

#include "cache_fixture.h"
#include "process.h"

/* ------------------------------------------------------------------------------ resident memory */

Test(cache_trim, memory_goes_back_to_the_system)
{
	enum { N = 20000, SIZE = 1000 };
	struct frozenref_cache_config config = default_config();
	struct frozenref_cache *cache;
	static void *objects[N];
	size_t before;
	size_t full;
	size_t purged;

	config.object_size = SIZE;
	config.release = NULL;
	cache = make_cache(&config);
	before = resident_memory();
	for (unsigned i = 0; i < N; i++) {
		objects[i] = frozenref_cache_alloc(cache);
		cr_assert(objects[i]);
		memset((char *)objects[i] + 64, 0x55, SIZE - 64);
	}
	full = resident_memory();
	cr_assert(stats_of(cache).bytes_resident >= (size_t)N * SIZE);
	for (unsigned i = 0; i < N; i++)
		frozenref_cache_free(cache, objects[i]);
	cr_assert(stats_of(cache).bytes_resident >= (size_t)N * SIZE, "frees keep memory");
	purged = frozenref_cache_trim(cache);
	cr_assert(purged >= (size_t)N * SIZE && purged % 4096 == 0, "%zu bytes", purged);
	cr_assert(stats_of(cache).slabs == 0 && stats_of(cache).objects_free == 0);
	/* What is left says which slabs there are: a bit for an object. */
	cr_assert(stats_of(cache).bytes_resident <= (size_t)N * SIZE / 20);
	/* A tenth is for what else the process has: where memory is short, the system takes it. */
	if (before && !is_instrumented()) {
		cr_assert(full >= before + (size_t)N * SIZE * 9 / 10, "%zu, then %zu", before,
			  full);
		cr_assert(resident_memory() <= full - (size_t)N * SIZE * 9 / 10, "%zu of %zu",
			  resident_memory(), full);
	}
	cr_assert(frozenref_cache_trim(cache) == 0, "there is nothing left");
	assert_destroys(cache);
}

/* One object keeps its slab, and nothing more. */
Test(cache_trim, an_object_keeps_its_slab)
{
	enum { N = 5000 };
	struct frozenref_cache *cache = make_default_cache();
	static struct object *objects[N];
	struct object *kept;

	for (unsigned i = 0; i < N; i++)
		objects[i] = alloc_live(cache);
	kept = objects[N / 2];
	kept->key = 4711;
	for (unsigned i = 0; i < N; i++) {
		if (objects[i] != kept)
			cr_assert(frozenref_cache_put(cache, objects[i]));
	}
	cr_assert(stats_of(cache).slabs > 3);
	cr_assert(frozenref_cache_trim(cache) > 0);
	cr_assert(stats_of(cache).slabs == 1 && stats_of(cache).slabs_empty == 0);
	cr_assert(stats_of(cache).objects == 1);
	for (unsigned i = 0; i < N; i++) {
		struct object *found = frozenref_cache_try_get(cache, objects[i]);

		cr_assert(found == (objects[i] == kept ? kept : NULL));
	}
	cr_assert(kept->key == 4711 && frozenref_count(&kept->ref) == 2);
	cr_assert(!frozenref_cache_put(cache, kept));
	cr_assert(frozenref_cache_put(cache, kept));
	assert_destroys(cache);
}

/* A lookup with a stale address brings a page back, and the next trim takes it away again. */
Test(cache_trim, purges_what_lookups_brought_back)
{
	struct frozenref_cache *cache = make_default_cache();
	struct object *object = alloc_live(cache);

	cr_assert(frozenref_cache_put(cache, object));
	cr_assert(frozenref_cache_trim(cache) > 0);
	cr_assert(frozenref_cache_trim(cache) == 0);
	cr_assert(!frozenref_cache_try_get(cache, object));
	cr_assert(frozenref_cache_trim(cache) > 0, "the page is still there");
	cr_assert(frozenref_cache_trim(cache) == 0);
	/* The residue of the lookup is no reference. */
	cr_assert(!frozenref_cache_try_get(cache, object));
	object = alloc_live(cache);
	cr_assert(frozenref_count(&object->ref) == 1);
	cr_assert(frozenref_cache_put(cache, object));
	assert_destroys(cache);
}

/* ------------------------------------------------------------------------ what others have left */

struct holder {
	struct frozenref_cache *cache;
	pthread_barrier_t *barrier;
};

static void *hold_a_magazine(void *arg)
{
	struct holder *holder = arg;

	cr_assert(frozenref_cache_put(holder->cache, alloc_live(holder->cache)));
	pthread_barrier_wait(holder->barrier);
	pthread_barrier_wait(holder->barrier);
	return NULL;
}

/* What a thread has at hand keeps its slab until the thread exits. */
Test(cache_trim, leaves_other_threads_what_they_have_at_hand)
{
	pthread_barrier_t barrier;
	struct holder holder = { make_default_cache(), &barrier };
	pthread_t thread;

	cr_assert(pthread_barrier_init(&barrier, NULL, 2) == 0);
	cr_assert(pthread_create(&thread, NULL, hold_a_magazine, &holder) == 0);
	pthread_barrier_wait(&barrier);
	cr_assert(frozenref_cache_trim(holder.cache) == 0);
	cr_assert(stats_of(holder.cache).slabs == 1 && stats_of(holder.cache).threads == 1);
	pthread_barrier_wait(&barrier);
	cr_assert(pthread_join(thread, NULL) == 0);
	cr_assert(frozenref_cache_trim(holder.cache) > 0);
	cr_assert(stats_of(holder.cache).slabs == 0 && stats_of(holder.cache).threads == 0);
	assert_destroys(holder.cache);
	pthread_barrier_destroy(&barrier);
}

/* -------------------------------------------------------------------- lookups, late puts, trims */

enum { PLACES = 2000 };

/* Addresses of objects, most of them stale by the time somebody looks. */
static struct {
	struct frozenref_cache *cache;
	uintptr_t place[PLACES];
	uint32_t stop;
	uint32_t trims; /* that purged something */
} race;

/* What a thread put last is in its magazines, and keeps its slabs until the thread itself trims. */
static void trim_race(void)
{
	if (frozenref_cache_trim(race.cache) > 0)
		(void)frozenref__add32(&race.trims, 1, relaxed);
}

static bool has_purged(void)
{
	return frozenref__load32(&race.trims, relaxed) > 0;
}

/* Its key is the address, as long as it is live. */
static void check_found(struct object *object)
{
	cr_assert(object->key == (uintptr_t)object, "not an object of this life");
	cr_assert(frozenref_count(&object->ref) >= 1);
	(void)frozenref_cache_put(race.cache, object);
}

static void *look_all_the_time(void *arg)
{
	(void)arg;
	/* Relaxed, both: an address may be stale in any case. */
	for (uint64_t i = 0; !frozenref__load32(&race.stop, relaxed); i++) {
		uintptr_t at = frozenref__loadptr(&race.place[i * 7919 % PLACES], relaxed);
		struct object *object = frozenref_cache_try_get(race.cache, (void *)at);

		if (object)
			check_found(object);
		if (i % (UINT64_C(2) * PLACES) == 0)
			trim_race();
	}
	return NULL;
}

static void end_life(void *object, void *arg)
{
	(void)arg;
	cr_assert(((struct object *)object)->key == (uintptr_t)object);
	((struct object *)object)->key = 0;
}

/* The last put is the looking thread's, now and then; and its late one may meet a purged page. */
static void live_and_trim(unsigned rounds)
{
	static struct object *objects[PLACES];

	/* When all threads let go of a slab at once is luck; so this goes on until they did. */
	for (unsigned round = 0; round < rounds || !has_purged(); round++) {
		for (unsigned i = 0; i < PLACES; i++) {
			objects[i] = alloc_object(race.cache);
			cr_assert(objects[i]->key == 0, "an object with two owners");
			objects[i]->key = (uintptr_t)objects[i];
			frozenref_unfreeze(&objects[i]->ref, 1);
			frozenref__storeptr(&race.place[i], (uintptr_t)objects[i], relaxed);
		}
		for (unsigned i = 0; i < PLACES; i++)
			(void)frozenref_cache_put(race.cache, objects[i]);
		trim_race();
	}
}

Test(cache_trim, runs_under_lookups_and_late_puts, .timeout = 600)
{
	struct frozenref_cache_config config = default_config();
	unsigned rounds = is_instrumented() ? 30 : 300;
	pthread_t threads[2];

	config.release = end_life;
	race.cache = make_cache(&config);
	for (unsigned i = 0; i < 2; i++)
		cr_assert(pthread_create(&threads[i], NULL, look_all_the_time, NULL) == 0);
	live_and_trim(rounds);
	frozenref__store32(&race.stop, 1, relaxed);
	for (unsigned i = 0; i < 2; i++)
		cr_assert(pthread_join(threads[i], NULL) == 0);
	cr_assert(stats_of(race.cache).objects == 0);
	(void)frozenref_cache_trim(race.cache);
	cr_assert(stats_of(race.cache).slabs == 0);
	assert_destroys(race.cache);
}

/* --------------------------------------------------------------------------------- from release */

static struct {
	struct frozenref_cache *cache;
	unsigned trims;
	size_t purged;
} nested;

static void trim_at_release(void *object, void *arg)
{
	(void)arg;
	/* Its slab is in use as long as this runs. */
	((struct object *)object)->key = 4711;
	nested.trims++;
	nested.purged += frozenref_cache_trim(nested.cache);
	cr_assert(((struct object *)object)->key == 4711);
}

Test(cache_trim, works_from_within_release)
{
	enum { N = 3000 };
	struct frozenref_cache_config config = default_config();
	static struct object *objects[N];

	config.release = trim_at_release;
	nested.cache = make_cache(&config);
	for (unsigned i = 0; i < N; i++)
		objects[i] = alloc_live(nested.cache);
	for (unsigned i = 0; i < N; i++)
		cr_assert(frozenref_cache_put(nested.cache, objects[i]));
	cr_assert(nested.trims == N);
	/* All but the last one's slab; that one was not free yet. */
	cr_assert(stats_of(nested.cache).slabs == 1);
	cr_assert(nested.purged > 0);
	cr_assert(frozenref_cache_trim(nested.cache) > 0);
	assert_destroys(nested.cache);
}
