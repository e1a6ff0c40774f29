/* SPDX-License-Identifier: MIT */
/*
 * Many pfns at once: next, erase_range, alloc_frozen, try_get_batch.
 *
 * Run by `make check` twice, like registry.c.
 */
#include <pthread.h>
#include <time.h>

#include <frozenref/atomic.h>

#include "registry_fixture.h"

static char objects[64];

static void assert_next(struct frozenref_registry *reg, uint64_t *pfn, uint64_t last,
			const void *object, uint64_t then)
{
	struct frozenref_slot *slot = frozenref_registry_next(reg, pfn, last);

	cr_assert(slot, "nothing up to %#llx", (unsigned long long)last);
	cr_assert(frozenref_slot_object(slot) == object);
	cr_assert(*pfn == then, "went on to %#llx", (unsigned long long)*pfn);
	cr_assert(!frozenref_slot_put(reg, slot));
}

static void assert_no_next(struct frozenref_registry *reg, uint64_t pfn, uint64_t last)
{
	cr_assert(!frozenref_registry_next(reg, &pfn, last));
	cr_assert(pfn == last + 1, "went on to %#llx", (unsigned long long)pfn);
}

/* An object may end behind the interval; the intervals after that must not see its pfns again. */
Test(registry_walk, next_never_goes_back)
{
	struct frozenref_registry *reg = make_default_registry();
	uint64_t pfn = 0;

	cr_assert(frozenref_registry_insert_range(reg, 5, 100, &objects[0]) == 0);
	cr_assert(frozenref_registry_insert(reg, 200, &objects[1]) == 0);
	assert_next(reg, &pfn, 9, &objects[0], 105);
	for (uint64_t last = 9; last < 150; last += 10) {
		uint64_t before = pfn;

		cr_assert(!frozenref_registry_next(reg, &pfn, last));
		cr_assert(pfn == (before > last ? before : last + 1), "went on to %#llx",
			  (unsigned long long)pfn);
	}
	pfn = UINT64_MAX;
	cr_assert(!frozenref_registry_next(reg, &pfn, UINT64_MAX));
	cr_assert(pfn == UINT64_MAX);
	cr_assert(frozenref_registry_erase_range(reg, 0, UINT64_MAX, NULL) == 2);
	assert_destroys(reg);
}

/* Groups of slots that were never in use are skipped at once, but not beyond the interval. */
Test(registry_walk, next_ends_where_its_interval_ends)
{
	struct frozenref_registry *reg = make_default_registry();
	uint64_t pfn = 1000;

	cr_assert(frozenref_registry_insert(reg, 5, &objects[0]) == 0);
	assert_no_next(reg, 1000, 1010);
	cr_assert(!frozenref_registry_next(reg, &pfn, 1010));
	cr_assert(frozenref_registry_insert(reg, 1011, &objects[1]) == 0);
	assert_next(reg, &pfn, 1020, &objects[1], 1012);
	cr_assert(frozenref_registry_erase_range(reg, 0, UINT64_MAX, NULL) == 2);
	assert_destroys(reg);
}

Test(registry_walk, next_comes_to_each_object_once)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *frozen;
	uint64_t pfn = 0;

	assert_no_next(reg, 0, 1000);
	cr_assert(frozenref_registry_insert(reg, 0, &objects[0]) == 0);
	cr_assert(frozenref_registry_insert_range(reg, 10, 5, &objects[1]) == 0);
	cr_assert(frozenref_registry_insert_range(reg, LEAF - 1, 70000, &objects[2]) == 0);
	cr_assert(frozenref_registry_insert_frozen(reg, 100, 1, &objects[3], &frozen) == 0);
	cr_assert(frozenref_registry_insert(reg, UINT64_C(1) << 35, &objects[4]) == 0);

	assert_next(reg, &pfn, UINT64_MAX, &objects[0], 1);
	assert_next(reg, &pfn, UINT64_MAX, &objects[1], 15);
	assert_next(reg, &pfn, UINT64_MAX, &objects[2], LEAF - 1 + 70000);
	assert_next(reg, &pfn, UINT64_MAX, &objects[4], (UINT64_C(1) << 35) + 1);
	assert_no_next(reg, pfn, (UINT64_C(1) << 36) - 1);
	/* A walk that starts inside a range does not see it; one that ends at a head does. */
	assert_no_next(reg, 11, 50);
	pfn = 5;
	assert_next(reg, &pfn, 10, &objects[1], 15);

	cr_assert(frozenref_slot_erase_frozen(reg, frozen) == &objects[3]);
	cr_assert(frozenref_registry_erase_range(reg, 0, UINT64_MAX, NULL) == 4);
	assert_destroys(reg);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* To the object behind an empty span of 2^30 pfns, in CPU time. */
static double walk_far(struct frozenref_registry *reg, uint64_t far)
{
	double start = seconds();
	uint64_t pfn = 1;

	assert_next(reg, &pfn, UINT64_MAX, &objects[1], far + 1);
	return seconds() - start;
}

