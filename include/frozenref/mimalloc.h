/* SPDX-License-Identifier: MIT */
/*
 * Spaces: objects that mimalloc allocates and that any address can be looked up in, without a grace
 * period; and a backend that hosts registries in mimalloc's memory.
 *
 * Used by programs that link libfrozenref-mimalloc, which is a library of its own: Debian's
 * libmimalloc.so replaces the malloc of whoever links it, and libfrozenref must not. Relies on
 * registry.h for the counters, and on mimalloc 2.0.9 or later for exclusive arenas.
 *
 * A space is a range of addresses that is reserved once and never unmapped. Its lower half, the
 * small zone, is divided into granules of 64 bytes, its upper half, the large zone, into granules
 * of 4 KiB, and each zone has a registry with a slot for every granule. An object has whole
 * granules to itself, so an address is of at most one object, and finding that out reads slots and
 * never the memory of objects: whatever the address, and whatever became of what was there.
 *
 * An object is born frozen and owned by who allocated it; frozenref_mi_unfreeze() publishes it with
 * as many references as the owner says, all of which are the program's: the space keeps none. The
 * last frozenref_mi_put() ends it.
 *
 * Any function here may be called from any thread and from within release(). From signal handlers:
 * frozenref_mi_count(), frozenref_mi_get(), frozenref_mi_peek() and, in a space with
 * FROZENREF_MI_DEFER, frozenref_mi_try_get() and frozenref_mi_put().
 */
#ifndef FROZENREF_MIMALLOC_H
#define FROZENREF_MIMALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <frozenref/backend.h>
#include <frozenref/compiler.h>
#include <frozenref/registry.h>

/* The inline functions are symbols of libfrozenref-mimalloc: its symbols.c emits them. */
#if defined(FROZENREF_NO_INLINE) || defined(FROZENREF__MI_EMIT_SYMBOLS)
# define FROZENREF__MI_INLINE FROZENREF__API
#else
# define FROZENREF__MI_INLINE static inline __attribute__((always_inline))
#endif

FROZENREF__BEGIN_DECLS

/* ---------------------------------------------------------------------------------- interface */

struct frozenref_mi_space;

/*
 * The payload of objects may be read by frozenref_mi_peek() without a reference. Slots have 32
 * bytes instead of 16 then. Needs a mimalloc that leaves freed memory readable: one that was built
 * for debugging or hardening is -ENOTSUP.
 */
#define FROZENREF_MI_PEEKABLE 1u
/*
 * A last put only queues the object; release() and mi_free() wait for frozenref_mi_drain(). For
 * puts in signal handlers, and under locks that release() takes.
 */
#define FROZENREF_MI_DEFER    2u

/* Zero members mean the default. */
struct frozenref_mi_space_config {
	uint32_t size; /* sizeof(struct frozenref_mi_space_config) */
	/*
	 * What each of the zones can hold, rounded up to a power of two of at least 32 MiB; default
	 * 2 GiB. Addresses, not memory. mimalloc 2 gives each thread 32 MiB of a zone at a time, so
	 * this is also how many threads can allocate at once: 64.
	 */
	size_t bytes;
	/* Run by the last put, after lookups have begun to miss, and before mi_free(). */
	void (*release)(void *object, void *arg);
	void *arg;
	unsigned granule_shift; /* log2 of the small zone's granule: 4 to 12; default 6 */
	unsigned flags;		/* FROZENREF_MI_* */
};

/* clang-format off */
#define FROZENREF_MI_SPACE_CONFIG_INIT                                                             \
	{ sizeof(struct frozenref_mi_space_config), 0, NULL, NULL, 0, 0 }
/* clang-format on */

/*
 * A NULL config means all defaults. -EINVAL: an unknown size, flag, or a member out of its range;
 * -ENOTSUP: PEEKABLE where it cannot be had; -ENOMEM: no addresses, no memory, or no more arenas,
 * of which a space takes two and mimalloc 2 has 64.
 */
