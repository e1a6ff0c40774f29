/* SPDX-License-Identifier: MIT */
/*
 * Going through many pfns: next, erase_range, alloc_frozen, and the statistics.
 *
 * Called by programs. Relies on table.c to skip what was never in use by whole tables, and on the
 * single-object functions of registry.c and registry_lookup.c for everything that changes anything.
 */
#include <errno.h>

#include "config_struct.h"
#include "registry.h"

/* The next leaf with a pfn in use that ends after *pfn; *pfn moves up to its start. */
static struct leaf *next_used_leaf(const struct frozenref_registry *reg, uint64_t *pfn,
				   uint64_t last)
{
	while (*pfn <= last) {
		uint64_t first = *pfn;
		struct leaf *leaf = frozenref__table_next(&reg->table, &first);

		if (!leaf || first > last)
			return NULL;
		if (first > *pfn)
			*pfn = first;
		if (leaf_count(leaf))
			return leaf;
		*pfn = first + LEAF_SLOTS;
	}
	return NULL;
}

struct frozenref_slot *frozenref__next_slot(const struct frozenref_registry *reg, uint64_t *pfn,
					    uint64_t last, uint32_t wanted)
{
	struct leaf *leaf;

	while ((leaf = next_used_leaf(reg, pfn, last))) {
		uint64_t end = leaf->first + LEAF_SLOTS;

		for (; *pfn < end && *pfn <= last; (*pfn)++) {
			uint64_t i = *pfn - leaf->first;
			struct frozenref_slot *slot =
				slot_at(&reg->table, leaf_slots(&reg->table, leaf), i);

			if (!chunk_is_touched(leaf, i / CHUNK_SLOTS)) {
				*pfn |= CHUNK_SLOTS - 1;
				continue;
			}
			/* Relaxed: a hint; whoever acts on it looks again. */
			if (frozenref__load32(&slot->flags, relaxed) & wanted)
				return slot;
		}
	}
	return NULL;
}

static uint64_t last_pfn(const struct frozenref_registry *reg)
{
	return (UINT64_C(1) << reg->table.pfn_bits) - 1;
}

struct frozenref_slot *frozenref_registry_next(struct frozenref_registry *reg, uint64_t *pfn,
					       uint64_t last)
{
	const uint64_t start = *pfn;

	if (last > last_pfn(reg))
		last = last_pfn(reg);
	while (frozenref__next_slot(reg, pfn, last, FROZENREF__SLOT_USED)) {
		uint64_t head = *pfn;
		struct frozenref_slot *slot = frozenref_registry_try_get(reg, head);

		*pfn = head + 1;
		if (!slot)
			continue;
		/* It may have become a tail meanwhile: of an object that begins before. */
		if (frozenref_slot_pfn(reg, slot) == head) {
			*pfn = head + frozenref_slot_npages(reg, slot);
			return slot;
		}
		frozenref_slot_put(reg, slot);
	}
	/*
	 * Never back: the object before may have ended beyond `last`. Nor on, where what is skipped
	 * as a whole reaches beyond: something may be inserted there before the caller looks.
	 */
	*pfn = start > last ? start : last + 1;
	return NULL;
}

uint64_t frozenref_registry_erase_range(struct frozenref_registry *reg, uint64_t first,
					uint64_t last, uint64_t *skipped)
{
	uint64_t erased = 0;
	uint64_t frozen = 0;
	uint64_t pfn = first;

	if (last > last_pfn(reg))
		last = last_pfn(reg);
	while (frozenref__next_slot(reg, &pfn, last, FROZENREF__SLOT_USED | FROZENREF__SLOT_TAIL)) {
		uint32_t flags;
		const struct frozenref_slot *head = frozenref__find_head(reg, pfn, &flags);
		uint64_t next = pfn + 1;
		int err;

		/*
		 * Past its other tails, as far as they can be seen before it is gone. By these
		 * flags: the slot may be another range's tail by now, or claimed, and then its page
		 * count is none.
		 */
		if (head)
			next = frozenref_slot_pfn(reg, head) + flags_pages(flags);
		err = frozenref_registry_erase(reg, pfn);
		erased += !err;
		frozen += err == -EBUSY;
		pfn = next > pfn ? next : pfn + 1;
	}
	if (skipped)
		*skipped = frozen;
	return erased;
}

