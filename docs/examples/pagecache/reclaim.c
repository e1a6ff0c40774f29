/* SPDX-License-Identifier: MIT */
/*
 * Making room: takes folios out in the order of the list, with a second chance for those that were
 * looked up meanwhile. To this cache what shrink_folio_list() is to the kernel's.
 *
 * Used by load.c and cache.c. Relies on the mode to take a folio out and on lru.c for the order.
 */
#include "mode.h"

#include <time.h>

#include "interrupt.h"
#include "waiting.h"

/* How long memory may be refused that the cache has not used up. */
#define PATIENCE_SECONDS 10

/* What the list has next leaves, or goes to its end. How many pages became free, 0 if none. */
static uint64_t evict_next(struct cache *cache, struct cache_stats *stats)
{
	uint64_t pfn = lru_take(&cache->lru);
	struct folio folio;

	if (pfn == LRU_EMPTY)
		return 0;
	switch (cache->ops->evict(cache, pfn, &folio)) {
	case EVICT_DONE:
		frames_free(&cache->frames, folio.bytes, folio.npages);
		stats->evictions++;
		stats->evicted_pages += folio.npages;
		return folio.npages;
	case EVICT_HELD:
		stats->in_use++;
		lru_add(&cache->lru, pfn);
		break;
	case EVICT_REFERENCED:
		lru_add(&cache->lru, pfn);
		break;
	case EVICT_ABSENT:
		break;
	}
	return 0;
}

/* Whether so many attempts have seen everything twice, and nothing could be had. */
static bool went_around(const struct cache *cache, uint64_t attempts)
{
	return attempts > 2 * frames_limit(&cache->frames);
}

void *reclaim_alloc(struct cache *cache, uint64_t npages, struct cache_stats *stats)
{
	uint64_t attempts = 0, freed = 0;
	time_t give_up = 0;
	unsigned looks = 0;

	for (;;) {
		bool refused;
		void *memory = frames_alloc(&cache->frames, npages, &refused);

		if (memory)
			return memory;
		/* Others may have it for a moment; after so long, it is not this cache that has. */
		if (refused && !give_up)
			give_up = time(NULL) + PATIENCE_SECONDS;
		if (refused && (time(NULL) > give_up || interrupt_requested()))
			return NULL;
		/* There is enough, but here and there; or it is others who get it. */
		if (npages > 1 && (freed >= 2 * npages || went_around(cache, attempts)))
			return NULL;
		/* All are in use: let those who use them run. */
		if (went_around(cache, ++attempts))
			waiting_relax(&looks);
		freed += evict_next(cache, stats);
	}
}

void reclaim_to_limit(struct cache *cache, struct cache_stats *stats)
{
	uint64_t attempts = 0;
	unsigned looks = 0;

	while (frames_used(&cache->frames) > frames_limit(&cache->frames)) {
		if (went_around(cache, ++attempts))
			waiting_relax(&looks);
		if (evict_next(cache, stats))
			attempts = 0;
	}
}
