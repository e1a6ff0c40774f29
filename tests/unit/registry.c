/* SPDX-License-Identifier: MIT */
/*
 * The registry on single pfns: create, insert, look up, erase, the slot's accessors, destroy.
 *
 * Run by `make check` twice: with the inline functions, and with -DFROZENREF_NO_INLINE, which takes
 * the library's symbols of the same names.
 */
#include <string.h>

#include "registry_fixture.h"

static char objects[8];

/* --------------------------------------------------------------------------- create and destroy */

Test(registry, creates_with_all_defaults)
{
	struct frozenref_registry *reg = make_registry(NULL);

	cr_assert(frozenref_registry_insert(reg, (UINT64_C(1) << 36) - 1, objects) == 0);
	cr_assert(frozenref_registry_insert(reg, UINT64_C(1) << 36, objects) == -ERANGE);
	cr_assert(frozenref_registry_erase(reg, (UINT64_C(1) << 36) - 1) == 0);
	cr_assert(frozenref_registry_destroy(reg) == 0);
}

static void assert_refused(const struct frozenref_registry_config *config)
{
	struct frozenref_registry *reg = (struct frozenref_registry *)objects;

	cr_assert(frozenref_registry_create(&reg, config) == -EINVAL);
	cr_assert((char *)reg == objects);
}

Test(registry, refuses_what_it_does_not_know)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_backend backend = *frozenref_mmap_backend();

	cr_assert(frozenref_registry_create(NULL, &config) == -EINVAL);
	cr_assert(frozenref_registry_create(NULL, NULL) == -EINVAL);
	config.size = 0;
	assert_refused(&config);
	config.size = (uint32_t)sizeof(config) - 1;
	assert_refused(&config);
	config.size = (uint32_t)sizeof(config) + 8;
	assert_refused(&config);

	config = default_config();
	config.flags = 1u << 31;
	assert_refused(&config);
	config.flags = FROZENREF_REGISTRY_PADDED | 1u << 20;
	assert_refused(&config);

	config = default_config();
	config.pfn_bits = 53;
	assert_refused(&config);
	config.pfn_bits = UINT32_MAX;
	assert_refused(&config);

	config = default_config();
	config.page_shift = 64;
	assert_refused(&config);
	config.page_shift = UINT32_MAX;
	assert_refused(&config);

	config = default_config();
	config.backend = &backend;
	backend.size = 0;
	assert_refused(&config);
	backend = *frozenref_mmap_backend();
	backend.reserve = NULL;
	assert_refused(&config);
	backend = *frozenref_mmap_backend();
	backend.commit = NULL;
	assert_refused(&config);
	backend = *frozenref_mmap_backend();
	backend.purge = NULL;
	assert_refused(&config);
	backend = *frozenref_mmap_backend();
	backend.release = NULL;
	assert_refused(&config);
}

Test(registry, knows_every_number_of_bits)
{
	for (unsigned bits = 1; bits <= 52; bits++) {
		struct frozenref_registry_config config = default_config();
		uint64_t last = (UINT64_C(1) << bits) - 1;
		struct frozenref_registry *reg;

		config.pfn_bits = bits;
		reg = make_registry(&config);
		cr_assert(frozenref_registry_insert(reg, last + 1, objects) == -ERANGE);
		cr_assert(frozenref_registry_insert(reg, UINT64_MAX, objects) == -ERANGE);
		cr_assert(frozenref_registry_erase(reg, last + 1) == -ENOENT);
		cr_assert(frozenref_registry_insert(reg, last, objects) == 0);
		cr_assert(!frozenref_registry_try_get(reg, last + 1));
		cr_assert(!frozenref_registry_try_get(reg, UINT64_MAX));
		assert_state(reg, UINT64_MAX, FROZENREF_EMPTY);
		cr_assert(frozenref_registry_erase(reg, last) == 0);
		assert_released(objects, last, 1);
		assert_destroys(reg);
	}
}

/* Addresses and pfns may be anything, and so may be taken for what the table means by "none". */
static void assert_misses_what_is_out_of_range(struct frozenref_registry *reg)
{
	for (unsigned shift = 0; shift < 64; shift++) {
		uint64_t out[] = { UINT64_MAX >> shift, UINT64_MAX << shift,
				   UINT64_C(0xffffffff) << shift };

		for (size_t i = 0; i < 3; i++) {
			struct frozenref_handle handle = { out[i], 1 };

			if (out[i] < UINT64_C(1) << 36)
				continue;
			cr_assert(!frozenref_registry_try_get(reg, out[i]), "%#lx",
				  (unsigned long)out[i]);
			cr_assert(!frozenref_registry_slot(reg, out[i]));
			cr_assert(!frozenref_registry_try_get_handle(reg, handle));
			assert_state(reg, out[i], FROZENREF_EMPTY);
		}
	}
}

