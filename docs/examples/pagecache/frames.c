/* SPDX-License-Identifier: MIT */
/*
 * Page frames: one mapping, a stack of what is free in it, and who owns the rest. See frames.h.
 */
#include "frames.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "waiting.h"

#ifndef MAP_ANONYMOUS
# define MAP_ANONYMOUS MAP_ANON
#endif

uint64_t frames_number(const struct frames *frames, const void *frame)
{
	return (uint64_t)((const unsigned char *)frame - frames->memory) >> PAGE_SHIFT;
}

static int map_memory(struct frames *frames)
{
	size_t length = (size_t)frames->n << PAGE_SHIFT;
	void *memory =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -ENOMEM;
#ifdef MADV_HUGEPAGE
	/* As the kernel reaches its frames through large mappings; where refused, it is slower. */
	(void)madvise(memory, length, MADV_HUGEPAGE);
#endif
	frames->memory = memory;
	return 0;
}

int frames_init(struct frames *frames, uint64_t n)
{
	if (n > UINT32_MAX || n > SIZE_MAX >> PAGE_SHIFT)
		return -ENOMEM;
	frames->memory = NULL;
	frames->n = n;
	frames->owner = calloc((size_t)n, sizeof(*frames->owner));
	frames->free_stack = calloc((size_t)n, sizeof(*frames->free_stack));
	pthread_mutex_init(&frames->lock, NULL);
	if (!frames->owner || !frames->free_stack || map_memory(frames)) {
		frames_exit(frames);
		return -ENOMEM;
	}
	atomic_init(&frames->hand, 0);
	atomic_init(&frames->nfree, n);
	frames->nclean = n;
	for (uint64_t i = 0; i < n; i++) {
		atomic_init(&frames->owner[i], FRAME_NO_PFN);
		frames->free_stack[i] = (uint32_t)(n - 1 - i);
	}
	return 0;
}

void frames_exit(struct frames *frames)
{
	if (frames->memory)
		munmap(frames->memory, (size_t)frames->n << PAGE_SHIFT);
	pthread_mutex_destroy(&frames->lock);
	free(frames->free_stack);
	free(frames->owner);
}

void *frames_pop(struct frames *frames)
{
	uint64_t left;
	void *frame = NULL;

	/* Relaxed: a hint that spares the lock once the cache is full, which is nearly always. */
	if (!atomic_load_explicit(&frames->nfree, memory_order_relaxed))
		return NULL;
	pthread_mutex_lock(&frames->lock);
	left = atomic_load_explicit(&frames->nfree, memory_order_relaxed);
	if (left) {
		left--;
		if (frames->nclean > left)
			frames->nclean = left;
		frame = frames->memory + ((size_t)frames->free_stack[left] << PAGE_SHIFT);
		atomic_store_explicit(&frames->nfree, left, memory_order_relaxed);
	}
	pthread_mutex_unlock(&frames->lock);
	return frame;
}

void frames_push(struct frames *frames, void *frame)
{
	uint64_t left;

	frames_set_owner(frames, frame, FRAME_NO_PFN);
	pthread_mutex_lock(&frames->lock);
	left = atomic_load_explicit(&frames->nfree, memory_order_relaxed);
	frames->free_stack[left] = (uint32_t)frames_number(frames, frame);
	atomic_store_explicit(&frames->nfree, left + 1, memory_order_relaxed);
	pthread_mutex_unlock(&frames->lock);
}

void frames_set_owner(struct frames *frames, const void *frame, uint64_t pfn)
{
	/* Relaxed: a hint. */
	atomic_store_explicit(&frames->owner[frames_number(frames, frame)], pfn,
			      memory_order_relaxed);
}

/* The page that the hand points at, or FRAME_NO_PFN; moves the hand on. */
static uint64_t step(struct frames *frames)
{
	uint64_t at = atomic_fetch_add_explicit(&frames->hand, 1, memory_order_relaxed);

	return atomic_load_explicit(&frames->owner[at % frames->n], memory_order_relaxed);
}

void *frames_take(struct frames *frames, frames_evict *evict, struct cache *cache,
		  struct cache_stats *stats)
{
	unsigned looks = 0;
	uint64_t steps = 0;

	for (;;) {
		void *frame = frames_pop(frames);
		uint64_t pfn;

		if (frame)
			return frame;
		pfn = step(frames);
		if (pfn != FRAME_NO_PFN)
			frame = evict(cache, pfn, stats);
		if (frame)
			return frame;
		/* Twice around, and all were in use: let those who use them run. */
		if (++steps > 2 * frames->n)
			waiting_relax(&looks);
	}
}

uint64_t frames_give_back(struct frames *frames)
{
	uint64_t left, given = 0;

	/* What the system takes back is a page of its own size: never more than a frame. */
	if (sysconf(_SC_PAGESIZE) > (long)PAGE_BYTES)
		return 0;
	/* Under the lock, so that nobody takes one and fills it meanwhile. */
	pthread_mutex_lock(&frames->lock);
	left = atomic_load_explicit(&frames->nfree, memory_order_relaxed);
	for (; frames->nclean < left; frames->nclean++) {
		size_t at = (size_t)frames->free_stack[frames->nclean] << PAGE_SHIFT;

		if (!madvise(frames->memory + at, PAGE_BYTES, MADV_DONTNEED))
			given += PAGE_BYTES;
	}
	pthread_mutex_unlock(&frames->lock);
	return given;
}

uint64_t frames_resident(struct frames *frames)
{
	return (frames->n - atomic_load_explicit(&frames->nfree, memory_order_relaxed))
	       << PAGE_SHIFT;
}
