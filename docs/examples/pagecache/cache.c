/* SPDX-License-Identifier: MIT */
/*
 * The page cache proper: this is the file to read for porting one. Who calls it: see cache.h, whose
 * CACHE_TRY_GET and CACHE_PEEK are both here; the second adds read_part_by_peek() and no more.
 *
 * A page is a pfn (the file's base plus the page's index in the file), a slot of the registry with
 * the count, and a frame with the bytes. A page in the cache has one reference, the registry's own,
 * as a folio has the page cache's. From there the kernel's steps map to these:
 *
 *   in the kernel                             here
 *   --------------------------------------    ---------------------------------------------------
 *   filemap_read                              read_by_reference: page by page, or read_large
 *   filemap_get_folio: find in the XArray,    find_page: frozenref_registry_try_get, which does
 *     folio_try_get, look again                 all three
 *   folio_mark_accessed                       mark_referenced: a bit in frozenref_slot_user
 *   folio_put                                 frozenref_slot_put
 *   filemap_alloc_folio                       frames_take
 *   filemap_add_folio of a locked folio       frozenref_registry_insert_frozen: taken, not yet found
 *   read_folio, and unlocking it after        file_read_page, frozenref_slot_unfreeze
 *   folio_wait_locked                         waiting_sleep on frozenref_registry_state
 *   shrink_folio_list                         evict_page: the clock hand
 *   folio_ref_freeze in __remove_mapping      frozenref_slot_freeze(reg, slot, 1)
 *   __filemap_remove_folio, freeing it        frozenref_slot_erase_frozen
 *   truncate_inode_pages                      drop_file: frozenref_registry_erase_range
 *   giving memory back                        cache_shrink: frozenref_registry_trim
 *
 * Two things are simpler here. There is no page lock: while a page is frozen it has one owner, and
 * that is all a lock would say. And there is no grace period: slots never go away, so a lookup
 * needs no rcu_read_lock around it.
 */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <frozenref/registry.h>

#include "waiting.h"

#define REFERENCED 1u /* in the slot's user bits: looked up since the hand last passed */

#define BATCH_PAGES 16 /* looked up together by a large read */

/* One short read in so many takes a reference all the same, to mark the page for the clock hand. */
#define PEEKS_PER_MARK 64

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define COLD	  __attribute__((cold, noinline))
#define HOT	  inline __attribute__((always_inline))

struct page_cache {
	struct cache base; /* with the frames */
	struct frozenref_registry *reg;
	struct waiting waiting;
};

static struct page_cache *page_cache(struct cache *base)
{
	return (struct page_cache *)base;
}

/* --------------------------------------------------------------------------------- making room */

static void clear_referenced(struct frozenref_slot *slot)
{
	/* Relaxed, here and in mark_referenced(): a hint, whose loss costs one load at most. */
	__atomic_fetch_and(frozenref_slot_user(slot), ~REFERENCED, __ATOMIC_RELAXED);
}

static bool is_referenced(struct frozenref_slot *slot)
{
	return __atomic_load_n(frozenref_slot_user(slot), __ATOMIC_RELAXED) & REFERENCED;
}

/*
 * Takes out the page that the hand points at, unless it was looked up since the last time or
 * somebody holds it. What the frame table says may be out of date: then it is another page of that
 * number that is judged, frozen and taken out, and its frame that is returned. Any frame will do.
 */
static void *evict_page(struct cache *base, uint64_t pfn, struct cache_stats *stats)
{
	struct page_cache *cache = page_cache(base);
	struct frozenref_slot *slot = frozenref_registry_slot(cache->reg, pfn);
	void *frame;

	if (!slot)
		return NULL;
	if (is_referenced(slot)) {
		clear_referenced(slot);
		return NULL;
	}
	/*
	 * One reference: the registry's own. From here on lookups miss the page, and nobody but us
	 * can touch it; a lookup that came first makes this fail.
	 */
	if (!frozenref_slot_freeze(cache->reg, slot, 1)) {
		stats->in_use++;
		return NULL;
	}
	frame = frozenref_slot_erase_frozen(cache->reg, slot);
	waiting_wake(&cache->waiting, pfn);
	frames_set_owner(&cache->base.frames, frame, FRAME_NO_PFN);
	stats->evictions++;
	return frame;
}

