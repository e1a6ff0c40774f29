/* SPDX-License-Identifier: MIT */
/*
 * What watches over a cache's objects: debugging checks, AddressSanitizer, Valgrind; and the rest
 * of what alloc and free do besides.
 *
 * Called by magazine.c, cache.c and cache_slab.c. A free object is its cache's, but lookups still
 * touch its counter, and walks its stable bytes: so none of these is ever written, poisoned or
 * checked here, only the pieces between them. An object that may be peeked at, or that has a
 * constructor, keeps its bytes while it is free; of any other the checks overwrite them.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_VALGRIND_MEMCHECK_H
# include <valgrind/memcheck.h>
#endif

#include "cache.h"
#include "misuse.h"

#define REDZONE_MIN  16
#define REDZONE_BYTE 0xbb
#define FREE_BYTE    0x6b

/* A word of the checks' area: not seen yet; allocated; or free, and what its bytes add up to. */
#define CHECK_ALLOCATED UINT32_C(1)
#define CHECK_FREE	UINT32_C(2)
#define CHECK_SUM(sum)	(((sum) & ~UINT32_C(3)) | CHECK_FREE)

/* Present if the program is built with AddressSanitizer; the library itself need not be. */
#if defined(__ELF__)
extern void __asan_poison_memory_region(const volatile void *, size_t) __attribute__((weak));
extern void __asan_unpoison_memory_region(const volatile void *, size_t) __attribute__((weak));
#else
# define __asan_poison_memory_region   ((void (*)(const volatile void *, size_t))NULL)
# define __asan_unpoison_memory_region ((void (*)(const volatile void *, size_t))NULL)
#endif

static void *piece_at(const struct cache *cache, const void *object, uint32_t i)
{
	return (char *)(uintptr_t)object + cache->piece[i].offset;
}

/* ----------------------------------------------------------------------------------- the checks */

static bool keeps_its_bytes(const struct cache *cache)
{
	return cache->ctor || cache->head.flags & FROZENREF_CACHE_PEEKABLE;
}

/* FNV-1a, over what must not change while the object is free. */
static uint32_t sum_of(const struct cache *cache, const void *object)
{
	uint32_t sum = UINT32_C(2166136261);

	for (uint32_t i = 0; i < cache->nr_pieces; i++) {
		const unsigned char *bytes = piece_at(cache, object, i);

		for (uint32_t at = 0; at < cache->piece[i].size; at++)
			sum = (sum ^ bytes[at]) * UINT32_C(16777619);
	}
	return CHECK_SUM(sum);
}

static unsigned char *redzone_of(const struct cache *cache, const void *object)
{
	return (unsigned char *)(uintptr_t)object + cache->head.object_size;
}

/* AddressSanitizer and Memcheck watch over it by themselves, and do not want it to be touched. */
static uint32_t redzone_size(const struct cache *cache)
{
	return cache->on_alloc & (ON_ASAN | ON_VALGRIND) ? 0 : cache->redzone;
}

static bool redzone_is_whole(const struct cache *cache, const void *object)
{
	const unsigned char *redzone = redzone_of(cache, object);

	for (uint32_t i = 0; i < redzone_size(cache); i++) {
		if (redzone[i] != REDZONE_BYTE)
			return false;
	}
	return true;
}

static void report(const struct cache *cache, enum frozenref_misuse kind, const void *object)
{
	const frozenref_t *ref = frozenref__cache_ref(&cache->head, (uintptr_t)object);

	frozenref__misuse_of_object(kind, ref, frozenref__load32(&ref->word, relaxed), cache->name,
				    object);
}

static void check_out(struct cache *cache, void *object)
{
	uint32_t *check = object_check(cache, (uintptr_t)object);

	if (*check != sum_of(cache, object))
		report(cache, FROZENREF_MISUSE_WRITE_FREE, object);
	memset(redzone_of(cache, object), REDZONE_BYTE, redzone_size(cache));
	/* Acquire and release: whoever frees it twice finds out about the first time. */
	(void)frozenref__cas32(check, *check, CHECK_ALLOCATED, acq_rel);
}

static void check_in(struct cache *cache, void *object)
{
	if (!redzone_is_whole(cache, object))
		report(cache, FROZENREF_MISUSE_WRITE_BEYOND, object);
	for (uint32_t i = 0; !keeps_its_bytes(cache) && i < cache->nr_pieces; i++)
		memset(piece_at(cache, object, i), FREE_BYTE, cache->piece[i].size);
	/* Relaxed: the claim in frozenref__cache_freeing() made the word this thread's. */
	frozenref__store32(object_check(cache, (uintptr_t)object), sum_of(cache, object), relaxed);
}