FROZENREF__API FROZENREF__MUST_CHECK int
frozenref_mi_space_create(struct frozenref_mi_space **space,
			  const struct frozenref_mi_space_config *config);

/*
 * After every other call has returned. Drains, and then: -EBUSY, and nothing is freed, while an
 * object exists; -EINVAL for NULL. mimalloc cannot take an arena back, so the range of addresses is
 * kept for the next space that it is large enough for.
 */
FROZENREF__API int frozenref_mi_space_destroy(struct frozenref_mi_space *space);

/* -- owning an object -- */

/*
 * An object of at least `size` bytes, frozen and owned by the caller, aligned to the zone's
 * granule; more than 2,048 bytes take whole 4 KiB granules. NULL with errno ENOMEM: the zone is
 * full, all of it is in the hands of other threads, or there is no memory for it or its slots.
 */
FROZENREF__API FROZENREF__MUST_CHECK void *frozenref_mi_malloc(struct frozenref_mi_space *space,
							       size_t size);
/* The same, zeroed. */
FROZENREF__API FROZENREF__MUST_CHECK void *frozenref_mi_zalloc(struct frozenref_mi_space *space,
							       size_t size);
/* The same at a multiple of `alignment`, a power of two, or NULL with errno EINVAL. */
FROZENREF__API FROZENREF__MUST_CHECK void *
frozenref_mi_malloc_aligned(struct frozenref_mi_space *space, size_t size, size_t alignment);

/* Gives an object back that its owner holds frozen; no release(). NULL does nothing. */
FROZENREF__API void frozenref_mi_free(struct frozenref_mi_space *space, void *object);

/* Publishes an object with `refs` references, 1 to FROZENREF_MAX; only its owner may. Release. */
FROZENREF__MI_INLINE void frozenref_mi_unfreeze(struct frozenref_mi_space *space, void *object,
						uint32_t refs);

/*
 * Freezes a live object that has exactly `expected` references, all of them the caller's to give;
 * the caller owns it then. A passing lookup can make it fail for a moment.
 */
FROZENREF__API FROZENREF__MUST_CHECK bool frozenref_mi_freeze(struct frozenref_mi_space *space,
							      void *object, uint32_t expected);

/* -- looking up and holding -- */

/*
 * Any address, inside of an object or not, stale, freed or of something else altogether: the object
 * that it lies in, with a reference, or NULL. Acquire.
 */
FROZENREF__MI_INLINE FROZENREF__MUST_CHECK void *
frozenref_mi_try_get(struct frozenref_mi_space *space, const void *address);

/* One more reference, for a holder. */
FROZENREF__MI_INLINE void frozenref_mi_get(struct frozenref_mi_space *space, void *object);

/* References at the moment; 0: frozen, or no object begins here. */
FROZENREF__MI_INLINE uint32_t frozenref_mi_count(struct frozenref_mi_space *space,
						 const void *object);

/*
 * Drops one. The last one empties the slots, runs release(), and then mi_free(), or queues both.
 * True: this call was the last. Release; acquire when true.
 */
FROZENREF__MI_INLINE bool frozenref_mi_put(struct frozenref_mi_space *space, void *object);

/*
 * Copies bytes from an address inside of an object, without a reference and without writing. True:
 * the object was live, and the same, for the whole copy. See frozenref_registry_peek().
 */
FROZENREF__API FROZENREF__MUST_CHECK bool frozenref_mi_peek(struct frozenref_mi_space *space,
							    const void *address, void *buffer,
							    size_t length);

/* -- at other times -- */

/* Runs what FROZENREF_MI_DEFER queued, and returns how many objects that were. */
FROZENREF__API size_t frozenref_mi_drain(struct frozenref_mi_space *space);

/*
 * Gives memory back to the system: the tables of granules that are not in use, and what mimalloc
 * keeps for the calling thread. Returns the bytes of the tables. While no other thread allocates
 * from the space or ends objects in it; lookups may go on.
 */
