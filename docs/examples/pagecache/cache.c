/* SPDX-License-Identifier: MIT */
/*
 * A cache's life: beginning, end, and what is asked of it between reads. See cache.h. What happens
 * on a miss is in load.c, how room is made in reclaim.c, and how a page is found and held in the
 * modes.
 */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>

#include "mode.h"

static const struct cache_ops *const modes[CACHE_MODES] = {
	[CACHE_TRY_GET] = &cache_try_get_ops,
	[CACHE_PEEK] = &cache_peek_ops,
	[CACHE_CAS] = &cache_cas_ops,
	[CACHE_RWLOCK] = &cache_rwlock_ops,
};

uint64_t cache_limit_min(unsigned threads, uint64_t folio_pages)
{
	/* Each may hold one; as many again to choose from, and a folio that is held for long. */
	return 2 * (uint64_t)threads + 2 * folio_pages;
}

static int init(struct cache *cache, const struct cache_config *config)
{
	const struct frames_config frames = {
		.ops = config->frames,
		.limit = config->limit,
		.piece_pages = config->folio_pages,
		.threads = config->threads,
		.peeked = config->mode == CACHE_PEEK,
	};
	int err = lru_init(&cache->lru, config->npages);

	if (err)
		return err;
	err = frames_init(&cache->frames, &frames);
	if (err)
		goto no_frames;
	err = cache->ops->init(cache, config);
	if (err)
		goto no_mode;
	return 0;
no_mode:
	frames_exit(&cache->frames);
no_frames:
	lru_exit(&cache->lru);
	return err;
}

int cache_create(struct cache **cachep, const struct cache_config *config)
{
	const struct cache_ops *ops = modes[config->mode];
	struct cache *cache;
	int err;

	cache = aligned_alloc(_Alignof(struct cache), ops->size);
	if (!cache)
		return -ENOMEM;
	cache->ops = ops;
	cache->npages = config->npages;
	cache->folio_pages = config->folio_pages;
	err = init(cache, config);
	if (err) {
		free(cache);
		return err;
	}
	*cachep = cache;
	return 0;
}

static void drop_all(struct cache *cache, const struct file_set *set)
{
	for (uint32_t i = 0; i < set->nfiles; i++)
		cache_drop_file(cache, &set->files[i]);
}

int cache_destroy(struct cache *cache, const struct file_set *set)
{
	int err;

	drop_all(cache, set);
	err = cache->ops->exit(cache);
	if (err)
		return err;
	frames_exit(&cache->frames);
	lru_exit(&cache->lru);
	free(cache);
	return 0;
}

int cache_read(struct cache *cache, const struct file *file, uint64_t offset, void *buffer,
	       size_t length, struct cache_stats *stats)
{
	if (UNLIKELY(file_is_gone(file)))
		return -ESTALE;
	return cache->ops->read(cache, file, offset, buffer, length, stats);
}

void cache_drop_file(struct cache *cache, const struct file *file)
{
	cache->ops->drop(cache, file->base, file_pages(file));
}

struct cache_shrunk cache_empty(struct cache *cache, const struct file_set *set)
{
	drop_all(cache, set);
	frames_collect(&cache->frames);
	return cache_shrink(cache);
}

struct cache_shrunk cache_shrink(struct cache *cache)
{
	return (struct cache_shrunk){
		.frames = frames_give_back(&cache->frames),
		.tables = cache->ops->trim ? cache->ops->trim(cache) : 0,
	};
}

struct cache_shrunk cache_set_limit(struct cache *cache, uint64_t limit, struct cache_stats *stats)
{
	frames_set_limit(&cache->frames, limit);
	reclaim_to_limit(cache, stats);
	compact(cache, stats);
	return cache_shrink(cache);
}

int cache_hold(struct cache *cache, const struct file *file, uint64_t index,
	       struct cache_hold *hold, struct cache_stats *stats)
{
	if (cache->ops->get(cache, file->base + index, hold))
		return 0;
	return cache_load(cache, file, index, hold, stats);
}

void cache_unhold(struct cache *cache, struct cache_hold *hold)
{
	cache->ops->put(cache, hold);
}

void cache_usage(struct cache *cache, struct cache_usage *usage)
{
	usage->cap = frames_limit(&cache->frames) << PAGE_SHIFT;
	usage->resident = frames_used(&cache->frames) << PAGE_SHIFT;
	cache->ops->usage(cache, usage);
}