/* ------------------------------------------------------------------------------------ the tools */

static void asan_poison(const struct cache *cache, const void *object)
{
	for (uint32_t i = 0; i < cache->nr_pieces; i++)
		__asan_poison_memory_region(piece_at(cache, object, i), cache->piece[i].size);
}

static void asan_unpoison(const struct cache *cache, const void *object)
{
	__asan_unpoison_memory_region(object, cache->head.object_size);
}

/*
 * Memcheck has the first piece of an object for the block, since what it is told to forget must not
 * be the counter, not even for a moment; while the object is allocated the block is all of it.
 */
/* Its header is empty, and says so, for machines on which Valgrind does not run. */
#if defined(HAVE_VALGRIND_MEMCHECK_H) && !defined(NVALGRIND)
static bool runs_on_valgrind(void)
{
	return RUNNING_ON_VALGRIND != 0;
}

static void valgrind_create(const struct cache *cache)
{
	VALGRIND_CREATE_MEMPOOL(cache, 0, 0);
}

static void valgrind_destroy(const struct cache *cache)
{
	VALGRIND_DESTROY_MEMPOOL(cache);
}

static void valgrind_hide(const struct cache *cache, const void *object)
{
	for (uint32_t i = 0; i < cache->nr_pieces; i++)
		(void)VALGRIND_MAKE_MEM_NOACCESS(piece_at(cache, object, i), cache->piece[i].size);
}

static void valgrind_show(const struct cache *cache, const void *object)
{
	for (uint32_t i = 0; i < cache->nr_pieces; i++)
		(void)VALGRIND_MAKE_MEM_DEFINED(piece_at(cache, object, i), cache->piece[i].size);
}

void frozenref__cache_ignore_reads(bool ignore)
{
	if (ignore)
		VALGRIND_DISABLE_ERROR_REPORTING;
	else
		VALGRIND_ENABLE_ERROR_REPORTING;
}

static void valgrind_hide_redzone(const struct cache *cache, const void *object)
{
	(void)VALGRIND_MAKE_MEM_NOACCESS(redzone_of(cache, object), cache->redzone);
}

static void valgrind_show_all(const struct cache *cache, const void *object)
{
	valgrind_show(cache, object);
	(void)VALGRIND_MAKE_MEM_DEFINED(redzone_of(cache, object), cache->redzone);
}

static void valgrind_allocated(const struct cache *cache, const void *object)
{
	const void *first = piece_at(cache, object, 0);

	if (!cache->nr_pieces)
		return;
	VALGRIND_MEMPOOL_ALLOC(cache, first, cache->piece[0].size);
	VALGRIND_MEMPOOL_CHANGE(cache, first, object, cache->head.object_size);
	/* What a constructor or the last owner left is there to be read. */
	valgrind_show(cache, object);
}

static void valgrind_freed(const struct cache *cache, const void *object)
{
	const void *first = piece_at(cache, object, 0);

	if (!cache->nr_pieces)
		return;
	VALGRIND_MEMPOOL_CHANGE(cache, object, first, cache->piece[0].size);
	VALGRIND_MEMPOOL_FREE(cache, first);
	valgrind_hide(cache, object);
}
#else
static bool runs_on_valgrind(void)
{
	return false;
}

static void valgrind_create(const struct cache *cache)
{
	(void)cache;
}

static void valgrind_destroy(const struct cache *cache)
{
	(void)cache;
}

static void valgrind_hide(const struct cache *cache, const void *object)
{
	(void)cache;
	(void)object;
}

void frozenref__cache_ignore_reads(bool ignore)
{
	(void)ignore;
}

static void valgrind_hide_redzone(const struct cache *cache, const void *object)
{
	(void)cache;
	(void)object;
}

static void valgrind_show_all(const struct cache *cache, const void *object)
{
	(void)cache;
	(void)object;
}

static void valgrind_allocated(const struct cache *cache, const void *object)
{
	(void)cache;
	(void)object;
}

static void valgrind_freed(const struct cache *cache, const void *object)
{
	(void)cache;
	(void)object;
}
#endif

/* ------------------------------------------------------------------------------ cache and slabs */

static bool environment_asks_for_checks(void)
{
	const char *value = getenv("FROZENREF_CACHE_DEBUG");

	return value && *value && strcmp(value, "0") != 0;
}