/*
 * The first of npages pfns in a row that are not in use now; false if there are none. In haste,
 * full leaves are skipped by their counts, and claimed pfns as well; but either may be those of
 * inserts that are about to be refused.
 */
static bool find_free(const struct frozenref_registry *reg, uint64_t *pfn, uint64_t last,
		      uint64_t npages, bool haste)
{
	uint32_t taken_flags =
		haste ? FROZENREF__SLOT_STATE : FROZENREF__SLOT_STATE & ~FROZENREF__SLOT_CLAIM;

	while (*pfn <= last && last - *pfn >= npages - 1) {
		uint64_t taken = *pfn;
		struct leaf *leaf = frozenref__table_next(&reg->table, &taken);

		if (haste && leaf && leaf->first <= *pfn && leaf_count(leaf) == LEAF_SLOTS) {
			*pfn = leaf->first + LEAF_SLOTS;
			continue;
		}
		taken = *pfn;
		if (!frozenref__next_slot(reg, &taken, *pfn + (npages - 1), taken_flags))
			return true;
		*pfn = taken + 1;
	}
	return false;
}

int frozenref_registry_alloc_frozen(struct frozenref_registry *reg, uint64_t first, uint64_t last,
				    uint64_t npages, void *object, struct frozenref_slot **slot)
{
	if (!reg || !slot || first > last || !npages || npages > FROZENREF_REGISTRY_NPAGES_MAX)
		return -EINVAL;
	if (first > last_pfn(reg))
		return -ERANGE;
	if (last > last_pfn(reg))
		last = last_pfn(reg);
	/* Once more, slot by slot, before it is said that there is no room. */
	for (int haste = 1; haste >= 0; haste--) {
		uint64_t pfn = first;

		while (find_free(reg, &pfn, last, npages, haste)) {
			int err = frozenref_registry_insert_frozen(reg, pfn, npages, object, slot);

			if (err != -EEXIST && err != -EBUSY)
				return err;
			/* A claim that a fork has left looks free for ever. */
			pfn += !haste;
		}
	}
	return -ENOSPC;
}

/* --------------------------------------------------------------------------------- statistics */

static void count_slot(const struct frozenref_slot *slot, struct frozenref_registry_stats *stats)
{
	uint32_t flags = frozenref__load32(&slot->flags, relaxed);
	enum frozenref_state state = head_state(slot, flags);

	if (!(flags & FROZENREF__SLOT_USED))
		return;
	stats->objects++;
	stats->erased += state == FROZENREF_ERASED;
	stats->frozen += state == FROZENREF_FROZEN;
	stats->saturated += frozenref_slot_count(slot) == FROZENREF_SATURATED;
}

void frozenref_registry_stats(struct frozenref_registry *reg, struct frozenref_registry_stats *user)
{
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;
	struct frozenref_slot *slot;
	struct leaf *leaf;

	for (uint64_t pfn = 0; (leaf = frozenref__table_next(&reg->table, &pfn));
	     pfn += LEAF_SLOTS) {
		stats.leaves++;
		stats.slots += leaf_count(leaf);
	}
	for (uint64_t pfn = 0;
	     (slot = frozenref__next_slot(reg, &pfn, last_pfn(reg), FROZENREF__SLOT_USED)); pfn++)
		count_slot(slot, &stats);
	frozenref__table_usage(&reg->table, &stats.bytes_reserved, &stats.bytes_resident);
	stats.revivals = frozenref__registry_revivals(reg);
	frozenref__stats_write(user, &stats, sizeof(stats));
}
