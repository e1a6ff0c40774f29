/* SPDX-License-Identifier: MIT */
/*
 * What the page cache is compared with, two: a hash table under a reader-writer lock, and counts
 * that need no more than an addition, since whoever looks a page up has the lock and whoever takes
 * one out has it alone. See mode.h.
 *
 * The table is one of chains through links, one for each page of a folio, with a bucket for each
 * page of memory or more: a lookup follows few pointers, so that what is measured is the lock and
 * not a slow table.
 */
#include "mode.h"

#include <pthread.h>
#include <stdlib.h>

#include "waiting.h"

struct rwlock_link {
	uint64_t pfn;
	struct rwlock_folio *folio;
	struct rwlock_link *next; /* in the chain */
};

struct rwlock_folio {
	uint64_t npages;
	unsigned char *bytes;
	_Atomic uint32_t holders;    /* raised under the lock, lowered without */
	_Atomic uint32_t referenced; /* looked up since it was last to be evicted */
	atomic_bool filled;	     /* lookups may find it */
	struct rwlock_link links[];  /* one for each page */
};

struct rwlock_cache {
	struct cache base;
	struct rwlock_link **buckets;
	uint64_t mask;	 /* of buckets, which are a power of two */
	uint64_t folios; /* bytes of all of them; under the lock */
	_Alignas(128) pthread_rwlock_t lock;
};

static struct rwlock_cache *rwlock_cache(struct cache *base)
{
	return (struct rwlock_cache *)base;
}

/* Where the pointer to a page's link is, or to the NULL at the end of the chain. */
static struct rwlock_link **find(struct rwlock_cache *cache, uint64_t pfn)
{
	/* Pages are numbered one by one, so they spread best if nothing is mixed. */
	struct rwlock_link **link = &cache->buckets[pfn & cache->mask];

	while (*link && (*link)->pfn != pfn)
		link = &(*link)->next;
	return link;
}

static void fill_hold(struct rwlock_folio *folio, struct cache_hold *hold)
{
	hold->of = folio;
	hold->bytes = folio->bytes;
	hold->size = folio->npages << PAGE_SHIFT;
}

/* ---------------------------------------------------------------------------------- looking up */

static HOT bool get(struct cache *base, uint64_t pfn, struct cache_hold *hold)
{
	struct rwlock_cache *cache = rwlock_cache(base);
	const struct rwlock_link *link;
	struct rwlock_folio *folio;

	pthread_rwlock_rdlock(&cache->lock);
	link = *find(cache, pfn);
	folio = link ? link->folio : NULL;
	/* Acquire: pairs with publish(). */
	if (folio && !atomic_load_explicit(&folio->filled, memory_order_acquire))
		folio = NULL;
	/* Relaxed: the lock orders it. */
	if (folio)
		atomic_fetch_add_explicit(&folio->holders, 1, memory_order_relaxed);
	pthread_rwlock_unlock(&cache->lock);
	if (!folio)
		return false;
	if (!atomic_load_explicit(&folio->referenced, memory_order_relaxed))
		atomic_store_explicit(&folio->referenced, 1, memory_order_relaxed);
	fill_hold(folio, hold);
	return true;
}

static HOT void put(struct cache *base, struct cache_hold *hold)
{
	struct rwlock_folio *folio = hold->of;

	(void)base;
	/* Release: the copy comes before the folio is taken out. Pairs with nobody_holds(). */
	atomic_fetch_sub_explicit(&folio->holders, 1, memory_order_release);
}

static int read_folios(struct cache *cache, const struct file *file, uint64_t offset, void *buffer,
		       size_t length, struct cache_stats *stats)
{
	return cache_read_folios(get, put, cache, file, offset, buffer, length, stats);
}

/* ------------------------------------------------------------------------------------- loading */

static size_t record_bytes(uint64_t npages)
{
	return sizeof(struct rwlock_folio) + (size_t)npages * sizeof(struct rwlock_link);
}

