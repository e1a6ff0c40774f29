/* SPDX-License-Identifier: MIT */
/*
 * The depot of a cache: magazines that no thread has, and how large they are.
 *
 * Called by magazine.c, which exchanges magazines here, and by magazine_thread.c when threads end.
 * Relies on cache_slab.c to take objects back, and on the cache's lock, which most of it is called
 * with.
 */
#include <config.h>

#include <stdlib.h>

#include "magazine.h"

/* Objects in a new cache's magazines; they grow where threads wait, or come often. */
#define ROUNDS_FIRST 16
#define ROUNDS_MAX   256
#define MAGAZINE_MAX (1u << 18) /* bytes of objects in one magazine, unless it is a single one */
#define CALM_MAX     64		/* exchanges until magazines grow even if nobody has to wait */

/* ------------------------------------------------------------------------------------ magazines */

struct magazine *frozenref__magazine_make(uint32_t capacity)
{
	struct magazine *magazine =
		malloc(sizeof(*magazine) + capacity * sizeof(magazine->round[0]));

	if (!magazine)
		return NULL;
	magazine->next = NULL;
	magazine->capacity = capacity;
	magazine->count = 0;
	return magazine;
}

void frozenref__magazine_empty(struct cache *cache, struct magazine *magazine)
{
	frozenref__slabs_give(cache, magazine->round, magazine->count);
	set_count(magazine, 0);
}

static uint32_t magazine_max(const struct cache *cache)
{
	uint32_t max = MAGAZINE_MAX / cache->head.stride;

	/* Where there are few objects, threads must not sit on many of them. */
	if (max > objects_max(cache) / 64)
		max = (uint32_t)(objects_max(cache) / 64);
	if (max > ROUNDS_MAX)
		max = ROUNDS_MAX;
	return max ? max : 1;
}

void frozenref__depot_set_sizes(struct cache *cache)
{
	cache->magazine_max = magazine_max(cache);
	cache->magazine_size =
		cache->magazine_max < ROUNDS_FIRST ? cache->magazine_max : ROUNDS_FIRST;
}

/* ------------------------------------------------------------------------------------ exchanges */

/*
 * Larger magazines where threads meet at the lock; and, more slowly, wherever they are exchanged.
 */
void frozenref__depot_lock(struct cache *cache)
{
	bool waited = pthread_mutex_trylock(cache->lock) != 0;

	if (waited) {
		pthread_mutex_lock(cache->lock);
		cache->contended++;
	}
	cache->exchanges++;
	if (!waited && ++cache->calm < CALM_MAX)
		return;
	cache->calm = 0;
	/* Relaxed: as in magazine_size(). */
	if (2 * cache->magazine_size <= cache->magazine_max)
		frozenref__store32(&cache->magazine_size, 2 * cache->magazine_size, relaxed);
}

void frozenref__depot_push_full(struct cache *cache, struct magazine *magazine)
{
	struct depot *depot = &cache->depot;

	magazine->next = depot->full;
	depot->full = magazine;
	depot->nr_full++;
	depot->rounds += magazine->count;
}

struct magazine *frozenref__depot_pop_full(struct cache *cache)
{
	struct depot *depot = &cache->depot;
	struct magazine *magazine = depot->full;

	if (!magazine)
		return NULL;
	depot->full = magazine->next;
	depot->nr_full--;
	depot->rounds -= magazine->count;
	return magazine;
}

/* One that is too small by now is not wanted, nor are more than the threads will come for. */
struct magazine *frozenref__depot_push_empty(struct cache *cache, struct magazine *magazine)
{
	struct depot *depot = &cache->depot;

	/* Relaxed: the number of threads changes under another lock, and any of late will do. */
	if (!magazine || magazine->capacity < cache->magazine_size ||
	    depot->nr_empty > 2 * frozenref__load32(&cache->nr_threads, relaxed))
		return magazine;
	magazine->next = depot->empty;
	depot->empty = magazine;
	depot->nr_empty++;
	return NULL;
}

static struct magazine *pop_empty(struct depot *depot)
{
	struct magazine *magazine = depot->empty;

	if (!magazine)
		return NULL;
	depot->empty = magazine->next;
	depot->nr_empty--;
	return magazine;
}

struct magazine *frozenref__depot_find_empty(struct cache *cache)
{
	struct magazine *magazine = pop_empty(&cache->depot);

	if (magazine)
		return magazine;
	pthread_mutex_unlock(cache->lock);
	magazine = frozenref__magazine_make(magazine_size(cache));
	pthread_mutex_lock(cache->lock);
	return magazine;
}

/* --------------------------------------------------------------------------------------- flush */

static void free_magazines(struct magazine *list)
{
	while (list) {
		struct magazine *next = list->next;

		free(list);
		list = next;
	}
}

void frozenref__depot_flush(struct cache *cache)
{
	struct magazine *empty;
	struct magazine *full;

	pthread_mutex_lock(cache->lock);
	full = cache->depot.full;
	empty = cache->depot.empty;
	cache->depot = (struct depot){ NULL, NULL, 0, 0, 0 };
	for (struct magazine *magazine = full; magazine; magazine = magazine->next)
		frozenref__magazine_empty(cache, magazine);
	pthread_mutex_unlock(cache->lock);
	free_magazines(full);
	free_magazines(empty);
}
