/* SPDX-License-Identifier: MIT */
/*
 * The mover: this is the file to read. See compact.h.
 *
 * An object may be moved when nobody but the registry and the mover has a reference: two in all.
 * That is what freezing for 2 asks and, if so, ensures: from then on no lookup gets the object
 * until it is published at its new place, where it has the same number and the same handles. No
 * reader is asked, none is waited for, and the old cell is free at once: who had no reference then
 * has no pointer now.
 */
#include "compact.h"

#include <errno.h>
#include <string.h>

#define REGISTRY_AND_MOVER 2

/* For payloads that nobody writes: lookups wait for the moment that it takes, and never miss. */
static int move_by_replace(struct frozenref_registry *reg, struct frozenref_slot *slot, void *to,
			   void **from)
{
	memcpy(to, frozenref_slot_object(slot), CELL_BYTES);
	return frozenref_slot_replace(reg, slot, REGISTRY_AND_MOVER, to, from);
}

/* For payloads that holders write as well: copied while it is frozen, when lookups miss it. */
static int move_by_hand(struct frozenref_registry *reg, struct frozenref_slot *slot, void *to,
			void **from)
{
	if (!frozenref_slot_freeze(reg, slot, REGISTRY_AND_MOVER))
		return -EBUSY;
	*from = frozenref_slot_object(slot);
	memcpy(to, *from, CELL_BYTES);
	frozenref_slot_set_object(reg, slot, to);
	frozenref_slot_unfreeze(reg, slot, REGISTRY_AND_MOVER);
	return 0;
}

uint64_t compact_walk(struct compaction *compaction, size_t end)
{
	struct arena *arena = compaction->arena;
	struct frozenref_slot *slot;
	uint64_t number = 0, left = 0;
	size_t cell = 0;
	void *to = NULL, *from;

	/* Each object comes with a reference, so that it stays what it is while we look at it. */
	while ((slot = frozenref_registry_next(compaction->reg, &number, compaction->last))) {
		int (*move)(struct frozenref_registry *, struct frozenref_slot *, void *, void **) =
			compaction->by_hand ? move_by_hand : move_by_replace;

		if (arena_cell(arena, frozenref_slot_object(slot)) < end) {
			frozenref_slot_put(compaction->reg, slot);
			continue;
		}
		/* A place that the last object did not take is for the next one. */
		if (!to)
			to = arena_alloc(arena, &cell, end);
		if (!to) {
			left++;
		} else if (move(compaction->reg, slot, to, &from)) {
			compaction->held++;
			left++;
		} else {
			compaction->moved++;
			arena_free(arena, from);
			to = NULL;
		}
		frozenref_slot_put(compaction->reg, slot);
	}
	if (to)
		arena_free(arena, to);
	return left;
}
