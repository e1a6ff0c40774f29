/* SPDX-License-Identifier: MIT */
/*
 * A page cache: pages of files, in folios of one page or several, within a limit of memory, found
 * by number. What its users see: workers.c reads, main.c makes and ends it, shrink.c makes it
 * smaller. mode.h is how it looks from inside.
 *
 * Relies on files.c for what to read and on frames.c for memory to keep it in.
 */
#ifndef PAGECACHE_CACHE_H
#define PAGECACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"
#include "frames.h"
#include "lru.h"

/* How a page is found, and kept from going while it is read. */
enum cache_mode {
	CACHE_TRY_GET, /* every folio that is read is held by a reference */
	CACHE_PEEK,    /* short reads copy without one */
	CACHE_CAS,     /* references are taken by a loop around a compare-and-swap, page by page */
	CACHE_RWLOCK,  /* references are taken from a hash table under a reader-writer lock */
	CACHE_MODES,
};

/* What happened on a thread's way. Each thread has its own: lookups share no counter. */
struct cache_stats {
	uint64_t misses;    /* pages that were asked for and not there at once */
	uint64_t folios;    /* read from their files */
	uint64_t pages;	    /* that these had */
	uint64_t smaller;   /* of these folios, those that could not be as large as they should */
	uint64_t waits;	    /* for a page that another thread read or took out */
	uint64_t evictions; /* folios taken out */
	uint64_t evicted_pages;	   /* that these had */
	uint64_t moved;		   /* folios that got other memory, so that theirs could go back */
	uint64_t in_use;	   /* folios that were not, because a lookup held them */
	uint64_t peeks;		   /* short reads that tried to do without a reference */
	uint64_t unpeeked;	   /* of these, those that then took one */
	uint64_t batches;	   /* calls that looked several folios up */
	uint64_t batch_references; /* that these gave */
	uint64_t batch_pages;	   /* that these referred to, and that were read */
};

struct cache_usage {
	uint64_t cap;	   /* bytes that pages may take */
	uint64_t resident; /* bytes that they take */
	uint64_t tables;   /* bytes that finding them takes */
	uint64_t revivals;
};

/* What went back to the system, in bytes. */
struct cache_shrunk {
	uint64_t frames;
	uint64_t tables;
};

/* A reference, or what a mode has instead: what bytes points at stays. */
struct cache_hold {
	void *of;	      /* the mode's */
	unsigned char *bytes; /* of a folio, or of a page */
	uint64_t size;	      /* a power of two; in its file it is aligned to it */
};

struct cache {
	const struct cache_ops *ops; /* of mode.h */
	uint64_t npages;	     /* pfns are below it */
	uint64_t folio_pages;	     /* that a folio should have */
	struct frames frames;
	struct lru lru;
};

struct cache_config {
	enum cache_mode mode;
	uint64_t npages;      /* pfns are below it */
	uint64_t limit;	      /* pages that may be in memory */
	uint64_t folio_pages; /* a power of two up to frames->piece_max */
	unsigned threads;     /* that read, about */
	const struct frames_ops *frames;
};

/* The lowest limit with which this many threads always get on. */
uint64_t cache_limit_min(unsigned threads, uint64_t folio_pages);

/* 0 or a negative errno; -ENOTSUP: no peeks with frames like these, on this machine. */
int cache_create(struct cache **cache, const struct cache_config *config);

/* After all reads. -EBUSY: somebody still holds a page, and nothing was freed. */
int cache_destroy(struct cache *cache, const struct file_set *set);

/*
 * Copies length bytes, which the file has to have, to the buffer. Returns 0; -ESTALE if the file
 * has shrunk or was forgotten; or another negative errno. On failure the buffer's content is
 * undefined.
 */
int cache_read(struct cache *cache, const struct file *file, uint64_t offset, void *buffer,
	       size_t length, struct cache_stats *stats);

/*
 * Takes a file's pages out. Readers that hold some finish; a folio in other hands is left to be
 * evicted.
 */
void cache_drop_file(struct cache *cache, const struct file *file);

/* Takes all out that nobody holds, and gives its memory back, when no other thread is in here. */
struct cache_shrunk cache_empty(struct cache *cache, const struct file_set *set);

/* Gives the memory of free frames and empty tables back to the system. */
struct cache_shrunk cache_shrink(struct cache *cache);

/*
 * Another limit: evicts what is beyond a lower one, moves the rest together, and gives the memory
 * that is free back.
 */
struct cache_shrunk cache_set_limit(struct cache *cache, uint64_t limit, struct cache_stats *stats);

/* Holds the folio, or page, with that page of the file. 0 or a negative errno. */
int cache_hold(struct cache *cache, const struct file *file, uint64_t index,
	       struct cache_hold *hold, struct cache_stats *stats);
void cache_unhold(struct cache *cache, struct cache_hold *hold);

/* Where in what is held a byte of the file is. */
static inline size_t cache_hold_offset(const struct cache_hold *hold, uint64_t offset)
{
	return (size_t)(offset & (hold->size - 1));
}

void cache_usage(struct cache *cache, struct cache_usage *usage);

#endif /* PAGECACHE_CACHE_H */
