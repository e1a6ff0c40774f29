/* SPDX-License-Identifier: MIT */
/*
 * What finds a cache's objects, but for try_get by address, which is inline: handles, peeks, walks,
 * statistics. And trim, which any of them may run against.
 *
 * Called by programs. Relies on what the top of cache.c says. Nothing here but the first handle,
 * trim, for_each and stats takes a lock.
 */
#include <config.h>

#include "backend.h"
#include "cache.h"
#include "config_struct.h"
#include "peek.h"

/* -------------------------------------------------------------------------------------- handles */

/* Room for generations, once and for all; from then on each free takes the object's back. */
static bool enable_handles(struct cache *cache)
{
	int err;

	pthread_mutex_lock(cache->lock);
	err = frozenref__slabs_add_generations(cache);
	if (!err) {
		/*
		 * Release: who sees it may touch the generations. A thread that frees the object
		 * whose holder enabled them sees it in any case: its win has acquired it.
		 */
		frozenref__store32(&cache->on_free, cache->on_free | ON_HANDLES, release);
	}
	pthread_mutex_unlock(cache->lock);
	return !err;
}

static bool has_handles(const struct cache *cache)
{
	/* Acquire: pairs with the release of enable_handles(). */
	return frozenref__load32(&cache->on_free, acquire) & ON_HANDLES;
}

/*
 * A number that no other object of the cache ever had is given to the object when the first handle
 * is taken in its lifetime, and taken back when it is freed. So what no handle was taken of costs
 * nothing, and a purge has nothing to remember.
 */
struct frozenref_handle frozenref_cache_handle(struct frozenref_cache *head, void *object)
{
	struct cache *cache = cache_of(head);
	uintptr_t *generation;
	uintptr_t seen;

	if (!has_handles(cache) && !enable_handles(cache))
		return (struct frozenref_handle){ 0, 0 };
	generation = object_generation(cache, (uintptr_t)object);
	/*
	 * Relaxed, all: the caller's reference keeps the free away that would take it back, and the
	 * number orders nothing. (Of a compare-and-swap of this size there is only acq_rel.)
	 */
	seen = frozenref__loadptr(generation, relaxed);
	if (!seen) {
		uintptr_t drawn = frozenref__addptr(&cache->generation, 1, relaxed) + 1;

		seen = frozenref__casptr(generation, 0, drawn, acq_rel);
		if (!seen)
			seen = drawn;
	}
	return (struct frozenref_handle){ ((uintptr_t)object - head->first) >> 3, seen };
}

void *frozenref_cache_try_get_handle(struct frozenref_cache *head, struct frozenref_handle handle)
{
	struct cache *cache = cache_of(head);
	uintptr_t address = head->first + (uintptr_t)(handle.pfn << 3);
	void *object;

	if (!handle.generation || handle.pfn > UINTPTR_MAX >> 3 || !has_handles(cache))
		return NULL;
	object = frozenref_cache_try_get(head, (void *)address);
	if (!object)
		return NULL;
	/* Relaxed: the get has acquired the free before this lifetime, which cleared it. */
	if ((uintptr_t)object == address &&
	    frozenref__loadptr(object_generation(cache, address), relaxed) == handle.generation)
		return object;
	frozenref_cache_put(head, object);
	return NULL;
}

/* ----------------------------------------------------------------------------------------- peek */

/* The owner is about to write: peeks that overlap find the sequence changed. */
void frozenref__cache_disturb_peeks(struct cache *cache, void *object)
{
	uint32_t *sequence = object_sequence(cache, (uintptr_t)object);

	/*
	 * Pairs with the acquire fence of still_there(): who reads what is written from here on
	 * sees that the word is, or was, frozen.
	 */
	frozenref__fence(release);
	/* Relaxed: behind the fence; and the unfreeze publishes it. */
	frozenref__store32(sequence, frozenref__load32(sequence, relaxed) + 1, relaxed);
}

