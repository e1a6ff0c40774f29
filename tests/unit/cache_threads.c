/* SPDX-License-Identifier: MIT */
/*
 * What threads may read of a cache while others allocate and free: stable bytes, copies, walks.
 *
 * Run by `make check` twice, like cache.c.
 */
#include <pthread.h>

#include <frozenref/atomic.h>

#include "cache_fixture.h"
#include "process.h"

enum { OBJECTS = 2000, READERS = 2 };

static struct {
	struct frozenref_cache *cache;
	struct object *object[OBJECTS];
	uint32_t stop;
	uint32_t
		good; /* what the readers got, so that a run in which they got nothing is noticed */
} shared;

static bool is_over(void)
{
	/* Relaxed: only the end of the run depends on it. */
	return frozenref__load32(&shared.stop, relaxed) != 0;
}

static void count_good(void)
{
	(void)frozenref__add32(&shared.good, 1, relaxed);
}

/* Runs the readers while `write` goes on, round by round, until they have seen enough. */
static void run(void *(*read)(void *), void (*write)(unsigned round))
{
	uint32_t enough = is_instrumented() ? 2000 : 100000;
	pthread_t threads[READERS];

	shared.stop = 0;
	shared.good = 0;
	for (unsigned i = 0; i < READERS; i++)
		cr_assert(pthread_create(&threads[i], NULL, read, NULL) == 0);
	for (unsigned round = 0; round < 20 || frozenref__load32(&shared.good, relaxed) < enough;
	     round++)
		write(round);
	frozenref__store32(&shared.stop, 1, relaxed);
	for (unsigned i = 0; i < READERS; i++)
		cr_assert(pthread_join(threads[i], NULL) == 0);
}

/* --------------------------------------------------------------------------------- stable bytes */

static uintptr_t stable_of(const struct object *object)
{
	return (uintptr_t)object ^ 0x5a5a5a5a;
}

static uintptr_t *stable_word(struct object *object)
{
	return (uintptr_t *)&object->stable;
}

/* Of all objects, whether they are free or not. */
static void *read_stable_bytes(void *arg)
{
	(void)arg;
	while (!is_over()) {
		for (unsigned i = 0; i < OBJECTS; i++) {
			struct object *object = shared.object[i];

			/* Relaxed: they have not been written since before this thread began. */
			cr_assert(frozenref__loadptr(stable_word(object), relaxed) ==
				  stable_of(object));
			count_good();
		}
	}
	return NULL;
}

/* Some of the objects, again and again, with all other bytes written. */
static void alloc_and_free(unsigned round)
{
	static struct object *objects[OBJECTS];
	unsigned n = 1 + round * 7919 % OBJECTS;

	for (unsigned i = 0; i < n; i++) {
		objects[i] = alloc_object(shared.cache);
		cr_assert(*stable_word(objects[i]) == stable_of(objects[i]));
		objects[i]->key = ~UINT64_C(0);
		memset(objects[i]->payload, (int)round, sizeof(objects[i]->payload));
		frozenref_unfreeze(&objects[i]->ref, 1);
	}
	for (unsigned i = 0; i < n; i++)
		cr_assert(frozenref_cache_put(shared.cache, objects[i]));
}

static void check_stable_bytes(unsigned flags)
{
	struct frozenref_cache_config config = default_config();

	config.flags = flags;
	config.release = NULL;
	config.max_objects = OBJECTS;
	config.stable_offset = offsetof(struct object, stable);
	config.stable_size = sizeof(uint64_t);
	shared.cache = make_cache(&config);
	for (unsigned i = 0; i < OBJECTS; i++) {
		shared.object[i] = alloc_object(shared.cache);
		*stable_word(shared.object[i]) = stable_of(shared.object[i]);
	}
	for (unsigned i = 0; i < OBJECTS; i++)
		frozenref_cache_free(shared.cache, shared.object[i]);
	run(read_stable_bytes, alloc_and_free);
	/* Only a trim zeroes them. */
	cr_assert(frozenref_cache_trim(shared.cache) > 0);
	for (unsigned i = 0; i < OBJECTS; i++)
		cr_assert(*stable_word(shared.object[i]) == 0);
	assert_destroys(shared.cache);
}

Test(cache_threads, stable_bytes_outlive_objects, .timeout = 600)
{
	check_stable_bytes(0);
	check_stable_bytes(FROZENREF_CACHE_DEBUG);
	check_stable_bytes(FROZENREF_CACHE_PEEKABLE | FROZENREF_CACHE_DEBUG);
}

/* ---------------------------------------------------------------------------------------- peeks */

enum { PEEKED = 8, WORDS = 4 };

/* The words of a payload are all the same; atomic, since peeks read while they are written. */
static void write_words(struct object *object, uintptr_t value)
{
	for (unsigned i = 0; i < WORDS; i++)
		frozenref__storeptr((uintptr_t *)object->payload + i, value, relaxed);
}

static void *peek_all_the_time(void *arg)
{
	(void)arg;
	for (unsigned n = 0; !is_over(); n++) {
		uintptr_t words[WORDS];

		if (!frozenref_cache_peek(shared.cache, shared.object[n % PEEKED],
					  offsetof(struct object, payload), words, sizeof(words)))
			continue;
		for (unsigned i = 1; i < WORDS; i++)
			cr_assert(words[i] == words[0], "a torn copy");
		cr_assert(words[0] != 0, "a copy of an object that was not live");
		count_good();
	}
	return NULL;
}

