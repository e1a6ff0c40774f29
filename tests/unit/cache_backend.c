/* SPDX-License-Identifier: MIT */
/*
 * A cache whose backend refuses at every possible moment: an error, nothing lost, all undone.
 *
 * Run by `make check` twice, like cache.c.
 */
#include "cache_fixture.h"
#include "failing_backend.h"
#include "process.h"

enum { OBJECTS = 3000 }; /* in several slabs */

static struct object *objects[OBJECTS];

/* How often the library told of the failure; one that it can do without it need not tell of. */
static unsigned told;

static struct frozenref_cache *create_with_failure(const struct frozenref_cache_config *config)
{
	struct frozenref_cache *cache = NULL;
	int err = frozenref_cache_create(&cache, config);

	if (!err)
		return cache;
	told++;
	cr_assert(err == -ENOMEM && failing.failed && !cache);
	cr_assert(failing.ranges == 0, "a range was left behind");
	return make_cache(config);
}

/* With a failure there is no object, and all is as before; at the next try, without, there is. */
static struct object *alloc_with_failure(struct frozenref_cache *cache, unsigned allocated)
{
	struct object *object;

	errno = 0;
	object = frozenref_cache_alloc(cache);
	if (object)
		return object;
	told++;
	cr_assert(failing.failed && errno == ENOMEM);
	cr_assert(stats_of(cache).objects == allocated);
	return alloc_object(cache);
}

static void check_handle(struct frozenref_cache *cache, struct object *object)
{
	struct frozenref_handle handle = frozenref_cache_handle(cache, object);

	if (!handle.generation) {
		told++;
		cr_assert(failing.failed && handle.pfn == 0);
		handle = frozenref_cache_handle(cache, object);
	}
	cr_assert(frozenref_cache_try_get_handle(cache, handle) == object);
	cr_assert(!frozenref_cache_put(cache, object));
}

static void fill_and_empty(struct frozenref_cache *cache)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		objects[i] = alloc_with_failure(cache, i);
		objects[i]->key = i;
		frozenref_unfreeze(&objects[i]->ref, 1);
		if (i == 100)
			check_handle(cache, objects[i]);
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		cr_assert(objects[i]->key == i);
		cr_assert(frozenref_cache_try_get(cache, objects[i]) == objects[i]);
		cr_assert(!frozenref_cache_put(cache, objects[i]));
	}
	for (unsigned i = 0; i < OBJECTS; i++)
		cr_assert(frozenref_cache_put(cache, objects[i]));
}

/* A whole life with the call'th call failing; false: there were not so many calls. */
static bool live_with_failure(const struct frozenref_cache_config *config, unsigned call)
{
	struct frozenref_cache *cache;

	failing_begin(call, true);
	cache = create_with_failure(config);
	cr_assert(failing.ranges == 1);
	for (unsigned round = 0; round < 2; round++) {
		fill_and_empty(cache);
		(void)frozenref_cache_trim(cache);
		/* Whatever was refused: the slabs are out of use. */
		cr_assert(stats_of(cache).slabs == 0 && stats_of(cache).objects_free == 0);
		cr_assert(!frozenref_cache_next(cache, NULL));
	}
	/* What the failing purge left is given back by the next trim. */
	(void)frozenref_cache_trim(cache);
	cr_assert(frozenref_cache_trim(cache) == 0);
	assert_destroys(cache);
	cr_assert(failing.ranges == 0 && failing.bytes == 0);
	return failing.failed;
}

static void check_failures(unsigned flags, size_t max_objects)
{
	struct frozenref_cache_config config = default_config();
	/* Where pages are large there are a dozen calls, and four of those are told of. */
	unsigned step = is_instrumented() ? 2 : 1;
	unsigned call = 0;

	config.flags = flags;
	config.max_objects = max_objects;
	config.backend = &failing_backend;
	told = 0;
	while (live_with_failure(&config, call))
		call += step;
	/* Addresses, slabs, generations, and objects, many times, are committed; and all purged. */
	cr_assert(call >= 10, "only %u calls could fail", call);
	cr_assert(told * step >= 4, "only %u failures were told of", told);
}

Test(cache_backend, refusals_undo_everything)
{
	check_failures(0, 0);
	check_failures(0, OBJECTS);
	check_failures(FROZENREF_CACHE_PEEKABLE, OBJECTS);
	check_failures(FROZENREF_CACHE_DEBUG, OBJECTS);
	check_failures(FROZENREF_CACHE_PEEKABLE | FROZENREF_CACHE_DEBUG, 0);
}

Test(cache_backend, an_incomplete_backend_is_refused)
{
	struct frozenref_cache_config config = default_config();
	struct frozenref_backend backend = failing_backend;
	struct frozenref_cache *cache = NULL;

	config.backend = &backend;
	backend.purge = NULL;
	cr_assert(frozenref_cache_create(&cache, &config) == -EINVAL && !cache);
	backend = failing_backend;
	backend.size++;
	cr_assert(frozenref_cache_create(&cache, &config) == -EINVAL && !cache);
	cr_assert(failing.ranges == 0);
}
