/* SPDX-License-Identifier: MIT */
/*
 * The page cache on a frozenref_registry: this is the file to read for porting one. README.md has
 * the kernel's steps beside these; mode.h says what each function has to do.
 *
 * A folio is one object of the registry, on as many pfns as it has pages. It has one reference from
 * the cache, the registry's own, however many pages it has; lookups of any of its pages add to that
 * one counter. There is no page lock: while a folio is frozen it has one owner, and that is all a
 * lock would say. And there is no grace period: slots never go away, so a lookup needs no
 * rcu_read_lock() around it.
 *
 * Used through cache_try_get_ops and cache_peek_ops, of which the second differs in reading only.
 */
#include "mode.h"

#include <errno.h>

#include <frozenref/registry.h>

#include "waiting.h"

#define REFERENCED 1u /* in the slot's user bits: looked up since it was last to be evicted */

#define BATCH_FOLIOS 16 /* looked up together by a large read */

/* One short read in so many takes a reference all the same, to mark the folio as looked up. */
#define PEEKS_PER_MARK 64

struct registry_cache {
	struct cache base;
	struct frozenref_registry *reg;
	struct waiting waiting;
};

static struct registry_cache *registry_cache(struct cache *base)
{
	return (struct registry_cache *)base;
}

/* ---------------------------------------------------------------------------------- looking up */

static bool is_referenced(struct frozenref_slot *slot)
{
	/* Relaxed, here and below: a hint, whose loss costs one load at most. */
	return __atomic_load_n(frozenref_slot_user(slot), __ATOMIC_RELAXED) & REFERENCED;
}

/* folio_mark_accessed() */
static inline void mark_referenced(struct frozenref_slot *slot)
{
	/* Look before writing: the line stays shared among those who only read the bit. */
	if (!is_referenced(slot))
		__atomic_fetch_or(frozenref_slot_user(slot), REFERENCED, __ATOMIC_RELAXED);
}

static inline void fill_hold(struct registry_cache *cache, struct frozenref_slot *slot,
			     struct cache_hold *hold)
{
	hold->of = slot;
	hold->bytes = frozenref_slot_object(slot);
	hold->size = frozenref_slot_npages(cache->reg, slot) << PAGE_SHIFT;
}

/* filemap_get_entry(): finds the page, takes a reference on its folio, and looks again. */
static HOT bool get(struct cache *base, uint64_t pfn, struct cache_hold *hold)
{
	struct registry_cache *cache = registry_cache(base);
	struct frozenref_slot *slot = frozenref_registry_try_get(cache->reg, pfn);

	if (UNLIKELY(!slot))
		return false;
	mark_referenced(slot);
	fill_hold(cache, slot, hold);
	return true;
}

/* folio_put() */
static HOT void put(struct cache *base, struct cache_hold *hold)
{
	frozenref_slot_put(registry_cache(base)->reg, hold->of);
}

/* ------------------------------------------------------------------------------- large reads */

/* What a large read wants of one folio. */
struct part {
	uint64_t offset;
	uint64_t length;
};

/*
 * Divides the begin of a read into parts, one for each folio that should be there, with a pfn of
 * it. How many; *end is where the last part ends.
 */
static unsigned divide(const struct cache *cache, const struct file *file, uint64_t offset,
		       uint64_t length, struct part *parts, uint64_t *pfns)
{
	unsigned n = 0;

	while (n < BATCH_FOLIOS && length) {
		uint64_t index = offset >> PAGE_SHIFT;
		uint64_t size = folio_size(file, index, cache->folio_pages) << PAGE_SHIFT;
		uint64_t room = size - (offset & (size - 1));
		uint64_t part = length < room ? length : room;

		pfns[n] = file->base + index;
		parts[n++] = (struct part){ offset, part };
		offset += part;
		length -= part;
	}
	return n;
}

/*
 * Reads so many folios that are looked up together, so that their slots come from memory at the
 * same time. Those that are there are copied and put first: a thread that waits for memory, or for
 * another thread's page, must not hold any. The rest is what was not there, or smaller than it
 * should be.
 */
static int read_batch(struct registry_cache *cache, const struct file *file, unsigned n,
		      struct part *parts, const uint64_t *pfns, unsigned char *buffer,
		      struct cache_stats *stats)
{
	struct frozenref_slot *slots[BATCH_FOLIOS];
	uint64_t begin = parts[0].offset;

	stats->batches++;
	stats->batch_references += frozenref_registry_try_get_batch(cache->reg, pfns, n, slots);
	for (unsigned i = 0; i < n; i++) {
		struct part *part = &parts[i];
		struct cache_hold hold;
		size_t done;

		if (!slots[i])
			continue;
		mark_referenced(slots[i]);
		fill_hold(cache, slots[i], &hold);
		done = cache_copy_held(&hold, part->offset, buffer + (part->offset - begin),
				       (size_t)part->length);
		frozenref_slot_put(cache->reg, slots[i]);
		stats->batch_pages += pages_of(part->offset, done);
		part->offset += done;
		part->length -= done;
	}
	for (unsigned i = 0; i < n; i++) {
		int err = cache_read_folios(get, put, &cache->base, file, parts[i].offset,
					    buffer + (parts[i].offset - begin),
					    (size_t)parts[i].length, stats);

		if (err)
			return err;
	}
	return 0;
}