void frozenref__cache_watch(struct cache *cache)
{
	uint32_t on = 0;

	if (cache->head.flags & FROZENREF_CACHE_DEBUG || environment_asks_for_checks())
		on |= ON_CHECKS;
	if (__asan_poison_memory_region)
		on |= ON_ASAN;
	if (runs_on_valgrind())
		on |= ON_VALGRIND;
	if (on)
		cache->redzone = REDZONE_MIN;
	if (on & ON_VALGRIND)
		valgrind_create(cache);
	cache->on_free = on;
	cache->on_alloc = on | (cache->head.flags & FROZENREF_CACHE_PEEKABLE ? ON_PEEK : 0);
}

void frozenref__cache_populated(struct cache *cache, uint32_t number)
{
	if (!(cache->on_alloc & (ON_CHECKS | ON_ASAN | ON_VALGRIND)))
		return;
	for (uint32_t i = 0; i < slab_objects(cache, number); i++) {
		void *object = (void *)object_in_slab(cache, number, i);

		if (cache->on_alloc & ON_CHECKS) {
			memset(redzone_of(cache, object), REDZONE_BYTE, redzone_size(cache));
			check_in(cache, object);
		}
		if (cache->on_alloc & ON_ASAN) {
			/* First: only red zone may share the last 8 bytes of the last piece. */
			__asan_poison_memory_region(redzone_of(cache, object), cache->redzone);
			asan_poison(cache, object);
		}
		if (cache->on_alloc & ON_VALGRIND) {
			valgrind_hide(cache, object);
			valgrind_hide_redzone(cache, object);
		}
	}
}

void frozenref__cache_exposed(struct cache *cache, uint32_t number)
{
	uint32_t on = cache->on_alloc;

	for (uint32_t i = 0; on & (ON_ASAN | ON_VALGRIND) && i < slab_objects(cache, number); i++) {
		void *object = (void *)object_in_slab(cache, number, i);

		if (on & ON_ASAN)
			__asan_unpoison_memory_region(object, cache->head.stride);
		if (on & ON_VALGRIND)
			valgrind_show_all(cache, object);
	}
}

void frozenref__cache_closed(struct cache *cache)
{
	if (cache->on_alloc & ON_VALGRIND)
		valgrind_destroy(cache);
}

/* ---------------------------------------------------------------------------------- alloc, free */

void *frozenref__cache_allocated(struct cache *cache, void *object)
{
	uint32_t on = cache->on_alloc;

	if (on & ON_ASAN)
		asan_unpoison(cache, object);
	if (on & ON_VALGRIND)
		valgrind_allocated(cache, object);
	if (on & ON_CHECKS)
		check_out(cache, object);
	if (on & ON_PEEK)
		frozenref__cache_disturb_peeks(cache, object);
	return object;
}

/* Takes the word of an allocated object from whoever else frees it. */
static bool claim_check(struct cache *cache, void *object)
{
	/* Acquire and release: pairs with itself, and with check_out(). */
	return frozenref__cas32(object_check(cache, (uintptr_t)object), CHECK_ALLOCATED, CHECK_FREE,
				acq_rel) == CHECK_ALLOCATED;
}

bool frozenref__cache_freeing(struct cache *cache, void *object)
{
	/* Relaxed: see frozenref_cache_free(). */
	uint32_t on = frozenref__load32(&cache->on_free, relaxed);

	if (on & ON_CHECKS) {
		if (!claim_check(cache, object)) {
			report(cache, FROZENREF_MISUSE_FREE_TWICE, object);
			return false;
		}
		check_in(cache, object);
	}
	if (on & ON_HANDLES) {
		/* Relaxed: the alloc and the unfreeze after it publish it. */
		frozenref__storeptr(object_generation(cache, (uintptr_t)object), 0, relaxed);
	}
	if (on & ON_ASAN)
		asan_poison(cache, object);
	if (on & ON_VALGRIND)
		valgrind_freed(cache, object);
	return true;
}

void frozenref__cache_bad_free(struct cache *cache, void *object)
{
	if (!object)
		return;
	if (frozenref__cache_find(&cache->head, (uintptr_t)object) == (uintptr_t)object)
		report(cache, FROZENREF_MISUSE_FREE_LIVE, object);
	else
		frozenref__misuse_of_object(FROZENREF_MISUSE_FREE_FOREIGN, object, 0, cache->name,
					    object);
}
