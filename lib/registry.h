/* SPDX-License-Identifier: MIT */
/*
 * What the registry's sources share: a registry whole, the flags word in parts, finding a head,
 * emptying slots.
 *
 * Used by lib/registry*.c.
 */
#ifndef FROZENREF_LIB_REGISTRY_H
#define FROZENREF_LIB_REGISTRY_H

#include <frozenref/registry.h>

#include "number.h"
#include "table.h"

/* What lib/ knows of a registry beyond the part that is compiled into programs. */
struct registry {
	struct frozenref_registry head; /* first: programs have its address */
	void (*release)(void *object, uint64_t pfn, uint64_t npages, void *arg);
	void *arg;
	uintptr_t revivals;
	struct idle idle;
};

static inline struct registry *registry_of(struct frozenref_registry *reg)
{
	return (struct registry *)reg;
}

/* A state, with the head's page count or a tail's distance. */
static inline uint32_t make_flags(uint32_t state, uint64_t pages)
{
	return state | (uint32_t)pages << FROZENREF__SLOT_PAGES_SHIFT;
}

static inline uint32_t flags_pages(uint32_t flags)
{
	return (flags & FROZENREF__SLOT_PAGES) >> FROZENREF__SLOT_PAGES_SHIFT;
}

/*
 * A sequence and a generation that the pfn has not had, not even before its leaf was purged: then
 * they are 0 now, and go on from the largest of all that the purge forgot.
 */
static inline void begin_lifetime(const struct frozenref__table *table, struct frozenref_slot *slot)
{
	const struct leaf *leaf = slot_leaf(table, slot);
	uint32_t sequence = frozenref__load32(&slot->sequence, relaxed);
	uint64_t generation = slot_generation(table, slot);

	if (!sequence)
		sequence = leaf->base_sequence;
	if (!generation)
		generation = leaf->base_generation;
	generation = is_compact(table) ? next_number((uint32_t)generation) : generation + 1;
	/* Release: whoever acquires the sequence sees the claim; handle_state() pairs with it. */
	frozenref__store32(&slot->sequence, next_number(sequence), release);
	/* Whoever sees what is written after this, and has an acquire fence, sees the sequence. */
	frozenref__fence(release);
	frozenref__store32(&slot->generation_low, (uint32_t)generation, relaxed);
	if (!is_compact(table))
		frozenref__store32(&slot->generation_high, (uint32_t)(generation >> 32), relaxed);
}

/* The slot of the head of the object that covers the pfn, and its flags as they were; or NULL. */
struct frozenref_slot *frozenref__find_head(const struct frozenref_registry *reg, uint64_t pfn,
					    uint32_t *flags);

/* Whether a slot is in the state that its head's flags and word tell. */
static inline enum frozenref_state head_state(const struct frozenref_slot *head, uint32_t flags)
{
	if (flags & FROZENREF__SLOT_ERASED)
		return FROZENREF_ERASED;
	return frozenref_count(&head->ref) ? FROZENREF_LIVE : FROZENREF_FROZEN;
}

/* Of who waits for a replace; all 0 at first. */
struct patience {
	unsigned turns;
	uint64_t deadline; /* in milliseconds */
};

/*
 * Gives another thread time to finish a replace; false if it has had enough of it. Only in a child
 * may there be no such thread: there it gets a tenth of a second, anywhere else whatever it needs.
 */
bool frozenref__wait_for_replace(struct patience *patience);

/* Empties an object's slots for whoever owns it frozen, and returns the object. */
void *frozenref__registry_evict(struct frozenref_registry *reg, struct frozenref_slot *slot);

/* See owned.h. */
static inline bool is_owned_registry(const struct frozenref_registry *reg)
{
	return (reg->table.flags & FROZENREF__REGISTRY_OWNED) != 0;
}

/* Tells walks, before a slot is claimed, that they must look here. */
void frozenref__registry_touch(const struct frozenref_registry *reg, struct span span);

/* How often a put of the last reference was overtaken by a lookup. */
uint64_t frozenref__registry_revivals(const struct frozenref_registry *reg);

#endif /* FROZENREF_LIB_REGISTRY_H */
