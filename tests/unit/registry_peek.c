/* SPDX-License-Identifier: MIT */
/*
 * Reading without a reference: what peek copies, and when it says no.
 *
 * Run by `make check` twice, like registry.c.
 */
#include <string.h>

#include "registry_fixture.h"

#define PAGE 4096

/* Never freed: a peekable payload stays readable. */
static _Alignas(PAGE) unsigned char pages[8][PAGE];

/* Where processors may see one write before another one that was first, there is no peek. */
#if defined(__powerpc__) || defined(__arm__)
# define PEEKS 0
#else
# define PEEKS 1
#endif

static struct frozenref_registry *make_with(unsigned flags)
{
	struct frozenref_registry_config config = default_config();

	if (flags & FROZENREF_REGISTRY_PEEKABLE && !PEEKS)
		cr_skip_test("there is no peek on this machine");
	config.flags = flags;
	for (unsigned i = 0; i < sizeof(pages); i++)
		pages[i / PAGE][i % PAGE] = (unsigned char)(i * 31 + i / PAGE);
	return make_registry(&config);
}

static struct frozenref_registry *make_peekable(void)
{
	return make_with(FROZENREF_REGISTRY_PEEKABLE);
}

static void assert_peeks(struct frozenref_registry *reg, uint64_t pfn, size_t offset, size_t length,
			 const unsigned char *expected)
{
	unsigned char buffer[2 * PAGE];

	memset(buffer, 0xee, sizeof(buffer));
	cr_assert(frozenref_registry_peek(reg, pfn, offset, buffer, length));
	cr_assert(memcmp(buffer, expected, length) == 0);
	cr_assert(buffer[length] == 0xee);
}

static bool peeks(struct frozenref_registry *reg, uint64_t pfn, size_t offset, size_t length)
{
	unsigned char buffer[2 * PAGE];

	return frozenref_registry_peek(reg, pfn, offset, buffer, length);
}

Test(registry_peek, copies_any_bytes_of_the_object)
{
	struct frozenref_registry *reg = make_peekable();

	cr_assert(frozenref_registry_insert_range(reg, 10, 3, pages[0]) == 0);
	for (size_t offset = 0; offset < 20; offset++) {
		for (size_t length = 0; length < 200; length++)
			assert_peeks(reg, 10, offset, length, pages[0] + offset);
	}
	/* The offset counts from the page of the pfn asked for, across pages, up to the end. */
	assert_peeks(reg, 11, 100, 64, pages[1] + 100);
	assert_peeks(reg, 10, PAGE - 3, 9, pages[0] + PAGE - 3);
	assert_peeks(reg, 12, PAGE - 8, 8, pages[2] + PAGE - 8);
	cr_assert(!peeks(reg, 12, PAGE - 8, 9));
	cr_assert(!peeks(reg, 12, PAGE + 1, 0));
	cr_assert(!peeks(reg, 12, SIZE_MAX, 2));
	cr_assert(!peeks(reg, 13, 0, 1));
	cr_assert(!peeks(reg, 9, 0, 1));
	cr_assert(!peeks(reg, UINT64_C(1) << 40, 0, 1));
	cr_assert(frozenref_slot_count(frozenref_registry_slot(reg, 10)) == 1);
	cr_assert(frozenref_registry_erase(reg, 10) == 0);
	assert_destroys(reg);
}

/* The first insert chooses which pfns are found without a walk. */
Test(registry_peek, finds_near_and_far_pfns_in_slots_of_either_size)
{
	static const unsigned flags[] = { 0, FROZENREF_REGISTRY_PADDED };
	static const uint64_t pfns[] = { 7, 70000, UINT64_C(1) << 25, (UINT64_C(1) << 36) - 1 };

	for (size_t i = 0; i < 2; i++) {
		struct frozenref_registry *reg = make_with(FROZENREF_REGISTRY_PEEKABLE | flags[i]);

		for (size_t j = 0; j < 4; j++) {
			cr_assert(frozenref_registry_insert(reg, pfns[j], pages[j]) == 0);
			cr_assert(!peeks(reg, pfns[j] ^ UINT64_C(1) << 30, 0, 64));
		}
		for (size_t j = 0; j < 4; j++) {
			assert_peeks(reg, pfns[j], 64, 64, pages[j] + 64);
			assert_peeks(reg, pfns[j], 1, 100, pages[j] + 1);
			assert_peeks(reg, pfns[j], 0, PAGE, pages[j]);
			cr_assert(!peeks(reg, pfns[j], 0, PAGE + 8));
			cr_assert(!peeks(reg, pfns[j], PAGE, 8));
			cr_assert(frozenref_registry_erase(reg, pfns[j]) == 0);
		}
		assert_destroys(reg);
	}
}

Test(registry_peek, needs_a_live_object)
{
	struct frozenref_registry *reg = make_peekable();
	struct frozenref_slot *slot;

	cr_assert(!peeks(reg, 1, 0, 8));
	cr_assert(frozenref_registry_insert_frozen(reg, 1, 1, pages[0], &slot) == 0);
	cr_assert(!peeks(reg, 1, 0, 8));
	frozenref_slot_unfreeze(reg, slot, 1);
	assert_peeks(reg, 1, 0, 8, pages[0]);
	cr_assert(frozenref_slot_replace(reg, slot, 1, pages[1], NULL) == 0);
	assert_peeks(reg, 1, 0, 8, pages[1]);
	cr_assert(frozenref_slot_freeze(reg, slot, 1));
	cr_assert(!peeks(reg, 1, 0, 8));
	frozenref_slot_unfreeze(reg, slot, 2);
	assert_peeks(reg, 1, 0, 8, pages[1]);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	cr_assert(!peeks(reg, 1, 0, 8));
	cr_assert(frozenref_slot_put(reg, slot));
	cr_assert(!peeks(reg, 1, 0, 8));
	assert_destroys(reg);
}

Test(registry_peek, is_refused_by_the_machines_that_cannot)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;

	config.flags = FROZENREF_REGISTRY_PEEKABLE;
	if (!PEEKS) {
		cr_assert(frozenref_registry_create(&reg, &config) == -ENOTSUP);
		config.flags = 0;
	}
	reg = make_registry(&config);
	assert_destroys(reg);
}

Test(registry_peek, is_refused_where_it_was_not_asked_for)
{
	struct frozenref_registry *reg = make_default_registry();

	cr_assert(frozenref_registry_insert(reg, 1, pages[0]) == 0);
	cr_assert(!peeks(reg, 1, 0, 8));
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_destroys(reg);
}
