/* SPDX-License-Identifier: MIT */
/*
 * Alloc and free: each thread has two magazines of free objects for each cache that it uses, and
 * exchanges whole ones with the cache's depot, as in Bonwick's and Adams' "Magazines and Vmem".
 *
 * Called by programs and by cache.c. Relies on magazine_thread.c for the calling thread's
 * magazines, on magazine_depot.c for others, and on cache_slab.c for objects that are in none. The
 * locks are described in magazine.h.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "magazine.h"

/* --------------------------------------------------------------------------------------- alloc */

/* The magazine that the thread has loaded, if it has used the cache lately. */
static inline struct magazine *find_recent(const struct cache *cache)
{
	const struct recent *recent = &FROZENREF__OWN->recent[cache->id % RECENT];

	return FROZENREF__LIKELY(recent->serial == cache->serial) ? recent->loaded : NULL;
}

static void remember(const struct cache *cache, struct magazine *magazine)
{
	FROZENREF__OWN->recent[cache->id % RECENT] = (struct recent){ cache->serial, magazine };
}

static void swap_magazines(struct thread_cache *own_cache)
{
	own_cache->loaded = !own_cache->loaded;
}

/* Without magazines: from the slabs, one at a time, where what is in the depot must go first. */
static void *take_one(struct cache *cache)
{
	uint32_t number = 0;

	for (;;) {
		void *object;
		uint64_t rounds;
		uint32_t n;

		pthread_mutex_lock(cache->lock);
		if (number)
			frozenref__slabs_add(cache, number);
		n = frozenref__slabs_take(cache, &object, 1);
		rounds = cache->depot.rounds;
		pthread_mutex_unlock(cache->lock);
		if (n)
			return object;
		number = 0;
		if (rounds)
			frozenref__depot_flush(cache);
		else if (!frozenref__slabs_construct(cache, &number))
			return NULL;
	}
}

/* A larger magazine than this one, if they have grown since it was made. */
static struct magazine *make_larger(const struct cache *cache, const struct magazine *magazine)
{
	uint32_t size = magazine_size(cache);

	return magazine->capacity < size ? frozenref__magazine_make(size) : NULL;
}

/* Locked: fills the loaded magazine, or the larger one in its place; returns the one not needed. */
static struct magazine *fill(struct cache *cache, struct thread_cache *own_cache,
			     struct magazine *larger)
{
	struct magazine *unwanted = NULL;
	struct magazine *filled;

	if (larger) {
		unwanted = loaded(own_cache);
		own_cache->magazine[own_cache->loaded] = larger;
	}
	filled = loaded(own_cache);
	set_count(filled, frozenref__slabs_take(cache, filled->round, filled->capacity));
	return unwanted;
}

/* Gets free objects that are there already, into the thread's magazines, which are empty. */
static void reload(struct cache *cache, struct thread_cache *own_cache)
{
	struct magazine *larger = make_larger(cache, loaded(own_cache));
	struct magazine *unwanted;
	struct magazine *full;

	frozenref__depot_lock(cache);
	full = frozenref__depot_pop_full(cache);
	if (full) {
		unwanted = frozenref__depot_push_empty(cache, previous(own_cache));
		own_cache->magazine[!own_cache->loaded] = full;
		swap_magazines(own_cache);
	} else {
		unwanted = fill(cache, own_cache, larger);
		larger = NULL;
	}
	pthread_mutex_unlock(cache->lock);
	/* Before anything else is called: the magazine that was loaded may be the unwanted one. */
	remember(cache, loaded(own_cache));
	free(unwanted);
	free(larger);
}

/*
 * A slab more, and objects of it: before anybody else can have them, or a trim in a loop could take
 * each away. Or no slab more, but there is something to reload from. Its constructors may have used
 * the cache, and the magazines are no more as they were.
 */
static bool populate(struct cache *cache, struct thread_cache *own_cache)
{
	uint32_t number;

	if (!frozenref__slabs_construct(cache, &number))
		return false;
	if (!number)
		return true;
	pthread_mutex_lock(cache->lock);
	frozenref__slabs_add(cache, number);
	if (!loaded(own_cache)->count)
		(void)fill(cache, own_cache, NULL);
	pthread_mutex_unlock(cache->lock);
	return true;
}

static inline void *pop(struct magazine *magazine, uint32_t count)
{
	void *object = magazine->round[count - 1];

	/* Relaxed: what a fork finds counted is there, and nobody else goes by it. */
	frozenref__store32(&magazine->count, count - 1, relaxed);
	return object;
}