/* What is copied may be freed meanwhile: that is for still_there() to find, not for Memcheck. */
static void copy_out(const struct cache *cache, void *buffer, uintptr_t from, size_t length)
{
	bool is_watched = cache->on_alloc & ON_VALGRIND;

	if (FROZENREF__UNLIKELY(is_watched))
		frozenref__cache_ignore_reads(true);
	frozenref__peek_copy(buffer, from, length);
	if (FROZENREF__UNLIKELY(is_watched))
		frozenref__cache_ignore_reads(false);
}

/* Whether the object is live, and has not been written since the sequence was read. */
static bool still_there(const frozenref_t *ref, const uint32_t *sequence, uint32_t seen)
{
	/* Pairs with the owner's release fence in frozenref__cache_disturb_peeks(). */
	frozenref__fence(acquire);
	/* Acquire: if it is live again, the sequence of that lifetime is seen below. */
	if (!frozenref__word_count(frozenref__load32(&ref->word, acquire)))
		return false;
	return frozenref__load32(sequence, relaxed) == seen;
}

bool frozenref_cache_peek(struct frozenref_cache *head, const void *object, size_t offset,
			  void *buffer, size_t length)
{
	const struct cache *cache = cache_of(head);
	uintptr_t address = (uintptr_t)object;
	const frozenref_t *ref = frozenref__cache_ref(head, address);
	const uint32_t *sequence;
	uint32_t seen;

	if (!(head->flags & FROZENREF_CACHE_PEEKABLE) || !object ||
	    frozenref__cache_find(head, address) != address)
		return false;
	if (offset > head->object_size || length > head->object_size - offset)
		return false;
	sequence = object_sequence(cache, address);
	/* Acquire: the sequence comes before the word. */
	seen = frozenref__load32(sequence, acquire);
	/* Acquire: pairs with the release of unfreeze; what it published is seen below. */
	if (!frozenref__word_count(frozenref__load32(&ref->word, acquire)))
		return false;
	copy_out(cache, buffer, address + offset, length);
	return still_there(ref, sequence, seen);
}

bool frozenref_cache_freeze(struct frozenref_cache *head, void *object, uint32_t expected)
{
	struct cache *cache = cache_of(head);

	if (!frozenref_freeze(frozenref__cache_ref(head, (uintptr_t)object), expected))
		return false;
	if (head->flags & FROZENREF_CACHE_PEEKABLE)
		frozenref__cache_disturb_peeks(cache, object);
	return true;
}

void frozenref_cache_unfreeze(struct frozenref_cache *head, void *object, uint32_t refs)
{
	frozenref_unfreeze(frozenref__cache_ref(head, (uintptr_t)object), refs);
}

/* ---------------------------------------------------------------------------------------- walks */

/* Whether all objects of the slab are free, or none is there: a walk need not touch them. */
static bool is_idle(const struct cache *cache, uint32_t number)
{
	const struct slab *slab = slab_of(cache, number);

	/* Relaxed, both: an object that is published at this moment may be missed. */
	return frozenref__load32(&slab->state, relaxed) != SLAB_IN_USE ||
	       frozenref__load32(&slab->nr_free, relaxed) == slab_objects(cache, number);
}

/* The first object in the slab, from this one on, that is live, referenced; or NULL. */
static void *next_in_slab(struct cache *cache, uint32_t number, uint32_t index)
{
	const struct slab *slab = slab_of(cache, number);

	for (; index < slab_objects(cache, number); index++) {
		uintptr_t object = object_in_slab(cache, number, index);
		frozenref_t *ref = frozenref__cache_ref(&cache->head, object);

		/* Relaxed: as in is_idle(). */
		if (frozenref__load32(&slab->free[index / 32], relaxed) >> index % 32 & 1)
			continue;
		/* A look first: a get that fails would write. */
		if (frozenref_count(ref) && frozenref_try_get(ref))
			return (void *)object;
	}
	return NULL;
}