/* -------------------------------------------------------------------------------- reading pages */

/*
 * Reads a page that the cache has not. On success *slot has a reference for the caller. -EEXIST or
 * -EBUSY: somebody else was faster, look again.
 */
static int load_page(struct page_cache *cache, const struct file *file, uint64_t index,
		     struct frozenref_slot **slot, struct cache_stats *stats)
{
	uint64_t pfn = file->base + index;
	void *frame = frames_take(&cache->base.frames, evict_page, &cache->base, stats);
	int err = frozenref_registry_insert_frozen(cache->reg, pfn, 1, frame, slot);

	if (err) {
		frames_push(&cache->base.frames, frame);
		return err;
	}
	/*
	 * Somebody may still peek at the page that was in the frame before. That the insert has
	 * fenced before we write lets it find out.
	 */
	err = file_read_page(file, index, frame);
	if (err) {
		frames_push(&cache->base.frames, frozenref_slot_erase_frozen(cache->reg, *slot));
		*slot = NULL;
	} else {
		stats->loads++;
		frames_set_owner(&cache->base.frames, frame, pfn);
		/* Two references: the registry's own and the caller's. */
		frozenref_slot_unfreeze(cache->reg, *slot, 2);
	}
	waiting_wake(&cache->waiting, pfn);
	return err;
}

/* A reference on a page that was not found at once. */
static COLD int get_page_slow(struct page_cache *cache, const struct file *file, uint64_t index,
			      struct frozenref_slot **slot, struct cache_stats *stats)
{
	uint64_t pfn = file->base + index;
	unsigned looks = 0;
	int err = -EEXIST;

	stats->misses++;
	while (!file_is_gone(file)) {
		switch (frozenref_registry_state(cache->reg, pfn)) {
		case FROZENREF_EMPTY:
			err = load_page(cache, file, index, slot, stats);
			if (err != -EEXIST && err != -EBUSY)
				return err;
			break;
		case FROZENREF_FROZEN:
			stats->waits++;
			waiting_sleep(&cache->waiting, cache->reg, pfn);
			break;
		case FROZENREF_LIVE:
			/*
			 * Just published; or a hand tries to freeze it, which lasts for a moment.
			 */
			*slot = frozenref_registry_try_get(cache->reg, pfn);
			if (*slot)
				return 0;
			waiting_relax(&looks);
			break;
		case FROZENREF_ERASED:
			/* Dropped with its file, and a reader has not finished yet. */
			waiting_relax(&looks);
			break;
		}
	}
	return -ESTALE;
}

static inline void mark_referenced(struct frozenref_slot *slot)
{
	/* Look before writing: the line stays shared among those who only read the bit. */
	if (!is_referenced(slot))
		__atomic_fetch_or(frozenref_slot_user(slot), REFERENCED, __ATOMIC_RELAXED);
}

/* The part of a read that lies within one page: what a hit costs is all here. */
static HOT int read_part(struct cache *base, const struct file *file, uint64_t offset, void *buffer,
			 size_t length, struct cache_stats *stats)
{
	struct page_cache *cache = page_cache(base);
	uint64_t index = offset >> PAGE_SHIFT;
	struct frozenref_slot *slot = frozenref_registry_try_get(cache->reg, file->base + index);
	const unsigned char *frame;

	if (LIKELY(slot)) {
		mark_referenced(slot);
	} else {
		/* Not marked: a page that is read once and never again leaves first. */
		int err = get_page_slow(cache, file, index, &slot, stats);

		if (err)
			return err;
	}
	frame = frozenref_slot_object(slot);
	cache_copy(buffer, frame + (offset & (PAGE_BYTES - 1)), length);
	frozenref_slot_put(cache->reg, slot);
	return 0;
}

