/* SPDX-License-Identifier: MIT */
/*
 * A cache as lib/ knows it: slabs in one reserved range, and magazines before them.
 *
 * Used by cache*.c and magazine*.c; by index.c, to see whether nodes are stable, and by
 * index_lookup.c for the numbers of objects. The range holds, one behind the other and each
 * committed from its beginning as it is needed,
 *
 *	objects		slabs of a power of two of bytes, each with per_slab objects from its start
 *	slabs		a struct slab for each, with a bit for each free object
 *	sequences	a number for each object, if the cache is PEEKABLE
 *	checks		what the debugging checks know of each object, if they are on
 *	generations	a word for each object, from the first handle on
 *
 * Nothing but the objects is ever purged. A free object is in exactly one place: a bit of its slab,
 * a magazine that a thread has loaded, or one in the depot; an object is never linked through its
 * own memory.
 */
#ifndef FROZENREF_LIB_CACHE_H
#define FROZENREF_LIB_CACHE_H

#include <pthread.h>

#include <frozenref/cache.h>

/* Memory that is committed from its beginning, as far as it is needed. */
struct area {
	uintptr_t base;
	size_t size;
	size_t committed;
};

enum slab_state {
	SLAB_ABSENT, /* purged, or never populated: nothing in it may be allocated */
	SLAB_BUSY,   /* some thread is populating or purging it, without the lock */
	SLAB_IN_USE,
};

/* Changed under the cache's lock, and read without by walks. Numbers of slabs count from 1. */
struct slab {
	uint32_t state; /* enum slab_state */
	uint32_t nr_free;
	uint32_t next; /* on the same list, or 0 */
	uint32_t prev;
	uint32_t free[]; /* a bit for each object that is in no magazine and not allocated */
};

/*
 * Objects on their way: a stack of free ones, which one thread fills and empties without a lock.
 * Others may look at the count, and whoever forks: so it never counts what is not there.
 */
struct magazine {
	struct magazine *next; /* in the depot */
	uint32_t capacity;
	uint32_t count;
	void *round[];
};

/* A thread's magazines of one cache. Which ones they are changes under the cache's lock. */
struct thread_cache {
	struct magazine *magazine[2]; /* the one that is not loaded is full, or empty, or NULL */
	uint32_t loaded;
	struct cache *cache;
	struct thread *thread;
	struct thread_cache *next_of_cache; /* both lists under the global lock */
	struct thread_cache *next_of_thread;
};

/* Full magazines, and empty ones. */
struct depot {
	struct magazine *full;
	struct magazine *empty;
	uint32_t nr_full;
	uint32_t nr_empty;
	uint64_t rounds; /* in the full ones */
};

/* A piece of each object that is its owner's alone: all but the counter and the stable bytes. */
struct piece {
	uint32_t offset;
	uint32_t size;
};

#define CACHE_PIECES 3

/* What alloc and free have to do besides; bits of cache.on_alloc and cache.on_free. */
#define ON_CHECKS   1u /* FROZENREF_CACHE_DEBUG */
#define ON_ASAN	    2u
#define ON_VALGRIND 4u
#define ON_PEEK	    8u	/* the sequence changes, at alloc */
#define ON_HANDLES  16u /* the generation is taken back, at free */

struct cache {
	struct frozenref_cache head; /* first: programs have its address */
	/* Read by every alloc and free, written rarely. */
	uint32_t on_alloc;
	uint32_t on_free;
	uint32_t id;
	uint64_t serial; /* no other cache ever has the same */

	void (*release)(void *object, void *arg);
	int (*ctor)(void *object, void *arg);
	void (*dtor)(void *object, void *arg);
	void *arg;
	const struct frozenref_backend *backend;
	char name[32];
	size_t reserved;  /* bytes from head.first on */
	size_t accounted; /* of these, those that count against what all caches may take */
	size_t slab_size;
	uint32_t slab_shift; /* log2 of slab_size */
	uint32_t slab_bytes; /* of a struct slab */
	uint32_t max_slabs;
	uint32_t last_slab_objects; /* max_objects may end within a slab */
	uint32_t redzone;	    /* bytes behind each object that are nobody's */
	struct piece piece[CACHE_PIECES];
	uint32_t nr_pieces;
	uintptr_t generation; /* the last one given to an object */
	struct area objects;
	struct area slabs;
	struct area sequences;
	struct area checks;
	struct area generations;
	struct thread_cache *threads; /* under the global lock */
	uint32_t nr_threads;	      /* likewise, but it is read without */

	pthread_mutex_t *lock; /* for what follows; see magazine.h */
	uint32_t nr_slabs;     /* ever populated: only these have a struct slab */
	uint32_t absent;       /* lists of slabs, by their first one's number */
	uint32_t empty;	       /* nothing allocated */
	uint32_t partial;
	uint32_t nr_populated;
	uint32_t nr_empty;
	uint32_t nr_busy;
	uint64_t nr_objects; /* in populated slabs */
	uint64_t nr_free;    /* of these, in slabs */
	uint32_t magazine_size;
	uint32_t magazine_max;
	uint32_t calm; /* exchanges since the magazines last grew */
	uint64_t exchanges;
	uint64_t contended;
	struct depot depot;
};

static inline struct cache *cache_of(struct frozenref_cache *cache)
{
	return (struct cache *)cache;
}

/* -- addresses -- */

