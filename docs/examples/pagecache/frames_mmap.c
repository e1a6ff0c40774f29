/* SPDX-License-Identifier: MIT */
/*
 * Page frames from one mapping, by a buddy allocator as the kernel's: free blocks of 2^order pages
 * in a list for each order, aligned to their size; a larger one is split where a smaller one is
 * wanted, and two halves that are free become one again.
 *
 * Used through frames_mmap, see frames.h. Relies on mmap() and madvise(). What is given back stays
 * mapped and reads as zeros, so a peek at a page that is gone finds that out by itself.
 */
#include "frames.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
# define MAP_ANONYMOUS MAP_ANON
#endif

#define ORDERS	 FRAMES_ORDERS
#define NO_PAGE	 UINT32_MAX
#define NOT_FREE UINT8_MAX

/* To a page of the mapping what a struct page is to a page of memory. */
struct arena_page {
	uint32_t next, prev; /* in the list of its order, if it begins a free block */
	uint8_t order;	     /* of the free block that it begins, or NOT_FREE */
	bool has_memory;     /* was allocated, and not given back since */
};

struct arena {
	unsigned char *memory;
	struct arena_page *pages;
	uint64_t npages;
	pthread_mutex_t lock;	/* the rest is under it, and so are the pages' members */
	uint32_t first[ORDERS]; /* of the lists */
	uint64_t kept;		/* pages that are free or allocated; the others were taken out */
};

static uint64_t block_pages(unsigned order)
{
	return UINT64_C(1) << order;
}

/* --------------------------------------------------------------------------------- free blocks */

static void list_add(struct arena *arena, uint64_t page, unsigned order)
{
	struct arena_page *head = &arena->pages[page];

	head->order = (uint8_t)order;
	head->prev = NO_PAGE;
	head->next = arena->first[order];
	if (head->next != NO_PAGE)
		arena->pages[head->next].prev = (uint32_t)page;
	arena->first[order] = (uint32_t)page;
}

static void list_del(struct arena *arena, uint64_t page)
{
	struct arena_page *head = &arena->pages[page];

	if (head->prev != NO_PAGE)
		arena->pages[head->prev].next = head->next;
	else
		arena->first[head->order] = head->next;
	if (head->next != NO_PAGE)
		arena->pages[head->next].prev = head->prev;
	head->order = NOT_FREE;
}

/* A block becomes free, and one with its other half for as long as that is free as well. */
static void put_block(struct arena *arena, uint64_t page, unsigned order)
{
	while (order + 1 < ORDERS) {
		uint64_t buddy = page ^ block_pages(order);

		if (buddy >= arena->npages || arena->pages[buddy].order != order)
			break;
		list_del(arena, buddy);
		page &= ~block_pages(order);
		order++;
	}
	list_add(arena, page, order);
}

/* The smallest order from this one on that has a free block, or ORDERS. */
static unsigned find_order(const struct arena *arena, unsigned order)
{
	while (order < ORDERS && arena->first[order] == NO_PAGE)
		order++;
	return order;
}

/* A block of that order, or NO_PAGE. The one that was freed last: its memory is still warm. */
static uint64_t take_block(struct arena *arena, unsigned order)
{
	unsigned found = find_order(arena, order);
	uint64_t page;

	if (found == ORDERS)
		return NO_PAGE;
	page = arena->first[found];
	list_del(arena, page);
	while (found-- > order)
		list_add(arena, page + block_pages(found), found);
	return page;
}

/* ----------------------------------------------------------------------- allocating and freeing */

static void *arena_alloc(void *memory, uint64_t npages)
{
	struct arena *arena = memory;
	uint64_t page;

	pthread_mutex_lock(&arena->lock);
	page = take_block(arena, frames_order(npages));
	for (uint64_t i = 0; page != NO_PAGE && i < npages; i++)
		arena->pages[page + i].has_memory = true;
	pthread_mutex_unlock(&arena->lock);
	return page == NO_PAGE ? NULL : arena->memory + (page << PAGE_SHIFT);
}

static void arena_free(void *memory, void *block, uint64_t npages)
{
	struct arena *arena = memory;
	uint64_t page = (uint64_t)((unsigned char *)block - arena->memory) >> PAGE_SHIFT;

	pthread_mutex_lock(&arena->lock);
	put_block(arena, page, frames_order(npages));
	pthread_mutex_unlock(&arena->lock);
}

/* --------------------------------------------------------------------------------- giving back */

