/* SPDX-License-Identifier: MIT */
/*
 * Page frames as objects of frozenref_caches, one cache for each size of piece.
 *
 * Used through frames_cache, see frames.h. A piece is the payload of an object that stays frozen:
 * its own counter, in a line behind the payload, is never used here, as the pages are counted where
 * they are looked up. What is used is the rest of a cache: magazines, so that threads seldom meet,
 * and addresses that stay readable for as long as the cache exists, also after a trim. That is what
 * peeks ask for.
 */
#include "frames.h"

#include <errno.h>
#include <stdlib.h>

#include <frozenref/cache.h>

#define LINE_BYTES 64

/* Objects beyond those in use, for each thread that may keep free ones in its magazines. */
#define SPARE_OBJECTS 128

struct shelves {
	unsigned orders;
	struct frozenref_cache *caches[FRAMES_ORDERS];
};

static void shelves_destroy(void *arena)
{
	struct shelves *shelves = arena;

	for (unsigned order = 0; order < shelves->orders; order++) {
		/* Everything was freed, so this cannot be refused. */
		if (frozenref_cache_destroy(shelves->caches[order]) != 0)
			abort();
	}
	free(shelves);
}

static int make_shelf(struct shelves *shelves, unsigned order, const struct frames_config *config)
{
	struct frozenref_cache_config cache = FROZENREF_CACHE_CONFIG_INIT;

	cache.name = "frames";
	cache.ref_offset = (size_t)PAGE_BYTES << order;
	cache.object_size = cache.ref_offset + LINE_BYTES;
	cache.align = LINE_BYTES;
	cache.max_objects =
		(size_t)(config->limit >> order) + (size_t)(config->threads + 1) * SPARE_OBJECTS;
	return frozenref_cache_create(&shelves->caches[order], &cache);
}

static int shelves_create(void **arena, const struct frames_config *config)
{
	struct shelves *shelves = calloc(1, sizeof(*shelves));

	if (!shelves)
		return -ENOMEM;
	for (unsigned order = 0; order <= frames_order(config->piece_pages); order++) {
		int err = make_shelf(shelves, order, config);

		if (err) {
			shelves_destroy(shelves);
			return err;
		}
		shelves->orders++;
	}
	*arena = shelves;
	return 0;
}

static void *shelves_alloc(void *arena, uint64_t npages)
{
	struct shelves *shelves = arena;

	return frozenref_cache_alloc(shelves->caches[frames_order(npages)]);
}

static void shelves_free(void *arena, void *memory, uint64_t npages)
{
	struct shelves *shelves = arena;

	frozenref_cache_free(shelves->caches[frames_order(npages)], memory);
}

/* By slabs, of which each has room for several pieces: those that are free among others stay. */
static uint64_t shelves_give_back(void *arena, uint64_t limit)
{
	struct shelves *shelves = arena;
	uint64_t given = 0;

	(void)limit;
	for (unsigned order = 0; order < shelves->orders; order++)
		given += frozenref_cache_trim(shelves->caches[order]);
	return given;
}

static struct frames_blocks shelves_blocks(void *arena, uint64_t npages)
{
	struct shelves *shelves = arena;
	struct frozenref_cache_stats stats = FROZENREF_CACHE_STATS_INIT;

	frozenref_cache_stats(shelves->caches[frames_order(npages)], &stats);
	return (struct frames_blocks){
		.bytes = stats.slab_size,
		.pieces = stats.slab_size / (npages * PAGE_BYTES + LINE_BYTES),
	};
}

const struct frames_ops frames_cache = {
	.name = "cache",
	/* With their counters they would be larger than FROZENREF_CACHE_OBJECT_MAX. */
	.piece_max = FROZENREF_CACHE_OBJECT_MAX / PAGE_BYTES / 2,
	.create = shelves_create,
	.destroy = shelves_destroy,
	.alloc = shelves_alloc,
	.free = shelves_free,
	.give_back = shelves_give_back,
	.blocks = shelves_blocks,
};
