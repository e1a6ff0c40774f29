/* SPDX-License-Identifier: MIT */
/*
 * A cache for tests, and what their objects look like.
 *
 * Used by the unit tests of the cache; relies on misuse.h.
 */
#ifndef FROZENREF_TESTS_UNIT_CACHE_FIXTURE_H
#define FROZENREF_TESTS_UNIT_CACHE_FIXTURE_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <frozenref/cache.h>

#include "misuse.h"

struct object {
	uint64_t key;
	frozenref_t ref;
	unsigned constructed;
	uint64_t stable;
	char payload[40];
};

static struct {
	unsigned times;
	void *object;
} released;

static inline void remember_release(void *object, void *arg)
{
	(void)arg;
	released.times++;
	released.object = object;
}

/* What a test starts with; members that are zero mean the default. */
static inline struct frozenref_cache_config default_config(void)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;

	misuse_watch();
	released.times = 0;
	config.name = "test";
	config.object_size = sizeof(struct object);
	config.ref_offset = offsetof(struct object, ref);
	config.release = remember_release;
	return config;
}

static inline struct frozenref_cache *make_cache(const struct frozenref_cache_config *config)
{
	struct frozenref_cache *cache = NULL;

	cr_assert(frozenref_cache_create(&cache, config) == 0);
	cr_assert(cache);
	return cache;
}

static inline struct frozenref_cache *make_default_cache(void)
{
	struct frozenref_cache_config config = default_config();

	return make_cache(&config);
}

static inline struct object *alloc_object(struct frozenref_cache *cache)
{
	struct object *object = frozenref_cache_alloc(cache);

	cr_assert(object);
	cr_assert(frozenref_is_frozen(&object->ref));
	return object;
}

/* Live, with one reference. */
static inline struct object *alloc_live(struct frozenref_cache *cache)
{
	struct object *object = alloc_object(cache);

	frozenref_unfreeze(&object->ref, 1);
	return object;
}

static inline struct frozenref_cache_stats stats_of(struct frozenref_cache *cache)
{
	struct frozenref_cache_stats stats = FROZENREF_CACHE_STATS_INIT;

	frozenref_cache_stats(cache, &stats);
	return stats;
}

static inline void assert_destroys(struct frozenref_cache *cache)
{
	cr_assert(frozenref_cache_destroy(cache) == 0);
	assert_no_misuse();
}

#endif /* FROZENREF_TESTS_UNIT_CACHE_FIXTURE_H */
