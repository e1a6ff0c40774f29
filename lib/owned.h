/* SPDX-License-Identifier: MIT */
/*
 * Owned registries: those of an allocator, which says itself which of its addresses are taken.
 *
 * Used by registry_owned.c and by libfrozenref-mimalloc, whose hot paths are made of this. Two
 * things hold in an owned registry that hold in no other, and save all locked instructions but
 * those on the counter. A pfn is inserted only by whoever the allocator has given its address to,
 * after the slot was emptied; so a slot is claimed by a store. And nothing is erased; so an owner
 * clears BUSY by a store. Lookups, holders and freezers are those of every registry.
 *
 * What it costs is the count of slots in use, on which the trim of other registries relies: a leaf
 * that was ever used counts as used, and a trim looks at the slots themselves, while nobody
 * inserts.
 */
#ifndef FROZENREF_LIB_OWNED_H
#define FROZENREF_LIB_OWNED_H

#include <frozenref/registry.h>

#include "number.h"

/* Flags of a head of so many pages that its owner holds frozen. */
static inline uint32_t owned_flags(uint64_t npages, uint32_t compact)
{
	return FROZENREF__SLOT_USED | FROZENREF__SLOT_BUSY | compact |
	       (uint32_t)npages << FROZENREF__SLOT_PAGES_SHIFT;
}

/*
 * Takes an empty slot of a compact registry again, for an object of one page, if it has been in use
 * since its leaf was last purged: then walks know of it. Its numbers stay: there are neither
 * handles to an owner's objects nor peeks at compact slots.
 */
static inline bool owned_take_again(struct frozenref_slot *slot)
{
	/* Acquire: pairs with the release of who emptied it. */
	if (FROZENREF__UNLIKELY(frozenref__load32(&slot->flags, acquire) ||
				!frozenref__load32(&slot->generation_low, relaxed)))
		return false;
	/* Release: state() and slot() may lead others here, who acquire it. */
	frozenref__store32(&slot->flags, owned_flags(1, FROZENREF__SLOT_COMPACT), release);
	return true;
}

/* Whether an owner holds the slot frozen. */
static inline bool owned_is_frozen(const struct frozenref_slot *slot)
{
	return frozenref__load32(&slot->flags, relaxed) & FROZENREF__SLOT_BUSY &&
	       frozenref_is_frozen(&slot->ref);
}

/* Publishes for the owner; the count has been checked. */
static inline void owned_unfreeze(struct frozenref_slot *slot, uint32_t refs)
{
	uint32_t flags = frozenref__load32(&slot->flags, relaxed);
	uint32_t sequence = frozenref__load32(&slot->sequence, relaxed);

	/* Relaxed: the flags' release publishes it, to peeks. */
	frozenref__store32(&slot->sequence, next_number(sequence), relaxed);
	/*
	 * Before the word, behind which nothing may come: none of the references is the registry's,
	 * so the object may end at once, and the slot be another owner's. A lookup that comes
	 * between the two misses. Release: pairs with the acquire of peeks, which look at nothing
	 * else.
	 */
	frozenref__store32(&slot->flags, flags & ~FROZENREF__SLOT_BUSY, release);
	frozenref_unfreeze(&slot->ref, refs);
}

/*
 * Empties the slot of a compact registry for the owner of an object of one page; false if it has
 * more, or the registry is another.
 */
static inline bool owned_leave(struct frozenref_slot *slot)
{
	uint32_t pages = FROZENREF__SLOT_COMPACT | FROZENREF__SLOT_PAGES;
	uint32_t flags = frozenref__load32(&slot->flags, relaxed);

	if (FROZENREF__UNLIKELY((flags & pages) !=
				(owned_flags(1, FROZENREF__SLOT_COMPACT) & pages)))
		return false;
	/* Release: pairs with the acquire of whoever takes it next. */
	frozenref__store32(&slot->flags, 0, release);
	return true;
}

#endif /* FROZENREF_LIB_OWNED_H */
