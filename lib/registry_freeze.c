/* SPDX-License-Identifier: MIT */
/*
 * Taking an object out, or for oneself: erase, freeze, and what a frozen object's owner may do.
 *
 * Called by programs. Relies on the protocol at the top of registry.c.
 */
#include <errno.h>
#include <time.h>

#include "registry.h"
#include "wait.h"

/* -------------------------------------------------------------------------------------- erase */

/*
 * Whether an owner holds what these flags are of. A frozen word alone does not say so: it may be
 * that of an object that has ended since the flags were read, or in the hands of a freezer who is
 * about to find it erased.
 */
static bool has_owner(const struct frozenref_slot *head, uint32_t flags)
{
	/* Acquire: the sequence comes before the flags, or they may be of different objects. */
	uint32_t sequence = frozenref__load32(&head->sequence, acquire);

	/* Acquire: the word is found as whoever set these flags left it, or newer. */
	if (frozenref__load32(&head->flags, acquire) != flags)
		return false;
	/* Acquire: pairs with the freeze, which came after the put of an erase that it lost to. */
	if (!frozenref__word_is_frozen(frozenref__load32(&head->ref.word, acquire)))
		return false;
	/* Acquire: pairs with the insert of a later object that has the same flags. */
	return frozenref__load32(&head->flags, acquire) == flags &&
	       frozenref__load32(&head->sequence, relaxed) == sequence;
}

/*
 * Marks a head erased whose flags are still these; -EAGAIN if they are not. Under BUSY it is the
 * word that decides against a freezer: a reference of our own, from before the mark until after it,
 * keeps the word from being won meanwhile. One who wins it later finds the mark, and one who had
 * won it already makes the get fail.
 */
static int try_erase(struct frozenref_registry *reg, struct frozenref_slot *head, uint32_t flags)
{
	bool busy = flags & FROZENREF__SLOT_BUSY;
	uint32_t found;

	if (busy && has_owner(head, flags))
		return -EBUSY;
	if (busy && !frozenref_try_get(&head->ref))
		return -EAGAIN;
	/* Acquire: with the insert's release, it is live. The put releases, for who ends it. */
	found = frozenref__cas32(&head->flags, flags, flags | FROZENREF__SLOT_ERASED, acquire);
	/*
	 * Ours; or else the registry's. Under BUSY a freezer may have counted the registry's, and
	 * unbusy() drops it.
	 */
	if (busy || found == flags)
		frozenref_slot_put(reg, head);
	return found == flags ? 0 : -EAGAIN;
}

int frozenref_registry_erase(struct frozenref_registry *reg, uint64_t pfn)
{
	struct patience patience = { .turns = 0 };
	int err;

	if (!reg)
		return -EINVAL;
	do {
		uint32_t flags;
		struct frozenref_slot *head = frozenref__find_head(reg, pfn, &flags);

		if (!head || flags & FROZENREF__SLOT_ERASED)
			return -ENOENT;
		err = try_erase(reg, head, flags);
		/* A replace has it: no owner whom the caller could ask for the object. */
		if (err == -EBUSY && flags & FROZENREF__SLOT_REPLACE &&
		    frozenref__wait_for_replace(&patience))
			err = -EAGAIN;
	} while (err == -EAGAIN);
	return err;
}

/* -------------------------------------------------------------------------- freeze and unfreeze */

/* Ends a freeze, or an attempt, and does what an erase left to us meanwhile. */
static void unbusy(struct frozenref_registry *reg, struct frozenref_slot *slot)
{
	uint32_t busy = FROZENREF__SLOT_BUSY | FROZENREF__SLOT_REPLACE;
	/*
	 * Release: whoever sets BUSY next, or erases, finds the word as it is now. What the eraser
	 * did before comes by the word, to which it has put a reference of its own.
	 */
	uint32_t flags = frozenref__and32(&slot->flags, ~busy, release);

	if (flags & FROZENREF__SLOT_ERASED)
		frozenref_slot_put(reg, slot);
}