/*
 * A short read without a reference: so a popular page's counter stays unwritten. The frames stay
 * mapped while the cache lives, which is what the registry was promised for it. A false is not a
 * miss yet: the page may have been taken out, or just come back.
 */
static HOT int read_part_by_peek(struct cache *base, const struct file *file, uint64_t offset,
				 void *buffer, size_t length, struct cache_stats *stats)
{
	struct page_cache *cache = page_cache(base);

	if (LIKELY(length <= CACHE_LINE_BYTES && ++stats->peeks % PEEKS_PER_MARK)) {
		if (LIKELY(frozenref_registry_peek(cache->reg, file->base + (offset >> PAGE_SHIFT),
						   offset & (PAGE_BYTES - 1), buffer, length)))
			return 0;
		stats->unpeeked++;
	}
	return read_part(base, file, offset, buffer, length, stats);
}

/* The bytes of a read that lie in a page: from *offset on, as many as are returned. */
static size_t part_in_page(uint64_t index, uint64_t begin, uint64_t end, uint64_t *offset)
{
	uint64_t page = index << PAGE_SHIFT;
	uint64_t page_end = page + PAGE_BYTES;

	*offset = begin > page ? begin : page;
	return (size_t)((end < page_end ? end : page_end) - *offset);
}

/*
 * The part of a large read that lies within these pages. They are looked up together, so that their
 * slots come from memory at the same time. Those that are there are copied and put first: a thread
 * that waits for a frame, or for another thread's page, must not hold any.
 */
static int read_batch(struct page_cache *cache, const struct file *file, uint64_t first,
		      unsigned npages, uint64_t begin, unsigned char *buffer, uint64_t end,
		      struct cache_stats *stats)
{
	struct frozenref_slot *slots[BATCH_PAGES];
	uint64_t pfns[BATCH_PAGES] = { 0 };
	uint64_t offset;
	size_t found;

	for (unsigned i = 0; i < npages; i++)
		pfns[i] = file->base + first + i;
	found = frozenref_registry_try_get_batch(cache->reg, pfns, npages, slots);
	for (unsigned i = 0; i < npages; i++) {
		size_t length = part_in_page(first + i, begin, end, &offset);
		const unsigned char *frame;

		if (!slots[i])
			continue;
		mark_referenced(slots[i]);
		frame = frozenref_slot_object(slots[i]);
		memcpy(buffer + (offset - begin), frame + (offset & (PAGE_BYTES - 1)), length);
		frozenref_slot_put(cache->reg, slots[i]);
	}
	for (unsigned i = 0; found < npages && i < npages; i++) {
		size_t length = part_in_page(first + i, begin, end, &offset);
		int err = slots[i] ? 0
				   : read_part(&cache->base, file, offset,
					       buffer + (offset - begin), length, stats);

		if (err)
			return err;
	}
	return 0;
}

static int read_large(struct page_cache *cache, const struct file *file, uint64_t begin,
		      unsigned char *buffer, size_t length, struct cache_stats *stats)
{
	uint64_t end = begin + length;
	uint64_t last = (end - 1) >> PAGE_SHIFT;

	for (uint64_t first = begin >> PAGE_SHIFT; first <= last; first += BATCH_PAGES) {
		unsigned npages =
			last - first < BATCH_PAGES ? (unsigned)(last - first + 1) : BATCH_PAGES;
		uint64_t batch_end = (first + npages) << PAGE_SHIFT;
		int err;

		if (file_is_gone(file))
			return -ESTALE;
		batch_end = batch_end < end ? batch_end : end;
		err = read_batch(cache, file, first, npages, begin, buffer, batch_end, stats);
		if (err)
			return err;
		buffer += batch_end - begin;
		begin = batch_end;
	}
	return 0;
}