/* Gives the memory of a free block back, a run of pages that have any at a time. The bytes. */
static uint64_t purge(struct arena *arena, uint64_t page, uint64_t npages)
{
	uint64_t last = page + npages;
	uint64_t given = 0;

	while (page < last) {
		uint64_t end = page;
		size_t length;

		for (; end < last && arena->pages[end].has_memory; end++)
			arena->pages[end].has_memory = false;
		length = (size_t)(end - page) << PAGE_SHIFT;
		if (length && !madvise(arena->memory + (page << PAGE_SHIFT), length, MADV_DONTNEED))
			given += length;
		page = end + 1;
	}
	return given;
}

/*
 * Takes free blocks out for good, so that what is left makes no more than the limit: otherwise what
 * is allocated would move on through all of the mapping and leave memory behind everywhere. The
 * smallest go first, and large pieces remain to be had.
 */
static uint64_t take_out(struct arena *arena, uint64_t limit)
{
	uint64_t given = 0;

	while (arena->kept > limit) {
		unsigned order = find_order(arena, 0);
		uint64_t page;

		if (order == ORDERS)
			break;
		while (order && block_pages(order) > arena->kept - limit)
			order--;
		page = take_block(arena, order);
		given += purge(arena, page, block_pages(order));
		arena->kept -= block_pages(order);
	}
	return given;
}

static uint64_t arena_give_back(void *memory, uint64_t limit)
{
	struct arena *arena = memory;
	uint64_t given;

	/* What the system takes back is a page of its own size: never more than one of ours. */
	if (sysconf(_SC_PAGESIZE) > (long)PAGE_BYTES)
		return 0;
	/* Under the lock, so that nobody takes a block and fills it meanwhile. */
	pthread_mutex_lock(&arena->lock);
	given = take_out(arena, limit);
	for (unsigned order = 0; order < ORDERS; order++) {
		uint32_t page = arena->first[order];

		for (; page != NO_PAGE; page = arena->pages[page].next)
			given += purge(arena, page, block_pages(order));
	}
	pthread_mutex_unlock(&arena->lock);
	return given;
}

/* ---------------------------------------------------------------------------- beginning and end */

static int map_memory(struct arena *arena)
{
	size_t length = (size_t)arena->npages << PAGE_SHIFT;
	void *memory =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -ENOMEM;
#ifdef MADV_HUGEPAGE
	/* As the kernel reaches its frames through large mappings; where refused, it is slower. */
	(void)madvise(memory, length, MADV_HUGEPAGE);
#endif
	arena->memory = memory;
	return 0;
}

/* Everything is free, in blocks as large as their alignment and the end of the mapping allow. */
static void free_all(struct arena *arena)
{
	for (unsigned order = 0; order < ORDERS; order++)
		arena->first[order] = NO_PAGE;
	for (uint64_t page = 0; page < arena->npages; page++)
		arena->pages[page].order = NOT_FREE;
	/* From the end, so that the first block is the first in its list. */
	for (uint64_t end = arena->npages; end;) {
		unsigned order = 0;

		while (order + 1 < ORDERS && !(end & block_pages(order)))
			order++;
		end -= block_pages(order);
		list_add(arena, end, order);
	}
}

static int arena_create(void **memory, const struct frames_config *config)
{
	uint64_t npages = config->limit;
	struct arena *arena = NULL;

	if (npages < NO_PAGE && npages <= SIZE_MAX >> PAGE_SHIFT)
		arena = calloc(1, sizeof(*arena));
	if (!arena)
		return -ENOMEM;
	arena->npages = npages;
	arena->kept = npages;
	arena->pages = calloc((size_t)npages, sizeof(*arena->pages));
	if (!arena->pages || map_memory(arena)) {
		free(arena->pages);
		free(arena);
		return -ENOMEM;
	}
	pthread_mutex_init(&arena->lock, NULL);
	free_all(arena);
	*memory = arena;
	return 0;
}

static void arena_destroy(void *memory)
{
	struct arena *arena = memory;

	munmap(arena->memory, (size_t)arena->npages << PAGE_SHIFT);
	pthread_mutex_destroy(&arena->lock);
	free(arena->pages);
	free(arena);
}

const struct frames_ops frames_mmap = {
	.name = "mmap",
	.piece_max = FRAMES_PIECE_MAX,
	.create = arena_create,
	.destroy = arena_destroy,
	.alloc = arena_alloc,
	.free = arena_free,
	.give_back = arena_give_back,
};