FROZENREF__API size_t frozenref_mi_trim(struct frozenref_mi_space *space);

enum frozenref_mi_verdict {
	FROZENREF_MI_LIVE = 1, /* in the registry, with references */
	FROZENREF_MI_FROZEN,   /* in the registry, and an owner has it */
	FROZENREF_MI_QUEUED,   /* ended, and waits for frozenref_mi_drain() */
	FROZENREF_MI_LEAKED,   /* nobody can end it: saturated, or a block without an object */
	FROZENREF_MI_STRAY,    /* an object without a block: mi_free() was called on it */
};

/* How many of each a check found. */
struct frozenref_mi_report {
	uint32_t size;	/* sizeof(struct frozenref_mi_report), set by the caller */
	uint32_t heaps; /* of mimalloc, that could be walked */
	uint64_t live;
	uint64_t frozen;
	uint64_t queued;
	uint64_t leaked;
	uint64_t stray;
	uint64_t bytes;	 /* in the granules of live and frozen objects */
	uint64_t blocks; /* of mimalloc, in the heaps that were walked */
};

/* clang-format off */
#define FROZENREF_MI_REPORT_INIT                                                                   \
	{ sizeof(struct frozenref_mi_report), 0, 0, 0, 0, 0, 0, 0, 0 }
/* clang-format on */

typedef void frozenref_mi_visit_fn(void *object, size_t size, enum frozenref_mi_verdict verdict,
				   void *arg);

/*
 * At a quiet point: goes through the registries, which know every object, and through those of
 * mimalloc's heaps that the calling thread may walk, its own, and compares. `visit`, unless NULL,
 * is called for each object and each block that has none; the report may be NULL as well. 0:
 * nothing is leaked or stray; 1: something is; -EINVAL.
 */
FROZENREF__API int frozenref_mi_check(struct frozenref_mi_space *space,
				      frozenref_mi_visit_fn *visit, void *arg,
				      struct frozenref_mi_report *report);

/*
 * A backend for registries and caches whose memory is mimalloc's. What it reserves is allocated at
 * once, so it counts where a reservation would not; -ENOMEM where mimalloc cannot align or allocate
 * that much, and purging says -EINVAL where the system cannot take back mimalloc's pages.
 */
FROZENREF__API const struct frozenref_backend *frozenref_mimalloc_backend(void);

/* ------------------------------------------------------------------------------------- layout */

/* Private from here on, and fixed all the same: the inline functions carry it into programs. */

enum {
	FROZENREF__MI_SMALL = 0,
	FROZENREF__MI_LARGE = 1,
	FROZENREF__MI_ZONES = 2,
};

/*
 * What every call needs comes first, in one cache line. The registries' slots are known to a space
 * by an array of its own, with an entry for each chunk of its addresses, small and large zone
 * alike, whatever its size. An entry is set when the first object is in its chunk, and stays.
 */
struct frozenref_mi_space {
	uintptr_t first;      /* the small zone's first address; the large one lies behind it */
	size_t bytes;	      /* of both zones */
	uintptr_t chunks;     /* where the entry for the chunk of address 0 would be */
	uint32_t slot_shift;  /* log2 of the bytes of a slot, the same in both zones */
	uint32_t zone_shift;  /* log2 of the bytes of a zone */
	uint32_t small_shift; /* log2 of the small zone's granule */
	uint32_t flags;
	size_t heaps; /* where a thread's table of heaps has those of this space, in bytes */
	struct frozenref_registry *registries[FROZENREF__MI_ZONES];
};

/* Slots of a chunk lie in one leaf: of 65,536 granules, and the smallest ones have 16 bytes. */
#define FROZENREF__MI_CHUNK_SHIFT 20

#define FROZENREF__MI_LARGE_SHIFT 12

/* What the inline functions need; not for programs. */
FROZENREF__API FROZENREF__COLD void *frozenref__mi_try_get_slow(struct frozenref_mi_space *space,
								const void *address);