Test(registry, misses_what_is_out_of_range)
{
	struct frozenref_registry *reg = make_default_registry();

	assert_misses_what_is_out_of_range(reg);
	cr_assert(frozenref_registry_insert(reg, 0, objects) == 0);
	assert_misses_what_is_out_of_range(reg);
	cr_assert(frozenref_registry_erase(reg, 0) == 0);
	assert_destroys(reg);
}

Test(registry, destroy_waits_for_all_to_leave)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_destroy(NULL) == -EINVAL);
	cr_assert(frozenref_registry_insert(reg, 7, objects) == 0);
	cr_assert(frozenref_registry_destroy(reg) == -EBUSY);
	slot = frozenref_registry_try_get(reg, 7);
	cr_assert(slot);
	cr_assert(frozenref_registry_erase(reg, 7) == 0);
	cr_assert(frozenref_registry_destroy(reg) == -EBUSY);
	cr_assert(frozenref_slot_put(reg, slot));
	cr_assert(frozenref_registry_insert_frozen(reg, 7, 1, objects, &slot) == 0);
	cr_assert(frozenref_registry_destroy(reg) == -EBUSY);
	cr_assert(frozenref_slot_erase_frozen(reg, slot) == objects);
	assert_destroys(reg);
}

/* ---------------------------------------------------------------------------- life of an object */

Test(registry, insert_look_up_erase)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	assert_state(reg, 7, FROZENREF_EMPTY);
	cr_assert(!frozenref_registry_try_get(reg, 7));
	cr_assert(!frozenref_registry_slot(reg, 7));
	cr_assert(frozenref_registry_erase(reg, 7) == -ENOENT);
	cr_assert(frozenref_registry_insert(reg, 7, objects) == 0);
	assert_state(reg, 7, FROZENREF_LIVE);
	assert_state(reg, 6, FROZENREF_EMPTY);
	assert_state(reg, 8, FROZENREF_EMPTY);

	slot = frozenref_registry_try_get(reg, 7);
	cr_assert(slot);
	cr_assert(frozenref_registry_slot(reg, 7) == slot);
	cr_assert(frozenref_slot_object(slot) == objects);
	cr_assert(frozenref_slot_pfn(reg, slot) == 7);
	cr_assert(frozenref_slot_npages(reg, slot) == 1);
	cr_assert(frozenref_slot_count(slot) == 2);
	cr_assert(!frozenref_slot_is_erased(slot));
	cr_assert(!frozenref_registry_try_get(reg, 6));
	cr_assert(!frozenref_registry_try_get(reg, 8));

	frozenref_slot_get(reg, slot);
	cr_assert(frozenref_slot_count(slot) == 3);
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(frozenref_slot_count(slot) == 1);
	assert_nothing_released();
	cr_assert(frozenref_registry_erase(reg, 7) == 0);
	assert_released(objects, 7, 1);
	assert_state(reg, 7, FROZENREF_EMPTY);
	cr_assert(!frozenref_registry_slot(reg, 7));
	assert_destroys(reg);
}

Test(registry, erased_objects_live_until_the_last_holder_leaves)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;
	uint32_t left = 99;

	cr_assert(frozenref_registry_insert(reg, 7, objects) == 0);
	slot = frozenref_registry_try_get(reg, 7);
	cr_assert(frozenref_registry_try_get(reg, 7) == slot);
	cr_assert(frozenref_registry_erase(reg, 7) == 0);
	assert_nothing_released();
	assert_state(reg, 7, FROZENREF_ERASED);
	cr_assert(frozenref_slot_is_erased(slot));
	cr_assert(frozenref_slot_count(slot) == 2);
	cr_assert(frozenref_slot_object(slot) == objects);
	cr_assert(!frozenref_registry_try_get(reg, 7));
	cr_assert(frozenref_slot_count(slot) == 2);
	cr_assert(frozenref_registry_erase(reg, 7) == -ENOENT);
	cr_assert(frozenref_registry_insert(reg, 7, objects + 1) == -EBUSY);
	frozenref_slot_get(reg, slot);

	cr_assert(!frozenref_slot_put_left(reg, slot, &left));
	cr_assert(left == 2);
	cr_assert(!frozenref_slot_put(reg, slot));
	assert_nothing_released();
	cr_assert(frozenref_slot_put_left(reg, slot, &left));
	cr_assert(left == 0);
	assert_released(objects, 7, 1);
	assert_state(reg, 7, FROZENREF_EMPTY);

	cr_assert(frozenref_registry_insert(reg, 7, objects + 1) == 0);
	cr_assert(frozenref_registry_erase(reg, 7) == 0);
	assert_released(objects + 1, 7, 1);
	assert_destroys(reg);
}

