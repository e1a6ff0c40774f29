/* SPDX-License-Identifier: MIT */
/*
 * The page cache proper: this is the file to read for porting one. Who calls it: see cache.h.
 *
 * A page is a pfn (the file's base plus the page's index in the file), a slot of the registry with the
 * count, and a frame with the bytes. A page in the cache has one reference, the registry's own, as a
 * folio has the page cache's. From there the kernel's steps map to these:
 *
 *   in the kernel                             here
 *   --------------------------------------    ---------------------------------------------------
 *   filemap_read                              cache_read: page by page
 *   filemap_get_folio: find in the XArray,    find_page: frozenref_registry_try_get, which does
 *     folio_try_get, look again                 all three
 *   folio_mark_accessed                       mark_referenced: a bit in frozenref_slot_user
 *   folio_put                                 frozenref_slot_put
 *   filemap_alloc_folio                       take_frame
 *   filemap_add_folio of a locked folio       frozenref_registry_insert_frozen: taken, not yet found
 *   read_folio, and unlocking it after        read_page, frozenref_slot_unfreeze
 *   folio_wait_locked                         waiting_sleep on frozenref_registry_state
 *   shrink_folio_list                         evict_page: the clock hand
 *   folio_ref_freeze in __remove_mapping      frozenref_slot_freeze(reg, slot, 1)
 *   __filemap_remove_folio, freeing it        frozenref_slot_erase_frozen
 *   truncate_inode_pages                      cache_drop_file: frozenref_registry_erase
 *
 * Two things are simpler here. There is no page lock: while a page is frozen it has one owner, and
 * that is all a lock would say. And there is no grace period: slots never go away, so a lookup needs
 * no rcu_read_lock around it.
 */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "waiting.h"

#define REFERENCED 1u /* in the slot's user bits: looked up since the hand last passed */

#define LINE_BYTES 64 /* of a CPU's cache */

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define COLD	  __attribute__((cold, noinline))

struct cache {
	struct frozenref_registry *reg;
	struct frames frames;
	struct waiting waiting;
};

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
 * Takes out the page that the hand points at, unless it was looked up since the last time or somebody
 * holds it. What the frame table says may be out of date: then it is another page of that number that
 * is judged, frozen and taken out, and its frame that is returned. Any frame will do.
 */
static void *evict_page(struct cache *cache, uint64_t pfn, struct cache_stats *stats)
{
	struct frozenref_slot *slot = frozenref_registry_slot(cache->reg, pfn);
	void *frame;

	if (!slot)
		return NULL;
	if (is_referenced(slot)) {
		clear_referenced(slot);
		return NULL;
	}
	/*
	 * One reference: the registry's own. From here on lookups miss the page, and nobody but us can
	 * touch it; a lookup that came first makes this fail.
	 */
	if (!frozenref_slot_freeze(cache->reg, slot, 1)) {
		stats->in_use++;
		return NULL;
	}
	frame = frozenref_slot_erase_frozen(cache->reg, slot);
	waiting_wake(&cache->waiting, pfn);
	frames_set_owner(&cache->frames, frame, FRAME_NO_PFN);
	stats->evictions++;
	return frame;
}

/* An unused frame, in the end always: no thread holds more than one page or frame at a time. */
static void *take_frame(struct cache *cache, struct cache_stats *stats)
{
	unsigned looks = 0;
	uint64_t steps = 0;

	for (;;) {
		void *frame = frames_pop(&cache->frames);
		uint64_t pfn;

		if (frame)
			return frame;
		pfn = frames_step(&cache->frames);
		if (pfn != FRAME_NO_PFN)
			frame = evict_page(cache, pfn, stats);
		if (frame)
			return frame;
		/* Twice around, and all were in use: let those who use them run. */
		if (++steps > 2 * cache->frames.n)
			waiting_relax(&looks);
	}
}

/* --------------------------------------------------------------------------------- reading pages */

/*
 * All that the file has of a page. A short read is an error and never a page: what is behind it in the
 * frame are zeros, or some other page's bytes.
 */
static int read_page(const struct file *file, uint64_t index, void *frame)
{
	uint64_t offset = index << PAGE_SHIFT;
	uint64_t left = file->size - offset;

	return file_read(file, offset, frame, left < PAGE_BYTES ? (size_t)left : PAGE_BYTES);
}

/*
 * Reads a page that the cache has not. On success *slot has a reference for the caller. -EEXIST or
 * -EBUSY: somebody else was faster, look again.
 */
static int load_page(struct cache *cache, const struct file *file, uint64_t index,
		     struct frozenref_slot **slot, struct cache_stats *stats)
{
	uint64_t pfn = file->base + index;
	void *frame = take_frame(cache, stats);
	int err = frozenref_registry_insert_frozen(cache->reg, pfn, 1, frame, slot);