static inline struct slab *slab_of(const struct cache *cache, uint32_t number)
{
	return (struct slab *)(cache->slabs.base + (size_t)(number - 1) * cache->slab_bytes);
}

static inline uintptr_t slab_address(const struct cache *cache, uint32_t number)
{
	return cache->head.first + (number - 1) * cache->slab_size;
}

static inline uint32_t slab_number(const struct cache *cache, uintptr_t object)
{
	return (uint32_t)((object - cache->head.first) >> cache->slab_shift) + 1;
}

static inline uint32_t index_in_slab(const struct cache *cache, uintptr_t object)
{
	return frozenref__cache_index(&cache->head, (uint32_t)(object - cache->head.first) &
							    cache->head.slab_mask);
}

static inline uintptr_t object_in_slab(const struct cache *cache, uint32_t number, uint32_t index)
{
	return slab_address(cache, number) + (uintptr_t)index * cache->head.stride;
}

/* How many objects the slab has: max_objects may end within the last one. */
static inline uint32_t slab_objects(const struct cache *cache, uint32_t number)
{
	return number == cache->max_slabs ? cache->last_slab_objects : cache->head.per_slab;
}

/* For how many objects there are addresses. */
static inline uint64_t objects_max(const struct cache *cache)
{
	return (uint64_t)(cache->max_slabs - 1) * cache->head.per_slab + cache->last_slab_objects;
}

/* A number for each object, without gaps. */
static inline size_t object_number(const struct cache *cache, uintptr_t object)
{
	return (size_t)(slab_number(cache, object) - 1) * cache->head.per_slab +
	       index_in_slab(cache, object);
}

static inline uint32_t *object_sequence(const struct cache *cache, uintptr_t object)
{
	return (uint32_t *)cache->sequences.base + object_number(cache, object);
}

static inline uint32_t *object_check(const struct cache *cache, uintptr_t object)
{
	return (uint32_t *)cache->checks.base + object_number(cache, object);
}

static inline uintptr_t *object_generation(const struct cache *cache, uintptr_t object)
{
	return (uintptr_t *)cache->generations.base + object_number(cache, object);
}

/* -- cache_slab.c; with the cache's lock held where it says so -- */

/* Reserves addresses for as many slabs, or fewer if that is refused and `max` was not asked for. */
int frozenref__slabs_reserve(struct cache *cache, size_t max_objects);
void frozenref__slabs_release(struct cache *cache);

/* Locked: as many free objects as there are, up to n. */
uint32_t frozenref__slabs_take(struct cache *cache, void **objects, uint32_t n);
/* Locked: puts free objects back. */
void frozenref__slabs_give(struct cache *cache, void *const *objects, uint32_t n);

/*
 * Memory and constructors for one more slab, which is busy then: its number; or 0, if objects have
 * become free meanwhile. False: there is no memory, no slab left, or a constructor failed.
 */
bool frozenref__slabs_construct(struct cache *cache, uint32_t *number);
/* Locked: its objects are free from now on. */
void frozenref__slabs_add(struct cache *cache, uint32_t number);
/* Gives slabs without an allocated object back, and returns the bytes. Runs destructors. */
size_t frozenref__slabs_purge(struct cache *cache);
/* At the end: destructors only. */
void frozenref__slabs_destruct(struct cache *cache);

/* Whether no object is allocated, once the magazines are flushed. */
bool frozenref__slabs_are_empty(struct cache *cache);

/* Locked: makes room for a generation for each object; 0 or -ENOMEM. */
int frozenref__slabs_add_generations(struct cache *cache);

/* -- magazine_thread.c -- */

/* A place among all caches, so that threads find their magazines; 0 or a negative errno. */
int frozenref__magazines_create(struct cache *cache);
/* The opposite, at the end. */
void frozenref__magazines_destroy(struct cache *cache);

/* Gives what the depot and the calling thread have back to the slabs; or what all threads have. */
void frozenref__magazines_flush(struct cache *cache);
void frozenref__magazines_flush_all(struct cache *cache);

struct magazine_usage {
	uint64_t rounds; /* objects in threads' magazines */
	uint64_t threads;
};

struct magazine_usage frozenref__magazines_usage(struct cache *cache);

/* -- cache_debug.c -- */

/* Sets on_alloc, on_free and the redzone, as flags, environment and tools want it. */
void frozenref__cache_watch(struct cache *cache);
/* The slab's objects are there, and free; or about to be purged, or released. */
void frozenref__cache_populated(struct cache *cache, uint32_t number);
void frozenref__cache_exposed(struct cache *cache, uint32_t number);
void frozenref__cache_closed(struct cache *cache);

/* What the calling thread reads from here on, or no longer, is not to be reported by Memcheck. */
void frozenref__cache_ignore_reads(bool ignore);

/* An object on its way out; or on its way back, unless that would be wrong: then false. */
void *frozenref__cache_allocated(struct cache *cache, void *object);
bool frozenref__cache_freeing(struct cache *cache, void *object);

/* A free of what is not a frozen object of this cache: reports it. */
void frozenref__cache_bad_free(struct cache *cache, void *object);

/* -- cache_lookup.c -- */

/* The object's owner is about to write it, and the cache is PEEKABLE. */
void frozenref__cache_disturb_peeks(struct cache *cache, void *object);

#endif /* FROZENREF_LIB_CACHE_H */