static struct rwlock_folio *make_record(const struct folio *folio)
{
	struct rwlock_folio *record = malloc(record_bytes(folio->npages));

	if (!record)
		return NULL;
	record->npages = folio->npages;
	record->bytes = folio->bytes;
	/* The caller's, so that nobody takes it out. */
	atomic_init(&record->holders, 1);
	atomic_init(&record->referenced, 0);
	atomic_init(&record->filled, false);
	for (uint64_t i = 0; i < folio->npages; i++)
		record->links[i] = (struct rwlock_link){ folio->pfn + i, record, NULL };
	return record;
}

/* Under the lock for writing: all pages go in, or none because one is there. */
static bool link_all(struct rwlock_cache *cache, struct rwlock_folio *folio)
{
	for (uint64_t i = 0; i < folio->npages; i++) {
		if (*find(cache, folio->links[i].pfn))
			return false;
	}
	for (uint64_t i = 0; i < folio->npages; i++)
		*find(cache, folio->links[i].pfn) = &folio->links[i];
	cache->folios += record_bytes(folio->npages);
	return true;
}

/* Under the lock for writing. */
static void unlink_all(struct rwlock_cache *cache, struct rwlock_folio *folio)
{
	for (uint64_t i = 0; i < folio->npages; i++)
		*find(cache, folio->links[i].pfn) = folio->links[i].next;
	cache->folios -= record_bytes(folio->npages);
}

static int claim(struct cache *base, struct folio *folio)
{
	struct rwlock_cache *cache = rwlock_cache(base);
	struct rwlock_folio *record = make_record(folio);
	bool linked;

	if (!record)
		return -ENOMEM;
	pthread_rwlock_wrlock(&cache->lock);
	linked = link_all(cache, record);
	pthread_rwlock_unlock(&cache->lock);
	if (!linked) {
		free(record);
		return -EEXIST;
	}
	folio->of = record;
	return 0;
}

static void publish(struct cache *base, struct folio *folio, uint64_t pfn, struct cache_hold *hold)
{
	struct rwlock_folio *record = folio->of;

	(void)base;
	(void)pfn;
	/* Release: what was read into it comes before. */
	atomic_store_explicit(&record->filled, true, memory_order_release);
	fill_hold(record, hold);
}

static void abandon(struct cache *base, struct folio *folio)
{
	struct rwlock_cache *cache = rwlock_cache(base);

	pthread_rwlock_wrlock(&cache->lock);
	unlink_all(cache, folio->of);
	pthread_rwlock_unlock(&cache->lock);
	free(folio->of);
}

/* Another thread reads the page. */
static bool wait_for_owner(struct cache *base, uint64_t pfn, unsigned *looks)
{
	struct rwlock_cache *cache = rwlock_cache(base);
	bool found;

	pthread_rwlock_rdlock(&cache->lock);
	found = *find(cache, pfn) != NULL;
	pthread_rwlock_unlock(&cache->lock);
	if (found)
		waiting_relax(looks);
	return found;
}

/* ---------------------------------------------------------------------------------- taking out */

static bool nobody_holds(struct rwlock_folio *folio)
{
	/* Acquire: pairs with put(). */
	return !atomic_load_explicit(&folio->holders, memory_order_acquire);
}

/* Under the lock for writing. */
static enum evict_answer judge(struct rwlock_link *link)
{
	if (!link)
		return EVICT_ABSENT;
	if (atomic_exchange_explicit(&link->folio->referenced, 0, memory_order_relaxed))
		return EVICT_REFERENCED;
	return nobody_holds(link->folio) ? EVICT_DONE : EVICT_HELD;
}

/* A record that is no longer in the table: who holds it is nobody. */
static void free_record(struct rwlock_folio *record, struct folio *folio)
{
	folio->pfn = record->links[0].pfn;
	folio->npages = record->npages;
	folio->bytes = record->bytes;
	free(record);
}

