/* SPDX-License-Identifier: MIT */
/*
 * Moves folios together, so that the memory that lies free around them can go back to the system.
 * To this cache what mm/compaction.c is to the kernel's.
 *
 * Called by cache.c after the limit was lowered, and for allocators whose memory goes back a block
 * of several pieces at a time. What is left after half of the folios were evicted is spread over
 * all blocks. So the fullest blocks are kept, as many as all folios fit into, and those in the
 * others are moved there, while threads look them up; each mode has its own move(). Everything here
 * but that move is a hint: folios come and go meanwhile, and at worst a block keeps its memory.
 */
#include "mode.h"

#include <stdlib.h>

/* How often folios are tried that somebody held: the next time he may have finished. */
#define WALKS_MAX 3

struct block {
	uint64_t number; /* its address, in units of its size */
	uint64_t pieces; /* of it, that folios are in */
};

struct compaction {
	struct cache *cache;
	uint64_t npages; /* of a folio: those of one size at a time */
	struct frames_blocks layout;
	struct block *sparse; /* blocks to be emptied, sorted by number */
	size_t nsparse;
	/* Their free pieces, which nobody else can get until the end; there is room for all. */
	void **isolated;
	size_t nisolated;
};

static int by_number(const void *a, const void *b)
{
	const struct block *x = a;
	const struct block *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int fullest_first(const void *a, const void *b)
{
	const struct block *x = a;
	const struct block *y = b;

	return (x->pieces < y->pieces) - (x->pieces > y->pieces);
}

static uint64_t block_number(const struct compaction *compaction, const void *memory)
{
	return (uintptr_t)memory / compaction->layout.bytes;
}

static bool is_sparse(const struct compaction *compaction, const void *memory)
{
	const struct block block = { .number = block_number(compaction, memory) };

	return bsearch(&block, compaction->sparse, compaction->nsparse, sizeof(block), by_number);
}

/* The next folio of the size at or behind the pfn, which becomes the one behind it. */
static bool next_folio(const struct compaction *compaction, uint64_t *pfn, struct folio *folio)
{
	struct cache *cache = compaction->cache;

	while (*pfn < cache->npages) {
		if (cache->ops->locate(cache, (*pfn)++, folio) &&
		    folio->npages == compaction->npages)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------------------ which to empty */

/* A block for each folio, of which there may be as many as `max`. How many. */
static size_t list_folios(const struct compaction *compaction, struct block *blocks, size_t max)
{
	struct folio folio;
	uint64_t pfn = 0;
	size_t n = 0;

	while (n < max && next_folio(compaction, &pfn, &folio))
		blocks[n++] = (struct block){ block_number(compaction, folio.bytes), 1 };
	return n;
}

/* Makes one of those with the same number, all of which follow each other. How many are left. */
static size_t merge(struct block *blocks, size_t n)
{
	size_t merged = 0;

	for (size_t i = 0; i < n; i++) {
		if (merged && blocks[merged - 1].number == blocks[i].number)
			blocks[merged - 1].pieces++;
		else
			blocks[merged++] = blocks[i];
	}
	return merged;
}

static void choose_sparse(struct compaction *compaction, struct block *blocks, size_t max)
{
	size_t nfolios = list_folios(compaction, blocks, max);
	size_t per_block = (size_t)compaction->layout.pieces;
	size_t keep = (nfolios + per_block - 1) / per_block;
	size_t nblocks;

	qsort(blocks, nfolios, sizeof(*blocks), by_number);
	nblocks = merge(blocks, nfolios);
	qsort(blocks, nblocks, sizeof(*blocks), fullest_first);
	if (keep > nblocks)
		keep = nblocks;
	compaction->sparse = blocks + keep;
	compaction->nsparse = nblocks - keep;
	qsort(compaction->sparse, compaction->nsparse, sizeof(*blocks), by_number);
}

/* -------------------------------------------------------------------------------------- moving */

/* Free memory in a block that is kept, or NULL. What is found in the others is isolated. */
static void *take_place(struct compaction *compaction)
{
	for (;;) {
		void *memory = frames_isolate(&compaction->cache->frames, compaction->npages);

		if (!memory || !is_sparse(compaction, memory))
			return memory;
		compaction->isolated[compaction->nisolated++] = memory;
	}
}

/* Moves what is in the sparse blocks. How many folios it had to leave. */
static uint64_t walk(struct compaction *compaction, struct cache_stats *stats)
{
	struct cache *cache = compaction->cache;
	struct folio folio;
	uint64_t pfn = 0, left = 0;
	void *to = NULL;

	while (next_folio(compaction, &pfn, &folio)) {
		if (!is_sparse(compaction, folio.bytes))
			continue;
		/* A place that the last folio did not take is for the next one. */
		if (!to)
			to = take_place(compaction);
		if (!to || !cache->ops->move(cache, &folio, to)) {
			left++;
			continue;
		}
		compaction->isolated[compaction->nisolated++] = folio.bytes;
		stats->moved++;
		to = NULL;
	}
	if (to)
		frames_putback(&cache->frames, to, compaction->npages);
	return left;
}

/* As far as folios can be moved. */
static void empty_sparse(struct compaction *compaction, struct cache_stats *stats)
{
	size_t piece_room = (size_t)compaction->layout.pieces * sizeof(*compaction->isolated);
	unsigned walks = 0;

	compaction->isolated = calloc(compaction->nsparse, piece_room);
	if (!compaction->isolated)
		return;
	while (walks++ < WALKS_MAX && walk(compaction, stats))
		;
	while (compaction->nisolated) {
		frames_putback(&compaction->cache->frames,
			       compaction->isolated[--compaction->nisolated], compaction->npages);
	}
	free(compaction->isolated);
}

static void compact_size(struct cache *cache, uint64_t npages, struct cache_stats *stats)
{
	struct compaction compaction = {
		.cache = cache,
		.npages = npages,
		.layout = cache->frames.ops->blocks(cache->frames.arena, npages),
	};
	size_t max = (size_t)(frames_limit(&cache->frames) / npages);
	struct block *blocks = malloc(max * sizeof(*blocks));

	if (!blocks)
		return;
	choose_sparse(&compaction, blocks, max);
	if (compaction.nsparse)
		empty_sparse(&compaction, stats);
	free(blocks);
}

void compact(struct cache *cache, struct cache_stats *stats)
{
	if (!cache->frames.ops->blocks)
		return;
	for (uint64_t npages = 1; npages <= cache->folio_pages; npages *= 2)
		compact_size(cache, npages, stats);
}
