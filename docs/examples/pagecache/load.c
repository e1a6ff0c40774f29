/* SPDX-License-Identifier: MIT */
/*
 * A miss: a folio is given memory, enters the cache claimed, is filled from its file, and becomes
 * visible. The same in all modes; see mode.h for the steps that are theirs.
 *
 * Used by the read path and cache_hold(). Relies on reclaim.c for memory and on files.c.
 */
#include "mode.h"

uint64_t folio_size(const struct file *file, uint64_t index, uint64_t most)
{
	uint64_t npages = most;

	/* Aligned in the file, and not beyond its end: as page_cache_ra_order() chooses. */
	while (npages > 1 && (index & ~(npages - 1)) + npages > file_pages(file))
		npages /= 2;
	return npages;
}

/*
 * Reads a folio with this page that the cache has not, and holds it. -EEXIST: the page, or another
 * one of the folio, is there by now or on its way; -ENOBUFS: so many pages are not to be had in one
 * piece, and a smaller folio may do; -ENOMEM: not even one.
 */
static int load_folio(struct cache *cache, const struct file *file, uint64_t index, uint64_t npages,
		      struct cache_hold *hold, struct cache_stats *stats)
{
	uint64_t first = index & ~(npages - 1);
	struct folio folio = {
		.pfn = file->base + first,
		.npages = npages,
		.bytes = reclaim_alloc(cache, npages, stats),
	};
	int err;

	if (!folio.bytes)
		return npages > 1 ? -ENOBUFS : -ENOMEM;
	err = cache->ops->claim(cache, &folio);
	if (err)
		goto failed;
	err = file_read_pages(file, first, npages, folio.bytes);
	if (err) {
		cache->ops->abandon(cache, &folio);
		goto failed;
	}
	cache->ops->publish(cache, &folio, file->base + index, hold);
	lru_add(&cache->lru, folio.pfn);
	stats->folios++;
	stats->pages += npages;
	return 0;
failed:
	frames_free(&cache->frames, folio.bytes, npages);
	return err;
}

int cache_load(struct cache *cache, const struct file *file, uint64_t index,
	       struct cache_hold *hold, struct cache_stats *stats)
{
	const uint64_t wanted = folio_size(file, index, cache->folio_pages);
	uint64_t npages = wanted;
	uint64_t pfn = file->base + index;
	unsigned looks = 0;
	bool waited = false;
	int err;

	while (!file_is_gone(file)) {
		if (cache->ops->wait(cache, pfn, &looks)) {
			stats->waits += !waited;
			waited = true;
			if (cache->ops->get(cache, pfn, hold))
				return 0;
			continue;
		}
		err = load_folio(cache, file, index, npages, hold, stats);
		if (!err)
			stats->smaller += npages < wanted;
		if (err != -EEXIST && err != -ENOBUFS)
			return err;
		if (npages > 1)
			npages /= 2;
	}
	return -ESTALE;
}
