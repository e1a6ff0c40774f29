/* SPDX-License-Identifier: MIT */
/*
 * Weak references, and what they survive: handles, replace, set_object.
 *
 * Run by `make check` twice, like registry.c.
 */
#include "registry_fixture.h"

static char objects[8];

static struct frozenref_handle handle_of(struct frozenref_registry *reg, uint64_t pfn)
{
	struct frozenref_slot *slot = frozenref_registry_try_get(reg, pfn);
	struct frozenref_handle handle;

	cr_assert(slot);
	handle = frozenref_slot_handle(reg, slot);
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(handle.pfn == frozenref_slot_pfn(reg, slot));
	return handle;
}

/* Gets the object of the handle, and puts it. */
static bool matches(struct frozenref_registry *reg, struct frozenref_handle handle)
{
	struct frozenref_slot *slot = frozenref_registry_try_get_handle(reg, handle);

	if (slot)
		(void)frozenref_slot_put(reg, slot);
	return slot;
}

Test(registry_handle, zero_is_never_valid)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_handle zero = { 0, 0 };

	cr_assert(!matches(reg, zero));
	cr_assert(frozenref_registry_handle_state(reg, zero) == FROZENREF_EMPTY);
	cr_assert(frozenref_registry_insert(reg, 0, objects) == 0);
	cr_assert(!matches(reg, zero));
	cr_assert(frozenref_registry_handle_state(reg, zero) == FROZENREF_EMPTY);
	cr_assert(frozenref_registry_erase(reg, 0) == 0);
	assert_destroys(reg);
}

Test(registry_handle, dies_with_its_object)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_handle first;
	struct frozenref_handle second;
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert(reg, 7, &objects[0]) == 0);
	first = handle_of(reg, 7);
	cr_assert(matches(reg, first));
	cr_assert(frozenref_registry_handle_state(reg, first) == FROZENREF_LIVE);

	slot = frozenref_registry_try_get_handle(reg, first);
	cr_assert(frozenref_slot_object(slot) == &objects[0]);
	cr_assert(frozenref_registry_erase(reg, 7) == 0);
	cr_assert(!matches(reg, first));
	cr_assert(frozenref_registry_handle_state(reg, first) == FROZENREF_ERASED);
	cr_assert(frozenref_slot_put(reg, slot));
	cr_assert(frozenref_registry_handle_state(reg, first) == FROZENREF_EMPTY);

	cr_assert(frozenref_registry_insert(reg, 7, &objects[1]) == 0);
	second = handle_of(reg, 7);
	cr_assert(second.generation > first.generation);
	cr_assert(!matches(reg, first) && matches(reg, second));
	cr_assert(frozenref_registry_handle_state(reg, first) == FROZENREF_EMPTY);
	cr_assert(frozenref_registry_erase(reg, 7) == 0);
	assert_destroys(reg);
}

Test(registry_handle, of_a_range_is_its_heads)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_handle single;
	struct frozenref_handle range;

	/* The same generation on both heads, so that only the pfn tells them apart. */
	cr_assert(frozenref_registry_insert(reg, 5, &objects[0]) == 0);
	single = handle_of(reg, 5);
	cr_assert(frozenref_registry_erase(reg, 5) == 0);
	cr_assert(frozenref_registry_insert_range(reg, 4, 3, &objects[1]) == 0);
	range = handle_of(reg, 6);
	cr_assert(range.pfn == 4);
	cr_assert(range.generation == single.generation);
	cr_assert(matches(reg, range) && !matches(reg, single));
	cr_assert(frozenref_registry_handle_state(reg, single) == FROZENREF_EMPTY);
	cr_assert(frozenref_registry_erase(reg, 5) == 0);
	assert_destroys(reg);
}

