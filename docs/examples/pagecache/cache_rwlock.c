/* SPDX-License-Identifier: MIT */
/*
 * What the page cache is compared with, two: a hash table under a reader-writer lock, and counts
 * that need no more than an addition, since whoever looks a page up has the lock and whoever takes
 * one out has it alone. See cache.h.
 *
 * The table is one of chains through the pages themselves, with a bucket for each frame or more: a
 * lookup follows two pointers, so that what is measured is the lock and not a slow table.
 */
#include "cache.h"

#include <pthread.h>
#include <stdlib.h>

/* One for each frame, by its number. */
struct rwlock_page {
	uint64_t pfn;
	struct rwlock_page *next;    /* in the chain */
	_Atomic uint32_t holders;    /* raised under the lock, lowered without */
	_Atomic uint32_t referenced; /* looked up since the hand last passed */
	unsigned char *frame;
};

struct rwlock_cache {
	struct cache base;
	struct rwlock_page *pages;
	struct rwlock_page **buckets;
	uint64_t mask; /* of buckets, which are a power of two */
	_Alignas(128) pthread_rwlock_t lock;
};

static struct rwlock_cache *rwlock_cache(struct cache *base)
{
	return (struct rwlock_cache *)base;
}

/* Where the pointer to a page is, or to the NULL at the end of the chain. */
static struct rwlock_page **find(struct rwlock_cache *cache, uint64_t pfn)
{
	/* Pages are numbered one by one, so they spread best if nothing is mixed. */
	struct rwlock_page **link = &cache->buckets[pfn & cache->mask];

	while (*link && (*link)->pfn != pfn)
		link = &(*link)->next;
	return link;
}

static struct rwlock_page *get(struct rwlock_page *page)
{
	/* Relaxed: the lock orders it. */
	if (page)
		atomic_fetch_add_explicit(&page->holders, 1, memory_order_relaxed);
	return page;
}

static void put(struct rwlock_page *page)
{
	/* Release: the copy comes before the page is taken out. Pairs with take_out(). */
	atomic_fetch_sub_explicit(&page->holders, 1, memory_order_release);
}

/* Under the lock for writing: the frame of a page that nobody holds, or NULL. */
static void *take_out(struct rwlock_page **link)
{
	struct rwlock_page *page = *link;

	/* Acquire: pairs with put(). */
	if (atomic_load_explicit(&page->holders, memory_order_acquire))
		return NULL;
	*link = page->next;
	return page->frame;
}

static void *evict_page(struct cache *base, uint64_t pfn, struct cache_stats *stats)
{
	struct rwlock_cache *cache = rwlock_cache(base);
	struct rwlock_page **link;
	void *frame = NULL;

	pthread_rwlock_wrlock(&cache->lock);
	link = find(cache, pfn);
	if (*link && atomic_load_explicit(&(*link)->referenced, memory_order_relaxed)) {
		atomic_store_explicit(&(*link)->referenced, 0, memory_order_relaxed);
	} else if (*link) {
		frame = take_out(link);
		stats->in_use += !frame;
	}
	pthread_rwlock_unlock(&cache->lock);
	if (!frame)
		return NULL;
	frames_set_owner(&base->frames, frame, FRAME_NO_PFN);
	stats->evictions++;
	return frame;
}

/*
 * Enters a page that was read, or finds that another thread was faster: the one that is held now.
 */
static struct rwlock_page *enter(struct rwlock_cache *cache, uint64_t pfn, void *frame)
{
	struct rwlock_page *page = &cache->pages[frames_number(&cache->base.frames, frame)];
	struct rwlock_page **link;

	pthread_rwlock_wrlock(&cache->lock);
	link = find(cache, pfn);
	if (!*link) {
		page->pfn = pfn;
		page->next = NULL;
		page->frame = frame;
		atomic_store_explicit(&page->holders, 0, memory_order_relaxed);
		atomic_store_explicit(&page->referenced, 0, memory_order_relaxed);
		*link = page;
	}
	page = get(*link);
	pthread_rwlock_unlock(&cache->lock);
	return page;
}

