/* SPDX-License-Identifier: MIT */
/*
 * Finding objects in an index without its locks, and walking through all of them.
 *
 * Called by programs. Relies on the rules in index.h for what may be concluded from a chain that
 * others are changing.
 */
#include "index.h"

#include "cache.h"
#include "wait.h"

/*
 * How far a lookup goes before it takes the lock that writers take: one that they keep outrunning,
 * or whose chain is too long for a hash table's, must end as well.
 */
#define STEPS_MAX    1024
#define RESTARTS_MAX 16

/*
 * The node's object with a reference, if it is in the index and has the key. Nothing is counted of
 * an object that has left the index, or its count would not drain while it is looked for.
 */
static inline void *try_node(struct frozenref_index *index, struct frozenref_index_node *node,
			     uint32_t hash, const void *key)
{
	void *object = object_of(index, node);

	/* Relaxed, both: looked at again below, or wrong for sure. */
	if (FROZENREF__UNLIKELY(frozenref__load32(&node->hash, relaxed) != hash))
		return NULL;
	if (FROZENREF__UNLIKELY(frozenref__load32(&node->index, relaxed) != index->number))
		return NULL;
	if (FROZENREF__UNLIKELY(!frozenref_try_get(ref_of(index, object))))
		return NULL;
	/*
	 * The reference keeps the key as it is. So it is enough if the object is in the index at
	 * one moment from here on. Acquire: pairs with the release of link_in(), so that whoever
	 * hears of this from us finds the object as well.
	 */
	if (FROZENREF__LIKELY(index->equal(object, key, index->arg)) &&
	    FROZENREF__LIKELY(frozenref__load32(&node->index, acquire) == index->number))
		return object;
	(void)frozenref_cache_put(index->cache, object);
	return NULL;
}

/* Whether no node was moved to another bucket since the sequence was read. */
static inline bool is_unmoved(const struct stripe *stripe, uint32_t sequence)
{
	/* Relaxed: who has seen a link that was changed by moves sees that the sequence is, too. */
	return !(sequence & 1) && frozenref__load32(&stripe->sequence, relaxed) == sequence;
}

/* The slow end of a lookup that has been led astray too often. */
static FROZENREF__COLD void *try_get_locked(struct frozenref_index *index, uint32_t hash,
					    const void *key)
{
	void *found;

	(void)frozenref__add32(&index_stripe(index, hash)->locked, 1, relaxed);
	(void)frozenref__index_find_locked(index, hash, key, NULL, &found);
	return found;
}

static FROZENREF__COLD bool may_restart(struct stripe *stripe, unsigned *restarts)
{
	(void)frozenref__add32(&stripe->restarts, 1, relaxed);
	if (++*restarts > RESTARTS_MAX)
		return false;
	FROZENREF__WAIT(*restarts);
	return true;
}

void *frozenref_index_try_get(struct frozenref_index *index, uint64_t user_hash, const void *key)
{
	uint32_t hash = index_hash(user_hash);
	struct stripe *stripe = index_stripe(index, hash);
	unsigned restarts = 0;
	unsigned steps = 0;

	do {
		/* Acquire, both: pair with the releases of splits and merges. */
		uint32_t sequence = frozenref__load32(&stripe->sequence, acquire);
		uint32_t buckets = frozenref__load32(&stripe->buckets, acquire);
		uintptr_t *head = home_of(index, hash, buckets);
		/* Acquire, here and below: pairs with the release of set_link(). */
		uintptr_t link = frozenref__loadptr(head, acquire);

		while (!is_end(link) && link) {
			struct frozenref_index_node *node = node_at(link);
			void *object = try_node(index, node, hash, key);

			if (object)
				return object;
			if (FROZENREF__UNLIKELY(++steps > STEPS_MAX))
				return try_get_locked(index, hash, key);
			link = frozenref__loadptr(&node->next, acquire);
		}
		if (FROZENREF__LIKELY(link == chain_end(head) && is_unmoved(stripe, sequence)))
			return NULL;
	} while (may_restart(stripe, &restarts));
	return try_get_locked(index, hash, key);
}

/* --------------------------------------------------------------------------------------- walks */

/*
 * Walks go by position: the hash with its bits reversed, so that each bucket is an interval
 * whatever number of buckets there is and a split cuts it in two; and below that the number of the
 * object in its cache, for those of one hash. A position is that of one object for as long as it
 * is in the index. The cursor is the smallest position that was not visited yet.
 */
#define WALK_END UINT64_MAX

static uint32_t reversed(uint32_t bits)
{
	bits = (bits >> 1 & 0x55555555) | (bits & 0x55555555) << 1;
	bits = (bits >> 2 & 0x33333333) | (bits & 0x33333333) << 2;
	bits = (bits >> 4 & 0x0f0f0f0f) | (bits & 0x0f0f0f0f) << 4;
	bits = (bits >> 8 & 0x00ff00ff) | (bits & 0x00ff00ff) << 8;
	return bits >> 16 | bits << 16;
}

static uint64_t position_of(const struct frozenref_index *index,
			    const struct frozenref_index_node *node)
{
	uint64_t number = object_number(cache_of(index->cache), (uintptr_t)object_of(index, node));

	return (uint64_t)reversed(frozenref__load32(&node->hash, relaxed)) << 32 | number;
}

/* The first position behind the bucket that the cursor is in. */
static uint64_t behind_bucket(const struct frozenref_index *index, uint64_t cursor,
			      uint32_t buckets)
{
	uint32_t reverse = (uint32_t)(cursor >> 32);
	uint32_t mask = home_mask(index, reversed(reverse), buckets);
	uint32_t last = reverse | ~reversed(mask);

	return last == UINT32_MAX ? WALK_END : (uint64_t)(last + 1) << 32;
}

/* The next live object of the bucket that the cursor is in; NULL moves the cursor on, too. */
static void *next_in_bucket(struct frozenref_index *index, uint64_t *cursor)
{
	uint32_t hash = reversed((uint32_t)(*cursor >> 32));
	struct stripe *stripe = index_stripe(index, hash);
	struct frozenref_index_node *next = NULL;
	uint64_t nearest = WALK_END;
	void *object = NULL;
	uint32_t buckets;

	lock_stripe(stripe);
	buckets = frozenref__load32(&stripe->buckets, relaxed);
	for (uintptr_t link = link_locked(home_of(index, hash, buckets)); !is_end(link);
	     link = link_locked(&node_at(link)->next)) {
		uint64_t position = position_of(index, node_at(link));

		if (position >= *cursor && position < nearest) {
			nearest = position;
			next = node_at(link);
		}
	}
	*cursor = next ? nearest + 1 : behind_bucket(index, *cursor, buckets);
	if (next && frozenref_try_get(ref_of(index, object_of(index, next))))
		object = object_of(index, next);
	unlock_stripe(stripe);
	return object;
}

void *frozenref_index_next(struct frozenref_index *index, uint64_t *cursor)
{
	while (*cursor != WALK_END) {
		void *object = next_in_bucket(index, cursor);

		if (object)
			return object;
	}
	return NULL;
}
