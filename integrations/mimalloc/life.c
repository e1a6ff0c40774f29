/* SPDX-License-Identifier: MIT */
/*
 * The lives of a space's objects: publishing, freezing, looking up, the last put.
 *
 * Called by programs and by the inline functions of frozenref/mimalloc.h, and frozenref__mi_ended()
 * by the registries. Relies on owned.h, which says why a slot can be published and emptied by plain
 * stores here.
 */
#include <config.h>

#include "owned.h"
#include "space.h"

/* ------------------------------------------------------------------------------------- finding */

struct frozenref_slot *frozenref__mi_find_slow(const struct frozenref_mi_space *space,
					       const void *address, enum frozenref_misuse kind)
{
	struct frozenref_slot *slot = NULL;

	if (frozenref__mi_is_inside(space, address)) {
		unsigned zone = frozenref__mi_zone(space, address);

		slot = frozenref_registry_slot(space->registries[zone],
					       (uint64_t)(uintptr_t)address >>
						       frozenref__mi_shift(space, zone));
	}
	/* There is no counter to speak of: the report has the address in its place. */
	if (!slot && kind)
		frozenref__misuse(kind, (const frozenref_t *)address, 0);
	return slot;
}

void *frozenref__mi_try_get_slow(struct frozenref_mi_space *space, const void *address)
{
	struct frozenref_slot *slot;

	if (!frozenref__mi_is_inside(space, address))
		return NULL;
	slot = frozenref_registry_try_get_addr(
		space->registries[frozenref__mi_zone(space, address)], address);
	return slot ? frozenref_slot_object(slot) : NULL;
}

/* The slot that the address is in, or else a report of misuse. */
static inline struct frozenref_slot *find(const struct frozenref_mi_space *space,
					  const void *object, enum frozenref_misuse kind)
{
	void *granule;
	struct frozenref_slot *slot = frozenref__mi_find(space, object, &granule);

	return FROZENREF__LIKELY(slot) ? slot : frozenref__mi_find_slow(space, object, kind);
}

/* The slot of an object that its owner holds frozen; NULL, after a report, if that is not so. */
static inline struct frozenref_slot *owners_slot(struct frozenref_mi_space *space,
						 const void *object)
{
	struct frozenref_slot *slot = find(space, object, FROZENREF_MISUSE_UNFREEZE_LIVE);

	if (FROZENREF__LIKELY(slot && owned_is_frozen(slot)))
		return slot;
	if (slot)
		frozenref__misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &slot->ref,
				  frozenref__load32(&slot->ref.word, relaxed));
	return NULL;
}

/* -------------------------------------------------------------------------- freeze and unfreeze */

void frozenref__mi_unfreeze_slow(struct frozenref_mi_space *space, void *object, uint32_t refs)
{
	struct frozenref_slot *slot = owners_slot(space, object);

	if (!slot)
		return;
	if (frozenref__count_is_valid(refs, FROZENREF_MAX))
		owned_unfreeze(slot, refs);
	else
		frozenref__bad_count(&slot->ref);
}

bool frozenref_mi_freeze(struct frozenref_mi_space *space, void *object, uint32_t expected)
{
	struct frozenref_slot *slot = find(space, object, FROZENREF_MISUSE_GET_FROZEN);

	return slot && frozenref_slot_freeze(space->registries[frozenref__mi_zone(space, object)],
					     slot, expected);
}

bool frozenref_mi_peek(struct frozenref_mi_space *space, const void *address, void *buffer,
		       size_t length)
{
	unsigned zone;
	uint32_t shift;

	if (!frozenref__mi_is_inside(space, address))
		return false;
	zone = frozenref__mi_zone(space, address);
	shift = frozenref__mi_shift(space, zone);
	return frozenref_registry_peek(space->registries[zone],
				       (uint64_t)(uintptr_t)address >> shift,
				       (uintptr_t)address & (((uintptr_t)1 << shift) - 1), buffer,
				       length);
}

/* -------------------------------------------------------------------------------------- ending */

/* Empties an object's slots, for its owner. */
static void leave(struct frozenref_mi_space *space, struct frozenref_slot *slot, const void *object)
{
	if (!owned_leave(slot))
		frozenref__registry_disown(space->registries[frozenref__mi_zone(space, object)],
					   slot);
}

void frozenref__mi_finish(struct space *space, void *object)
{
	if (FROZENREF__UNLIKELY(space->release != NULL))
		space->release(object, space->arg);
	BLOCK_GOES(object);
	mi_free(object);
}

static inline void ended(struct space *space, void *object)
{
	if (FROZENREF__UNLIKELY(space->head.flags & FROZENREF_MI_DEFER))
		frozenref__mi_defer(space, object);
	else
		frozenref__mi_finish(space, object);
}

void frozenref__mi_ended(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	(void)pfn;
	(void)npages;
	ended(arg, object);
}

void frozenref_mi_free(struct frozenref_mi_space *space, void *object)
{
	struct frozenref_slot *slot;

	if (!object)
		return;
	slot = owners_slot(space, object);
	if (!slot)
		return;
	leave(space, slot, object);
	BLOCK_GOES(object);
	mi_free(object);
}

/* Of many granules, or with a release(), or only to be queued. */
static FROZENREF__COLD void end_slowly(struct frozenref_mi_space *space,
				       struct frozenref_slot *slot, void *object)
{
	leave(space, slot, object);
	ended(space_of(space), object);
}

/*
 * The winner of a last put. It may have won for a later object than the one whose reference it
 * dropped, but that begins at the same granule, and what it covers is read from the slot.
 */
void frozenref__mi_end(struct frozenref_mi_space *space, struct frozenref_slot *slot, void *object)
{
	if (FROZENREF__UNLIKELY(space_of(space)->has_more_to_do || !owned_leave(slot))) {
		end_slowly(space, slot, object);
		return;
	}
	BLOCK_GOES(object);
	mi_free(object);
}

bool frozenref__mi_put_unseen(struct frozenref_mi_space *space, void *object)
{
	struct frozenref_slot *slot =
		frozenref__mi_find_slow(space, object, FROZENREF_MISUSE_PUT_FROZEN);
	uint32_t shift;

	if (!slot || !frozenref_put_and_lock(&slot->ref))
		return false;
	shift = frozenref__mi_shift(space, frozenref__mi_zone(space, object));
	frozenref__mi_end(space, slot, (void *)((uintptr_t)object >> shift << shift));
	return true;
}
