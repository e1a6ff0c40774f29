/* SPDX-License-Identifier: MIT */
/*
 * Page frames from the C library: aligned_alloc() and free().
 *
 * Used through frames_malloc, see frames.h. What free() takes may be unmapped at once. That is all
 * right where pages are read by a reference: counters are elsewhere, in memory that stays, and a
 * page's bytes are touched only by who holds it. A peek looks at bytes that it does not hold, so
 * for peeks nothing is freed before the end: pieces go to a list of their size and come from there
 * again, and memory goes back by madvise(), after which a piece still can be read.
 */
#include "frames.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __GLIBC__
# include <malloc.h>
#endif

#include "resident.h"

/* Pieces of one size that are free, the one that was freed last at the end. */
struct shelf {
	void **pieces;
	size_t n;
	size_t purged; /* of these, from the beginning on: their memory was given back */
	size_t made;   /* in all, in use or not, which is what there is room for */
};

struct heap {
	bool peeked;
	bool purges; /* the system's pages are no larger than ours */
	uint64_t limit;
	pthread_mutex_t lock; /* the rest is under it, and used for peeks only */
	uint64_t kept;	      /* pages that have memory, in use or not */
	struct shelf shelves[FRAMES_ORDERS];
};

static size_t piece_bytes(unsigned order)
{
	return (size_t)PAGE_BYTES << order;
}

/* ------------------------------------------------------------------------------------ for peeks */

/* Gives the memory of the piece back that has been free for longest in this shelf. Its bytes. */
static size_t purge_one(struct heap *heap, unsigned order)
{
	struct shelf *shelf = &heap->shelves[order];
	size_t length = piece_bytes(order);

	if (!heap->purges || shelf->purged == shelf->n)
		return 0;
	if (madvise(shelf->pieces[shelf->purged], length, MADV_DONTNEED))
		return 0;
	shelf->purged++;
	heap->kept -= UINT64_C(1) << order;
	return length;
}

/* Gives back what is free until no more than so many pages are kept, or nothing is left to give. */
static uint64_t purge_to(struct heap *heap, uint64_t limit)
{
	uint64_t given = 0;

	for (unsigned order = 0; order < FRAMES_ORDERS; order++) {
		size_t bytes;

		while (heap->kept > limit && (bytes = purge_one(heap, order)))
			given += bytes;
	}
	return given;
}

/* A new piece, with room for it in the shelf, so that freeing it takes no memory. */
static void *make_piece(struct shelf *shelf, unsigned order)
{
	void **pieces = realloc(shelf->pieces, (shelf->made + 1) * sizeof(*pieces));
	void *piece;

	if (!pieces)
		return NULL;
	shelf->pieces = pieces;
	piece = aligned_alloc(PAGE_BYTES, piece_bytes(order));
	shelf->made += piece != NULL;
	return piece;
}

static void *take_piece(struct heap *heap, unsigned order)
{
	struct shelf *shelf = &heap->shelves[order];
	bool has_memory = shelf->n > shelf->purged;
	void *piece = shelf->n ? shelf->pieces[--shelf->n] : make_piece(shelf, order);

	if (!piece || has_memory)
		return piece;
	shelf->purged = shelf->n;
	heap->kept += UINT64_C(1) << order;
	/* What is in use is below the limit; what is not makes room. */
	(void)purge_to(heap, heap->limit);
	return piece;
}

static void *peeked_alloc(struct heap *heap, unsigned order)
{
	void *piece;

	pthread_mutex_lock(&heap->lock);
	piece = take_piece(heap, order);
	pthread_mutex_unlock(&heap->lock);
	return piece;
}

static void peeked_free(struct heap *heap, void *piece, unsigned order)
{
	struct shelf *shelf = &heap->shelves[order];

	pthread_mutex_lock(&heap->lock);
	shelf->pieces[shelf->n++] = piece;
	pthread_mutex_unlock(&heap->lock);
}

static uint64_t peeked_give_back(struct heap *heap, uint64_t limit)
{
	uint64_t given;

	pthread_mutex_lock(&heap->lock);
	heap->limit = limit;
	given = purge_to(heap, 0);
	pthread_mutex_unlock(&heap->lock);
	return given;
}

/* ------------------------------------------------------------------------------- for all others */

static void *heap_alloc(void *arena, uint64_t npages)
{
	struct heap *heap = arena;
	unsigned order = frames_order(npages);

	return heap->peeked ? peeked_alloc(heap, order)
			    : aligned_alloc(PAGE_BYTES, piece_bytes(order));
}

static void heap_free(void *arena, void *memory, uint64_t npages)
{
	struct heap *heap = arena;

	if (heap->peeked)
		peeked_free(heap, memory, frames_order(npages));
	else
		free(memory);
}

/* What the C library has given back by itself before is not seen, nor is it among these bytes. */
static uint64_t trim_heap(void)
{
	uint64_t before = resident_bytes();
	uint64_t after;

#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
	after = resident_bytes();
	return before > after ? before - after : 0;
}

static uint64_t heap_give_back(void *arena, uint64_t limit)
{
	struct heap *heap = arena;

	return heap->peeked ? peeked_give_back(heap, limit) : trim_heap();
}

/* ---------------------------------------------------------------------------- beginning and end */

static int heap_create(void **arena, const struct frames_config *config)
{
	struct heap *heap = calloc(1, sizeof(*heap));

	if (!heap)
		return -ENOMEM;
	heap->peeked = config->peeked;
	heap->purges = sysconf(_SC_PAGESIZE) <= (long)PAGE_BYTES;
	heap->limit = config->limit;
	pthread_mutex_init(&heap->lock, NULL);
	*arena = heap;
	return 0;
}

static void heap_destroy(void *arena)
{
	struct heap *heap = arena;

	for (unsigned order = 0; order < FRAMES_ORDERS; order++) {
		struct shelf *shelf = &heap->shelves[order];

		while (shelf->n)
			free(shelf->pieces[--shelf->n]);
		free(shelf->pieces);
	}
	pthread_mutex_destroy(&heap->lock);
	free(heap);
}

const struct frames_ops frames_malloc = {
	.name = "malloc",
	.piece_max = FRAMES_PIECE_MAX,
	.create = heap_create,
	.destroy = heap_destroy,
	.alloc = heap_alloc,
	.free = heap_free,
	.give_back = heap_give_back,
};