static int read_by_reference(struct cache *base, const struct file *file, uint64_t offset,
			     void *buffer, size_t length, struct cache_stats *stats)
{
	if (length > PAGE_BYTES)
		return read_large(page_cache(base), file, offset, buffer, length, stats);
	return cache_read_by_page(read_part, base, file, offset, buffer, length, stats);
}

static int read_by_peek(struct cache *base, const struct file *file, uint64_t offset, void *buffer,
			size_t length, struct cache_stats *stats)
{
	if (length > PAGE_BYTES)
		return read_large(page_cache(base), file, offset, buffer, length, stats);
	return cache_read_by_page(read_part_by_peek, base, file, offset, buffer, length, stats);
}

static int hold_page(struct cache *base, const struct file *file, uint64_t index,
		     struct cache_hold *hold, struct cache_stats *stats)
{
	struct page_cache *cache = page_cache(base);
	struct frozenref_slot *slot = frozenref_registry_try_get(cache->reg, file->base + index);
	int err = slot ? 0 : get_page_slow(cache, file, index, &slot, stats);

	if (err)
		return err;
	hold->page = slot;
	hold->bytes = frozenref_slot_object(slot);
	return 0;
}

static void unhold_page(struct cache *base, struct cache_hold *hold)
{
	frozenref_slot_put(page_cache(base)->reg, hold->page);
}

/* ----------------------------------------------------------------------------- the cache's life */

static void drop_file(struct cache *base, const struct file *file)
{
	/* Pages in the hands of a thread that reads them or takes them out stay: as well. */
	(void)frozenref_registry_erase_range(page_cache(base)->reg, file->base,
					     file->base + file_pages(file) - 1, NULL);
}

/* The last holder of a dropped page has left. */
static void release_page(void *frame, uint64_t pfn, uint64_t npages, void *arg)
{
	struct page_cache *cache = arg;

	(void)pfn;
	(void)npages;
	frames_push(&cache->base.frames, frame);
}

static uint64_t trim_tables(struct cache *base)
{
	return frozenref_registry_trim(page_cache(base)->reg);
}

static void count_usage(struct cache *base, struct cache_usage *usage)
{
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;

	frozenref_registry_stats(page_cache(base)->reg, &stats);
	usage->tables = stats.bytes_resident;
	usage->revivals = stats.revivals;
}

static int destroy(struct cache *base)
{
	struct page_cache *cache = page_cache(base);
	int err = frozenref_registry_destroy(cache->reg);

	if (!err)
		waiting_exit(&cache->waiting);
	return err;
}

int cache_registry_create(struct cache **base, bool peek)
{
	static const struct cache_ops by_reference = {
		.read = read_by_reference,
		.hold = hold_page,
		.unhold = unhold_page,
		.drop_file = drop_file,
		.trim = trim_tables,
		.usage = count_usage,
		.destroy = destroy,
	};
	static const struct cache_ops by_peek = {
		.read = read_by_peek,
		.hold = hold_page,
		.unhold = unhold_page,
		.drop_file = drop_file,
		.trim = trim_tables,
		.usage = count_usage,
		.destroy = destroy,
	};
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct page_cache *cache = aligned_alloc(_Alignof(struct page_cache), sizeof(*cache));
	int err;

	if (!cache)
		return -ENOMEM;
	config.page_shift = PAGE_SHIFT;
	config.flags = peek ? FROZENREF_REGISTRY_PEEKABLE : 0;
	config.release = release_page;
	config.arg = cache;
	err = frozenref_registry_create(&cache->reg, &config);
	if (err) {
		free(cache);
		return err;
	}
	cache->base.ops = peek ? &by_peek : &by_reference;
	waiting_init(&cache->waiting);
	*base = &cache->base;
	return 0;
}