FROZENREF__API FROZENREF__COLD struct frozenref_slot *
frozenref__mi_find_slow(const struct frozenref_mi_space *space, const void *address,
			enum frozenref_misuse kind);
FROZENREF__API FROZENREF__COLD void frozenref__mi_unfreeze_slow(struct frozenref_mi_space *space,
								void *object, uint32_t refs);
FROZENREF__API FROZENREF__COLD bool frozenref__mi_put_unseen(struct frozenref_mi_space *space,
							     void *object);
FROZENREF__API void frozenref__mi_end(struct frozenref_mi_space *space, struct frozenref_slot *slot,
				      void *object);

/* -------------------------------------------------------------------------------- definitions */

#ifndef FROZENREF_NO_INLINE

FROZENREF__HELPER bool frozenref__mi_is_inside(const struct frozenref_mi_space *space,
					       const void *address)
{
	return (uintptr_t)address - space->first < space->bytes;
}

/* For an address in the space. */
FROZENREF__HELPER unsigned frozenref__mi_zone(const struct frozenref_mi_space *space,
					      const void *address)
{
	return (unsigned)(((uintptr_t)address - space->first) >> space->zone_shift);
}

/* log2 of a zone's granule */
FROZENREF__HELPER uint32_t frozenref__mi_shift(const struct frozenref_mi_space *space,
					       unsigned zone)
{
	return FROZENREF__LIKELY(!zone) ? space->small_shift : FROZENREF__MI_LARGE_SHIFT;
}

/*
 * The entry of the chunk that an address in the space lies in. Its low bits are log2 of the granule
 * there, the others where the slot of pfn 0 would be, were it in a row with those of the chunk.
 */
FROZENREF__HELPER uintptr_t *frozenref__mi_chunk(const struct frozenref_mi_space *space,
						 const void *address)
{
	return (uintptr_t *)(space->chunks +
			     ((uintptr_t)address >> FROZENREF__MI_CHUNK_SHIFT) * sizeof(uintptr_t));
}

/* As many bits of an entry as a shift looks at. */
# define FROZENREF__MI_CHUNK_BITS (sizeof(uintptr_t) * 8 - 1)

/*
 * The slot of the granule that an address in the space lies in, and the granule's first address; or
 * NULL: there never was an object in the chunk. Without a branch between the zones, as nobody can
 * foresee which one an address is of.
 */
FROZENREF__HELPER struct frozenref_slot *frozenref__mi_slot(const struct frozenref_mi_space *space,
							    const void *address,
							    uint32_t slot_shift, void **granule)
{
	/* Acquire: pairs with the release that put it there. */
	uintptr_t chunk = frozenref__loadptr(frozenref__mi_chunk(space, address), acquire);
	uintptr_t pfn = (uintptr_t)address >> (chunk & FROZENREF__MI_CHUNK_BITS);
	uintptr_t slot = (chunk & ~FROZENREF__MI_CHUNK_BITS) + (pfn << slot_shift);

	if (FROZENREF__UNLIKELY(!chunk))
		return NULL;
	*granule = (void *)(pfn << (chunk & FROZENREF__MI_CHUNK_BITS));
	/* Callers ask whether there is a slot; once is enough. */
	if (!slot)
		__builtin_unreachable();
	return (struct frozenref_slot *)slot;
}

/* The same for any address. */
FROZENREF__HELPER struct frozenref_slot *frozenref__mi_find(const struct frozenref_mi_space *space,
							    const void *address, void **granule)
{
	if (FROZENREF__UNLIKELY(!frozenref__mi_is_inside(space, address)))
		return NULL;
	return frozenref__mi_slot(space, address, space->slot_shift, granule);
}