	if (err) {
		frames_push(&cache->frames, frame);
		return err;
	}
	err = read_page(file, index, frame);
	if (err) {
		frames_push(&cache->frames, frozenref_slot_erase_frozen(cache->reg, *slot));
		*slot = NULL;
	} else {
		stats->loads++;
		frames_set_owner(&cache->frames, frame, pfn);
		/* Two references: the registry's own and the caller's. */
		frozenref_slot_unfreeze(cache->reg, *slot, 2);
	}
	waiting_wake(&cache->waiting, pfn);
	return err;
}

/* A reference on a page that was not found at once. */
static COLD int get_page_slow(struct cache *cache, const struct file *file, uint64_t index,
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
			/* Just published; or a hand tries to freeze it, which lasts for a moment. */
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

struct frozenref_slot *cache_get_page(struct cache *cache, const struct file *file, uint64_t index,
				      struct cache_stats *stats, int *err)
{
	struct frozenref_slot *slot = frozenref_registry_try_get(cache->reg, file->base + index);

	*err = 0;
	if (!slot)
		*err = get_page_slow(cache, file, index, &slot, stats);
	return *err ? NULL : slot;
}

void cache_put_page(struct cache *cache, struct frozenref_slot *slot)
{
	frozenref_slot_put(cache->reg, slot);
}

static inline void mark_referenced(struct frozenref_slot *slot)
{
	/* Look before writing: the line stays shared among those who only read the bit. */
	if (!is_referenced(slot))
		__atomic_fetch_or(frozenref_slot_user(slot), REFERENCED, __ATOMIC_RELAXED);
}

/* A line is copied in a few moves, where a length that may be anything takes a string instruction. */
static inline void copy_out(void *buffer, const unsigned char *bytes, size_t length)
{
	if (length == LINE_BYTES)
		memcpy(buffer, bytes, LINE_BYTES);
	else
		memcpy(buffer, bytes, length);
}

/* The part of a read that lies within one page: what a hit costs is all here. */
static inline int read_from_page(struct cache *cache, const struct file *file, uint64_t offset,
				 void *buffer, size_t length, struct cache_stats *stats)
{
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
	copy_out(buffer, frame + (offset & (PAGE_BYTES - 1)), length);
	frozenref_slot_put(cache->reg, slot);
	return 0;
}

int cache_read(struct cache *cache, const struct file *file, uint64_t offset, void *buffer,
	       size_t length, struct cache_stats *stats)
{
	if (file_is_gone(file))
		return -ESTALE;
	while (length) {
		size_t room = PAGE_BYTES - (size_t)(offset & (PAGE_BYTES - 1));
		size_t part = length < room ? length : room;
		int err = read_from_page(cache, file, offset, buffer, part, stats);

		if (err)
			return err;
		buffer = (unsigned char *)buffer + part;
		offset += part;
		length -= part;
	}
	return 0;
}

/* ------------------------------------------------------------------------------ the cache's life */

void cache_drop_file(struct cache *cache, const struct file *file)
{
	uint64_t pages = file_pages(file);

	for (uint64_t index = 0; index < pages; index++) {
		/* Not there, or in the hands of a thread that reads it or takes it out: as well. */
		(void)frozenref_registry_erase(cache->reg, file->base + index);
	}
}

/* The last holder of a dropped page has left. */
static void release_page(void *frame, uint64_t pfn, uint64_t npages, void *arg)
{
	struct cache *cache = arg;

	(void)pfn;
	(void)npages;
	frames_push(&cache->frames, frame);
}

uint64_t cache_frames_min(unsigned threads)
{
	/* Each may hold one; as many again, so that the hand has something to choose from. */
	return 2 * (uint64_t)threads + 2;
}

int cache_create(struct cache **cachep, uint64_t nframes)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct cache *cache = aligned_alloc(_Alignof(struct cache), sizeof(*cache));
	int err;

	if (!cache)
		return -ENOMEM;
	err = frames_init(&cache->frames, nframes);
	if (err)
		goto free_cache;
	config.page_shift = PAGE_SHIFT;
	config.release = release_page;
	config.arg = cache;
	err = frozenref_registry_create(&cache->reg, &config);
	if (err)
		goto free_frames;
	waiting_init(&cache->waiting);
	*cachep = cache;
	return 0;
free_frames:
	frames_exit(&cache->frames);
free_cache:
	free(cache);
	return err;
}

int cache_destroy(struct cache *cache, const struct file_set *set)
{
	int err;

	for (uint32_t i = 0; i < set->nfiles; i++)
		cache_drop_file(cache, &set->files[i]);
	err = frozenref_registry_destroy(cache->reg);
	if (err)
		return err;
	waiting_exit(&cache->waiting);
	frames_exit(&cache->frames);
	free(cache);
	return 0;
}

void cache_usage(struct cache *cache, struct cache_usage *usage)
{
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;

	frozenref_registry_stats(cache->reg, &stats);
	usage->cap = cache->frames.n << PAGE_SHIFT;
	usage->resident = frames_resident(&cache->frames);
	usage->registry = stats.bytes_resident;
	usage->revivals = stats.revivals;
}
