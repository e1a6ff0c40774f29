/* SPDX-License-Identifier: MIT */
/*
 * frozenref_mi_check(): that it finds what is wrong, and nothing where nothing is.
 *
 * Run by `make check` twice, like object.c.
 */
#include <pthread.h>

#include "fixture.h"

struct found {
	void *object;
	size_t size;
	enum frozenref_mi_verdict verdict;
	unsigned times;
};

/* Remembers what was said of one address. */
static void look_for(void *object, size_t size, enum frozenref_mi_verdict verdict, void *arg)
{
	struct found *found = arg;

	if (object != found->object)
		return;
	found->times++;
	found->size = size;
	found->verdict = verdict;
}

static struct found find(struct frozenref_mi_space *space, void *object)
{
	struct found found = { .object = object };

	cr_assert(frozenref_mi_check(space, look_for, &found, NULL) >= 0);
	return found;
}

#define assert_verdict(space, address, expected_verdict, expected_size)   \
 do {                                                                     \
  struct found seen = find(space, address);                               \
  cr_assert(seen.times == 1, "mentioned %u times", seen.times);           \
  cr_assert(seen.verdict == (expected_verdict), "%d", (int)seen.verdict); \
  cr_assert(seen.size == (expected_size), "%zu bytes", seen.size);        \
 } while (0)

Test(mi_check, every_object_is_told_once)
{
	enum { COUNT = 2000 };
	struct frozenref_mi_space *space = make_default_space();
	static void *objects[COUNT];
	struct frozenref_mi_report report;

	for (unsigned i = 0; i < COUNT; i++) {
		objects[i] = frozenref_mi_malloc(space, i * 3);
		if (i % 3)
			frozenref_mi_unfreeze(space, objects[i], i % 3);
	}
	report = report_on(space, 0);
	cr_assert(report.frozen == (COUNT + 2) / 3);
	cr_assert(report.live == COUNT - (COUNT + 2) / 3);
	cr_assert(report.heaps == 2);
	/* mimalloc 3.0 and 3.1 do not show a heap's full pages. */
	if (is_mimalloc_3_0_or_3_1())
		cr_assert(report.blocks <= COUNT);
	else
		cr_assert(report.blocks == COUNT, "%llu", (unsigned long long)report.blocks);
	assert_verdict(space, objects[0], FROZENREF_MI_FROZEN, 64);
	assert_verdict(space, objects[1], FROZENREF_MI_LIVE, 64);
	assert_verdict(space, objects[22], FROZENREF_MI_LIVE, 128);
	assert_verdict(space, objects[1000], FROZENREF_MI_LIVE, 4096);
	for (unsigned i = 0; i < COUNT; i++) {
		if (i % 3 == 0)
			frozenref_mi_free(space, objects[i]);
		else if (i % 3 == 1 || !frozenref_mi_put(space, objects[i]))
			cr_assert(frozenref_mi_put(space, objects[i]));
	}
	cr_assert(report_on(space, 0).blocks == 0);
	assert_destroys(space);
}

Test(mi_check, arguments)
{
	struct frozenref_mi_space *space = make_default_space();

	cr_assert(frozenref_mi_check(NULL, NULL, NULL, NULL) == -EINVAL);
	cr_assert(frozenref_mi_check(space, NULL, NULL, NULL) == 0);
	assert_destroys(space);
}

/* Given to mi_free() behind the registry's back. */
static void stray_of_size(size_t size, size_t granules)
{
	enum { OTHERS = 6, MANY = 3000 };
	struct frozenref_mi_space *space = make_default_space();
	void *others[OTHERS];
	static void *many[MANY];
	void *object;
	struct frozenref_mi_report report;

	/* Not alone on its page, and that not full: 3.0 and 3.1 do not show full pages. */
	for (unsigned i = 0; i < OTHERS / 2; i++)
		others[i] = make_object(space, size, 1);
	object = make_object(space, size, 1);
	for (unsigned i = OTHERS / 2; i < OTHERS; i++)
		others[i] = make_object(space, size, 1);
	assert_verdict(space, object, FROZENREF_MI_LIVE, granules);
	mi_free(object);
	report = report_on(space, 1);
	cr_assert(report.stray == 1 && report.leaked == 0 && report.live == OTHERS);
	assert_verdict(space, object, FROZENREF_MI_STRAY, granules);
	/* It never gets another object: the block comes back, and is passed over. */
	for (unsigned i = 0; i < MANY; i++) {
		many[i] = frozenref_mi_malloc(space, size);
		cr_assert(many[i] && many[i] != object);
	}
	for (unsigned i = 0; i < MANY; i++)
		frozenref_mi_free(space, many[i]);
	assert_holds(space, OTHERS + 1, 0);
	cr_assert(frozenref_mi_put(space, object));
	for (unsigned i = 0; i < OTHERS; i++)
		cr_assert(frozenref_mi_put(space, others[i]));
	assert_destroys(space);
}

Test(mi_check, stray_of_one_granule)
{
	stray_of_size(64, 64);
}

Test(mi_check, stray_of_many_granules)
{
	stray_of_size(1000, 1024);
}

Test(mi_check, stray_of_a_page)
{
	stray_of_size(4096, 4096);
}

/* Emptied behind mimalloc's back. */
Test(mi_check, leaked_block)
{
	struct frozenref_mi_space *space = make_default_space();
	void *object = make_object(space, 64, 1);
	struct frozenref_registry *reg = space->registries[0];
	struct frozenref_slot *slot =
		frozenref_registry_slot(reg, (uintptr_t)object >> space->small_shift);
	struct frozenref_mi_report report;

	cr_assert(frozenref_mi_freeze(space, object, 1));
	frozenref__registry_disown(reg, slot);
	report = report_on(space, 1);
	cr_assert(report.leaked == 1 && report.stray == 0 && report.live == 0);
	if (!has_padded_blocks())
		assert_verdict(space, object, FROZENREF_MI_LEAKED, 64);
	mi_free(object);
	assert_destroys(space);
}

Test(mi_check, saturated_is_leaked)
{
	struct frozenref_mi_space *space = make_default_space();
	void *object = make_object(space, 64, FROZENREF_MAX);

	frozenref_mi_get(space, object);
	cr_assert(misuse.times == 1 && misuse.kind == FROZENREF_MISUSE_SATURATED);
	cr_assert(frozenref_mi_count(space, object) == FROZENREF_SATURATED);
	cr_assert(report_on(space, 1).leaked == 1);
	assert_verdict(space, object, FROZENREF_MI_LEAKED, 64);
	cr_assert(frozenref_mi_space_destroy(space) == -EBUSY);
}

static void *allocate_one(void *space)
{
	return make_object(space, 64, 1);
}

/* The thread is gone, and its heap cannot be walked: the registry knows the object all the same. */
Test(mi_check, object_of_a_thread_that_has_left)
{
	struct frozenref_mi_space *space = make_default_space();
	void *mine = make_object(space, 64, 1);
	void *object;
	pthread_t thread;

	cr_assert(pthread_create(&thread, NULL, allocate_one, space) == 0);
	cr_assert(pthread_join(thread, &object) == 0);
	assert_holds(space, 2, 0);
	assert_verdict(space, object, FROZENREF_MI_LIVE, 64);
	assert_verdict(space, mine, FROZENREF_MI_LIVE, 64);
	cr_assert(frozenref_mi_put(space, object) && frozenref_mi_put(space, mine));
	assert_destroys(space);
}
