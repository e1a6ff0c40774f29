/* SPDX-License-Identifier: MIT */
/*
 * An index over a cache of items, whose hashes are what a test says they are.
 *
 * Used by the unit tests of the index; relies on misuse.h.
 */
#ifndef FROZENREF_TESTS_UNIT_INDEX_FIXTURE_H
#define FROZENREF_TESTS_UNIT_INDEX_FIXTURE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <frozenref/atomic.h>
#include <frozenref/index.h>

#include "misuse.h"

struct item {
	frozenref_t ref;
	uint32_t seen; /* by a walk */
	uint64_t key;
	struct frozenref_index_node node;
	struct frozenref_index_node other; /* for a second index */
};

static struct frozenref_cache *cache;
static struct frozenref_index *items;
static uint32_t released;

static inline void count_release(void *object, void *arg)
{
	(void)object;
	(void)arg;
	frozenref__add32(&released, 1, relaxed);
}

static inline bool has_key(const void *object, const void *key, void *arg)
{
	(void)arg;
	/* Nobody but this very look may hold it. */
	cr_assert(frozenref_count(&((const struct item *)object)->ref) >= 1);
	return ((const struct item *)object)->key == *(const uint64_t *)key;
}

static inline struct frozenref_cache_config cache_config(void)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;

	config.object_size = sizeof(struct item);
	config.ref_offset = offsetof(struct item, ref);
	config.stable_offset = offsetof(struct item, node);
	config.stable_size = sizeof(struct item) - offsetof(struct item, node);
	config.release = count_release;
	return config;
}

static inline struct frozenref_index_config index_config(void)
{
	struct frozenref_index_config config = FROZENREF_INDEX_CONFIG_INIT;

	config.cache = cache;
	config.node_offset = offsetof(struct item, node);
	config.equal = has_key;
	return config;
}

static inline void make_cache(void)
{
	struct frozenref_cache_config config = cache_config();

	misuse_watch();
	released = 0;
	cr_assert(frozenref_cache_create(&cache, &config) == 0);
}

static inline struct frozenref_index *make_index(const struct frozenref_index_config *config)
{
	struct frozenref_index *index = NULL;

	cr_assert(frozenref_index_create(&index, config) == 0);
	cr_assert(index);
	return index;
}

static inline void make_items(void)
{
	struct frozenref_index_config config;

	make_cache();
	config = index_config();
	items = make_index(&config);
}

static inline void destroy_items(void)
{
	assert_no_misuse();
	cr_assert(frozenref_index_destroy(items) == 0);
	cr_assert(frozenref_cache_destroy(cache) == 0);
}

/* Live, with one reference, the caller's. */
static inline struct item *make_item(uint64_t key)
{
	struct item *item = frozenref_cache_alloc(cache);

	cr_assert(item);
	item->key = key;
	item->seen = 0;
	frozenref_unfreeze(&item->ref, 1);
	return item;
}

/* The index has the only reference. */
static inline struct item *insert_item(struct frozenref_index *index, uint64_t hash, uint64_t key)
{
	struct item *item = make_item(key);

	cr_assert(frozenref_index_insert(index, hash, &key, item) == 0);
	cr_assert(!frozenref_cache_put(cache, item));
	return item;
}

static inline struct item *look_up(struct frozenref_index *index, uint64_t hash, uint64_t key)
{
	return frozenref_index_try_get(index, hash, &key);
}

static inline bool has(struct frozenref_index *index, uint64_t hash, uint64_t key)
{
	struct item *item = look_up(index, hash, key);

	if (!item)
		return false;
	cr_assert(item->key == key);
	cr_assert(!frozenref_cache_put(cache, item));
	return true;
}

/* Takes out what only the index holds, and with it the object's life. */
static inline void evict(struct frozenref_index *index, uint64_t hash, uint64_t key)
{
	struct item *item = look_up(index, hash, key);

	cr_assert(item);
	cr_assert(frozenref_index_erase(index, item) == 0);
	cr_assert(frozenref_cache_put(cache, item));
}

static inline struct frozenref_index_stats stats_of(struct frozenref_index *index)
{
	struct frozenref_index_stats stats = FROZENREF_INDEX_STATS_INIT;

	frozenref_index_stats(index, &stats);
	return stats;
}

#endif /* FROZENREF_TESTS_UNIT_INDEX_FIXTURE_H */