/* Freezes a live object; `busy` says how lookups take it. The caller has checked the count. */
static bool freeze(struct frozenref_registry *reg, struct frozenref_slot *slot, uint32_t expected,
		   uint32_t busy)
{
	uint32_t flags = frozenref__load32(&slot->flags, relaxed);

	if (!frozenref__slot_is_plain(flags))
		return false;
	/*
	 * Acquire: pairs with the release of insert and unbusy, so that the word is found as they
	 * left it. Nobody relies on what comes before this: the word's freeze publishes.
	 */
	if (frozenref__cas32(&slot->flags, flags, flags | busy, acquire) != flags)
		return false;
	if (!frozenref_freeze(&slot->ref, expected)) {
		unbusy(reg, slot);
		return false;
	}
	/*
	 * An erase since then has left the registry's reference among those that were counted, so
	 * nobody else holds one. Relaxed: the word's acquire has ordered it.
	 */
	if (FROZENREF__UNLIKELY(frozenref__load32(&slot->flags, relaxed) &
				FROZENREF__SLOT_ERASED)) {
		frozenref_unfreeze(&slot->ref, expected);
		unbusy(reg, slot);
		return false;
	}
	/* Before the owner's first write: pairs with the acquire fences of peeks. */
	frozenref__fence(release);
	return true;
}

bool frozenref_slot_freeze(struct frozenref_registry *reg, struct frozenref_slot *slot,
			   uint32_t expected)
{
	if (!frozenref__count_is_valid(expected, FROZENREF_MAX))
		return frozenref__bad_count(&slot->ref);
	return freeze(reg, slot, expected, FROZENREF__SLOT_BUSY);
}

/* Whether the slot is frozen by an owner; reports misuse if not. */
static bool is_owned(const struct frozenref_slot *slot)
{
	uint32_t word = frozenref__load32(&slot->ref.word, relaxed);
	uint32_t flags = frozenref__load32(&slot->flags, relaxed);

	if (flags & FROZENREF__SLOT_BUSY && frozenref__word_is_frozen(word))
		return true;
	frozenref__misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &slot->ref, word);
	return false;
}

/* Makes the word live for an owner, and all that peeks saw of the object before void. */
static void publish(struct frozenref_registry *reg, struct frozenref_slot *slot, uint32_t refs)
{
	uint32_t sequence = frozenref__load32(&slot->sequence, relaxed);

	/* Relaxed: the word's release publishes it. */
	frozenref__store32(&slot->sequence, next_number(sequence), relaxed);
	frozenref_unfreeze(&slot->ref, refs);
	unbusy(reg, slot);
}

void frozenref_slot_unfreeze(struct frozenref_registry *reg, struct frozenref_slot *slot,
			     uint32_t refs)
{
	if (!frozenref__count_is_valid(refs, FROZENREF_MAX)) {
		frozenref__bad_count(&slot->ref);
		return;
	}
	if (is_owned(slot))
		publish(reg, slot, refs);
}

void *frozenref_slot_erase_frozen(struct frozenref_registry *reg, struct frozenref_slot *slot)
{
	if (!is_owned(slot))
		return NULL;
	return frozenref__registry_evict(reg, slot);
}

void frozenref_slot_set_object(struct frozenref_registry *reg, struct frozenref_slot *slot,
			       void *object)
{
	if (!is_owned(slot) || is_compact(&reg->table))
		return;
	frozenref__storeptr(&slot->object.address, (uintptr_t)object, relaxed);
	/* For the caller's writes to memory that a peek at its last user may still be reading. */
	frozenref__fence(release);
}

bool frozenref__wait_for_replace(struct patience *patience)
{
	struct timespec time;
	uint64_t now;

	FROZENREF__WAIT(patience->turns++);
	/* Relaxed: it changes at a fork alone. */
	if (!frozenref__load32(&frozenref__forks, relaxed))
		return true;
	clock_gettime(CLOCK_MONOTONIC, &time);
	now = (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
	if (!patience->deadline)
		patience->deadline = now + 100;
	return now < patience->deadline;
}

int frozenref_slot_replace(struct frozenref_registry *reg, struct frozenref_slot *slot,
			   uint32_t expected, void *new_object, void **old_object)
{
	if (!reg || !slot || !new_object || is_compact(&reg->table) ||
	    !frozenref__count_is_valid(expected, FROZENREF_MAX))
		return -EINVAL;
	if (!freeze(reg, slot, expected, FROZENREF__SLOT_BUSY | FROZENREF__SLOT_REPLACE))
		return -EBUSY;
	if (old_object)
		*old_object = frozenref_slot_object(slot);
	frozenref__storeptr(&slot->object.address, (uintptr_t)new_object, relaxed);
	publish(reg, slot, expected);
	return 0;
}
