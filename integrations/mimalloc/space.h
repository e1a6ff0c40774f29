/* SPDX-License-Identifier: MIT */
/*
 * What the sources of libfrozenref-mimalloc share: spaces, their ranges, and threads' heaps.
 *
 * Used by all of them; relies on frozenref/mimalloc.h and mimalloc.h.
 */
#ifndef FROZENREF_INTEGRATIONS_MIMALLOC_SPACE_H
#define FROZENREF_INTEGRATIONS_MIMALLOC_SPACE_H

#include <mimalloc.h>

#include <frozenref/mimalloc.h>

/*
 * mimalloc orders what is done with a block before it is freed and after it is handed out again,
 * and ThreadSanitizer, which does not see into it, must be told.
 */
#if defined(__SANITIZE_THREAD__)
# define FROZENREF__MI_TSAN 1
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define FROZENREF__MI_TSAN 1
# endif
#endif
#ifdef FROZENREF__MI_TSAN
# include <sanitizer/tsan_interface.h>
# define BLOCK_COMES(block) ((block) ? __tsan_acquire(block) : (void)0)
# define BLOCK_GOES(block)  __tsan_release(block)
#else
# define BLOCK_COMES(block) ((void)0)
# define BLOCK_GOES(block)  ((void)0)
#endif

enum {
	SMALL = FROZENREF__MI_SMALL,
	LARGE = FROZENREF__MI_LARGE,
	ZONES = FROZENREF__MI_ZONES,
};

/* Up to here an object's slots in the small zone cost less than what rounding up to 4 KiB would. */
#define SMALL_MAX 2048

/* -------------------------------------------------------------------------------------- ranges */

/*
 * A zone is aligned to its size, up to what the window of a registry with the usual granules can
 * show: so it begins with a leaf of slots, or lies in one. mimalloc wants 32 MiB at least.
 */
#define ALIGN_SHIFT_MAX (FROZENREF__WINDOW_SHIFT + 6)

/* A thread has a table of heaps with an entry for each range: spaces that exist at once. */
#define RANGES_MAX 64

/*
 * Addresses for one space at a time, in which mimalloc has two arenas for ever. Made by range.c
 * when no parked one is large enough; never unmapped once mimalloc knows of it.
 */
struct range {
	struct range *next; /* in the list of parked ones */
	uintptr_t first;
	unsigned zone_shift;
	unsigned index; /* below RANGES_MAX */
	unsigned n_arenas;
	mi_arena_id_t arenas[ZONES];
	mi_heap_t *heaps[ZONES]; /* only where mimalloc's heaps are for all threads */
};

/* A range whose zones have 1 << zone_shift bytes or more; 0 or -ENOMEM. */
int frozenref__mi_range_take(unsigned zone_shift, struct range **range);
/* Everything in it has been freed; another space may take it. */
void frozenref__mi_range_park(struct range *range);

/* --------------------------------------------------------------------------------------- heaps */

struct thread_heaps {
	mi_heap_t *heaps[RANGES_MAX][ZONES];
};

/* The calling thread's heaps; of nobody, and none, before its first, and while it exits. */
extern __thread const struct thread_heaps *frozenref__mi_thread
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Makes what is missing; NULL: no memory. */
FROZENREF__COLD mi_heap_t *frozenref__mi_heap_make(struct range *range, unsigned zone);

/* -------------------------------------------------------------------------------------- spaces */

/* Objects that have ended and wait to be freed, linked outside of themselves. */
struct deferred {
	uintptr_t head;		 /* the last one queued, or 0 */
	uintptr_t *links[ZONES]; /* for each granule, the object queued before the one on it */
};

/* What is known beforehand of objects of one granule in a zone. */
struct one_granule {
	size_t granule;
	size_t most;	     /* bytes that are asked for, for such an object */
	size_t sizes;	     /* how many sizes up to that are; 0 where it takes more to make one */
	uintptr_t first;     /* the zone's first address */
	uintptr_t misplaced; /* bits that no object has in its distance from there */
};

struct space {
	struct frozenref_mi_space head; /* first: programs have its address */
	struct one_granule one[ZONES];
	bool has_more_to_do; /* at the end of an object than to free its memory */
	struct range *range;
	void (*release)(void *object, void *arg);
	void *arg;
	struct deferred deferred;
	uintptr_t *chunks; /* as in the head, from the space's first on */
};

static inline struct space *space_of(struct frozenref_mi_space *space)
{
	return (struct space *)space;
}

static inline size_t zone_bytes(const struct space *space)
{
	return (size_t)1 << space->head.zone_shift;
}

static inline uintptr_t zone_first(const struct space *space, unsigned zone)
{
	return space->one[zone].first;
}

/* Whether the slots have 16 bytes, and an object of one granule needs only its flags. */
static inline bool has_compact_slots(const struct space *space)
{
	return !(space->head.flags & FROZENREF_MI_PEEKABLE);
}

/* The heap from which the calling thread allocates in a zone, or NULL: none was needed yet. */
static inline mi_heap_t *existing_heap_of(const struct space *space, unsigned zone)
{
#if HAVE_MI_HEAP_THEAP
	return space->range->heaps[zone];
#else
	return ((mi_heap_t *const *)((uintptr_t)frozenref__mi_thread + space->head.heaps))[zone];
#endif
}

/* The same, made if need be; NULL: no memory. */
static inline mi_heap_t *heap_of(const struct space *space, unsigned zone)
{
	mi_heap_t *heap = existing_heap_of(space, zone);

	return FROZENREF__LIKELY(heap) ? heap : frozenref__mi_heap_make(space->range, zone);
}

/* 0 if peeks may read what mimalloc has freed; or -ENOTSUP, or -ENOMEM: there is no telling. */
int frozenref__mi_is_readable(void);

/* The registries' release(), of an object that has no slot any more. */
void frozenref__mi_ended(void *object, uint64_t pfn, uint64_t npages, void *arg);
/* Runs the program's release(), and gives the memory back. */
void frozenref__mi_finish(struct space *space, void *object);

/* Address space for the links; 0 or -ENOMEM. Only for spaces with FROZENREF_MI_DEFER. */
int frozenref__mi_deferred_init(struct space *space);
void frozenref__mi_deferred_destroy(struct space *space);
/* Takes no lock and no memory: may be called in signal handlers. */
void frozenref__mi_defer(struct space *space, void *object);
/* The object queued before this one, or the last one of all for NULL; NULL at the end. */
void *frozenref__mi_deferred_next(const struct space *space, const void *object);
bool frozenref__mi_is_deferred(const struct space *space, const void *object);

#endif /* FROZENREF_INTEGRATIONS_MIMALLOC_SPACE_H */
