/* SPDX-License-Identifier: MIT */
/*
 * The rest of owned registries: taking and emptying any number of pfns, and looking what is left.
 *
 * Called by libfrozenref-mimalloc; owned.h says what an owned registry is. Relies on table.c for
 * leaves. Lookups, freezes and last puts of owned registries are in the files of all registries.
 */
#include <errno.h>

#include "owned.h"
#include "registry.h"

/* ------------------------------------------------------------------------------------- taking */

void frozenref__registry_make_owned(struct frozenref_registry *reg)
{
	reg->table.flags |= FROZENREF__REGISTRY_OWNED;
}

/* Counts the leaf as used from now on. */
static void mark_used(struct leaf *leaf)
{
	/* Relaxed: the store of the flags publishes it. */
	if (!frozenref__load32(&leaf->used, relaxed))
		(void)frozenref__cas32(&leaf->used, 0, 1, relaxed);
}

static bool is_empty(const struct frozenref_registry *reg, struct span span)
{
	for (uint64_t i = 0; i < span.n; i++) {
		/* Acquire: pairs with the release of who emptied it. */
		if (frozenref__load32(&slot_at(&reg->table, span.slot, i)->flags, acquire))
			return false;
	}
	return true;
}

/* Makes leaves for the pfns, and shows walks the way; 0, -ENOMEM, or -EEXIST. */
static int prepare(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages)
{
	while (npages) {
		struct span span;
		int err = frozenref__table_make_span(&reg->table, pfn, npages, &span);

		if (err)
			return err;
		if (!is_empty(reg, span))
			return -EEXIST;
		mark_used(span.leaf);
		frozenref__registry_touch(reg, span);
		pfn += span.n;
		npages -= span.n;
	}
	return 0;
}

/* Stores the same in the flags of each slot but the first; a tail's has its distance besides. */
static void set_tails(const struct frozenref_registry *reg, uint64_t head, uint64_t npages,
		      uint32_t state)
{
	uint64_t distance = 1;

	while (distance < npages) {
		struct span span =
			frozenref__table_span(&reg->table, head + distance, npages - distance);

		for (uint64_t i = 0; i < span.n; i++, distance++) {
			/* Release: for who follows a tail to the head, or takes it when empty. */
			frozenref__store32(&slot_at(&reg->table, span.slot, i)->flags,
					   state ? make_flags(state, distance) : 0, release);
		}
	}
}

int frozenref__registry_own(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages,
			    void *object)
{
	struct frozenref_slot *slot;
	int err = prepare(reg, pfn, npages);

	if (err)
		return err;
	slot = frozenref__table_span(&reg->table, pfn, 1).slot;
	begin_lifetime(&reg->table, slot);
	set_tails(reg, pfn, npages, FROZENREF__SLOT_TAIL);
	if (!is_compact(&reg->table))
		frozenref__storeptr(&slot->object.address, (uintptr_t)object, relaxed);
	/* Release: state() and slot() may lead others here, who acquire it. */
	frozenref__store32(&slot->flags,
			   owned_flags(npages,
				       is_compact(&reg->table) ? FROZENREF__SLOT_COMPACT : 0),
			   release);
	return 0;
}

void frozenref__registry_disown(struct frozenref_registry *reg, struct frozenref_slot *slot)
{
	uint64_t npages = frozenref_slot_npages(reg, slot);

	/* For peeks, before what the owner writes next, here and behind the flags. */
	frozenref__fence(release);
	if (!is_compact(&reg->table))
		frozenref__storeptr(&slot->object.address, 0, relaxed);
	/* The head last: through a tail that is left, state() still finds what is ending. */
	set_tails(reg, slot_pfn(&reg->table, slot), npages, 0);
	/* Release: pairs with the acquire of whoever takes it next. */
	frozenref__store32(&slot->flags, 0, release);
	frozenref__fence(release);
}

/* ------------------------------------------------------------------------------------- looking */

bool frozenref__registry_is_empty(struct frozenref_registry *reg)
{
	uint64_t pfn = 0;

	return !frozenref__next_slot(reg, &pfn, UINT64_MAX, FROZENREF__SLOT_STATE);
}

size_t frozenref__registry_trim_owned(struct frozenref_registry *reg)
{
	struct leaf *leaf;

	for (uint64_t pfn = 0; (leaf = frozenref__table_next(&reg->table, &pfn));
	     pfn += LEAF_SLOTS) {
		uint64_t first = leaf->first;

		/* Nobody inserts now; who does next finds it unused, and says so. */
		if (!frozenref__next_slot(reg, &first, leaf->first + LEAF_SLOTS - 1,
					  FROZENREF__SLOT_STATE))
			frozenref__store32(&leaf->used, 0, relaxed);
	}
	return frozenref_registry_trim(reg);
}
