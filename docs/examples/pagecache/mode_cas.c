/* SPDX-License-Identifier: MIT */
/*
 * What the page cache is compared with, one: references that are taken by a loop around a
 * compare-and-swap which refuses zero, as page_ref_add_unless() does it. See mode.h.
 *
 * The counts are in an array by page, like a memmap: the fastest way there is to find one, and
 * since an element stands for one page for ever, nothing is looked at again after the reference was
 * taken. There are no compound objects: each page of a folio is counted by itself, and to take the
 * folio out all of its counts must be frozen, one after another.
 */
#include "mode.h"

#include <stdlib.h>

#include "waiting.h"

#define CLAIMED	    1u /* in the cache, or being read into it */
#define REFERENCED  2u /* looked up since it was last to be evicted */
#define HEAD	    4u /* the first page of a folio; the number of its pages is in the upper bits */
#define PAGES_SHIFT 8

/* Half a slot of the registry. */
struct cas_page {
	_Atomic uint32_t count; /* 0: not to be found; else one of it is the cache's own */
	_Atomic uint32_t flags;
	union {
		unsigned char *bytes;
		uint64_t room; /* the same layout where pointers have 32 bits */
	} u;
};

struct cas_cache {
	struct cache base;
	struct cas_page *pages;
	uint64_t npages;
};

static struct cas_page *page_at(struct cache *base, uint64_t pfn)
{
	return &((struct cas_cache *)base)->pages[pfn];
}

static uint32_t flags_of(struct cas_page *page)
{
	/* Relaxed: a hint, or under ownership. */
	return atomic_load_explicit(&page->flags, memory_order_relaxed);
}

/* ---------------------------------------------------------------------------------- looking up */

static HOT bool take_reference(struct cas_page *page)
{
	uint32_t count = atomic_load_explicit(&page->count, memory_order_relaxed);

	do {
		if (UNLIKELY(!count))
			return false;
		/* Acquire: pairs with the release of publish(), after the page was filled. */
	} while (!atomic_compare_exchange_weak_explicit(&page->count, &count, count + 1,
							memory_order_acquire,
							memory_order_relaxed));
	return true;
}

static HOT void drop_reference(struct cas_page *page)
{
	/* Release: the copy comes before the freeze that takes the memory away. */
	atomic_fetch_sub_explicit(&page->count, 1, memory_order_release);
}

static HOT bool get(struct cache *base, uint64_t pfn, struct cache_hold *hold)
{
	struct cas_page *page = page_at(base, pfn);

	if (UNLIKELY(!take_reference(page)))
		return false;
	if (!(flags_of(page) & REFERENCED))
		atomic_fetch_or_explicit(&page->flags, REFERENCED, memory_order_relaxed);
	*hold = (struct cache_hold){ .of = page, .bytes = page->u.bytes, .size = PAGE_BYTES };
	return true;
}

static HOT void put(struct cache *base, struct cache_hold *hold)
{
	(void)base;
	drop_reference(hold->of);
}

static int read_pages(struct cache *cache, const struct file *file, uint64_t offset, void *buffer,
		      size_t length, struct cache_stats *stats)
{
	return cache_read_folios(get, put, cache, file, offset, buffer, length, stats);
}

/* ------------------------------------------------------------------------------------- loading */

/* Release: who claims the pages next comes after all that we did with them. */
static void unclaim(struct cas_page *pages, uint64_t npages)
{
	for (uint64_t i = 0; i < npages; i++)
		atomic_store_explicit(&pages[i].flags, 0, memory_order_release);
}

static int claim(struct cache *base, struct folio *folio)
{
	struct cas_page *pages = page_at(base, folio->pfn);

	for (uint64_t i = 0; i < folio->npages; i++) {
		uint32_t flags = 0;

		/* Acquire: pairs with unclaim(). */
		if (atomic_compare_exchange_strong_explicit(&pages[i].flags, &flags, CLAIMED,
							    memory_order_acquire,
							    memory_order_relaxed))
			continue;
		unclaim(pages, i);
		return -EEXIST;
	}
	return 0;
}

static void publish(struct cache *base, struct folio *folio, uint64_t pfn, struct cache_hold *hold)
{
	struct cas_page *pages = page_at(base, folio->pfn);
	struct cas_page *page = page_at(base, pfn);

	atomic_store_explicit(&pages->flags,
			      CLAIMED | HEAD | (uint32_t)folio->npages << PAGES_SHIFT,
			      memory_order_relaxed);
	/* The first page last: who freezes that one finds the others published. */
	for (uint64_t i = folio->npages; i--;) {
		pages[i].u.bytes = folio->bytes + (i << PAGE_SHIFT);
		/* Release: publishes. One is the cache's own, and one of this page the caller's. */
		atomic_store_explicit(&pages[i].count, &pages[i] == page ? 2 : 1,
				      memory_order_release);
	}
	*hold = (struct cache_hold){ .of = page, .bytes = page->u.bytes, .size = PAGE_BYTES };
}

static void abandon(struct cache *base, struct folio *folio)
{
	unclaim(page_at(base, folio->pfn), folio->npages);
}

/* Another thread reads the page, or takes it out. */
static bool wait_for_owner(struct cache *base, uint64_t pfn, unsigned *looks)
{
	if (!(flags_of(page_at(base, pfn)) & CLAIMED))
		return false;
	waiting_relax(looks);
	return true;
}

