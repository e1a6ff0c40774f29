/* SPDX-License-Identifier: MIT */
/*
 * Type-stable caches of objects: an address in a cache is for ever an object of its type, or zeros.
 *
 * Used by programs whose lookups may find an object that is being freed: try_get answers for any
 * address, stale ones too, so neither a lock nor a grace period is needed. It is the kernel's
 * kmem_cache with SLAB_TYPESAFE_BY_RCU, without the RCU. lib/cache.c has the rest of it. Relies on
 * ref.h, and on a backend for addresses that are reserved once and never given back while the cache
 * exists.
 *
 * Each object has a frozenref_t in it, at ref_offset. An object is free (the cache's), frozen
 * (allocated; its owner's) or live. alloc gives a frozen object; its owner publishes it by
 * frozenref_unfreeze(), or gives it back by frozenref_cache_free(). The last frozenref_cache_put()
 * of a live one calls release() and frees it. What a free object holds stays as it was, but for
 * what a trim zeroes: an object is constructed once for many lifetimes.
 *
 * Any function here may be called from any thread, and from within the callbacks, which run with no
 * lock held. try_get, peek, next, freeze, unfreeze and a put that is not the last may be called
 * from signal handlers, the others may not.
 */
#ifndef FROZENREF_CACHE_H
#define FROZENREF_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef FROZENREF_NO_INLINE
# include <frozenref/atomic.h>
#endif
#include <frozenref/backend.h>
#include <frozenref/compiler.h>
#include <frozenref/ref.h>
#include <frozenref/types.h>

FROZENREF__BEGIN_DECLS

/* ---------------------------------------------------------------------------------- interface */

struct frozenref_cache;

#define FROZENREF_CACHE_OBJECT_MIN sizeof(frozenref_t)
#define FROZENREF_CACHE_OBJECT_MAX (UINT32_C(1) << 20)

/* Objects begin at multiples of 64 bytes: no two counters share a cache line. */
#define FROZENREF_CACHE_PADDED	 1u
/*
 * frozenref_cache_peek() may read objects. Their owners write them only between alloc and the first
 * unfreeze, or under frozenref_cache_freeze().
 */
#define FROZENREF_CACHE_PEEKABLE 2u
/*
 * Checks owners and bytes: double frees, frees of live objects or into the wrong cache, writes
 * beyond an object or after its free are reported by the misuse handler. The environment variable
 * FROZENREF_CACHE_DEBUG, unless empty or 0, sets it for all caches.
 */
#define FROZENREF_CACHE_DEBUG	 4u

/* Zero members mean the default. Sizes, offsets and alignments are in bytes. */
struct frozenref_cache_config {
	uint32_t size;	  /* sizeof(struct frozenref_cache_config) */
	unsigned flags;	  /* FROZENREF_CACHE_* */
	const char *name; /* for reports; copied; default "cache" */
	/* FROZENREF_CACHE_OBJECT_MIN to _MAX; there is no default. */
	size_t object_size;
	/* A power of two up to a page; default: the largest that divides object_size, 8 to 16. */
	size_t align;
	size_t ref_offset; /* where in the object its frozenref_t is: a multiple of 4 */
	/* Addresses to reserve, not memory; default: what fits into 16 GiB, less if refused. */
	size_t max_objects;
	/*
	 * Bytes of the object that lookups may read while it is free, such as the links of an
	 * index. Neither alloc nor free writes, fills or poisons them; only a trim zeroes them.
	 */
	size_t stable_offset;
	size_t stable_size;
	/*
	 * Run for each object of a slab when it is populated, and again after a trim; 0 is success,
	 * anything else undoes the slab and fails the alloc. Must not touch the counter.
	 */
	int (*ctor)(void *object, void *arg);
	/* Run for each object of a slab before a trim purges it, and at destroy. */
	void (*dtor)(void *object, void *arg);
	/* Run by the last put, before the object is free. */
	void (*release)(void *object, void *arg);
	void *arg;				 /* for the three of them */
	const struct frozenref_backend *backend; /* default frozenref_mmap_backend() */
};

/* clang-format off */
#define FROZENREF_CACHE_CONFIG_INIT                                                                \
	{ sizeof(struct frozenref_cache_config), 0, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL,      \
	  NULL, NULL }
/* clang-format on */

/*
 * -EINVAL: NULL, an unknown size or flag, or a member out of its range; -ENOMEM: no memory, or as
 * many addresses as max_objects asks for cannot be had.
 */