/* One in ten thousand of its pfns, each by itself. */
static double look_up_some(struct frozenref_registry *reg, uint64_t far)
{
	double start = seconds();

	for (uint64_t pfn = 1; pfn < far; pfn += 10000)
		cr_assert(!frozenref_registry_try_get(reg, pfn));
	return seconds() - start;
}

Test(registry_walk, next_skips_an_empty_span_by_whole_tables)
{
	struct frozenref_registry *reg = make_default_registry();
	uint64_t far = (UINT64_C(1) << 30) + 12345;
	double walk = 1e9;
	double lookups = 1e9;

	cr_assert(frozenref_registry_insert(reg, 0, &objects[0]) == 0);
	cr_assert(frozenref_registry_insert(reg, far, &objects[1]) == 0);
	/* The best of a few each, on the same machine at the same time, which may be a busy one. */
	for (unsigned i = 0; i < 5; i++) {
		double took = walk_far(reg, far);

		walk = took < walk ? took : walk;
		took = look_up_some(reg, far);
		lookups = took < lookups ? took : lookups;
	}
	/* Where clocks are coarse both take no time at all. */
	cr_assert(walk <= lookups, "the walk took %.3f ms, some of it by lookups %.3f ms",
		  walk * 1e3, lookups * 1e3);
	cr_assert(frozenref_registry_erase_range(reg, 0, far, NULL) == 2);
	assert_destroys(reg);
}

Test(registry_walk, erase_range_erases_what_covers_the_range)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *frozen;
	struct frozenref_slot *held;
	uint64_t skipped = 99;

	cr_assert(frozenref_registry_erase_range(reg, 0, 100, &skipped) == 0 && skipped == 0);
	cr_assert(frozenref_registry_insert_range(reg, 5, 10, &objects[0]) == 0);
	cr_assert(frozenref_registry_insert(reg, 15, &objects[1]) == 0);
	cr_assert(frozenref_registry_insert_frozen(reg, 16, 4, &objects[2], &frozen) == 0);
	cr_assert(frozenref_registry_insert_range(reg, 20, 10, &objects[3]) == 0);
	cr_assert(frozenref_registry_insert(reg, 30, &objects[4]) == 0);
	held = frozenref_registry_try_get(reg, 15);

	cr_assert(frozenref_registry_erase_range(reg, 14, 20, &skipped) == 3);
	cr_assert(skipped == 1);
	assert_state(reg, 5, FROZENREF_EMPTY);
	assert_state(reg, 15, FROZENREF_ERASED);
	assert_state(reg, 16, FROZENREF_FROZEN);
	assert_state(reg, 29, FROZENREF_EMPTY);
	assert_state(reg, 30, FROZENREF_LIVE);
	cr_assert(frozenref_registry_erase_range(reg, 31, 14, &skipped) == 0 && skipped == 0);

	cr_assert(frozenref_slot_put(reg, held));
	cr_assert(frozenref_slot_erase_frozen(reg, frozen) == &objects[2]);
	cr_assert(frozenref_registry_erase_range(reg, 0, UINT64_MAX, NULL) == 1);
	assert_destroys(reg);
}

static void assert_allocates(struct frozenref_registry *reg, uint64_t first, uint64_t last,
			     uint64_t npages, uint64_t expected)
{
	struct frozenref_slot *slot;
	int err = frozenref_registry_alloc_frozen(reg, first, last, npages, objects, &slot);

	cr_assert(err == 0, "error %d", err);
	cr_assert(frozenref_slot_pfn(reg, slot) == expected, "pfn %#llx",
		  (unsigned long long)frozenref_slot_pfn(reg, slot));
	cr_assert(frozenref_slot_npages(reg, slot) == npages);
	assert_state(reg, expected, FROZENREF_FROZEN);
	frozenref_slot_unfreeze(reg, slot, 1);
}

