/* SPDX-License-Identifier: MIT */
/*
 * Objects over many pfns: heads and tails, also across leaves, and all or nothing.
 *
 * Run by `make check` twice, like registry.c.
 */
#include "registry_fixture.h"

static char objects[8];

/* Each pfn of the range leads to the head and those beside it to nothing. */
static void assert_covered(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages,
			   const void *object)
{
	for (uint64_t i = 0; i < npages; i++) {
		struct frozenref_slot *slot = frozenref_registry_try_get(reg, pfn + i);

		cr_assert(slot, "pfn %llu", (unsigned long long)(pfn + i));
		cr_assert(frozenref_slot_object(slot) == object);
		cr_assert(frozenref_slot_pfn(reg, slot) == pfn);
		cr_assert(frozenref_slot_npages(reg, slot) == npages);
		cr_assert(frozenref_registry_slot(reg, pfn + i) == slot);
		cr_assert(frozenref_slot_count(slot) == 2);
		assert_state(reg, pfn + i, FROZENREF_LIVE);
		cr_assert(!frozenref_slot_put(reg, slot));
	}
}

static void assert_empty(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages)
{
	for (uint64_t i = 0; i < npages; i++) {
		assert_state(reg, pfn + i, FROZENREF_EMPTY);
		cr_assert(!frozenref_registry_try_get(reg, pfn + i));
		cr_assert(!frozenref_registry_slot(reg, pfn + i));
	}
}

Test(registry_range, is_found_through_every_pfn)
{
	static const uint64_t starts[] = { 0,	     1,	       100,  LEAF - 8,
					   LEAF - 4, LEAF - 1, LEAF, 5 * LEAF - 3 };
	struct frozenref_registry *reg = make_default_registry();

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		cr_assert(frozenref_registry_insert_range(reg, starts[i], 8, objects) == 0);
		assert_covered(reg, starts[i], 8, objects);
		assert_empty(reg, starts[i] + 8, 2);
		if (starts[i])
			assert_empty(reg, starts[i] - 1, 1);
		/* Through any of its pfns. */
		cr_assert(frozenref_registry_erase(reg, starts[i] + i) == 0);
		assert_released(objects, starts[i], 8);
		assert_empty(reg, starts[i], 8);
	}
	assert_destroys(reg);
}

Test(registry_range, padded_is_found_through_every_pfn)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;

	config.flags = FROZENREF_REGISTRY_PADDED;
	reg = make_registry(&config);
	cr_assert(frozenref_registry_insert_range(reg, 3 * LEAF - 5, 11, objects) == 0);
	assert_covered(reg, 3 * LEAF - 5, 11, objects);
	cr_assert(frozenref_registry_erase(reg, 3 * LEAF + 5) == 0);
	assert_empty(reg, 3 * LEAF - 5, 11);
	assert_destroys(reg);
}

Test(registry_range, covers_several_whole_leaves)
{
	struct frozenref_registry *reg = make_default_registry();
	uint64_t first = LEAF - 2;
	uint64_t npages = 3 * LEAF + 4;

	cr_assert(frozenref_registry_insert_range(reg, first, npages, objects) == 0);
	for (uint64_t pfn = first; pfn < first + npages; pfn += LEAF / 2 - 1) {
		struct frozenref_slot *slot = frozenref_registry_try_get(reg, pfn);

		cr_assert(slot && frozenref_slot_pfn(reg, slot) == first);
		cr_assert(!frozenref_slot_put(reg, slot));
	}
	assert_empty(reg, first + npages, 1);
	cr_assert(frozenref_registry_erase(reg, first + npages - 1) == 0);
	assert_released(objects, first, npages);
	assert_empty(reg, 2 * LEAF, 10);
	assert_destroys(reg);
}

Test(registry_range, refuses_bad_ranges)
{
	uint64_t end = UINT64_C(1) << 36;
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot = NULL;

	cr_assert(frozenref_registry_insert_range(reg, 1, 0, objects) == -EINVAL);
	cr_assert(frozenref_registry_insert_range(reg, 1, FROZENREF_REGISTRY_NPAGES_MAX + 1,
						  objects) == -EINVAL);
	cr_assert(frozenref_registry_insert_range(reg, 1, UINT64_MAX, objects) == -ERANGE);
	cr_assert(frozenref_registry_insert_range(reg, 1, 1, NULL) == -EINVAL);
	cr_assert(frozenref_registry_insert_range(NULL, 1, 1, objects) == -EINVAL);
	cr_assert(frozenref_registry_insert_range(reg, end - 3, 4, objects) == -ERANGE);
	cr_assert(frozenref_registry_insert_range(reg, end, 1, objects) == -ERANGE);
	cr_assert(frozenref_registry_insert_range(reg, UINT64_MAX, 2, objects) == -ERANGE);
	cr_assert(frozenref_registry_insert_frozen(reg, 1, 0, objects, &slot) == -EINVAL);
	cr_assert(frozenref_registry_insert_frozen(reg, 1, 1, objects, NULL) == -EINVAL);
	cr_assert(frozenref_registry_insert_frozen(NULL, 1, 1, objects, &slot) == -EINVAL);
	cr_assert(frozenref_registry_insert_frozen(reg, end - 1, 2, objects, &slot) == -ERANGE);
	cr_assert(!slot);
	cr_assert(frozenref_registry_insert_range(reg, end - 4, 4, objects) == 0);
	assert_covered(reg, end - 4, 4, objects);
	cr_assert(frozenref_registry_erase(reg, end - 1) == 0);
	assert_destroys(reg);
}