FROZENREF__API FROZENREF__MUST_CHECK int
frozenref_cache_create(struct frozenref_cache **cache, const struct frozenref_cache_config *config);

/*
 * After every other call has returned. -EBUSY, and nothing is freed, while an object is allocated;
 * -EINVAL for NULL.
 */
FROZENREF__API int frozenref_cache_destroy(struct frozenref_cache *cache);

/*
 * A frozen object, the caller's own; NULL with errno ENOMEM if there is no memory, max_objects are
 * in use, or a constructor failed. What is in it was left there by ctor() and by its last owner.
 */
FROZENREF__API FROZENREF__MUST_CHECK void *frozenref_cache_alloc(struct frozenref_cache *cache);

/* Gives back a frozen object that the caller owns, on any thread. NULL is left alone. */
FROZENREF__API void frozenref_cache_free(struct frozenref_cache *cache, void *object);

/*
 * A reference on the object that encloses the address, or NULL: it is not live, or there is none.
 * Any address may be asked for: stale, interior, never allocated, or of somebody else's memory.
 * Acquire.
 */
FROZENREF__INLINE FROZENREF__MUST_CHECK void *frozenref_cache_try_get(struct frozenref_cache *cache,
								      const void *address);

/* Drops a reference; the last put calls release() and frees the object. True: this call did. */
FROZENREF__INLINE bool frozenref_cache_put(struct frozenref_cache *cache, void *object);

/*
 * Copies `length` bytes, from `offset` on, out of an object, without a reference and without
 * writing anything. True: the object was live, and in the same lifetime, for the whole copy. False:
 * it was not, no object begins at this address, the bytes are beyond its end, or the cache is not
 * PEEKABLE.
 */
FROZENREF__API FROZENREF__MUST_CHECK bool frozenref_cache_peek(struct frozenref_cache *cache,
							       const void *object, size_t offset,
							       void *buffer, size_t length);

/*
 * As frozenref_freeze() and frozenref_unfreeze(), for owners who will write a peekable object
 * again: peeks that overlap notice.
 */
FROZENREF__API FROZENREF__MUST_CHECK bool frozenref_cache_freeze(struct frozenref_cache *cache,
								 void *object, uint32_t expected);
FROZENREF__API void frozenref_cache_unfreeze(struct frozenref_cache *cache, void *object,
					     uint32_t refs);

/*
 * A weak reference on an object that the caller holds or owns; the first of all in a cache costs
 * memory for a word an object. {0, 0} if there is none.
 */
FROZENREF__API struct frozenref_handle frozenref_cache_handle(struct frozenref_cache *cache,
							      void *object);

/* A reference on that very object, or NULL: its lifetime is over, or it is frozen. Acquire. */
FROZENREF__API FROZENREF__MUST_CHECK void *
frozenref_cache_try_get_handle(struct frozenref_cache *cache, struct frozenref_handle handle);

/*
 * The next live object behind the address `after`, in the order of addresses, referenced; the first
 * for NULL, and NULL at the end. Each object that stays live comes once.
 */
FROZENREF__API FROZENREF__MUST_CHECK void *frozenref_cache_next(struct frozenref_cache *cache,
								const void *after);

/*
 * Calls visit() for each allocated object, live or frozen: at a quiet point, when no other call is
 * under way. For reports of what was leaked, say.
 */
FROZENREF__API void frozenref_cache_for_each(struct frozenref_cache *cache,
					     void (*visit)(void *object, enum frozenref_state state,
							   void *arg),
					     void *arg);

/*
 * Gives the memory of slabs without an allocated object back to the system, under running lookups
 * and late puts; returns the bytes. What other threads have in their magazines stays.
 */
FROZENREF__API size_t frozenref_cache_trim(struct frozenref_cache *cache);

struct frozenref_cache_stats {
	uint32_t size;		 /* sizeof(struct frozenref_cache_stats), set by the caller */
	uint32_t magazine_size;	 /* objects that a new magazine holds; it adapts */
	uint64_t objects;	 /* allocated, live or frozen */
	uint64_t objects_free;	 /* free, in slabs and magazines */
	uint64_t objects_max;	 /* for how many there are addresses */
	uint64_t slabs;		 /* populated */
	uint64_t slabs_empty;	 /* of these, those that a trim would give back */
	uint64_t slab_size;	 /* bytes */
	uint64_t magazines;	 /* loaded ones, and those in the depot */
	uint64_t threads;	 /* that have magazines here */
	uint64_t exchanges;	 /* of magazines with the depot */
	uint64_t contended;	 /* of these, those that had to wait */
	uint64_t bytes_reserved; /* addresses taken */
	uint64_t bytes_resident; /* memory in use, but for magazines */
};

