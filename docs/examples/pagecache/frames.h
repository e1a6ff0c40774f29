/* SPDX-License-Identifier: MIT */
/*
 * The memory of pages: pieces of a power of two of pages, in one piece each, and never more of them
 * than a limit. To this cache what alloc_pages() is to the kernel's, with the limit of a memory
 * cgroup on top.
 *
 * Used by load.c, reclaim.c and the modes. Where memory comes from is behind frames_ops: another
 * allocator is another table of these functions. Relies on nothing else here.
 */
#ifndef PAGECACHE_FRAMES_H
#define PAGECACHE_FRAMES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGE_SHIFT	     12
#define PAGE_BYTES	     (1u << PAGE_SHIFT)
#define FRAMES_PIECE_MAX     512u /* most pages in a piece: 2 MiB */
#define FRAMES_PIECE_MAX_LOG 9
#define FRAMES_ORDERS	     (FRAMES_PIECE_MAX_LOG + 1)

struct frames_ops;

struct frames_config {
	const struct frames_ops *ops;
	uint64_t limit;	      /* pages that will be in use at a time, at most */
	uint64_t piece_pages; /* in a piece, at most */
	unsigned threads;     /* that allocate, about */
	/*
	 * What was freed must stay readable, since a peek may still look at it. Whoever reads by a
	 * reference needs no such promise: a piece is freed when nobody can have one any more.
	 */
	bool peeked;
};

/* How the pieces of one size lie: in blocks whose memory goes back only all at once. */
struct frames_blocks {
	uint64_t bytes;	 /* of a block, a power of two, to which it is aligned */
	uint64_t pieces; /* that a block has room for */
};

struct frames_ops {
	const char *name;
	uint64_t piece_max; /* pages */
	/* 0 or a negative errno, after saying what that does not. */
	int (*create)(void **arena, const struct frames_config *config);
	/* After everything was freed. */
	void (*destroy)(void *arena);
	/* npages, a power of two, aligned for a cache line; NULL if not to be had in one piece. */
	void *(*alloc)(void *arena, uint64_t npages);
	void (*free)(void *arena, void *memory, uint64_t npages);
	/*
	 * Gives the memory of all that is free back to the system, while others allocate and free,
	 * and keeps for later use no more than makes limit pages together with what is allocated.
	 * The bytes. NULL: it does so by itself, and does not say when.
	 */
	uint64_t (*give_back)(void *arena, uint64_t limit);
	/* Of pieces of so many pages. NULL: each goes back by itself, or threads share no blocks. */
	struct frames_blocks (*blocks)(void *arena, uint64_t npages);
	/*
	 * Takes over what threads that have exited kept for themselves, when no other thread
	 * allocates or frees. NULL: nothing is kept.
	 */
	void (*collect)(void *arena);
};

/* One mapping, divided by a buddy allocator. */
extern const struct frames_ops frames_mmap;
/* Objects of a frozenref_cache for each size. */
extern const struct frames_ops frames_cache;
/* Objects of a space of libfrozenref-mimalloc, which is loaded when it is wanted. */
extern const struct frames_ops frames_mimalloc;
/* aligned_alloc() and free(). */
extern const struct frames_ops frames_malloc;

struct frames {
	const struct frames_ops *ops;
	void *arena;
	_Atomic uint64_t limit; /* pages */
	/* Pages that are allocated. Apart from what lookups read. */
	_Alignas(128) _Atomic uint64_t used;
};

/* 0, or what create() answers. */
int frames_init(struct frames *frames, const struct frames_config *config);
void frames_exit(struct frames *frames);

/* log2 of a power of two of pages */
static inline unsigned frames_order(uint64_t npages)
{
	return (unsigned)__builtin_ctzll(npages);
}

/* NULL: beyond the limit, or `refused`: not in one piece, or the allocator has no memory. */
void *frames_alloc(struct frames *frames, uint64_t npages, bool *refused);
void frames_free(struct frames *frames, void *memory, uint64_t npages);

/*
 * A piece that is kept from being allocated, whatever the limit: for what is in another one to move
 * to, or so that nobody else gets it. And a piece that is not charged for goes back.
 */
void *frames_isolate(struct frames *frames, uint64_t npages);
void frames_putback(struct frames *frames, void *memory, uint64_t npages);

/* What is allocated beyond a lower limit stays so until it is freed. */
void frames_set_limit(struct frames *frames, uint64_t limit);

/* When no other thread allocates or frees: what threads that have exited kept is free as well. */
void frames_collect(struct frames *frames);

/* Gives the memory of free frames back to the system. Returns the bytes. */
uint64_t frames_give_back(struct frames *frames);

uint64_t frames_limit(const struct frames *frames);
uint64_t frames_used(const struct frames *frames);

#endif /* PAGECACHE_FRAMES_H */