Test(registry, insert_refuses)
{
	struct frozenref_registry *reg = make_default_registry();

	cr_assert(frozenref_registry_insert(NULL, 7, objects) == -EINVAL);
	cr_assert(frozenref_registry_insert(reg, 7, NULL) == -EINVAL);
	assert_state(reg, 7, FROZENREF_EMPTY);
	cr_assert(frozenref_registry_insert(reg, 7, objects) == 0);
	cr_assert(frozenref_registry_insert(reg, 7, objects + 1) == -EEXIST);
	cr_assert(frozenref_slot_object(frozenref_registry_slot(reg, 7)) == objects);
	cr_assert(frozenref_registry_erase(NULL, 7) == -EINVAL);
	cr_assert(frozenref_registry_erase(reg, 7) == 0);
	assert_destroys(reg);
}

Test(registry, works_without_release)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;

	config.release = NULL;
	reg = make_registry(&config);
	cr_assert(frozenref_registry_insert(reg, 7, objects) == 0);
	cr_assert(frozenref_registry_erase(reg, 7) == 0);
	assert_state(reg, 7, FROZENREF_EMPTY);
	assert_destroys(reg);
}

Test(registry, user_bits_are_zero_in_each_object)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	for (int round = 0; round < 3; round++) {
		cr_assert(frozenref_registry_insert(reg, 7, objects) == 0);
		slot = frozenref_registry_try_get(reg, 7);
		cr_assert(*frozenref_slot_user(slot) == 0);
		*frozenref_slot_user(slot) = 0xdeadbeef;
		cr_assert(*frozenref_slot_user(slot) == 0xdeadbeef);
		cr_assert(!frozenref_slot_put(reg, slot));
		cr_assert(frozenref_registry_erase(reg, 7) == 0);
	}
	assert_destroys(reg);
}

Test(registry, generation_changes_with_each_object)
{
	struct frozenref_registry *reg = make_default_registry();
	uint64_t before = 0;

	for (int round = 0; round < 3; round++) {
		struct frozenref_slot *slot;

		cr_assert(frozenref_registry_insert(reg, 7, objects) == 0);
		slot = frozenref_registry_slot(reg, 7);
		cr_assert(frozenref_slot_handle(reg, slot).generation > before);
		before = frozenref_slot_handle(reg, slot).generation;
		cr_assert(frozenref_registry_erase(reg, 7) == 0);
	}
	assert_destroys(reg);
}

Test(registry, looks_up_addresses)
{
	static const unsigned shifts[] = { 0, 1, 12, 21, 51 };
	static const unsigned effective[] = { 12, 1, 12, 21, 51 };

	for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		struct frozenref_registry_config config = default_config();
		struct frozenref_registry *reg;
		struct frozenref_slot *slot;
		uintptr_t page;

		/*
		 * Where an address has 32 bits, there are pages that none is behind the first of.
		 */
		if (effective[i] + 3 > sizeof(page) * 8)
			continue;
		page = (uintptr_t)1 << effective[i];
		config.page_shift = shifts[i];
		reg = make_registry(&config);
		cr_assert(frozenref_registry_insert(reg, 3, objects) == 0);
		slot = frozenref_registry_try_get_addr(reg, (void *)(3 * page));
		cr_assert(slot && frozenref_slot_pfn(reg, slot) == 3);
		cr_assert(!frozenref_slot_put(reg, slot));
		slot = frozenref_registry_try_get_addr(reg, (void *)(4 * page - 1));
		cr_assert(slot && frozenref_slot_pfn(reg, slot) == 3);
		cr_assert(!frozenref_slot_put(reg, slot));
		cr_assert(!frozenref_registry_try_get_addr(reg, (void *)(3 * page - 1)));
		cr_assert(!frozenref_registry_try_get_addr(reg, (void *)(4 * page)));
		cr_assert(!frozenref_registry_try_get_addr(reg, (void *)UINTPTR_MAX));
		cr_assert(!frozenref_registry_try_get_addr(reg, NULL));
		cr_assert(frozenref_registry_erase(reg, 3) == 0);
		assert_destroys(reg);
	}
}

