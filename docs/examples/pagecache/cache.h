/* SPDX-License-Identifier: MIT */
/*
 * A page cache: pages of files, in a fixed number of frames, found by number. cache.c is the one to
 * read. It has two ways to read a page; cache_cas.c and cache_rwlock.c are what it is compared
 * with: the same frames, files and clock hand, and other ways to find and hold a page.
 *
 * Used by workers.c to read and by main.c to make and end it. Relies on frames.c for memory.
 */
#ifndef PAGECACHE_CACHE_H
#define PAGECACHE_CACHE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "files.h"
#include "frames.h"

enum cache_mode {
	CACHE_TRY_GET, /* every page that is read is held by a reference */
	CACHE_PEEK,    /* short reads copy without one */
	CACHE_CAS,     /* references are taken by a loop around a compare-and-swap */
	CACHE_RWLOCK,  /* references are taken from a hash table under a reader-writer lock */
	CACHE_MODES,
};

/* What happened on a thread's slow paths. Each thread has its own: lookups share no counter. */
struct cache_stats {
	uint64_t misses;    /* lookups that did not find their page at once */
	uint64_t loads;	    /* pages read from their files */
	uint64_t waits;	    /* for a page that another thread had frozen */
	uint64_t evictions; /* pages taken out */
	uint64_t in_use;    /* pages that were not, because a lookup held them */
	uint64_t peeks;	    /* short reads that tried to do without a reference */
	uint64_t unpeeked;  /* of these, those that then took one */
};

struct cache_usage {
	uint64_t cap;	   /* bytes that pages may take */
	uint64_t resident; /* bytes that they take */
	uint64_t tables;   /* bytes that finding them takes */
	uint64_t revivals;
};

/* A page that is held, and so stays. */
struct cache_hold {
	void *page;
	unsigned char *bytes;
};

struct cache {
	const struct cache_ops *ops;
	struct frames frames;
};

/* What a mode has of its own. */
struct cache_ops {
	int (*read)(struct cache *cache, const struct file *file, uint64_t offset, void *buffer,
		    size_t length, struct cache_stats *stats);
	int (*hold)(struct cache *cache, const struct file *file, uint64_t index,
		    struct cache_hold *hold, struct cache_stats *stats);
	void (*unhold)(struct cache *cache, struct cache_hold *hold);
	void (*drop_file)(struct cache *cache, const struct file *file);
	/* Gives memory of tables back; how much. NULL: they are as large as they are. */
	uint64_t (*trim)(struct cache *cache);
	void (*usage)(struct cache *cache, struct cache_usage *usage);
	/* Frees what is the mode's own, or -EBUSY: somebody still holds a page. */
	int (*destroy)(struct cache *cache);
};

/* Fewest frames with which this many threads always get on. */
uint64_t cache_frames_min(unsigned threads);

/* A cache for pfns below npages. 0 or a negative errno. */
int cache_create(struct cache **cache, enum cache_mode mode, uint64_t nframes, uint64_t npages);

/* After all reads. -EBUSY: somebody still holds a page, and nothing was freed. */
int cache_destroy(struct cache *cache, const struct file_set *set);

/*
 * Copies length bytes, which the file has to have, to the buffer. Returns 0; -ESTALE if the file
 * has shrunk or was forgotten; or another negative errno. On failure the buffer's content is
 * undefined.
 */
static inline int cache_read(struct cache *cache, const struct file *file, uint64_t offset,
			     void *buffer, size_t length, struct cache_stats *stats)
{
	return cache->ops->read(cache, file, offset, buffer, length, stats);
}

/*
 * Takes a file's pages out. Readers that hold one finish; a page in other hands is left to the
 * clock.
 */
void cache_drop_file(struct cache *cache, const struct file *file);

/* Gives the memory of free frames and empty tables back to the system. Returns the bytes. */
uint64_t cache_shrink(struct cache *cache);

/* Holds a page, which then stays. 0 or a negative errno. */
int cache_hold(struct cache *cache, const struct file *file, uint64_t index,
	       struct cache_hold *hold, struct cache_stats *stats);
void cache_unhold(struct cache *cache, struct cache_hold *hold);

void cache_usage(struct cache *cache, struct cache_usage *usage);

/* For cache_modes.c: each makes one, with everything but the frames. */
int cache_registry_create(struct cache **cache, bool peek);
int cache_cas_create(struct cache **cache, uint64_t npages);
int cache_rwlock_create(struct cache **cache, uint64_t nframes);

#define CACHE_LINE_BYTES 64 /* of a CPU */

/*
 * A line is copied in a few moves, where a length that may be anything takes a string instruction.
 */
static inline void cache_copy(void *buffer, const unsigned char *bytes, size_t length)
{
	if (length == CACHE_LINE_BYTES)
		memcpy(buffer, bytes, CACHE_LINE_BYTES);
	else
		memcpy(buffer, bytes, length);
}

/* Reads the part of a read that lies within one page. */
typedef int cache_read_part(struct cache *cache, const struct file *file, uint64_t offset,
			    void *buffer, size_t length, struct cache_stats *stats);

/* Page by page. Inline, and so is what it is given: a read of one page costs no call. */
static inline __attribute__((always_inline)) int
cache_read_by_page(cache_read_part *read_part, struct cache *cache, const struct file *file,
		   uint64_t offset, void *buffer, size_t length, struct cache_stats *stats)
{
	if (file_is_gone(file))
		return -ESTALE;
	while (length) {
		size_t room = PAGE_BYTES - (size_t)(offset & (PAGE_BYTES - 1));
		size_t part = length < room ? length : room;
		int err = read_part(cache, file, offset, buffer, part, stats);

		if (err)
			return err;
		buffer = (unsigned char *)buffer + part;
		offset += part;
		length -= part;
	}
	return 0;
}

#endif /* PAGECACHE_CACHE_H */
