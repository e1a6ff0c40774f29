/* SPDX-License-Identifier: MIT */
/*
 * Putting objects into an index and taking them out.
 *
 * Called by programs, and by index_lookup.c for lookups that could not do without a lock. Relies on
 * index_resize.c for the number of buckets. Everything here is under the lock of one stripe, but
 * for the program's functions: equal(), and what an object's last put runs, are called without it.
 */
#include "index.h"

#include <errno.h>

static bool is_object(const struct frozenref_index *index, const void *address)
{
	return address &&
	       frozenref__cache_find(index->cache, (uintptr_t)address) == (uintptr_t)address;
}

/* The stripe's lock is held, and no other object of the index has the key. */
static int link_in(struct frozenref_index *index, struct stripe *stripe, uint32_t hash,
		   void *object)
{
	struct frozenref_index_node *node = node_of(index, object);
	uintptr_t *head = home_of(index, hash, frozenref__load32(&stripe->buckets, relaxed));

	/* Acquire: pairs with the release of take_out(), which is done with the node then. */
	if (frozenref__cas32(&node->index, 0, INDEX_CHANGING, acquire) != 0)
		return -EBUSY;
	frozenref_get(ref_of(index, object));
	/* Relaxed: the release below goes before whoever looks at it. */
	frozenref__store32(&node->hash, hash, relaxed);
	set_link(&node->next, link_locked(head));
	set_link(head, (uintptr_t)node);
	/* Release: pairs with the acquire of try_node(); now the object is in the index. */
	frozenref__store32(&node->index, index->number, release);
	stripe->objects++;
	stripe->inserts++;
	frozenref__index_grow(index, stripe);
	return 0;
}

/* The stripe's lock is held, and the node is in one of its chains. */
static void take_out(struct frozenref_index *index, struct stripe *stripe,
		     struct frozenref_index_node *node)
{
	uint32_t hash = frozenref__load32(&node->hash, relaxed);
	uintptr_t *at = home_of(index, hash, frozenref__load32(&stripe->buckets, relaxed));

	while (link_locked(at) != (uintptr_t)node)
		at = &node_at(link_locked(at))->next;
	/* The node's own link stays as it is, for those who stand on the node. */
	set_link(at, link_locked(&node->next));
	/*
	 * Release: pairs with the acquire of link_in(). Not before: from here on another thread may
	 * put the object elsewhere, and write its node.
	 */
	frozenref__store32(&node->index, 0, release);
	stripe->objects--;
	frozenref__index_shrink(index, stripe);
}

/* --------------------------------------------------------------------------------------- insert */

/* With the lock held: the first node of this hash, in the order of addresses, behind `after`. */
static struct frozenref_index_node *
next_of_hash(struct frozenref_index *index, struct stripe *stripe, uint32_t hash, uintptr_t after)
{
	uintptr_t *head = home_of(index, hash, frozenref__load32(&stripe->buckets, relaxed));
	uintptr_t next = UINTPTR_MAX;

	for (uintptr_t link = link_locked(head); !is_end(link);
	     link = link_locked(&node_at(link)->next)) {
		if (link > after && link < next &&
		    frozenref__load32(&node_at(link)->hash, relaxed) == hash)
			next = link;
	}
	return next == UINTPTR_MAX ? NULL : node_at(next);
}

/*
 * Almost always there is no object of that very hash, and one look under the lock is all. Those
 * that there are are compared one after another, each with a reference instead of the lock; the
 * order of addresses makes that end. If another object was inserted meanwhile it begins again.
 */
