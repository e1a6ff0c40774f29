/* SPDX-License-Identifier: MIT */
/*
 * The page cache from inside: what a mode has to have, and how the rest of the cache calls it. This
 * is the list of what a port has to find an answer to; mode_registry.c has the registry's answers,
 * mode_cas.c and mode_rwlock.c those of two others.
 *
 * Used by cache.c, load.c, reclaim.c and the modes.
 */
#ifndef PAGECACHE_MODE_H
#define PAGECACHE_MODE_H

#include <errno.h>
#include <string.h>

#include "cache.h"

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COLD	    __attribute__((cold, noinline))
#define HOT	    inline __attribute__((always_inline))

/* Contiguous pages of one file, on their way into the cache or out of it. */
struct folio {
	uint64_t pfn;	 /* of the first */
	uint64_t npages; /* a power of two; the first page's index is a multiple of it */
	unsigned char *bytes;
	void *of; /* the mode's */
};

/* What became of an attempt to take a folio out. */
enum evict_answer {
	EVICT_DONE,	  /* it is the caller's */
	EVICT_REFERENCED, /* it was looked up since the last attempt */
	EVICT_HELD,	  /* somebody holds it, or another thread owns it */
	EVICT_ABSENT,	  /* no folio is there */
};

typedef int cache_read_fn(struct cache *cache, const struct file *file, uint64_t offset,
			  void *buffer, size_t length, struct cache_stats *stats);
typedef bool cache_get_fn(struct cache *cache, uint64_t pfn, struct cache_hold *hold);
typedef void cache_put_fn(struct cache *cache, struct cache_hold *hold);

struct cache_ops {
	size_t size; /* of the mode's struct, which begins with a struct cache */
	/* What is the mode's own. 0 or a negative errno. */
	int (*init)(struct cache *cache, const struct cache_config *config);
	/* Frees it, or -EBUSY: somebody still holds a page. */
	int (*exit)(struct cache *cache);

	cache_read_fn *read;
	/* Holds what is at the pfn and notes that it was looked up; false if it cannot be had. */
	cache_get_fn *get;
	cache_put_fn *put;

	/* Takes the folio's pfns, which lookups go on missing. -EEXIST: one is somebody's. */
	int (*claim)(struct cache *cache, struct folio *folio);
	/* Of what was claimed: lets lookups find it, and holds it for the caller at that pfn. */
	void (*publish)(struct cache *cache, struct folio *folio, uint64_t pfn,
			struct cache_hold *hold);
	/* The same without a file's bytes in it: the pfns become free, the frames the caller's. */
	void (*abandon)(struct cache *cache, struct folio *folio);
	/* Waits for a while if the pfn is somebody's; false: it is nobody's. */
	bool (*wait)(struct cache *cache, uint64_t pfn, unsigned *looks);

	/* Takes out the folio that begins at the pfn, or one that covers it. */
	enum evict_answer (*evict)(struct cache *cache, uint64_t pfn, struct folio *folio);
	/* The folio that begins at the pfn, or did a moment ago; false: none does. */
	bool (*locate)(struct cache *cache, uint64_t pfn, struct folio *folio);
	/*
	 * Copies that very folio to other memory, where it is from now on; its old memory is the
	 * caller's. False, and nothing has changed: somebody holds it, or it is another one by now.
	 */
	bool (*move)(struct cache *cache, const struct folio *folio, void *to);
	/* Takes out and frees all folios that begin in these pages and that nobody holds. */
	void (*drop)(struct cache *cache, uint64_t pfn, uint64_t npages);
	/* Gives memory of tables back; how much. NULL: they are as large as they are. */
	uint64_t (*trim)(struct cache *cache);
	void (*usage)(struct cache *cache, struct cache_usage *usage);
};

extern const struct cache_ops cache_try_get_ops, cache_peek_ops, cache_cas_ops, cache_rwlock_ops;

/* -- load.c -- */

/* How many pages a folio with this page should have: no more than that, and all in the file. */
uint64_t folio_size(const struct file *file, uint64_t index, uint64_t most);

/* Holds a page that was not found at once, after reading it if it must be. */
COLD int cache_load(struct cache *cache, const struct file *file, uint64_t index,
		    struct cache_hold *hold, struct cache_stats *stats);

/* -- reclaim.c -- */

/*
 * So many pages in one piece, after others were evicted if need be. One page in the end always, as
 * whoever waits here holds none; NULL: more than one, and they are not to be had together.
 */
void *reclaim_alloc(struct cache *cache, uint64_t npages, struct cache_stats *stats);

/* Evicts until no more than the limit is in use. */
void reclaim_to_limit(struct cache *cache, struct cache_stats *stats);

/* -- compact.c -- */

/* Moves folios together, where memory goes back only if what is around it is free as well. */
void compact(struct cache *cache, struct cache_stats *stats);

/* -- reading -- */

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

/* How many pages these bytes touch. */
static inline uint64_t pages_of(uint64_t offset, uint64_t length)
{
	return ((offset + length - 1) >> PAGE_SHIFT) - (offset >> PAGE_SHIFT) + 1;
}

/* Copies as much of a read as what is held has of it. */
static HOT size_t cache_copy_held(const struct cache_hold *hold, uint64_t offset, void *buffer,
				  size_t length)
{
	size_t at = cache_hold_offset(hold, offset);
	size_t part = length < hold->size - at ? length : (size_t)(hold->size - at);

	cache_copy(buffer, hold->bytes + at, part);
	return part;
}

/*
 * Folio by folio, as filemap_read() does. Inline, and so are get and put: what a hit costs is what
 * they cost.
 */
static HOT int cache_read_folios(cache_get_fn *get, cache_put_fn *put, struct cache *cache,
				 const struct file *file, uint64_t offset, void *buffer,
				 size_t length, struct cache_stats *stats)
{
	while (length) {
		uint64_t index = offset >> PAGE_SHIFT;
		struct cache_hold hold;
		bool hit = get(cache, file->base + index, &hold);
		size_t part;

		if (UNLIKELY(!hit)) {
			/* One of its own, so that the other need not be in memory. */
			struct cache_hold loaded;
			int err = cache_load(cache, file, index, &loaded, stats);

			if (err)
				return err;
			hold = loaded;
		}
		part = cache_copy_held(&hold, offset, buffer, length);
		put(cache, &hold);
		if (UNLIKELY(!hit))
			stats->misses += pages_of(offset, part);
		buffer = (unsigned char *)buffer + part;
		offset += part;
		length -= part;
	}
	return 0;
}

#endif /* PAGECACHE_MODE_H */