/* ------------------------------------------------------------------------------------- layouts */

Test(registry, padded_slots_share_no_cache_line)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;
	uintptr_t before = 0;

	config.flags = FROZENREF_REGISTRY_PADDED;
	reg = make_registry(&config);
	for (uint64_t pfn = 0; pfn < 100; pfn++) {
		struct frozenref_slot *slot;

		cr_assert(frozenref_registry_insert(reg, pfn, objects) == 0);
		slot = frozenref_registry_slot(reg, pfn);
		cr_assert((uintptr_t)slot % 64 == 0);
		cr_assert(!before || (uintptr_t)slot - before == 64);
		cr_assert(frozenref_slot_pfn(reg, slot) == pfn);
		before = (uintptr_t)slot;
	}
	for (uint64_t pfn = 0; pfn < 100; pfn++)
		cr_assert(frozenref_registry_erase(reg, pfn) == 0);
	assert_destroys(reg);
}

Test(registry, slots_are_32_bytes)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *first;
	struct frozenref_slot *second;

	cr_assert(sizeof(struct frozenref_slot) == 32);
	cr_assert(frozenref_registry_insert_range(reg, LEAF - 3, 1, objects) == 0);
	cr_assert(frozenref_registry_insert_range(reg, LEAF - 2, 1, objects) == 0);
	first = frozenref_registry_slot(reg, LEAF - 3);
	second = frozenref_registry_slot(reg, LEAF - 2);
	cr_assert(second == first + 1);
	cr_assert(frozenref_registry_erase(reg, LEAF - 3) == 0);
	cr_assert(frozenref_registry_erase(reg, LEAF - 2) == 0);
	assert_destroys(reg);
}

/* Slots stay where they were while the tree above them grows. */
Test(registry, grows_to_the_highest_pfn)
{
	static const unsigned bits[] = { 0, 15, 16, 24, 25, 33, 34, 42, 43, 51, 52 };
	enum { N = sizeof(bits) / sizeof(bits[0]) };
	struct frozenref_registry_config config = default_config();
	struct frozenref_slot *slots[N];
	struct frozenref_registry *reg;

	config.pfn_bits = 52;
	reg = make_registry(&config);
	for (int i = 0; i < N; i++) {
		uint64_t pfn = (UINT64_C(1) << bits[i]) - 1;

		cr_assert(!frozenref_registry_try_get(reg, pfn));
		cr_assert(frozenref_registry_insert(reg, pfn, objects) == 0);
		slots[i] = frozenref_registry_slot(reg, pfn);
		for (int j = 0; j <= i; j++) {
			pfn = (UINT64_C(1) << bits[j]) - 1;
			cr_assert(frozenref_registry_slot(reg, pfn) == slots[j]);
			cr_assert(frozenref_slot_pfn(reg, slots[j]) == pfn);
		}
	}
	for (int i = N - 1; i >= 0; i--) {
		cr_assert(frozenref_registry_erase(reg, (UINT64_C(1) << bits[i]) - 1) == 0);
		assert_released(objects, (UINT64_C(1) << bits[i]) - 1, 1);
	}
	assert_destroys(reg);
}

Test(registry, begins_with_the_highest_pfn)
{
	uint64_t last = (UINT64_C(1) << 52) - 1;
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;
	struct frozenref_slot *slot;

	config.pfn_bits = 52;
	reg = make_registry(&config);
	cr_assert(frozenref_registry_insert(reg, last, objects) == 0);
	cr_assert(frozenref_registry_insert(reg, 0, objects + 1) == 0);
	slot = frozenref_registry_try_get(reg, last);
	cr_assert(slot && frozenref_slot_object(slot) == objects);
	cr_assert(!frozenref_slot_put(reg, slot));
	slot = frozenref_registry_try_get(reg, 0);
	cr_assert(slot && frozenref_slot_object(slot) == objects + 1);
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(!frozenref_registry_try_get(reg, last - LEAF));
	cr_assert(frozenref_registry_erase(reg, last) == 0);
	cr_assert(frozenref_registry_erase(reg, 0) == 0);
	assert_destroys(reg);
}