/* clang-format off */
#define FROZENREF_CACHE_STATS_INIT                                                                 \
	{ sizeof(struct frozenref_cache_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
/* clang-format on */

/* In C++ g++ takes a function of a struct's name for hiding its constructor, and warns. */
#if defined(__cplusplus) && defined(__GNUC__)
# pragma GCC diagnostic push
# pragma GCC diagnostic ignored "-Wshadow"
#endif

/* A snapshot, exact only at a quiet point. */
FROZENREF__API void frozenref_cache_stats(struct frozenref_cache *cache,
					  struct frozenref_cache_stats *stats);

#if defined(__cplusplus) && defined(__GNUC__)
# pragma GCC diagnostic pop
#endif

/* ------------------------------------------------------------------------------------- layout */

/* Private from here on, and fixed all the same: the inline functions carry it into programs. */
struct frozenref_cache {
	uintptr_t first;     /* the first slab's address, a multiple of the slabs' size */
	uintptr_t limit;     /* bytes from there that lookups may touch; only grows */
	uint64_t reciprocal; /* 2^40 / stride in units of 8 bytes, rounded up */
	uint32_t slab_mask;  /* the size of a slab, a power of two, less 1 */
	uint32_t per_slab;   /* objects in a slab */
	uint32_t stride;     /* from one object to the next, a multiple of 8 */
	uint32_t object_size;
	uint32_t ref_offset;
	uint32_t flags; /* FROZENREF_CACHE_* */
};

/* What the inline functions need; not for programs. */
FROZENREF__API void frozenref__cache_end(struct frozenref_cache *cache, void *object);

/* -------------------------------------------------------------------------------- definitions */

#ifndef FROZENREF_NO_INLINE

/* Which object of its slab an offset into the slab lies in, or behind: a division. */
FROZENREF__HELPER uint32_t frozenref__cache_index(const struct frozenref_cache *cache,
						  uint32_t in_slab)
{
	return (uint32_t)(((in_slab >> 3) * cache->reciprocal) >> 40);
}

/* The address of the object that encloses this one, or 0. Touches no object. */
FROZENREF__HELPER uintptr_t frozenref__cache_find(const struct frozenref_cache *cache,
						  uintptr_t address)
{
	uintptr_t offset = address - cache->first;
	uint32_t in_slab = (uint32_t)offset & cache->slab_mask;
	uint32_t index = frozenref__cache_index(cache, in_slab);
	uint32_t in_object = in_slab - index * cache->stride;

	/* Acquire: pairs with the release that raised it when the memory could be touched. */
	if (FROZENREF__UNLIKELY(offset >= frozenref__loadptr(&cache->limit, acquire)))
		return 0;
	if (FROZENREF__UNLIKELY(index >= cache->per_slab || in_object >= cache->object_size))
		return 0;
	return address - in_object;
}

FROZENREF__HELPER frozenref_t *frozenref__cache_ref(const struct frozenref_cache *cache,
						    uintptr_t object)
{
	return (frozenref_t *)(object + cache->ref_offset);
}

FROZENREF__INLINE void *frozenref_cache_try_get(struct frozenref_cache *cache, const void *address)
{
	uintptr_t object = frozenref__cache_find(cache, (uintptr_t)address);

	if (FROZENREF__UNLIKELY(!object))
		return NULL;
	/* Whatever the word belongs to, it is the counter of an object of this type, or zero. */
	if (FROZENREF__UNLIKELY(!frozenref_try_get(frozenref__cache_ref(cache, object))))
		return NULL;
	return (void *)object;
}

FROZENREF__INLINE bool frozenref_cache_put(struct frozenref_cache *cache, void *object)
{
	if (FROZENREF__LIKELY(
		    !frozenref_put_and_lock(frozenref__cache_ref(cache, (uintptr_t)object))))
		return false;
	frozenref__cache_end(cache, object);
	return true;
}

#endif /* FROZENREF_NO_INLINE */

FROZENREF__END_DECLS

#endif /* FROZENREF_CACHE_H */