Test(registry_handle, does_not_match_after_2_to_the_20_reuses)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_handle first;

	cr_assert(frozenref_registry_insert(reg, 3, objects) == 0);
	first = handle_of(reg, 3);
	for (unsigned i = 0; i < 1u << 20; i++) {
		cr_assert(frozenref_registry_erase(reg, 3) == 0);
		if (i % 65536 == 0)
			cr_assert(frozenref_registry_trim(reg) > 0);
		cr_assert(frozenref_registry_insert(reg, 3, objects) == 0);
		cr_assert(!matches(reg, first));
	}
	cr_assert(handle_of(reg, 3).generation == first.generation + (1u << 20));
	cr_assert(frozenref_registry_erase(reg, 3) == 0);
	assert_destroys(reg);
}

Test(registry_handle, survives_a_replace)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_handle handle;
	struct frozenref_slot *slot;
	void *old = NULL;

	cr_assert(frozenref_registry_insert_range(reg, LEAF - 1, 2, &objects[0]) == 0);
	handle = handle_of(reg, LEAF);
	slot = frozenref_registry_try_get(reg, LEAF);
	cr_assert(frozenref_slot_replace(reg, slot, 1, &objects[1], &old) == -EBUSY);
	cr_assert(old == NULL && frozenref_slot_object(slot) == &objects[0]);
	cr_assert(frozenref_slot_replace(reg, slot, 2, &objects[1], &old) == 0);
	cr_assert(old == &objects[0] && frozenref_slot_object(slot) == &objects[1]);
	cr_assert(frozenref_slot_count(slot) == 2);
	cr_assert(matches(reg, handle));
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(frozenref_slot_replace(reg, slot, 1, &objects[2], NULL) == 0);
	cr_assert(matches(reg, handle));
	cr_assert(frozenref_registry_erase(reg, LEAF) == 0);
	assert_released(&objects[2], LEAF - 1, 2);
	assert_destroys(reg);
}

Test(registry_handle, replace_refuses_and_changes_nothing)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;
	struct frozenref_slot *frozen;
	void *old = objects;

	cr_assert(frozenref_registry_insert(reg, 1, &objects[0]) == 0);
	slot = frozenref_registry_try_get(reg, 1);
	cr_assert(frozenref_slot_replace(reg, slot, 0, &objects[1], &old) == -EINVAL);
	cr_assert(frozenref_slot_replace(reg, slot, FROZENREF_MAX + 1, &objects[1], &old) ==
		  -EINVAL);
	cr_assert(frozenref_slot_replace(reg, slot, 2, NULL, &old) == -EINVAL);
	cr_assert(frozenref_slot_replace(reg, NULL, 2, &objects[1], &old) == -EINVAL);
	cr_assert(frozenref_slot_replace(NULL, slot, 2, &objects[1], &old) == -EINVAL);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	cr_assert(frozenref_slot_replace(reg, slot, 1, &objects[1], &old) == -EBUSY);
	cr_assert(frozenref_slot_object(slot) == &objects[0] && old == objects);
	cr_assert(frozenref_slot_put(reg, slot));
	assert_released(&objects[0], 1, 1);

	cr_assert(frozenref_registry_insert_frozen(reg, 2, 1, &objects[0], &frozen) == 0);
	cr_assert(frozenref_slot_replace(reg, frozen, 1, &objects[1], &old) == -EBUSY);
	cr_assert(frozenref_slot_erase_frozen(reg, frozen) == &objects[0]);
	assert_destroys(reg);
}

Test(registry_handle, set_object_is_for_owners)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_handle handle;
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert(reg, 1, &objects[0]) == 0);
	handle = handle_of(reg, 1);
	slot = frozenref_registry_slot(reg, 1);
	frozenref_slot_set_object(reg, slot, &objects[1]);
	assert_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &slot->ref, FROZENREF__ONE);
	cr_assert(frozenref_slot_object(slot) == &objects[0]);

	cr_assert(frozenref_slot_freeze(reg, slot, 1));
	frozenref_slot_set_object(reg, slot, &objects[1]);
	cr_assert(!matches(reg, handle));
	cr_assert(frozenref_registry_handle_state(reg, handle) == FROZENREF_FROZEN);
	frozenref_slot_unfreeze(reg, slot, 1);
	cr_assert(matches(reg, handle));
	cr_assert(frozenref_slot_object(slot) == &objects[1]);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_released(&objects[1], 1, 1);
	assert_destroys(reg);
}
