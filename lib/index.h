/* SPDX-License-Identifier: MIT */
/*
 * The inside of an index: stripes of buckets, chains, and the rules by which they are changed.
 *
 * Used by lib/index*.c. Include it first: it brings in <pthread.h> before atomic.h.
 *
 * The low bits of a hash choose a stripe, the others a bucket of that stripe. A stripe is a table
 * of its own, which grows and shrinks by linear hashing, a bucket at a time, under its lock. All
 * buckets lie in one reserved range of addresses and never move: bucket b of stripe s is word
 * b * stripes + s.
 *
 * A bucket is the link to the first node of its chain. A link is the address of a node; or, at the
 * end of a chain, the address of the bucket plus 1, which no other chain in the process ends with;
 * or zero, which is memory that was given back. Nodes lie in the stable bytes of objects: to read
 * one is always safe, whatever became of the object. To write one takes the lock of the stripe
 * whose chain it is in.
 *
 * What lookups rely on, without a lock:
 *
 * - A node enters a chain at its head alone. So whoever stands on a node that moves to the head of
 *   the same chain sees more of it, never less; and whoever is led into another chain finds another
 *   end there, and begins again.
 * - Every store to a link is a release, every load of one an acquire: who comes to a node by a link
 *   sees the node as it was when it was linked, or as it became later. An end that is reached in
 *   this way without meeting a node proves that it was not in the chain all the time.
 * - A split or merge makes the stripe's sequence odd before it moves the first node and even again
 *   behind the last. A miss counts only if the sequence is even and did not change.
 * - A node's index says whether its object is in the index. It is stored after the node was linked:
 *   who finds the object knows that others will. It is taken away after the node was unlinked, as
 *   the last of all: who still finds the object does so at a moment before that, and nobody can
 *   have put another one in its place.
 */
#ifndef FROZENREF_LIB_INDEX_H
#define FROZENREF_LIB_INDEX_H

#include <pthread.h>

#include <frozenref/atomic.h>
#include <frozenref/index.h>

/* In node->index, besides 0 and the numbers of indexes: being put in by somebody. */
#define INDEX_CHANGING UINT32_MAX

struct stripe {
	/* Read by every lookup, written by splits and merges: a line of its own. */
	_Alignas(64) uint32_t sequence;
	uint32_t buckets;
	uint32_t splits;
	uint32_t merges;
	uint32_t grow_failures;
	uint32_t restarts; /* of lookups; for the statistics */
	uint32_t locked;   /* likewise */

	/* For writers, under the lock. */
	_Alignas(64) pthread_mutex_t lock;
	uint32_t objects;
	uint32_t inserts; /* goes round */
	uint32_t chunks;  /* of the table that this stripe reaches into; also under grow_lock */
	uint32_t retry;	  /* no memory for more buckets: not before there are so many objects */
};

struct frozenref_index {
	/* What lookups read, and nobody writes. */
	uintptr_t *table;
	struct stripe *stripes;
	uint32_t stripe_mask;
	uint32_t stripe_shift;
	uint32_t number; /* the index's own, for node->index: none that exists has the same */
	uint32_t node_offset;
	uint32_t ref_offset;
	uint32_t load;
	bool (*equal)(const void *object, const void *key, void *arg);
	void *arg;

	void *stripes_memory; /* what calloc gave for the stripes */
	struct frozenref_cache *cache;
	const struct frozenref_backend *backend;
	uint32_t min_buckets; /* of a stripe, as the next one */
	uint32_t max_buckets;
	uint32_t chunk_rows; /* how many buckets of each stripe are in a chunk */
	size_t chunk_bytes;  /* memory for buckets is committed, and given back, in such pieces */

	/* Taken by who holds a stripe's lock, over a change of which chunks are in use. */
	pthread_mutex_t grow_lock;
	uint32_t committed; /* chunks, from the first on */

	struct frozenref_index *next; /* in the list that the fork handlers go through */
	struct frozenref_index **link;
};

/* --------------------------------------------------------------------------- hashes and buckets */

/*
 * Fibonacci hashing spreads numbers in a row evenly in the upper bits of the product, better than
 * chance would, and addresses well; the table goes by the lower ones, so the bytes are turned.
 */
static inline uint32_t index_hash(uint64_t hash)
{
	hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return __builtin_bswap32((uint32_t)(hash >> 32));
}