static enum evict_answer evict(struct cache *base, uint64_t pfn, struct folio *folio)
{
	struct rwlock_cache *cache = rwlock_cache(base);
	struct rwlock_folio *record = NULL;
	struct rwlock_link *link;
	enum evict_answer answer;

	pthread_rwlock_wrlock(&cache->lock);
	link = *find(cache, pfn);
	answer = judge(link);
	if (answer == EVICT_DONE) {
		record = link->folio;
		unlink_all(cache, record);
	}
	pthread_rwlock_unlock(&cache->lock);
	if (record)
		free_record(record, folio);
	return answer;
}

static bool locate(struct cache *base, uint64_t pfn, struct folio *folio)
{
	struct rwlock_cache *cache = rwlock_cache(base);
	const struct rwlock_link *link;
	bool begins;

	pthread_rwlock_rdlock(&cache->lock);
	link = *find(cache, pfn);
	begins = link && link == link->folio->links;
	if (begins)
		*folio = (struct folio){ pfn, link->folio->npages, link->folio->bytes, NULL };
	pthread_rwlock_unlock(&cache->lock);
	return begins;
}

static bool move(struct cache *base, const struct folio *folio, void *to)
{
	struct rwlock_cache *cache = rwlock_cache(base);
	struct rwlock_link *link;
	bool same;

	pthread_rwlock_wrlock(&cache->lock);
	link = *find(cache, folio->pfn);
	same = link && link == link->folio->links && link->folio->bytes == folio->bytes &&
	       link->folio->npages == folio->npages && nobody_holds(link->folio);
	if (same) {
		memcpy(to, folio->bytes, (size_t)folio->npages << PAGE_SHIFT);
		link->folio->bytes = to;
	}
	pthread_rwlock_unlock(&cache->lock);
	return same;
}

static void drop(struct cache *base, uint64_t pfn, uint64_t npages)
{
	struct rwlock_cache *cache = rwlock_cache(base);

	for (uint64_t end = pfn + npages; pfn < end; pfn++) {
		struct rwlock_folio *record = NULL;
		struct rwlock_link *link;
		struct folio folio;

		pthread_rwlock_wrlock(&cache->lock);
		link = *find(cache, pfn);
		if (link && nobody_holds(link->folio)) {
			record = link->folio;
			unlink_all(cache, record);
		}
		pthread_rwlock_unlock(&cache->lock);
		/* One that is held is left to be evicted. */
		if (!record)
			continue;
		free_record(record, &folio);
		frames_free(&base->frames, folio.bytes, folio.npages);
	}
}

/* ---------------------------------------------------------------------------- beginning and end */

static void count_usage(struct cache *base, struct cache_usage *usage)
{
	struct rwlock_cache *cache = rwlock_cache(base);

	pthread_rwlock_rdlock(&cache->lock);
	usage->tables = cache->folios + (cache->mask + 1) * sizeof(struct rwlock_link *);
	pthread_rwlock_unlock(&cache->lock);
	usage->revivals = 0;
}

static int init(struct cache *base, const struct cache_config *config)
{
	struct rwlock_cache *cache = rwlock_cache(base);
	uint64_t buckets = 1;

	while (buckets < config->limit)
		buckets *= 2;
	cache->buckets = calloc((size_t)buckets, sizeof(*cache->buckets));
	if (!cache->buckets)
		return -ENOMEM;
	cache->mask = buckets - 1;
	cache->folios = 0;
	pthread_rwlock_init(&cache->lock, NULL);
	return 0;
}

static int destroy(struct cache *base)
{
	struct rwlock_cache *cache = rwlock_cache(base);

	if (cache->folios)
		return -EBUSY;
	pthread_rwlock_destroy(&cache->lock);
	free(cache->buckets);
	return 0;
}

const struct cache_ops cache_rwlock_ops = {
	.size = sizeof(struct rwlock_cache),
	.init = init,
	.exit = destroy,
	.read = read_folios,
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