static __attribute__((cold, noinline)) int get_page_slow(struct rwlock_cache *cache,
							 const struct file *file, uint64_t index,
							 struct rwlock_page **page,
							 struct cache_stats *stats)
{
	uint64_t pfn = file->base + index;
	void *frame = frames_take(&cache->base.frames, evict_page, &cache->base, stats);
	int err = file_read_page(file, index, frame);

	stats->misses++;
	if (err) {
		frames_push(&cache->base.frames, frame);
		return err;
	}
	*page = enter(cache, pfn, frame);
	if ((*page)->frame == frame) {
		stats->loads++;
		frames_set_owner(&cache->base.frames, frame, pfn);
	} else {
		frames_push(&cache->base.frames, frame);
	}
	return 0;
}

static inline struct rwlock_page *get_page(struct rwlock_cache *cache, uint64_t pfn)
{
	struct rwlock_page *page;

	pthread_rwlock_rdlock(&cache->lock);
	page = get(*find(cache, pfn));
	pthread_rwlock_unlock(&cache->lock);
	return page;
}

static inline __attribute__((always_inline)) int read_part(struct cache *base,
							   const struct file *file, uint64_t offset,
							   void *buffer, size_t length,
							   struct cache_stats *stats)
{
	struct rwlock_cache *cache = rwlock_cache(base);
	uint64_t index = offset >> PAGE_SHIFT;
	struct rwlock_page *page = get_page(cache, file->base + index);

	if (page) {
		if (!atomic_load_explicit(&page->referenced, memory_order_relaxed))
			atomic_store_explicit(&page->referenced, 1, memory_order_relaxed);
	} else {
		int err = get_page_slow(cache, file, index, &page, stats);

		if (err)
			return err;
	}
	cache_copy(buffer, page->frame + (offset & (PAGE_BYTES - 1)), length);
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
	struct rwlock_cache *cache = rwlock_cache(base);
	struct rwlock_page *page = get_page(cache, file->base + index);
	int err = page ? 0 : get_page_slow(cache, file, index, &page, stats);

	if (err)
		return err;
	hold->page = page;
	hold->bytes = page->frame;
	return 0;
}

static void unhold_page(struct cache *base, struct cache_hold *hold)
{
	(void)base;
	put(hold->page);
}

static void drop_file(struct cache *base, const struct file *file)
{
	struct rwlock_cache *cache = rwlock_cache(base);

	for (uint64_t index = 0; index < file_pages(file); index++) {
		struct rwlock_page **link;
		void *frame = NULL;

		pthread_rwlock_wrlock(&cache->lock);
		link = find(cache, file->base + index);
		if (*link)
			frame = take_out(link);
		pthread_rwlock_unlock(&cache->lock);
		/* One that is held is left to the clock hand. */
		if (frame)
			frames_push(&base->frames, frame);
	}
}

static void count_usage(struct cache *base, struct cache_usage *usage)
{
	usage->tables = base->frames.n * sizeof(struct rwlock_page) +
			(rwlock_cache(base)->mask + 1) * sizeof(struct rwlock_page *);
	usage->revivals = 0;
}

static int destroy(struct cache *base)
{
	struct rwlock_cache *cache = rwlock_cache(base);

	for (uint64_t i = 0; i <= cache->mask; i++) {
		if (cache->buckets[i])
			return -EBUSY;
	}
	pthread_rwlock_destroy(&cache->lock);
	free(cache->buckets);
	free(cache->pages);
	return 0;
}

int cache_rwlock_create(struct cache **base, uint64_t nframes)
{
	static const struct cache_ops ops = {
		.read = read_pages,
		.hold = hold_page,
		.unhold = unhold_page,
		.drop_file = drop_file,
		.usage = count_usage,
		.destroy = destroy,
	};
	struct rwlock_cache *cache = aligned_alloc(_Alignof(struct rwlock_cache), sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	for (cache->mask = 1; cache->mask < nframes; cache->mask *= 2)
		;
	cache->buckets = calloc((size_t)cache->mask, sizeof(*cache->buckets));
	cache->pages = calloc((size_t)nframes, sizeof(*cache->pages));
	if (!cache->buckets || !cache->pages) {
		free(cache->buckets);
		free(cache->pages);
		free(cache);
		return -ENOMEM;
	}
	cache->mask--;
	pthread_rwlock_init(&cache->lock, NULL);
	cache->base.ops = &ops;
	*base = &cache->base;
	return 0;
}
