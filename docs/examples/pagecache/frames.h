/* SPDX-License-Identifier: MIT */
/*
 * Page frames: a fixed number of page-sized buffers, which is what caps the cache's memory. To this
 * cache what the buddy allocator is to the kernel's.
 *
 * Used by cache.c. Relies on mmap().
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

struct frames {
	unsigned char *memory;
	uint64_t n;
	/*
	 * Which page each frame holds: a hint for the clock hand, like the way from a struct page back
	 * to its mapping and index. It may be out of date; who acts on it must own the slot first.
	 */
	_Atomic uint64_t *owner;
	/* The next frame that the hand looks at, modulo n. Apart from what lookups read. */
	_Alignas(128) _Atomic uint64_t hand;
	_Alignas(128) pthread_mutex_t lock;
	uint32_t *free_stack;	/* numbers of free frames; under the lock */
	_Atomic uint64_t nfree; /* changed under the lock */
};

int frames_init(struct frames *frames, uint64_t n);
void frames_exit(struct frames *frames);

/* A free frame, or NULL. */
void *frames_pop(struct frames *frames);

void frames_push(struct frames *frames, void *frame);

void frames_set_owner(struct frames *frames, const void *frame, uint64_t pfn);

/* The page that the hand points at, or FRAME_NO_PFN; moves the hand on. */
uint64_t frames_step(struct frames *frames);

/* Bytes in frames that hold pages. */
uint64_t frames_resident(struct frames *frames);

#endif /* PAGECACHE_FRAMES_H */