/* Objects are written under a freeze, and freed and allocated again. */
static void rewrite(unsigned round)
{
	for (unsigned i = 0; i < PEEKED; i++) {
		struct object *object = shared.object[i];

		cr_assert(frozenref_cache_freeze(shared.cache, object, 1));
		write_words(object, 1 + round);
		frozenref_cache_unfreeze(shared.cache, object, 1);
	}
	for (unsigned i = 0; i < PEEKED; i++)
		cr_assert(frozenref_cache_put(shared.cache, shared.object[i]));
	for (unsigned i = 0; i < PEEKED; i++) {
		struct object *object = alloc_object(shared.cache);

		/* A magazine is a stack: they come back the other way round. */
		cr_assert(object == shared.object[PEEKED - 1 - i]);
		write_words(object, UINTPTR_MAX - round);
		frozenref_unfreeze(&object->ref, 1);
	}
}

/* By the last put, before the object is free: a peek must not take this for its content. */
static void clear_at_release(void *object, void *arg)
{
	(void)arg;
	write_words(object, 0);
}

Test(cache_threads, peeks_copy_whole_objects, .timeout = 600)
{
	struct frozenref_cache_config config = default_config();

	config.flags = FROZENREF_CACHE_PEEKABLE;
	config.release = clear_at_release;
	shared.cache = make_cache(&config);
	for (unsigned i = 0; i < PEEKED; i++) {
		shared.object[i] = alloc_object(shared.cache);
		write_words(shared.object[i], 1);
		frozenref_unfreeze(&shared.object[i]->ref, 1);
	}
	run(peek_all_the_time, rewrite);
	for (unsigned i = 0; i < PEEKED; i++)
		cr_assert(frozenref_cache_put(shared.cache, shared.object[i]));
	assert_destroys(shared.cache);
}

/* ---------------------------------------------------------------------------------------- walks */

/* Every third stays: each walk comes to it exactly once, in the order of addresses. */
static bool stays(unsigned i)
{
	return i % 3 == 0;
}

static void *walk_all_the_time(void *arg)
{
	(void)arg;
	while (!is_over()) {
		struct object *object = NULL;
		uintptr_t last = 0;
		unsigned staying = 0;

		while ((object = frozenref_cache_next(shared.cache, object))) {
			cr_assert((uintptr_t)object > last, "not in order");
			last = (uintptr_t)object;
			cr_assert(object->key == 1 || object->key == 2);
			staying += object->key == 1;
			(void)frozenref_cache_put(shared.cache, object);
		}
		cr_assert(staying == (OBJECTS + 2) / 3, "%u of those that stay", staying);
		for (unsigned i = 0; i < staying; i++)
			count_good();
	}
	return NULL;
}

static void come_and_go(unsigned round)
{
	(void)round;
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (!stays(i))
			(void)frozenref_cache_put(shared.cache, shared.object[i]);
	}
	(void)frozenref_cache_trim(shared.cache);
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (stays(i))
			continue;
		shared.object[i] = alloc_object(shared.cache);
		shared.object[i]->key = 2;
		frozenref_unfreeze(&shared.object[i]->ref, 1);
	}
}

static unsigned visited[3];

static void visit_and_put(void *object, enum frozenref_state state, void *arg)
{
	uint64_t key = ((struct object *)object)->key;

	cr_assert(arg == &shared && state == FROZENREF_LIVE);
	cr_assert(key == 1 || key == 2);
	visited[key]++;
	cr_assert(frozenref_cache_put(shared.cache, object));
}

/*
 * Large objects, so that there are many slabs, and the last put of some is the walk's. In the end,
 * at a quiet point, each object is visited, and may be freed by who visits.
 */
Test(cache_threads, walks_go_on_under_allocs_and_trims, .timeout = 600)
{
	struct frozenref_cache_config config = default_config();

	config.object_size = 512;
	config.release = NULL;
	shared.cache = make_cache(&config);
	for (unsigned i = 0; i < OBJECTS; i++) {
		shared.object[i] = alloc_object(shared.cache);
		shared.object[i]->key = stays(i) ? 1 : 2;
		frozenref_unfreeze(&shared.object[i]->ref, 1);
	}
	run(walk_all_the_time, come_and_go);
	frozenref_cache_for_each(shared.cache, visit_and_put, &shared);
	cr_assert(visited[1] == (OBJECTS + 2) / 3);
	cr_assert(visited[2] == OBJECTS - visited[1]);
	cr_assert(stats_of(shared.cache).objects == 0);
	assert_destroys(shared.cache);
}

/* --------------------------------------------------------------------------------------- layout */

/* Of padded objects no two counters are on one line, wherever in the object they are. */
Test(cache_threads, padded_objects_share_no_line)
{
	static const size_t sizes[] = { 8, 24, 40, 64, 72, 100, 1000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct frozenref_cache_config config = default_config();
		struct frozenref_cache *cache;
		uintptr_t last = 0;
		void *objects[200];

		config.flags = FROZENREF_CACHE_PADDED;
		config.object_size = sizes[i];
		config.ref_offset = sizes[i] / 8 * 4;
		config.release = NULL;
		cache = make_cache(&config);
		for (unsigned n = 0; n < 200; n++) {
			objects[n] = frozenref_cache_alloc(cache);
			cr_assert((uintptr_t)objects[n] % 64 == 0);
			frozenref_unfreeze((frozenref_t *)((uintptr_t)objects[n] +
							   config.ref_offset),
					   1);
		}
		for (void *object = NULL; (object = frozenref_cache_next(cache, object));) {
			uintptr_t line = ((uintptr_t)object + config.ref_offset) / 64;

			cr_assert(line != last);
			last = line;
			cr_assert(!frozenref_cache_put(cache, object));
		}
		for (unsigned n = 0; n < 200; n++)
			cr_assert(frozenref_cache_put(cache, objects[n]));
		assert_destroys(cache);
	}
}