/* Where the walk goes on: the first object behind the address. */
static void begin_behind(const struct cache *cache, const void *after, uint32_t *number,
			 uint32_t *index)
{
	uintptr_t offset = (uintptr_t)after - cache->head.first;

	*number = 1;
	*index = 0;
	if ((uintptr_t)after < cache->head.first)
		return;
	*number = (uint32_t)(offset >> cache->slab_shift) + 1;
	*index = frozenref__cache_index(&cache->head, (uint32_t)offset & cache->head.slab_mask) + 1;
}

void *frozenref_cache_next(struct frozenref_cache *head, const void *after)
{
	struct cache *cache = cache_of(head);
	/* Acquire: pairs with the release that raised it when there was a struct slab. */
	uintptr_t limit = frozenref__loadptr(&head->limit, acquire);
	uint32_t number;
	uint32_t index;

	if ((uintptr_t)after >= head->first + limit)
		return NULL;
	begin_behind(cache, after, &number, &index);
	for (; number <= limit >> cache->slab_shift; number++, index = 0) {
		void *object = is_idle(cache, number) ? NULL : next_in_slab(cache, number, index);

		if (object)
			return object;
	}
	return NULL;
}

void frozenref_cache_for_each(struct frozenref_cache *head,
			      void (*visit)(void *object, enum frozenref_state state, void *arg),
			      void *arg)
{
	struct cache *cache = cache_of(head);

	/* Then what is not allocated has a bit, and nothing else has. */
	frozenref__magazines_flush_all(cache);
	for (uint32_t number = 1; number <= cache->nr_slabs; number++) {
		const struct slab *slab = slab_of(cache, number);

		for (uint32_t i = 0; !is_idle(cache, number) && i < slab_objects(cache, number);
		     i++) {
			uintptr_t object = object_in_slab(cache, number, i);

			if (slab->free[i / 32] >> i % 32 & 1)
				continue;
			visit((void *)object,
			      frozenref_count(frozenref__cache_ref(head, object))
				      ? FROZENREF_LIVE
				      : FROZENREF_FROZEN,
			      arg);
		}
	}
}

/* ----------------------------------------------------------------------------- trim, statistics */

size_t frozenref_cache_trim(struct frozenref_cache *head)
{
	struct cache *cache = cache_of(head);

	frozenref__magazines_flush(cache);
	return frozenref__slabs_purge(cache);
}

#define AREAS 5

/* Locked: what of the cache's range is committed. */
static void copy_areas(const struct cache *cache, struct area *areas)
{
	areas[0] = cache->objects;
	areas[1] = cache->slabs;
	areas[2] = cache->sequences;
	areas[3] = cache->checks;
	areas[4] = cache->generations;
}

/* Without the lock: asking the system about gigabytes takes milliseconds. */
static uint64_t resident(const struct area *areas)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < AREAS; i++)
		bytes += frozenref__backend_resident((void *)areas[i].base, areas[i].committed);
	return bytes;
}

void frozenref_cache_stats(struct frozenref_cache *head, struct frozenref_cache_stats *stats)
{
	struct cache *cache = cache_of(head);
	struct magazine_usage usage = frozenref__magazines_usage(cache);
	struct frozenref_cache_stats known = FROZENREF_CACHE_STATS_INIT;
	struct area areas[AREAS];

	pthread_mutex_lock(cache->lock);
	known.magazine_size = cache->magazine_size;
	known.objects_free = cache->nr_free + cache->depot.rounds + usage.rounds;
	known.objects =
		cache->nr_objects > known.objects_free ? cache->nr_objects - known.objects_free : 0;
	known.objects_max = objects_max(cache);
	known.slabs = cache->nr_populated;
	known.slabs_empty = cache->nr_empty;
	known.slab_size = cache->slab_size;
	known.magazines = (uint64_t)cache->depot.nr_full + cache->depot.nr_empty + usage.threads;
	known.threads = usage.threads;
	known.exchanges = cache->exchanges;
	known.contended = cache->contended;
	known.bytes_reserved = cache->reserved;
	copy_areas(cache, areas);
	pthread_mutex_unlock(cache->lock);
	known.bytes_resident = resident(areas);
	frozenref__stats_write(stats, &known, sizeof(known));
}
