/* SPDX-License-Identifier: MIT */
/*
 * What the page cache is compared with, one: references as they are usually taken on objects that
 * others may free, by a loop around a compare-and-swap that refuses to add to zero. See cache.h.
 *
 * The counts are in an array by page, like a memmap: the fastest way there is to find one, and
 * since an element stands for one page for ever, nothing is looked at again after the reference was
 * taken. So only the way of counting differs from CACHE_TRY_GET, and what differs besides favours
 * this one.
 */
#include "cache.h"

#include <stdlib.h>

#include "waiting.h"

#define CLAIMED	   1u /* in the cache, or being read into it */
#define REFERENCED 2u /* looked up since the hand last passed */

/* Half a slot of the registry. */
struct cas_page {
	_Atomic uint32_t count; /* 0: not to be found; else one of it is the cache's own */
	_Atomic uint32_t flags;
	union {
		void *frame;
		uint64_t room; /* the same layout where pointers have 32 bits */
	} u;
};

struct cas_cache {
	struct cache base;
	struct cas_page *pages;
	uint64_t npages;
};

static struct cas_cache *cas_cache(struct cache *base)
{
	return (struct cas_cache *)base;
}

static inline bool try_get(struct cas_page *page)
{
	uint32_t count = atomic_load_explicit(&page->count, memory_order_relaxed);

	do {
		if (!count)
			return false;
		/* Acquire: pairs with the release of load_page(), which filled the frame. */
	} while (!atomic_compare_exchange_weak_explicit(&page->count, &count, count + 1,
							memory_order_acquire,
							memory_order_relaxed));
	return true;
}

static inline void put(struct cas_page *page)
{
	/* Release: the copy comes before the freeze that takes the frame away. */
	atomic_fetch_sub_explicit(&page->count, 1, memory_order_release);
}

/* Takes a page that only the cache has: its frame, or NULL. */
static void *freeze(struct cas_page *page)
{
	uint32_t one = 1;
	void *frame;

	/* Acquire: pairs with put(). */
	if (!atomic_compare_exchange_strong_explicit(&page->count, &one, 0, memory_order_acquire,
						     memory_order_relaxed))
		return NULL;
	frame = page->u.frame;
	/* Release: who claims the page next must not write the frame before we have read it. */
	atomic_store_explicit(&page->flags, 0, memory_order_release);
	return frame;
}

static void *evict_page(struct cache *base, uint64_t pfn, struct cache_stats *stats)
{
	struct cas_page *page = &cas_cache(base)->pages[pfn];
	void *frame;

	if (atomic_load_explicit(&page->flags, memory_order_relaxed) & REFERENCED) {
		atomic_fetch_and_explicit(&page->flags, ~REFERENCED, memory_order_relaxed);
		return NULL;
	}
	frame = freeze(page);
	if (!frame) {
		stats->in_use++;
		return NULL;
	}
	frames_set_owner(&base->frames, frame, FRAME_NO_PFN);
	stats->evictions++;
	return frame;
}

/* Reads a page that the cache has not, with a reference for the caller. */
static int load_page(struct cas_cache *cache, const struct file *file, uint64_t index,
		     struct cache_stats *stats)
{
	struct cas_page *page = &cache->pages[file->base + index];
	void *frame = frames_take(&cache->base.frames, evict_page, &cache->base, stats);
	uint32_t flags = 0;
	int err;

	/* Acquire: pairs with the release of who had it last. */
	if (!atomic_compare_exchange_strong_explicit(&page->flags, &flags, CLAIMED,
						     memory_order_acquire, memory_order_relaxed)) {
		frames_push(&cache->base.frames, frame);
		return -EEXIST;
	}
	err = file_read_page(file, index, frame);
	if (err) {
		frames_push(&cache->base.frames, frame);
		atomic_store_explicit(&page->flags, 0, memory_order_release);
		return err;
	}
	stats->loads++;
	page->u.frame = frame;
	frames_set_owner(&cache->base.frames, frame, file->base + index);
	/* Release: publishes the frame. Two references: the cache's own and the caller's. */
	atomic_store_explicit(&page->count, 2, memory_order_release);
	return 0;
}