Test(registry_range, takes_the_largest_range)
{
	struct frozenref_registry *reg = make_default_registry();
	uint64_t npages = FROZENREF_REGISTRY_NPAGES_MAX;
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert_range(reg, 5, npages, objects) == 0);
	slot = frozenref_registry_try_get(reg, 5 + npages - 1);
	cr_assert(slot && frozenref_slot_pfn(reg, slot) == 5);
	cr_assert(frozenref_slot_npages(reg, slot) == npages);
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(frozenref_registry_erase(reg, 5 + npages / 2) == 0);
	assert_released(objects, 5, npages);
	assert_destroys(reg);
}

/* Whatever pfn of a range is taken: no other is, afterwards. */
Test(registry_range, is_taken_whole_or_not_at_all)
{
	struct frozenref_registry *reg = make_default_registry();
	uint64_t first = LEAF - 4;
	struct frozenref_slot *slot;

	for (uint64_t i = 0; i < 8; i++) {
		cr_assert(frozenref_registry_insert(reg, first + i, objects + 1) == 0);
		cr_assert(frozenref_registry_insert_range(reg, first, 8, objects) == -EEXIST);
		cr_assert(frozenref_registry_insert_frozen(reg, first, 8, objects, &slot) ==
			  -EEXIST);
		assert_empty(reg, first, i);
		assert_empty(reg, first + i + 1, 7 - i);
		assert_covered(reg, first + i, 1, objects + 1);

		slot = frozenref_registry_try_get(reg, first + i);
		cr_assert(frozenref_registry_erase(reg, first + i) == 0);
		cr_assert(frozenref_registry_insert_range(reg, first, 8, objects) == -EBUSY);
		cr_assert(frozenref_slot_put(reg, slot));
		cr_assert(frozenref_registry_insert_range(reg, first, 8, objects) == 0);
		cr_assert(frozenref_registry_erase(reg, first + i) == 0);
	}
	assert_destroys(reg);
}

Test(registry_range, overlaps_of_ranges_are_refused)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert_range(reg, 10, 10, objects) == 0);
	cr_assert(frozenref_registry_insert_range(reg, 5, 6, objects + 1) == -EEXIST);
	cr_assert(frozenref_registry_insert_range(reg, 19, 6, objects + 1) == -EEXIST);
	cr_assert(frozenref_registry_insert_range(reg, 12, 2, objects + 1) == -EEXIST);
	cr_assert(frozenref_registry_insert(reg, 15, objects + 1) == -EEXIST);
	cr_assert(frozenref_registry_insert_range(reg, 5, 5, objects + 1) == 0);
	cr_assert(frozenref_registry_insert_range(reg, 20, 5, objects + 2) == 0);
	assert_covered(reg, 5, 5, objects + 1);
	assert_covered(reg, 10, 10, objects);
	assert_covered(reg, 20, 5, objects + 2);
	/* Erased and held: busy through the tails, too. */
	slot = frozenref_registry_try_get(reg, 15);
	cr_assert(frozenref_registry_erase(reg, 12) == 0);
	for (uint64_t pfn = 10; pfn < 20; pfn++) {
		cr_assert(frozenref_registry_insert(reg, pfn, objects) == -EBUSY);
		assert_state(reg, pfn, FROZENREF_ERASED);
		cr_assert(frozenref_registry_erase(reg, pfn) == -ENOENT);
		cr_assert(!frozenref_registry_try_get(reg, pfn));
	}
	cr_assert(frozenref_slot_put(reg, slot));
	cr_assert(frozenref_registry_erase(reg, 9) == 0);
	cr_assert(frozenref_registry_erase(reg, 24) == 0);
	assert_destroys(reg);
}

/*
 * A lookup that read a tail, and then was overtaken by everything: its object has ended, the head's
 * pfn belongs to a smaller one. It must not be taken for one that covers the pfn asked for.
 */
Test(registry_range, stale_tails_lead_nowhere)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *head;
	struct frozenref_slot *tail;
	uint32_t stale;

	cr_assert(frozenref_registry_insert_range(reg, 10, 4, objects) == 0);
	head = frozenref_registry_slot(reg, 10);
	tail = head + 3;
	stale = tail->flags;
	cr_assert(stale & FROZENREF__SLOT_TAIL);
	cr_assert(frozenref_registry_erase(reg, 10) == 0);
	cr_assert(tail->flags == 0);
	cr_assert(frozenref_registry_insert_range(reg, 10, 3, objects + 1) == 0);
	tail->flags = stale;
	cr_assert(!frozenref_registry_try_get(reg, 13));
	cr_assert(!frozenref_registry_slot(reg, 13));
	cr_assert(frozenref_slot_count(head) == 1);
	tail->flags = 0;
	cr_assert(frozenref_registry_erase(reg, 10) == 0);
	tail->flags = stale;
	cr_assert(!frozenref_registry_try_get(reg, 13));
	tail->flags = 0;
	assert_destroys(reg);
}
