/* SPDX-License-Identifier: MIT */
/*
 * Registries of addresses with slots of 16 bytes.
 *
 * Run by `make check` twice, like registry.c.
 */
#include "registry_fixture.h"

/* Addresses that nobody follows. */
static void *address(uint64_t pfn)
{
	return (void *)(uintptr_t)(pfn << 6);
}

static struct frozenref_registry *make_compact(void)
{
	struct frozenref_registry_config config = default_config();

	config.flags = FROZENREF_REGISTRY_COMPACT;
	config.page_shift = 6;
	return make_registry(&config);
}

Test(registry_compact, object_is_the_address)
{
	struct frozenref_registry *reg = make_compact();
	struct frozenref_slot *slot;
	struct frozenref_slot *next;

	cr_assert(frozenref_registry_insert(reg, 5, address(4)) == -EINVAL);
	cr_assert(frozenref_registry_insert(reg, 5, address(5)) == 0);
	cr_assert(frozenref_registry_insert(reg, 6, address(6)) == 0);
	cr_assert(frozenref_registry_insert_range(reg, 2 * LEAF - 1, 3, address(2 * LEAF - 1)) ==
		  0);
	slot = frozenref_registry_try_get_addr(reg, (char *)address(5) + 63);
	cr_assert(slot && frozenref_slot_object(slot) == address(5));
	cr_assert(frozenref_slot_user(slot) == NULL);
	cr_assert(frozenref_slot_pfn(reg, slot) == 5 && frozenref_slot_npages(reg, slot) == 1);
	next = frozenref_registry_try_get(reg, 6);
	cr_assert((char *)next - (char *)slot == 16);
	cr_assert(!frozenref_slot_put(reg, next));
	cr_assert(frozenref_registry_erase(reg, 5) == 0);
	cr_assert(frozenref_slot_put(reg, slot));
	assert_released(address(5), 5, 1);

	slot = frozenref_registry_try_get_addr(reg, address(2 * LEAF + 1));
	cr_assert(slot && frozenref_slot_object(slot) == address(2 * LEAF - 1));
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(frozenref_registry_erase(reg, 2 * LEAF) == 0);
	assert_released(address(2 * LEAF - 1), 2 * LEAF - 1, 3);
	cr_assert(frozenref_registry_erase(reg, 6) == 0);
	assert_destroys(reg);
}

Test(registry_compact, does_not_take_an_address_that_a_large_pfn_wraps_to)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;

	config.flags = FROZENREF_REGISTRY_COMPACT;
	config.page_shift = 30;
	reg = make_registry(&config);
	/* (2^34 + 1) << 30 is 1 << 30 in 64 bits. */
	cr_assert(frozenref_registry_insert(reg, (UINT64_C(1) << 34) + 1,
					    (void *)((uintptr_t)1 << 30)) == -EINVAL);
	cr_assert(frozenref_registry_insert(reg, 1, (void *)((uintptr_t)1 << 30)) == 0);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_destroys(reg);
}

Test(registry_compact, cannot_be_replaced)
{
	struct frozenref_registry *reg = make_compact();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert_frozen(reg, 3, 1, address(4), &slot) == -EINVAL);
	cr_assert(frozenref_registry_insert_frozen(reg, 3, 1, NULL, &slot) == 0);
	cr_assert(frozenref_slot_object(slot) == address(3));
	frozenref_slot_set_object(reg, slot, address(9));
	cr_assert(frozenref_slot_object(slot) == address(3));
	frozenref_slot_unfreeze(reg, slot, 1);
	cr_assert(frozenref_slot_replace(reg, slot, 1, address(9), NULL) == -EINVAL);
	cr_assert(frozenref_slot_freeze(reg, slot, 1));
	cr_assert(frozenref_slot_erase_frozen(reg, slot) == address(3));
	assert_destroys(reg);
}

Test(registry_compact, handles_go_round)
{
	struct frozenref_registry *reg = make_compact();
	struct frozenref_handle last;
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert(reg, 3, address(3)) == 0);
	slot = frozenref_registry_slot(reg, 3);
	/* As after 2^32 - 2 more objects: the next one is not 0, which is never valid. */
	slot->generation_low = UINT32_MAX;
	last = frozenref_slot_handle(reg, slot);
	cr_assert(frozenref_registry_handle_state(reg, last) == FROZENREF_LIVE);
	cr_assert(frozenref_registry_erase(reg, 3) == 0);
	cr_assert(frozenref_registry_insert(reg, 3, address(3)) == 0);
	cr_assert(frozenref_slot_handle(reg, slot).generation == 1);
	cr_assert(frozenref_registry_handle_state(reg, last) == FROZENREF_EMPTY);

	/* A purge forgets the slot, and not its number. */
	slot->generation_low = 1000;
	last = frozenref_slot_handle(reg, slot);
	cr_assert(frozenref_registry_erase(reg, 3) == 0);
	cr_assert(frozenref_registry_trim(reg) > 0);
	cr_assert(slot->generation_low == 0);
	cr_assert(frozenref_registry_insert(reg, 3, address(3)) == 0);
	cr_assert(frozenref_slot_handle(reg, slot).generation == last.generation + 1);
	cr_assert(frozenref_registry_erase(reg, 3) == 0);
	assert_destroys(reg);
}

Test(registry_compact, goes_with_no_other_layout)
{
	static const unsigned flags[] = {
		FROZENREF_REGISTRY_COMPACT | FROZENREF_REGISTRY_PADDED,
		FROZENREF_REGISTRY_COMPACT | FROZENREF_REGISTRY_PEEKABLE,
	};

	for (unsigned i = 0; i < 2; i++) {
		struct frozenref_registry_config config = default_config();
		struct frozenref_registry *reg = NULL;

		config.flags = flags[i];
		cr_assert(frozenref_registry_create(&reg, &config) == -EINVAL);
		cr_assert(reg == NULL);
	}
}

Test(registry_compact, works_on_huge_pages_too)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;

	config.backend = frozenref_mmap_hugepage_backend();
	config.flags = FROZENREF_REGISTRY_COMPACT;
	config.page_shift = 6;
	reg = make_registry(&config);
	cr_assert(frozenref_registry_insert(reg, 3, address(3)) == 0);
	cr_assert(frozenref_registry_erase(reg, 3) == 0);
	cr_assert(frozenref_registry_trim(reg) > 0);
	assert_destroys(reg);
}