static __attribute__((cold, noinline)) int get_page_slow(struct cas_cache *cache,
							 const struct file *file, uint64_t index,
							 struct cache_stats *stats)
{
	struct cas_page *page = &cache->pages[file->base + index];
	unsigned looks = 0;

	stats->misses++;
	while (!file_is_gone(file)) {
		int err;

		if (try_get(page))
			return 0;
		if (atomic_load_explicit(&page->flags, memory_order_relaxed) & CLAIMED) {
			/* Another thread reads it, or takes it out. */
			stats->waits += !looks;
			waiting_relax(&looks);
			continue;
		}
		err = load_page(cache, file, index, stats);
		if (err != -EEXIST)
			return err;
	}
	return -ESTALE;
}

static inline __attribute__((always_inline)) int read_part(struct cache *base,
							   const struct file *file, uint64_t offset,
							   void *buffer, size_t length,
							   struct cache_stats *stats)
{
	struct cas_cache *cache = cas_cache(base);
	uint64_t index = offset >> PAGE_SHIFT;
	struct cas_page *page = &cache->pages[file->base + index];
	const unsigned char *frame;

	if (try_get(page)) {
		if (!(atomic_load_explicit(&page->flags, memory_order_relaxed) & REFERENCED))
			atomic_fetch_or_explicit(&page->flags, REFERENCED, memory_order_relaxed);
	} else {
		int err = get_page_slow(cache, file, index, stats);

		if (err)
			return err;
	}
	frame = page->u.frame;
	cache_copy(buffer, frame + (offset & (PAGE_BYTES - 1)), length);
	put(page);
	return 0;
}

static int read_pages(struct cache *base, const struct file *file, uint64_t offset, void *buffer,
		      size_t length, struct cache_stats *stats)
{
	return cache_read_by_page(read_part, base, file, offset, buffer, length, stats);
}

static int hold_page(struct cache *base, const struct file *file, uint64_t index,
		     struct cache_hold *hold, struct cache_stats *stats)
{
	struct cas_page *page = &cas_cache(base)->pages[file->base + index];
	int err = try_get(page) ? 0 : get_page_slow(cas_cache(base), file, index, stats);

	if (err)
		return err;
	hold->page = page;
	hold->bytes = page->u.frame;
	return 0;
}

static void unhold_page(struct cache *base, struct cache_hold *hold)
{
	(void)base;
	put(hold->page);
}

static void drop_file(struct cache *base, const struct file *file)
{
	struct cas_page *page = &cas_cache(base)->pages[file->base];

	for (uint64_t i = 0; i < file_pages(file); i++) {
		void *frame = freeze(&page[i]);

		/* One that is held is left to the clock hand. */
		if (frame)
			frames_push(&base->frames, frame);
	}
}

static void count_usage(struct cache *base, struct cache_usage *usage)
{
	usage->tables = cas_cache(base)->npages * sizeof(struct cas_page);
	usage->revivals = 0;
}

static int destroy(struct cache *base)
{
	struct cas_cache *cache = cas_cache(base);

	for (uint64_t pfn = 0; pfn < cache->npages; pfn++) {
		if (atomic_load_explicit(&cache->pages[pfn].count, memory_order_acquire))
			return -EBUSY;
	}
	free(cache->pages);
	return 0;
}

int cache_cas_create(struct cache **base, uint64_t npages)
{
	static const struct cache_ops ops = {
		.read = read_pages,
		.hold = hold_page,
		.unhold = unhold_page,
		.drop_file = drop_file,
		.usage = count_usage,
		.destroy = destroy,
	};
	struct cas_cache *cache = aligned_alloc(_Alignof(struct cas_cache), sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	cache->pages = calloc((size_t)npages, sizeof(*cache->pages));
	if (!cache->pages) {
		free(cache);
		return -ENOMEM;
	}
	cache->npages = npages;
	cache->base.ops = &ops;
	*base = &cache->base;
	return 0;
}