FROZENREF__MI_INLINE void *frozenref_mi_try_get(struct frozenref_mi_space *space,
						const void *address)
{
	void *granule;
	struct frozenref_slot *slot = frozenref__mi_find(space, address, &granule);

	if (FROZENREF__UNLIKELY(!slot))
		return frozenref__mi_try_get_slow(space, address);
	/*
	 * Relaxed: so that nothing is written where nothing is. It need not be looked at again: a
	 * live word is a head's, a head covers its own granule, and in a space nothing is erased.
	 */
	if (FROZENREF__UNLIKELY(
		    !frozenref__slot_is_plain(frozenref__load32(&slot->flags, relaxed))))
		return frozenref__mi_try_get_slow(space, address);
	if (FROZENREF__UNLIKELY(!frozenref_try_get(&slot->ref)))
		return frozenref__mi_try_get_slow(space, address);
	return granule;
}

FROZENREF__MI_INLINE void frozenref_mi_get(struct frozenref_mi_space *space, void *object)
{
	void *granule;
	struct frozenref_slot *slot = frozenref__mi_find(space, object, &granule);

	if (FROZENREF__UNLIKELY(!slot))
		slot = frozenref__mi_find_slow(space, object, FROZENREF_MISUSE_GET_FROZEN);
	if (FROZENREF__LIKELY(slot))
		frozenref_get(&slot->ref);
}

FROZENREF__MI_INLINE uint32_t frozenref_mi_count(struct frozenref_mi_space *space,
						 const void *object)
{
	void *granule;
	const struct frozenref_slot *slot = frozenref__mi_find(space, object, &granule);

	if (FROZENREF__UNLIKELY(!slot))
		slot = frozenref__mi_find_slow(space, object, (enum frozenref_misuse)0);
	return FROZENREF__LIKELY(slot) ? frozenref_count(&slot->ref) : 0;
}

FROZENREF__MI_INLINE void frozenref_mi_unfreeze(struct frozenref_mi_space *space, void *object,
						uint32_t refs)
{
	void *granule;
	struct frozenref_slot *slot = frozenref__mi_find(space, object, &granule);
	uint32_t frozen = FROZENREF__SLOT_USED | FROZENREF__SLOT_BUSY | FROZENREF__SLOT_COMPACT;
	uint32_t flags;

	if (FROZENREF__UNLIKELY(!slot)) {
		frozenref__mi_unfreeze_slow(space, object, refs);
		return;
	}
	flags = frozenref__load32(&slot->flags, relaxed);
	/* What peeks must notice, and what is wrong, takes a few steps more. */
	if (FROZENREF__UNLIKELY((flags & (FROZENREF__SLOT_STATE | FROZENREF__SLOT_COMPACT)) !=
					frozen ||
				!frozenref__count_is_valid(refs, FROZENREF_MAX))) {
		frozenref__mi_unfreeze_slow(space, object, refs);
		return;
	}
	/*
	 * Before the word: behind that the object may end, and its granule be another's. Relaxed:
	 * here flags are a hint, and the word's release publishes.
	 */
	frozenref__store32(&slot->flags, flags - FROZENREF__SLOT_BUSY, relaxed);
	frozenref_unfreeze(&slot->ref, refs);
}

FROZENREF__MI_INLINE bool frozenref_mi_put(struct frozenref_mi_space *space, void *object)
{
	void *granule;
	struct frozenref_slot *slot = frozenref__mi_find(space, object, &granule);
	bool last;

	if (FROZENREF__UNLIKELY(!slot))
		return frozenref__mi_put_unseen(space, object);
	/* Relaxed: a hint. Who holds the only reference ends the object by one instruction. */
	if (frozenref__load32(&slot->ref.word, relaxed) == FROZENREF__ONE)
		last = frozenref_put_and_lock_likely_last(&slot->ref);
	else
		last = frozenref_put_and_lock(&slot->ref);
	if (last)
		frozenref__mi_end(space, slot, granule);
	return last;
}

#endif /* FROZENREF_NO_INLINE */

FROZENREF__END_DECLS

#endif /* FROZENREF_MIMALLOC_H */