int frozenref__index_find_locked(struct frozenref_index *index, uint32_t hash, const void *key,
				 void *object, void **found)
{
	struct stripe *stripe = index_stripe(index, hash);
	uint32_t inserts = 0;
	uintptr_t after = 0;

	*found = NULL;
	for (;;) {
		struct frozenref_index_node *node;
		void *candidate;
		bool held;

		lock_stripe(stripe);
		if (!after)
			inserts = stripe->inserts;
		node = next_of_hash(index, stripe, hash, after);
		if (!node) {
			bool again = object && stripe->inserts != inserts;
			int err = object && !again ? link_in(index, stripe, hash, object) : 0;

			unlock_stripe(stripe);
			if (!again)
				return err ? err : -ENOENT;
			after = 0;
			continue;
		}
		candidate = object_of(index, node);
		held = frozenref_try_get(ref_of(index, candidate));
		unlock_stripe(stripe);
		if (!held && object)
			return -EBUSY;
		if (held && index->equal(candidate, key, index->arg)) {
			*found = candidate;
			return 0;
		}
		if (held)
			(void)frozenref_cache_put(index->cache, candidate);
		after = (uintptr_t)node;
	}
}

/* As find_locked: 0 with what was found, -ENOENT if the object is in now. */
static int find_or_insert(struct frozenref_index *index, uint32_t hash, const void *key,
			  void *object, void **found)
{
	*found = NULL;
	if (!is_object(index, object) || frozenref_is_frozen(ref_of(index, object)))
		return -EINVAL;
	return frozenref__index_find_locked(index, hash, key, object, found);
}

int frozenref_index_insert(struct frozenref_index *index, uint64_t hash, const void *key,
			   void *object)
{
	void *found;
	int err = find_or_insert(index, index_hash(hash), key, object, &found);

	if (found) {
		(void)frozenref_cache_put(index->cache, found);
		return -EEXIST;
	}
	return err == -ENOENT ? 0 : err;
}

void *frozenref_index_get_or_insert(struct frozenref_index *index, uint64_t hash, const void *key,
				    void *object)
{
	void *found = frozenref_index_try_get(index, hash, key);
	int err;

	if (found)
		return found;
	err = find_or_insert(index, index_hash(hash), key, object, &found);
	if (found)
		return found;
	if (err != -ENOENT) {
		errno = -err;
		return NULL;
	}
	frozenref_get(ref_of(index, object));
	return object;
}

/* ---------------------------------------------------------------------------------------- erase */

/* Takes the lock of the stripe that the node is in; NULL if it is not in this index. */
static struct stripe *lock_stripe_of(struct frozenref_index *index,
				     const struct frozenref_index_node *node)
{
	for (;;) {
		/* Relaxed: looked at again under the lock. */
		uint32_t hash = frozenref__load32(&node->hash, relaxed);
		struct stripe *stripe = index_stripe(index, hash);
		bool is_in;

		lock_stripe(stripe);
		/* Acquire: pairs with the release of link_in(), for the hash. */
		is_in = frozenref__load32(&node->index, acquire) == index->number;
		hash = frozenref__load32(&node->hash, relaxed);
		if (is_in && index_stripe(index, hash) == stripe)
			return stripe;
		unlock_stripe(stripe);
		if (!is_in)
			return NULL;
	}
}

int frozenref_index_erase(struct frozenref_index *index, void *object)
{
	struct stripe *stripe;

	if (!is_object(index, object))
		return -ENOENT;
	stripe = lock_stripe_of(index, node_of(index, object));
	if (!stripe)
		return -ENOENT;
	take_out(index, stripe, node_of(index, object));
	unlock_stripe(stripe);
	(void)frozenref_cache_put(index->cache, object);
	return 0;
}

bool frozenref_index_erase_if_unused(struct frozenref_index *index, void *object)
{
	struct stripe *stripe;
	bool unused;

	if (!is_object(index, object))
		return false;
	stripe = lock_stripe_of(index, node_of(index, object));
	if (!stripe)
		return false;
	/* The index's own reference is the only one; from then on nobody else can take any. */
	unused = frozenref_freeze(ref_of(index, object), 1);
	if (unused)
		take_out(index, stripe, node_of(index, object));
	unlock_stripe(stripe);
	if (unused)
		frozenref__cache_end(index->cache, object);
	return unused;
}
