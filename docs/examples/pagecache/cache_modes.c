/* SPDX-License-Identifier: MIT */
/*
 * What all modes of the cache have in common: frames, and the order of beginning and end. See
 * cache.h.
 */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>

uint64_t cache_frames_min(unsigned threads)
{
	/* Each may hold one; as many again, so that the hand has something to choose from. */
	return 2 * (uint64_t)threads + 2;
}

static int create_mode(struct cache **cache, enum cache_mode mode, uint64_t nframes,
		       uint64_t npages)
{
	switch (mode) {
	case CACHE_TRY_GET:
	case CACHE_PEEK:
		return cache_registry_create(cache, mode == CACHE_PEEK);
	case CACHE_CAS:
		return cache_cas_create(cache, npages);
	case CACHE_RWLOCK:
		return cache_rwlock_create(cache, nframes);
	case CACHE_MODES:
		break;
	}
	return -EINVAL;
}

int cache_create(struct cache **cachep, enum cache_mode mode, uint64_t nframes, uint64_t npages)
{
	struct cache *cache;
	int err = create_mode(&cache, mode, nframes, npages);

	if (err)
		return err;
	err = frames_init(&cache->frames, nframes);
	if (err) {
		(void)cache->ops->destroy(cache);
		free(cache);
		return err;
	}
	*cachep = cache;
	return 0;
}

int cache_destroy(struct cache *cache, const struct file_set *set)
{
	int err;

	for (uint32_t i = 0; i < set->nfiles; i++)
		cache_drop_file(cache, &set->files[i]);
	err = cache->ops->destroy(cache);
	if (err)
		return err;
	frames_exit(&cache->frames);
	free(cache);
	return 0;
}

void cache_drop_file(struct cache *cache, const struct file *file)
{
	cache->ops->drop_file(cache, file);
}

uint64_t cache_shrink(struct cache *cache)
{
	uint64_t bytes = frames_give_back(&cache->frames);

	return cache->ops->trim ? bytes + cache->ops->trim(cache) : bytes;
}

int cache_hold(struct cache *cache, const struct file *file, uint64_t index,
	       struct cache_hold *hold, struct cache_stats *stats)
{
	return cache->ops->hold(cache, file, index, hold, stats);
}

void cache_unhold(struct cache *cache, struct cache_hold *hold)
{
	cache->ops->unhold(cache, hold);
}

void cache_usage(struct cache *cache, struct cache_usage *usage)
{
	usage->cap = cache->frames.n << PAGE_SHIFT;
	usage->resident = frames_resident(&cache->frames);
	cache->ops->usage(cache, usage);
}