static void *pop_loaded(struct cache *cache, struct thread_cache *own_cache)
{
	if (!loaded(own_cache)->count && previous(own_cache) && previous(own_cache)->count)
		swap_magazines(own_cache);
	while (!loaded(own_cache)->count) {
		reload(cache, own_cache);
		if (!loaded(own_cache)->count && !populate(cache, own_cache))
			return NULL;
	}
	remember(cache, loaded(own_cache));
	return pop(loaded(own_cache), loaded(own_cache)->count);
}

static FROZENREF__COLD void *alloc_slow(struct cache *cache)
{
	struct thread_cache *own_cache = frozenref__thread_cache(cache);
	void *object = own_cache ? pop_loaded(cache, own_cache) : take_one(cache);

	if (!object)
		errno = ENOMEM;
	return object && cache->on_alloc ? frozenref__cache_allocated(cache, object) : object;
}

void *frozenref_cache_alloc(struct frozenref_cache *head)
{
	struct cache *cache = cache_of(head);
	struct magazine *magazine = find_recent(cache);
	uint32_t count;
	void *object;

	if (FROZENREF__UNLIKELY(!magazine))
		return alloc_slow(cache);
	/* Relaxed: this thread's own. */
	count = frozenref__load32(&magazine->count, relaxed);
	if (FROZENREF__UNLIKELY(!count))
		return alloc_slow(cache);
	object = pop(magazine, count);
	if (FROZENREF__UNLIKELY(cache->on_alloc))
		return frozenref__cache_allocated(cache, object);
	return object;
}

/* ---------------------------------------------------------------------------------------- free */

static void give_one(struct cache *cache, void *object)
{
	pthread_mutex_lock(cache->lock);
	frozenref__slabs_give(cache, &object, 1);
	pthread_mutex_unlock(cache->lock);
}

/* Makes room where both magazines are full. */
static void turn_over(struct cache *cache, struct thread_cache *own_cache)
{
	struct magazine *empty;

	frozenref__depot_lock(cache);
	empty = frozenref__depot_find_empty(cache);
	if (!empty) {
		frozenref__magazine_empty(cache, loaded(own_cache));
	} else {
		if (previous(own_cache))
			frozenref__depot_push_full(cache, previous(own_cache));
		own_cache->magazine[!own_cache->loaded] = empty;
		swap_magazines(own_cache);
	}
	pthread_mutex_unlock(cache->lock);
}

static inline void push(struct magazine *magazine, uint32_t count, void *object)
{
	magazine->round[count] = object;
	set_count(magazine, count + 1);
}

static bool is_full(const struct magazine *magazine)
{
	return magazine->count == magazine->capacity;
}

static void give_to_magazine(struct cache *cache, struct thread_cache *own_cache, void *object)
{
	if (is_full(loaded(own_cache)) && previous(own_cache) && !is_full(previous(own_cache)))
		swap_magazines(own_cache);
	if (is_full(loaded(own_cache)))
		turn_over(cache, own_cache);
	remember(cache, loaded(own_cache));
	push(loaded(own_cache), loaded(own_cache)->count, object);
}

/* As free(3) does, it leaves errno alone: puts are part of how errors are handled. */
static FROZENREF__COLD void free_slow(struct cache *cache, void *object)
{
	int saved_errno = errno;
	struct thread_cache *own_cache = frozenref__thread_cache(cache);

	if (own_cache)
		give_to_magazine(cache, own_cache, object);
	else
		give_one(cache, object);
	errno = saved_errno;
}

/* What would make two owners of one object, or hand out what is none. */
static inline bool may_be_freed(const struct cache *cache, const void *object)
{
	return object &&
	       frozenref__cache_find(&cache->head, (uintptr_t)object) == (uintptr_t)object &&
	       frozenref_is_frozen(frozenref__cache_ref(&cache->head, (uintptr_t)object));
}

void frozenref_cache_free(struct frozenref_cache *head, void *object)
{
	struct cache *cache = cache_of(head);
	struct magazine *magazine;
	uint32_t count;

	if (FROZENREF__UNLIKELY(!may_be_freed(cache, object))) {
		frozenref__cache_bad_free(cache, object);
		return;
	}
	/* Relaxed: ON_HANDLES was set by a holder of this object, or is of no importance to it. */
	if (FROZENREF__UNLIKELY(frozenref__load32(&cache->on_free, relaxed)) &&
	    !frozenref__cache_freeing(cache, object))
		return;
	magazine = find_recent(cache);
	if (FROZENREF__LIKELY(magazine)) {
		/* Relaxed: this thread's own. */
		count = frozenref__load32(&magazine->count, relaxed);
		if (FROZENREF__LIKELY(count != magazine->capacity)) {
			push(magazine, count, object);
			return;
		}
	}
	free_slow(cache, object);
}