/* ---------------------------------------------------------------------------------- taking out */

static bool freeze_page(struct cas_page *page)
{
	uint32_t one = 1;

	/* Acquire: pairs with put(). */
	return atomic_compare_exchange_strong_explicit(&page->count, &one, 0, memory_order_acquire,
						       memory_order_relaxed);
}

/* Lets lookups find so many pages again that were frozen, the first one last: as publish(). */
static void thaw(struct cas_page *pages, uint64_t npages)
{
	while (npages--)
		atomic_store_explicit(&pages[npages].count, 1, memory_order_release);
}

/* Freezes the folio that begins at the pfn, if only the cache has it; or nothing has changed. */
static bool freeze_folio(struct cache *base, uint64_t pfn, struct folio *folio)
{
	struct cas_page *pages = page_at(base, pfn);
	uint64_t frozen = 1;

	if (!freeze_page(pages))
		return false;
	folio->pfn = pfn;
	/* It is ours, and so what we saw before may be out of date, but not what we see now. */
	folio->npages = flags_of(pages) & HEAD ? flags_of(pages) >> PAGES_SHIFT : 0;
	folio->bytes = pages->u.bytes;
	while (frozen < folio->npages && freeze_page(&pages[frozen]))
		frozen++;
	if (frozen == folio->npages)
		return true;
	thaw(pages, frozen);
	return false;
}

/* Freezes a folio that only the cache has, and takes it out; or nothing has changed. */
static bool take_out(struct cache *base, uint64_t pfn, struct folio *folio)
{
	if (!freeze_folio(base, pfn, folio))
		return false;
	unclaim(page_at(base, pfn), folio->npages);
	return true;
}

/* Whether any page of the folio was looked up; from now on none was. */
static bool test_and_clear_referenced(struct cas_page *pages, uint64_t npages)
{
	bool referenced = false;

	for (uint64_t i = 0; i < npages; i++) {
		if (!(flags_of(&pages[i]) & REFERENCED))
			continue;
		atomic_fetch_and_explicit(&pages[i].flags, ~REFERENCED, memory_order_relaxed);
		referenced = true;
	}
	return referenced;
}

static enum evict_answer evict(struct cache *base, uint64_t pfn, struct folio *folio)
{
	struct cas_page *pages = page_at(base, pfn);
	uint32_t flags = flags_of(pages);

	if (!(flags & HEAD))
		return EVICT_ABSENT;
	if (test_and_clear_referenced(pages, flags >> PAGES_SHIFT))
		return EVICT_REFERENCED;
	return take_out(base, pfn, folio) ? EVICT_DONE : EVICT_HELD;
}

/* Under a reference, since only then the page is what it says. */
static bool locate(struct cache *base, uint64_t pfn, struct folio *folio)
{
	struct cas_page *page = page_at(base, pfn);
	bool begins;

	if (!take_reference(page))
		return false;
	begins = flags_of(page) & HEAD;
	folio->pfn = pfn;
	folio->npages = flags_of(page) >> PAGES_SHIFT;
	folio->bytes = page->u.bytes;
	drop_reference(page);
	return begins;
}

static bool move(struct cache *base, const struct folio *folio, void *to)
{
	struct cas_page *pages = page_at(base, folio->pfn);
	struct folio frozen;
	bool same;

	if (!freeze_folio(base, folio->pfn, &frozen))
		return false;
	same = frozen.bytes == folio->bytes && frozen.npages == folio->npages;
	if (same)
		memcpy(to, folio->bytes, (size_t)folio->npages << PAGE_SHIFT);
	for (uint64_t i = 0; same && i < folio->npages; i++)
		pages[i].u.bytes = (unsigned char *)to + (i << PAGE_SHIFT);
	thaw(pages, frozen.npages);
	return same;
}

static void drop(struct cache *base, uint64_t pfn, uint64_t npages)
{
	struct folio folio;

	for (uint64_t end = pfn + npages; pfn < end; pfn++) {
		if (flags_of(page_at(base, pfn)) & HEAD && take_out(base, pfn, &folio))
			frames_free(&base->frames, folio.bytes, folio.npages);
	}
}

/* ---------------------------------------------------------------------------- beginning and end */

static void count_usage(struct cache *base, struct cache_usage *usage)
{
	usage->tables = ((struct cas_cache *)base)->npages * sizeof(struct cas_page);
	usage->revivals = 0;
}

static int init(struct cache *base, const struct cache_config *config)
{
	struct cas_cache *cache = (struct cas_cache *)base;

	cache->npages = config->npages;
	cache->pages = calloc((size_t)config->npages, sizeof(*cache->pages));
	return cache->pages ? 0 : -ENOMEM;
}

static int destroy(struct cache *base)
{
	struct cas_cache *cache = (struct cas_cache *)base;

	for (uint64_t pfn = 0; pfn < cache->npages; pfn++) {
		if (atomic_load_explicit(&cache->pages[pfn].count, memory_order_acquire))
			return -EBUSY;
	}
	free(cache->pages);
	return 0;
}

const struct cache_ops cache_cas_ops = {
	.size = sizeof(struct cas_cache),
	.init = init,
	.exit = destroy,
	.read = read_pages,
	.get = get,
	.put = put,
	.claim = claim,
	.publish = publish,
	.abandon = abandon,
	.wait = wait_for_owner,
	.evict = evict,
	.locate = locate,
	.move = move,
	.drop = drop,
	.usage = count_usage,
};