/* As filemap_read() with filemap_get_pages(), which looks up a folio_batch at a time. */
static int read_large(struct cache *cache, const struct file *file, uint64_t offset,
		      unsigned char *buffer, size_t length, struct cache_stats *stats)
{
	while (length) {
		struct part parts[BATCH_FOLIOS];
		uint64_t pfns[BATCH_FOLIOS];
		unsigned n = divide(cache, file, offset, length, parts, pfns);
		size_t done = (size_t)(parts[n - 1].offset + parts[n - 1].length - offset);
		int err = read_batch(registry_cache(cache), file, n, parts, pfns, buffer, stats);

		if (err)
			return err;
		buffer += done;
		offset += done;
		length -= done;
	}
	return 0;
}

static int read_by_reference(struct cache *cache, const struct file *file, uint64_t offset,
			     void *buffer, size_t length, struct cache_stats *stats)
{
	if (length > PAGE_BYTES)
		return read_large(cache, file, offset, buffer, length, stats);
	return cache_read_folios(get, put, cache, file, offset, buffer, length, stats);
}

/*
 * A short read without a reference: so a popular folio's counter stays unwritten. Frames stay
 * readable while the cache lives, which is what the registry was promised for it. A false is not a
 * miss yet: the folio may have been taken out, or just come back.
 */
static int read_by_peek(struct cache *cache, const struct file *file, uint64_t offset, void *buffer,
			size_t length, struct cache_stats *stats)
{
	if (LIKELY(length <= CACHE_LINE_BYTES && ++stats->peeks % PEEKS_PER_MARK)) {
		if (LIKELY(frozenref_registry_peek(registry_cache(cache)->reg,
						   file->base + (offset >> PAGE_SHIFT),
						   offset & (PAGE_BYTES - 1), buffer, length)))
			return 0;
		stats->unpeeked++;
	}
	return read_by_reference(cache, file, offset, buffer, length, stats);
}

/* ------------------------------------------------------------------------------------- loading */

/*
 * filemap_add_folio() of a locked folio: the pfns are taken, and not yet found. All of them or
 * none: a folio that overlaps another one is refused.
 */
static int claim(struct cache *base, struct folio *folio)
{
	struct registry_cache *cache = registry_cache(base);
	struct frozenref_slot *slot = NULL;
	int err = frozenref_registry_insert_frozen(cache->reg, folio->pfn, folio->npages,
						   folio->bytes, &slot);

	folio->of = slot;
	if (!err)
		return 0;
	/* For a moment some of the pfns were ours, and somebody may have begun to wait for them. */
	waiting_wake(&cache->waiting, folio->pfn, folio->npages);
	return err == -EBUSY ? -EEXIST : err;
}

/* Unlocking the folio after read_folio(). */
static void publish(struct cache *base, struct folio *folio, uint64_t pfn, struct cache_hold *hold)
{
	struct registry_cache *cache = registry_cache(base);

	(void)pfn;
	fill_hold(cache, folio->of, hold);
	/* Two references: the registry's own and the caller's. */
	frozenref_slot_unfreeze(cache->reg, folio->of, 2);
	waiting_wake(&cache->waiting, folio->pfn, folio->npages);
}

/* filemap_remove_folio() and unlocking it, when it could not be read. */
static void abandon(struct cache *base, struct folio *folio)
{
	struct registry_cache *cache = registry_cache(base);

	(void)frozenref_slot_erase_frozen(cache->reg, folio->of);
	waiting_wake(&cache->waiting, folio->pfn, folio->npages);
}

/* folio_wait_locked() */
static bool wait_for_owner(struct cache *base, uint64_t pfn, unsigned *looks)
{
	struct registry_cache *cache = registry_cache(base);

	switch (frozenref_registry_state(cache->reg, pfn)) {
	case FROZENREF_EMPTY:
		return false;
	case FROZENREF_FROZEN:
		waiting_sleep(&cache->waiting, cache->reg, pfn);
		break;
	case FROZENREF_LIVE:
		/* Just published; or somebody tries to freeze it, which lasts for a moment. */
	case FROZENREF_ERASED:
		/* Dropped with its file, and a reader has not finished yet. */
		waiting_relax(looks);
		break;
	}
	return true;
}

/* ---------------------------------------------------------------------------------- taking out */

/*
 * __remove_mapping(). Whatever folio is found at the pfn by now, it is that one that is judged,
 * frozen and taken out.
 */
static enum evict_answer evict(struct cache *base, uint64_t pfn, struct folio *folio)
{
	struct registry_cache *cache = registry_cache(base);
	struct frozenref_slot *slot = frozenref_registry_slot(cache->reg, pfn);