Test(registry_walk, alloc_frozen_takes_the_lowest_free_run)
{
	const uint64_t end = UINT64_C(1) << 36;
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	assert_allocates(reg, 10, 20, 1, 10);
	assert_allocates(reg, 10, 20, 1, 11);
	assert_allocates(reg, 13, 20, 2, 13);
	assert_allocates(reg, 10, 20, 2, 15);
	assert_allocates(reg, 10, 20, 4, 17);
	assert_allocates(reg, 10, 20, 1, 12);
	cr_assert(frozenref_registry_alloc_frozen(reg, 10, 20, 1, objects, &slot) == -ENOSPC);
	cr_assert(frozenref_registry_alloc_frozen(reg, 10, 20, 12, objects, &slot) == -ENOSPC);
	/* The whole of one table is skipped, and a run may begin in one and end in the next. */
	assert_allocates(reg, LEAF, 3 * LEAF, LEAF - 1, LEAF);
	assert_allocates(reg, LEAF, 3 * LEAF, 2, 2 * LEAF - 1);
	assert_allocates(reg, LEAF, 3 * LEAF, 1, 2 * LEAF + 1);

	cr_assert(frozenref_registry_alloc_frozen(reg, 5, 4, 1, objects, &slot) == -EINVAL);
	cr_assert(frozenref_registry_alloc_frozen(reg, 0, 9, 0, objects, &slot) == -EINVAL);
	cr_assert(frozenref_registry_alloc_frozen(reg, 0, 9, 1, objects, NULL) == -EINVAL);
	cr_assert(frozenref_registry_alloc_frozen(NULL, 0, 9, 1, objects, &slot) == -EINVAL);
	/* There is nothing beyond pfn_bits, wherever the search was told to end. */
	assert_allocates(reg, end - 2, UINT64_MAX, 1, end - 2);
	assert_allocates(reg, end - 2, end, 1, end - 1);
	cr_assert(frozenref_registry_alloc_frozen(reg, end - 2, end, 1, objects, &slot) == -ENOSPC);
	cr_assert(frozenref_registry_alloc_frozen(reg, end, UINT64_MAX, 1, objects, &slot) ==
		  -ERANGE);
	cr_assert(frozenref_registry_alloc_frozen(reg, 0, LEAF, FROZENREF_REGISTRY_NPAGES_MAX + 1,
						  objects, &slot) == -EINVAL);
	(void)frozenref_registry_erase_range(reg, 0, UINT64_MAX, NULL);
	assert_destroys(reg);
}

Test(registry_walk, batch_finds_what_single_lookups_find)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slots[50];
	uint64_t pfns[50];
	size_t expected = 0;

	for (uint64_t i = 0; i < 50; i++) {
		pfns[i] = i * 7919 % 64;
		if (i % 3 && frozenref_registry_insert(reg, pfns[i], &objects[pfns[i]]) == 0)
			expected++;
	}
	for (size_t n = 0; n <= 50; n += n < 3 ? 1 : 47) {
		size_t found = frozenref_registry_try_get_batch(reg, pfns, n, slots);
		size_t seen = 0;

		for (size_t i = 0; i < n; i++) {
			struct frozenref_slot *slot = frozenref_registry_try_get(reg, pfns[i]);

			cr_assert(slots[i] == slot);
			if (!slot)
				continue;
			seen++;
			cr_assert(frozenref_slot_object(slot) == &objects[pfns[i]]);
			cr_assert(!frozenref_slot_put(reg, slot));
			cr_assert(!frozenref_slot_put(reg, slot));
		}
		cr_assert(found == seen);
	}
	cr_assert(frozenref_registry_erase_range(reg, 0, 63, NULL) == expected);
	assert_destroys(reg);
}

/* Inserts over a full leaf are counted until they are refused; walks must not mind. */
struct refused {
	struct frozenref_registry *reg;
	uint32_t stop;
};

static void *insert_in_vain(void *arg)
{
	struct refused *refused = arg;

	while (!frozenref__load32(&refused->stop, relaxed)) {
		cr_assert(frozenref_registry_insert_range(refused->reg, 0, LEAF, objects) ==
			  -EEXIST);
	}
	return NULL;
}

Test(registry_walk, next_finds_a_full_leaf_while_inserts_are_refused)
{
	struct refused refused = { .reg = make_default_registry() };
	pthread_t thread;

	cr_assert(frozenref_registry_insert_range(refused.reg, 0, LEAF, objects) == 0);
	cr_assert(pthread_create(&thread, NULL, insert_in_vain, &refused) == 0);
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t pfn = 0;

		assert_next(refused.reg, &pfn, LEAF, objects, LEAF);
	}
	frozenref__store32(&refused.stop, 1, relaxed);
	pthread_join(thread, NULL);
	cr_assert(frozenref_registry_erase_range(refused.reg, 0, LEAF, NULL) == 1);
	assert_destroys(refused.reg);
}

static void *insert_half_in_vain(void *arg)
{
	struct refused *refused = arg;

	while (!frozenref__load32(&refused->stop, relaxed)) {
		cr_assert(frozenref_registry_insert_range(refused->reg, 0, LEAF / 2, objects) ==
			  -EEXIST);
	}
	return NULL;
}

Test(registry_walk, alloc_frozen_finds_room_while_inserts_are_refused)
{
	struct refused refused = { .reg = make_default_registry() };
	pthread_t thread;

	cr_assert(frozenref_registry_insert_range(refused.reg, 0, LEAF / 2, objects) == 0);
	cr_assert(pthread_create(&thread, NULL, insert_half_in_vain, &refused) == 0);
	for (unsigned i = 0; i < 20000; i++) {
		struct frozenref_slot *slot;

		cr_assert(frozenref_registry_alloc_frozen(refused.reg, LEAF / 2, LEAF - 1, 1,
							  objects, &slot) == 0);
		cr_assert(frozenref_slot_erase_frozen(refused.reg, slot) == objects);
	}
	frozenref__store32(&refused.stop, 1, relaxed);
	pthread_join(thread, NULL);
	cr_assert(frozenref_registry_erase_range(refused.reg, 0, LEAF, NULL) == 1);
	assert_destroys(refused.reg);
}
