/* SPDX-License-Identifier: MIT */
/*
 * A page cache: pages of files, in a fixed number of frames, found by number without a lock.
 *
 * Used by workers.c to read and by main.c to make and end it. Relies on the registry, on frames.c for
 * memory and waiting.c for sleeping.
 */
#ifndef PAGECACHE_CACHE_H
#define PAGECACHE_CACHE_H

#include <stdint.h>

#include <frozenref/registry.h>

#include "files.h"

struct cache;

/* What happened on a thread's slow paths. Each thread has its own: lookups share no counter. */
struct cache_stats {
	uint64_t misses;    /* lookups that did not find their page at once */
	uint64_t loads;	    /* pages read from their files */
	uint64_t waits;	    /* for a page that another thread had frozen */
	uint64_t evictions; /* pages taken out */
	uint64_t in_use;    /* pages that were not, because a lookup held them */
};

struct cache_usage {
	uint64_t cap;	   /* bytes that pages may take */
	uint64_t resident; /* bytes that they take */
	uint64_t registry; /* bytes that the registry itself takes */
	uint64_t revivals;
};

/* Fewest frames with which this many threads always get on. */
uint64_t cache_frames_min(unsigned threads);

/* 0 or a negative errno. */
int cache_create(struct cache **cache, uint64_t nframes);

/* After all reads. -EBUSY: somebody still holds a page, and nothing was freed. */
int cache_destroy(struct cache *cache, const struct file_set *set);

/*
 * Copies length bytes, which the file has to have, to the buffer. Returns 0; -ESTALE if the file has
 * shrunk or was forgotten; or another negative errno. On failure the buffer's content is undefined.
 */
int cache_read(struct cache *cache, const struct file *file, uint64_t offset, void *buffer,
	       size_t length, struct cache_stats *stats);

/* Takes a file's pages out. Readers that hold one finish; a page in other hands is left to the clock. */
void cache_drop_file(struct cache *cache, const struct file *file);

/* A reference on a page, which then stays, or NULL and *err. */
struct frozenref_slot *cache_get_page(struct cache *cache, const struct file *file, uint64_t index,
				      struct cache_stats *stats, int *err);
void cache_put_page(struct cache *cache, struct frozenref_slot *slot);

void cache_usage(struct cache *cache, struct cache_usage *usage);

#endif /* PAGECACHE_CACHE_H */