	if (!slot)
		return EVICT_ABSENT;
	if (is_referenced(slot)) {
		__atomic_fetch_and(frozenref_slot_user(slot), ~REFERENCED, __ATOMIC_RELAXED);
		return EVICT_REFERENCED;
	}
	/*
	 * One reference, the registry's own, where the kernel freezes 1 + folio_nr_pages(). From
	 * here on lookups miss all of the folio's pages, and nobody but us can touch them; a lookup
	 * that came first makes this fail.
	 */
	if (!frozenref_slot_freeze(cache->reg, slot, 1))
		return EVICT_HELD;
	folio->pfn = frozenref_slot_pfn(cache->reg, slot);
	folio->npages = frozenref_slot_npages(cache->reg, slot);
	folio->bytes = frozenref_slot_erase_frozen(cache->reg, slot);
	waiting_wake(&cache->waiting, folio->pfn, folio->npages);
	return EVICT_DONE;
}

/* -------------------------------------------------------------------------------------- moving */

static bool locate(struct cache *base, uint64_t pfn, struct folio *folio)
{
	struct registry_cache *cache = registry_cache(base);
	struct frozenref_slot *slot = frozenref_registry_try_get(cache->reg, pfn);

	if (!slot)
		return false;
	folio->pfn = frozenref_slot_pfn(cache->reg, slot);
	folio->npages = frozenref_slot_npages(cache->reg, slot);
	folio->bytes = frozenref_slot_object(slot);
	frozenref_slot_put(cache->reg, slot);
	return folio->pfn == pfn;
}

/*
 * migrate_folio(): frozen as for an eviction, copied, and published again. Lookups that miss it
 * meanwhile find it frozen, and sleep. As nobody writes folios, frozenref_slot_replace() would do
 * as well, after the copy; but a peek may still be at what was in that memory before, and for it
 * the copy has to come after a freeze.
 */
static bool move(struct cache *base, const struct folio *folio, void *to)
{
	struct registry_cache *cache = registry_cache(base);
	struct frozenref_slot *slot = frozenref_registry_slot(cache->reg, folio->pfn);
	bool same;

	if (!slot || !frozenref_slot_freeze(cache->reg, slot, 1))
		return false;
	/* Ours from here on; but it may have become another one since we saw it. */
	same = frozenref_slot_object(slot) == folio->bytes &&
	       frozenref_slot_pfn(cache->reg, slot) == folio->pfn &&
	       frozenref_slot_npages(cache->reg, slot) == folio->npages;
	if (same) {
		memcpy(to, folio->bytes, (size_t)folio->npages << PAGE_SHIFT);
		frozenref_slot_set_object(cache->reg, slot, to);
	}
	frozenref_slot_unfreeze(cache->reg, slot, 1);
	waiting_wake(&cache->waiting, folio->pfn, folio->npages);
	return same;
}

/* ------------------------------------------------------------------------------------- dropping */

/* truncate_inode_pages(). Folios in the hands of an owner stay. */
static void drop(struct cache *base, uint64_t pfn, uint64_t npages)
{
	(void)frozenref_registry_erase_range(registry_cache(base)->reg, pfn, pfn + npages - 1,
					     NULL);
}

/* __folio_put(): the last holder of a folio that was dropped has left. */
static void release(void *bytes, uint64_t pfn, uint64_t npages, void *arg)
{
	struct registry_cache *cache = arg;

	frames_free(&cache->base.frames, bytes, npages);
	waiting_wake(&cache->waiting, pfn, npages);
}

static uint64_t trim(struct cache *base)
{
	return frozenref_registry_trim(registry_cache(base)->reg);
}

/* ---------------------------------------------------------------------------- beginning and end */

static void count_usage(struct cache *base, struct cache_usage *usage)
{
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;

	frozenref_registry_stats(registry_cache(base)->reg, &stats);
	usage->tables = stats.bytes_resident;
	usage->revivals = stats.revivals;
}

static int init(struct cache *base, const struct cache_config *config)
{
	struct registry_cache *cache = registry_cache(base);
	struct frozenref_registry_config registry = FROZENREF_REGISTRY_CONFIG_INIT;
	int err;

	registry.page_shift = PAGE_SHIFT;
	registry.flags = config->mode == CACHE_PEEK ? FROZENREF_REGISTRY_PEEKABLE : 0;
	registry.release = release;
	registry.arg = cache;
	err = frozenref_registry_create(&cache->reg, &registry);
	if (!err)
		waiting_init(&cache->waiting);
	return err;
}

static int destroy(struct cache *base)
{
	struct registry_cache *cache = registry_cache(base);
	int err = frozenref_registry_destroy(cache->reg);

	if (!err)
		waiting_exit(&cache->waiting);
	return err;
}

#define REGISTRY_OPS                                                                             \
 .size = sizeof(struct registry_cache), .init = init, .exit = destroy, .get = get, .put = put,   \
 .claim = claim, .publish = publish, .abandon = abandon, .wait = wait_for_owner, .evict = evict, \
 .locate = locate, .move = move, .drop = drop, .trim = trim, .usage = count_usage

const struct cache_ops cache_try_get_ops = { .read = read_by_reference, REGISTRY_OPS };
const struct cache_ops cache_peek_ops = { .read = read_by_peek, REGISTRY_OPS };