static inline struct stripe *index_stripe(const struct frozenref_index *index, uint32_t hash)
{
	return &index->stripes[hash & index->stripe_mask];
}

/*
 * Those bits of a hash that are the place of its bucket in the table, while its stripe has so many
 * buckets, at least 2: all of the stripe's bits, and of the others one more or less.
 */
static inline uint32_t home_mask(const struct frozenref_index *index, uint32_t hash,
				 uint32_t buckets)
{
	uint32_t bits = hash >> index->stripe_shift;
	uint32_t mask = UINT32_MAX >> __builtin_clz(buckets - 1);

	if ((bits & mask) >= buckets)
		mask >>= 1;
	return mask << index->stripe_shift | index->stripe_mask;
}

static inline uintptr_t *home_of(const struct frozenref_index *index, uint32_t hash,
				 uint32_t buckets)
{
	return &index->table[hash & home_mask(index, hash, buckets)];
}

/* --------------------------------------------------------------------------------------- chains */

static inline uintptr_t chain_end(const uintptr_t *head)
{
	return (uintptr_t)head | 1;
}

static inline bool is_end(uintptr_t link)
{
	return link & 1;
}

/* For whoever holds the stripe's lock, and so wrote the link or knows who did. */
static inline uintptr_t link_locked(const uintptr_t *link)
{
	return frozenref__loadptr(link, relaxed);
}

static inline void set_link(uintptr_t *link, uintptr_t value)
{
	/* Release: pairs with the acquire of walks, for what is behind this link. */
	frozenref__storeptr(link, value, release);
}

static inline struct frozenref_index_node *node_at(uintptr_t link)
{
	return (struct frozenref_index_node *)link;
}

static inline struct frozenref_index_node *node_of(const struct frozenref_index *index,
						   const void *object)
{
	return node_at((uintptr_t)object + index->node_offset);
}

static inline void *object_of(const struct frozenref_index *index,
			      const struct frozenref_index_node *node)
{
	return (void *)((uintptr_t)node - index->node_offset);
}

/* An address in a chain is that of an object of the cache: there is nothing to be looked up. */
static inline frozenref_t *ref_of(const struct frozenref_index *index, const void *object)
{
	return (frozenref_t *)((uintptr_t)object + index->ref_offset);
}

/* -------------------------------------------------------------------------------------- index.c */

/* Not 0 while a process forks. */
extern uint32_t frozenref__index_forking;
/* Gives the lock of a stripe away until the fork is over. */
FROZENREF__COLD void frozenref__index_wait_for_fork(struct stripe *stripe);

static inline void lock_stripe(struct stripe *stripe)
{
	pthread_mutex_lock(&stripe->lock);
	/* Relaxed: ordered by the lock. */
	if (FROZENREF__UNLIKELY(frozenref__load32(&frozenref__index_forking, relaxed)))
		frozenref__index_wait_for_fork(stripe);
}

static inline void unlock_stripe(struct stripe *stripe)
{
	pthread_mutex_unlock(&stripe->lock);
}

/* ------------------------------------------------------------------------------ index_change.c */

/*
 * Finds, under the stripe's lock, an object with the key: 0 and a reference on it in *found. Or
 * else inserts `object`, unless that is NULL: -ENOENT, *found is NULL, and it is in. -EBUSY and
 * -EINVAL as frozenref_index_insert(). equal() is called without the lock.
 */
int frozenref__index_find_locked(struct frozenref_index *index, uint32_t hash, const void *key,
				 void *object, void **found);

/* ------------------------------------------------------------------------------- index_resize.c */

/* Reserves the table, for fewer buckets if that is refused, and fills the first; 0 or -ENOMEM. */
int frozenref__index_make_table(struct frozenref_index *index, bool or_fewer);
void frozenref__index_free_table(struct frozenref_index *index);

/* After an insert, and after an erase, with the stripe's lock held: adapt the number of buckets. */
void frozenref__index_grow(struct frozenref_index *index, struct stripe *stripe);
void frozenref__index_shrink(struct frozenref_index *index, struct stripe *stripe);

/* Addresses that the table takes. */
size_t frozenref__index_table_bytes(const struct frozenref_index *index);

#endif /* FROZENREF_LIB_INDEX_H */
