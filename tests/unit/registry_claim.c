/* SPDX-License-Identifier: MIT */
/*
 * Inserts that meet the claim of another one, which is given up, kept, or left behind by a fork.
 *
 * Run by `make check` twice, like registry.c. One thread cannot be in the midst of an insert, so
 * slots are claimed by hand here.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "registry_fixture.h"

static int objects[3];

/* The leaf counts a claim by hand for good: so it cannot be destroyed, and must not look lost. */
static struct frozenref_registry *volatile kept; /* or nothing would be stored */

static struct frozenref_registry *make_kept_registry(void)
{
	kept = make_default_registry();
	return kept;
}

static void set_flags(struct frozenref_slot *slot, uint32_t flags)
{
	__atomic_store_n(&slot->flags, flags, __ATOMIC_RELEASE);
}

/* What an insert of the pfn has done so far when it has claimed it. */
static struct frozenref_slot *claim(struct frozenref_registry *reg, uint64_t pfn)
{
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert_frozen(reg, pfn, 1, objects, &slot) == 0);
	set_flags(slot, FROZENREF__SLOT_CLAIM);
	return slot;
}

struct insert {
	struct frozenref_registry *reg;
	uint64_t npages;
	int result;
	uint32_t done;
};

static void *insert_at_1(void *insert_)
{
	struct insert *insert = insert_;

	insert->result = frozenref_registry_insert_range(insert->reg, 1, insert->npages, objects);
	__atomic_store_n(&insert->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Inserts at 1, while `pfn` is claimed, and until that has these flags instead. */
static int insert_until(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages,
			uint32_t flags)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	struct insert insert = { .reg = reg, .npages = npages };
	struct frozenref_slot *slot = claim(reg, pfn);
	pthread_t thread;

	cr_assert(pthread_create(&thread, NULL, insert_at_1, &insert) == 0);
	cr_assert(nanosleep(&moment, NULL) == 0);
	cr_assert(!__atomic_load_n(&insert.done, __ATOMIC_ACQUIRE));
	set_flags(slot, flags);
	cr_assert(pthread_join(thread, NULL) == 0);
	return insert.result;
}

Test(registry_claim, given_up_is_waited_for)
{
	struct frozenref_registry *reg = make_kept_registry();

	cr_assert(insert_until(reg, 1, 1, 0) == 0);
	assert_state(reg, 1, FROZENREF_LIVE);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	cr_assert(insert_until(reg, 2, 2, 0) == 0);
	assert_state(reg, 2, FROZENREF_LIVE);
}

Test(registry_claim, kept_is_an_object)
{
	struct frozenref_registry *reg = make_kept_registry();

	cr_assert(insert_until(reg, 2, 2,
			       FROZENREF__SLOT_TAIL | 2 << FROZENREF__SLOT_PAGES_SHIFT) == -EEXIST);
	assert_state(reg, 1, FROZENREF_EMPTY);
	cr_assert(insert_until(reg, 1, 1,
			       FROZENREF__SLOT_USED | 1 << FROZENREF__SLOT_PAGES_SHIFT) == -EEXIST);
}

/* A thread that is cancelled has claimed 1, and waits: were it to end there, so would all inserts. */
Test(registry_claim, is_not_left_by_who_is_cancelled)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	struct frozenref_registry *reg = make_kept_registry();
	struct insert insert = { .reg = reg, .npages = 2 };
	struct frozenref_slot *slot = claim(reg, 2);
	pthread_t thread;

	cr_assert(pthread_create(&thread, NULL, insert_at_1, &insert) == 0);
	while (frozenref_registry_state(reg, 1) == FROZENREF_EMPTY)
		cr_assert(nanosleep(&moment, NULL) == 0);
	cr_assert(pthread_cancel(thread) == 0);
	cr_assert(nanosleep(&moment, NULL) == 0);
	set_flags(slot, 0);
	cr_assert(pthread_join(thread, NULL) == 0);
	cr_assert(insert.done && insert.result == 0);
	assert_state(reg, 1, FROZENREF_LIVE);
}

static int insert_around_2(void *arg)
{
	struct frozenref_registry *reg = arg;
	struct frozenref_slot *slot;

	if (frozenref_registry_insert(reg, 2, objects) != -EEXIST)
		return 1;
	if (frozenref_registry_insert_range(reg, 1, 3, objects) != -EEXIST)
		return 2;
	if (frozenref_registry_alloc_frozen(reg, 2, 2, 1, objects, &slot) != -ENOSPC)
		return 3;
	if (frozenref_registry_alloc_frozen(reg, 1, 4, 2, objects, &slot) ||
	    frozenref_slot_pfn(reg, slot) != 3)
		return 4;
	return frozenref_registry_insert(reg, 1, objects) ? 5 : 0;
}

/* In the child nobody goes on with it: its pfn is taken, and nobody waits. */
Test(registry_claim, of_a_parent_is_not_waited_for)
{
	struct frozenref_registry *reg = make_kept_registry();
	int result;

	(void)claim(reg, 2);
	result = run_in_child(insert_around_2, reg);
	cr_assert(result == 0, "result %d", result);
}

static void *claim_is_given_up(void *slot)
{
	const struct timespec moment = { .tv_nsec = 20000000 };

	cr_assert(nanosleep(&moment, NULL) == 0);
	set_flags(slot, 0);
	return NULL;
}

/* There is no room only if all of it is taken. */
Test(registry_claim, alloc_waits_before_it_finds_no_room)
{
	struct frozenref_registry *reg = make_kept_registry();
	struct frozenref_slot *slot = claim(reg, 2);
	pthread_t thread;

	cr_assert(frozenref_registry_insert(reg, 1, &objects[1]) == 0);
	cr_assert(pthread_create(&thread, NULL, claim_is_given_up, slot) == 0);
	cr_assert(frozenref_registry_alloc_frozen(reg, 1, 2, 1, objects, &slot) == 0);
	cr_assert(pthread_join(thread, NULL) == 0);
	cr_assert(frozenref_slot_pfn(reg, slot) == 2);
	cr_assert(frozenref_slot_erase_frozen(reg, slot) == objects);
}