/* --------------------------------------------------------------------------------- statistics */

static struct frozenref_registry_stats stats_of(struct frozenref_registry *reg)
{
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;

	frozenref_registry_stats(reg, &stats);
	cr_assert(stats.size == sizeof(stats));
	return stats;
}

Test(registry, stats_count_every_state)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_registry_stats stats = stats_of(reg);
	struct frozenref_slot *frozen;
	struct frozenref_slot *held;

	cr_assert(stats.leaves == 0 && stats.objects == 0 && stats.slots == 0);
	cr_assert(stats.bytes_reserved == 0 && stats.bytes_resident == 0 && stats.revivals == 0);

	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	cr_assert(frozenref_registry_insert_range(reg, LEAF - 4, 8, objects) == 0);
	cr_assert(frozenref_registry_insert_frozen(reg, 2, 3, objects, &frozen) == 0);
	held = frozenref_registry_try_get(reg, 1);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	stats = stats_of(reg);
	cr_assert(stats.leaves == 2);
	cr_assert(stats.objects == 3);
	cr_assert(stats.frozen == 1);
	cr_assert(stats.erased == 1);
	cr_assert(stats.saturated == 0);
	cr_assert(stats.slots == 1 + 8 + 3);
	cr_assert(stats.bytes_reserved >= 2 * LEAF * 32);
	cr_assert(stats.bytes_resident > 0 && stats.bytes_resident < stats.bytes_reserved);

	cr_assert(frozenref_slot_put(reg, held));
	(void)frozenref_slot_erase_frozen(reg, frozen);
	cr_assert(frozenref_registry_erase(reg, LEAF) == 0);
	stats = stats_of(reg);
	cr_assert(stats.objects == 0 && stats.slots == 0 && stats.erased == 0);
	assert_destroys(reg);
}

Test(registry, stats_fill_no_more_than_asked_for)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_registry_stats stats;

	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	memset(&stats, 0xee, sizeof(stats));
	stats.size = (uint32_t)offsetof(struct frozenref_registry_stats, frozen);
	frozenref_registry_stats(reg, &stats);
	cr_assert(stats.size == offsetof(struct frozenref_registry_stats, frozen));
	cr_assert(stats.objects == 1);
	cr_assert(stats.frozen == UINT64_C(0xeeeeeeeeeeeeeeee));
	memset(&stats, 0xee, sizeof(stats));
	stats.size = 0;
	frozenref_registry_stats(reg, &stats);
	cr_assert(stats.size == 0);
	cr_assert(stats.objects == UINT64_C(0xeeeeeeeeeeeeeeee));
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_destroys(reg);
}

/*
 * A put that loses its object to a lookup; one thread cannot do that, so its second half is called.
 */
Test(registry, stats_count_revivals)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	slot = frozenref_registry_slot(reg, 1);
	cr_assert(!frozenref__slot_put_slow(reg, slot, FROZENREF__DYING));
	cr_assert(stats_of(reg).revivals == 1);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_released(objects, 1, 1);
	cr_assert(!frozenref__slot_put_slow(reg, slot, FROZENREF__DYING));
	cr_assert(stats_of(reg).revivals == 1);
	assert_nothing_released();
	assert_destroys(reg);
}

Test(registry, saturated_objects_never_end)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	slot = frozenref_registry_try_get(reg, 1);
	for (uint32_t i = 0; i < FROZENREF_MAX / FROZENREF_BULK_MAX; i++)
		frozenref_get_n(&slot->ref, FROZENREF_BULK_MAX);
	assert_misuse(FROZENREF_MISUSE_SATURATED, &slot->ref, misuse.word);
	cr_assert(frozenref_slot_count(slot) == FROZENREF_SATURATED);
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_state(reg, 1, FROZENREF_ERASED);
	assert_nothing_released();
	cr_assert(frozenref_registry_destroy(reg) == -EBUSY);
	cr_assert(stats_of(reg).saturated == 1);
	/* As no program may: so that the test itself leaks nothing. */
	frozenref_init_as_frozen(&slot->ref);
	frozenref_unfreeze(&slot->ref, 1);
	cr_assert(frozenref_slot_put(reg, slot));
	assert_destroys(reg);
}
