/* SPDX-License-Identifier: MIT */
/*
 * A concurrent hash table over the objects of a cache: lookups take no lock and need no grace
 * period.
 *
 * Used by programs that find objects by a key, as a kernel's dentry or inode cache does. Relies on
 * cache.h: the links of a chain lie in the stable bytes of the objects, so whoever walks a chain
 * may step on an object that is being freed, and finds out. lib/index*.c has all of it.
 *
 * An object is in one index at a time for each node that is embedded in it. While it is in an index
 * the index holds one reference on it, and its key must stay as it is; so it must while anybody
 * holds a reference, since a lookup may be comparing it.
 *
 * Any function here but create and destroy may be called from any thread at any time, and from
 * within the callbacks, which run with no lock held. None may be called from signal handlers.
 */
#ifndef FROZENREF_INDEX_H
#define FROZENREF_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <frozenref/backend.h>
#include <frozenref/cache.h>
#include <frozenref/compiler.h>

FROZENREF__BEGIN_DECLS

struct frozenref_index;

/*
 * Embedded in each object, within the stable bytes of its cache, where a pointer is aligned. All
 * zero at first, as memory of a cache is; from then on the index's alone.
 */
struct frozenref_index_node {
	uintptr_t next; /* private, all of them: only the functions below touch them */
	uint32_t hash;
	uint32_t index;
};

/* Zero members mean the default. */
struct frozenref_index_config {
	uint32_t size;		       /* sizeof(struct frozenref_index_config) */
	struct frozenref_cache *cache; /* must be there until the index is destroyed; no default */
	size_t node_offset;	       /* where in an object its struct frozenref_index_node is */
	/*
	 * Whether the object has the key; no default. Called with a reference on the object, which
	 * may have left the index, or be in another one over the same cache.
	 */
	bool (*equal)(const void *object, const void *key, void *arg);
	void *arg; /* for equal() */
	/* It begins with as many and never has fewer; rounded up; default two for each stripe. */
	size_t initial_buckets;
	unsigned flags; /* none are defined: 0 */
	/* It grows when there are more objects for 100 buckets: 25 to 1000; default 100. */
	unsigned load;
	/* Addresses to reserve, not memory; default: enough for all objects of the cache. */
	size_t max_buckets;
	/* How many locks writers share: a power of two, up to 4096; default 256. */
	unsigned stripes;
	const struct frozenref_backend *backend; /* default frozenref_mmap_backend() */
};

/* clang-format off */
#define FROZENREF_INDEX_CONFIG_INIT                                                                \
	{ sizeof(struct frozenref_index_config), NULL, 0, NULL, NULL, 0, 0, 0, 0, 0, NULL }
/* clang-format on */

/*
 * -EINVAL: NULL, an unknown size or flag, a member out of its range, or a node that is not within
 * the cache's stable bytes; -ENOMEM.
 */
FROZENREF__API FROZENREF__MUST_CHECK int
frozenref_index_create(struct frozenref_index **index, const struct frozenref_index_config *config);

/*
 * After every other call has returned. -EBUSY, and nothing is freed, while an object is in it;
 * -EINVAL for NULL.
 */
FROZENREF__API int frozenref_index_destroy(struct frozenref_index *index);

/*
 * The object with this key, with a reference, or NULL: there is none, or its owner has it frozen.
 * `hash` is the caller's hash of the key. Acquire.
 */
FROZENREF__API FROZENREF__MUST_CHECK void *frozenref_index_try_get(struct frozenref_index *index,
								   uint64_t hash, const void *key);

/*
 * Puts a live object, on which the caller holds a reference, under its key, and takes a reference
 * for the index; the caller's stays the caller's. Fails, and leaves the object alone, with
 *
 *	-EEXIST	an object with this key is there
 *	-EBUSY	an object that may have it is there, and frozen by its owner; or the object's node
 *		is in an index already, or just being taken out
 *	-EINVAL	it is frozen, or not an object of the cache
 */
FROZENREF__API FROZENREF__MUST_CHECK int
frozenref_index_insert(struct frozenref_index *index, uint64_t hash, const void *key, void *object);

/*
 * The object with this key, or else `object`, inserted as above. What is returned carries a
 * reference for the caller, also if it is `object`: the one that the caller had is his to drop in
 * either case. NULL with errno EBUSY or EINVAL, as above.
 */
FROZENREF__API FROZENREF__MUST_CHECK void *
frozenref_index_get_or_insert(struct frozenref_index *index, uint64_t hash, const void *key,
			      void *object);

/*
 * Takes out an object on which the caller holds a reference; lookups miss it from now on, and the
 * reference of the index is dropped. -ENOENT: it is not in this index.
 */
FROZENREF__API int frozenref_index_erase(struct frozenref_index *index, void *object);

/*
 * Takes out and frees an object on which the index holds the only reference: for eviction. False,
 * and nothing changed, if there are others, or it is not in this index. The caller need not hold
 * it: any address of an object of the cache will do, and what is there now is meant.
 */
FROZENREF__API bool frozenref_index_erase_if_unused(struct frozenref_index *index, void *object);

/*
 * The next live object behind *cursor, with a reference, in an order of the index's own; NULL at
 * the end. A walk begins with a *cursor of 0. Each object that is in the index all the time comes
 * exactly once, however the table grows or shrinks.
 */
FROZENREF__API FROZENREF__MUST_CHECK void *frozenref_index_next(struct frozenref_index *index,
								uint64_t *cursor);

struct frozenref_index_stats {
	uint32_t size;		 /* sizeof(struct frozenref_index_stats), set by the caller */
	uint32_t stripes;	 /* locks */
	uint64_t objects;	 /* in the index */
	uint64_t buckets;	 /* in use */
	uint64_t buckets_max;	 /* for how many there are addresses */
	uint64_t splits;	 /* of buckets, as the table grew */
	uint64_t merges;	 /* likewise, as it shrank */
	uint64_t grow_failures;	 /* times when there was no memory, and it did not grow */
	uint64_t restarts;	 /* walks that lookups began again */
	uint64_t locked;	 /* lookups that had to take a lock in the end */
	uint64_t bytes_reserved; /* addresses taken */
	uint64_t bytes_resident; /* memory in use for buckets and locks */
};

/* clang-format off */
#define FROZENREF_INDEX_STATS_INIT                                                                 \
	{ sizeof(struct frozenref_index_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
/* clang-format on */

/* In C++ g++ takes a function of a struct's name for hiding its constructor, and warns. */
#if defined(__cplusplus) && defined(__GNUC__)
# pragma GCC diagnostic push
# pragma GCC diagnostic ignored "-Wshadow"
#endif

/* A snapshot, exact only at a quiet point. */
FROZENREF__API void frozenref_index_stats(struct frozenref_index *index,
					  struct frozenref_index_stats *stats);

#if defined(__cplusplus) && defined(__GNUC__)
# pragma GCC diagnostic pop
#endif

FROZENREF__END_DECLS

#endif /* FROZENREF_INDEX_H */
