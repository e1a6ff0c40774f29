/* SPDX-License-Identifier: MIT */
/*
 * Page frames: a fixed number of page-sized buffers, which is what caps the cache's memory. To this
 * cache what the buddy allocator is to the kernel's.
 *
 * Used by cache.c and the other modes. Relies on mmap().
 */
#ifndef PAGECACHE_FRAMES_H
#define PAGECACHE_FRAMES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_BYTES (1u << PAGE_SHIFT)

/* The owner of a frame that is free, or in the hands of a thread. */
#define FRAME_NO_PFN UINT64_MAX

struct cache;
struct cache_stats;

struct frames {
	unsigned char *memory;
	uint64_t n;
	/*
	 * Which page each frame holds: a hint for the clock hand, like the way from a struct page
	 * back to its mapping and index. It may be out of date; who acts on it must own the slot
	 * first.
	 */
	_Atomic uint64_t *owner;
	/* The next frame that the hand looks at, modulo n. Apart from what lookups read. */
	_Alignas(128) _Atomic uint64_t hand;
	_Alignas(128) pthread_mutex_t lock;
	uint32_t *free_stack;	/* numbers of free frames; under the lock */
	_Atomic uint64_t nfree; /* changed under the lock */
	uint64_t nclean;	/* the lowest so many of the stack have no memory; under the lock */
};

int frames_init(struct frames *frames, uint64_t n);
void frames_exit(struct frames *frames);

/* A free frame, or NULL. */
void *frames_pop(struct frames *frames);

void frames_push(struct frames *frames, void *frame);

/* A frame's number, below n. */
uint64_t frames_number(const struct frames *frames, const void *frame);

void frames_set_owner(struct frames *frames, const void *frame, uint64_t pfn);

/*
 * How a cache takes out the page of that number, if it may leave: its frame, or NULL. Any frame
 * will do.
 */
typedef void *frames_evict(struct cache *cache, uint64_t pfn, struct cache_stats *stats);

/*
 * An unused frame, by the clock hand if none is free. In the end always: whoever waits here holds
 * no page.
 */
void *frames_take(struct frames *frames, frames_evict *evict, struct cache *cache,
		  struct cache_stats *stats);

/* Gives the memory of free frames back to the system; they stay mapped. Returns the bytes. */
uint64_t frames_give_back(struct frames *frames);

/* Bytes in frames that hold pages. */
uint64_t frames_resident(struct frames *frames);

#endif /* PAGECACHE_FRAMES_H */
