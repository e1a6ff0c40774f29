/* SPDX-License-Identifier: MIT */
/*
 * Owning an object of a registry frozen: insert_frozen, freeze, unfreeze, erase_frozen.
 *
 * Run by `make check` twice, like registry.c.
 */
#include <pthread.h>
#include <time.h>

#include "registry_fixture.h"

static char objects[8];

Test(registry_frozen, is_published_by_unfreeze)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert_frozen(reg, LEAF - 2, 4, objects, &slot) == 0);
	for (uint64_t pfn = LEAF - 2; pfn < LEAF + 2; pfn++) {
		assert_state(reg, pfn, FROZENREF_FROZEN);
		cr_assert(!frozenref_registry_try_get(reg, pfn));
		cr_assert(frozenref_registry_slot(reg, pfn) == slot);
		cr_assert(frozenref_registry_erase(reg, pfn) == -EBUSY);
		cr_assert(frozenref_registry_insert(reg, pfn, objects) == -EEXIST);
	}
	cr_assert(frozenref_slot_count(slot) == 0);
	cr_assert(frozenref_slot_object(slot) == objects);
	cr_assert(frozenref_slot_pfn(reg, slot) == LEAF - 2);
	cr_assert(frozenref_slot_npages(reg, slot) == 4);
	cr_assert(!frozenref_slot_freeze(reg, slot, 1));

	frozenref_slot_unfreeze(reg, slot, 3);
	assert_state(reg, LEAF, FROZENREF_LIVE);
	cr_assert(frozenref_slot_count(slot) == 3);
	cr_assert(frozenref_registry_erase(reg, LEAF) == 0);
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(frozenref_slot_put(reg, slot));
	assert_released(objects, LEAF - 2, 4);
	assert_destroys(reg);
}

Test(registry_frozen, may_have_no_object)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert_frozen(reg, 1, 1, NULL, &slot) == 0);
	assert_state(reg, 1, FROZENREF_FROZEN);
	cr_assert(frozenref_slot_erase_frozen(reg, slot) == NULL);
	assert_state(reg, 1, FROZENREF_EMPTY);
	assert_destroys(reg);
}

Test(registry_frozen, given_up_leaves_nothing)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert_frozen(reg, LEAF - 1, 2, objects, &slot) == 0);
	cr_assert(!frozenref_registry_try_get(reg, LEAF));
	cr_assert(frozenref_slot_erase_frozen(reg, slot) == objects);
	assert_nothing_released();
	assert_state(reg, LEAF - 1, FROZENREF_EMPTY);
	assert_state(reg, LEAF, FROZENREF_EMPTY);
	cr_assert(frozenref_registry_insert(reg, LEAF, objects + 1) == 0);
	cr_assert(frozenref_registry_erase(reg, LEAF) == 0);
	assert_destroys(reg);
}

Test(registry_frozen, freeze_wants_the_exact_count)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	slot = frozenref_registry_try_get(reg, 1);
	cr_assert(!frozenref_slot_freeze(reg, slot, 1));
	cr_assert(!frozenref_slot_freeze(reg, slot, 3));
	assert_state(reg, 1, FROZENREF_LIVE);
	/* A failed attempt leaves nothing behind: lookups, erase and the next attempt go on. */
	cr_assert(frozenref_registry_try_get(reg, 1) == slot);
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(frozenref_slot_freeze(reg, slot, 2));
	assert_state(reg, 1, FROZENREF_FROZEN);
	cr_assert(!frozenref_registry_try_get(reg, 1));
	cr_assert(!frozenref_slot_freeze(reg, slot, 2));
	cr_assert(!frozenref_slot_freeze(reg, slot, 1));
	cr_assert(frozenref_registry_erase(reg, 1) == -EBUSY);
	frozenref_slot_unfreeze(reg, slot, 2);
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(frozenref_slot_freeze(reg, slot, 1));
	cr_assert(frozenref_slot_erase_frozen(reg, slot) == objects);
	assert_nothing_released();
	assert_state(reg, 1, FROZENREF_EMPTY);
	assert_destroys(reg);
}

/* One thread cannot be in the midst of a replace, so its mark is made by hand. */
static struct frozenref_slot *begin_replace(struct frozenref_registry *reg, uint64_t pfn)
{
	struct frozenref_slot *slot = frozenref_registry_slot(reg, pfn);

	cr_assert(frozenref_slot_freeze(reg, slot, 1));
	__atomic_fetch_or(&slot->flags, FROZENREF__SLOT_REPLACE, __ATOMIC_RELEASE);
	return slot;
}

static void *look_up_2(void *reg)
{
	return frozenref_registry_try_get(reg, 2);
}

static void *erase_2(void *reg)
{
	return frozenref_registry_erase(reg, 2) == 0 ? objects : NULL;
}

/* What a call gives that meets a replace, which takes far longer than any does. */
static void *during_a_replace(struct frozenref_registry *reg, void *(*call)(void *))
{
	const struct timespec moment = { .tv_nsec = 50000000 };
	struct frozenref_slot *slot = begin_replace(reg, 1);
	pthread_t thread;
	void *result;

	cr_assert(pthread_create(&thread, NULL, call, reg) == 0);
	cr_assert(nanosleep(&moment, NULL) == 0);
	frozenref_slot_unfreeze(reg, slot, 1);
	cr_assert(pthread_join(thread, &result) == 0);
	return result;
}

Test(registry_frozen, lookups_and_erases_wait_for_a_replace)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert_range(reg, 1, 2, objects) == 0);
	slot = during_a_replace(reg, look_up_2);
	cr_assert(slot && slot == frozenref_registry_slot(reg, 1));
	cr_assert(!frozenref_slot_put(reg, slot));
	cr_assert(during_a_replace(reg, erase_2));
	assert_released(objects, 1, 2);
	assert_destroys(reg);
}

Test(registry_frozen, migration_keeps_generation_and_user_bits)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;
	uint64_t generation;
	uint32_t sequence;

	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	slot = frozenref_registry_slot(reg, 1);
	generation = frozenref_slot_handle(reg, slot).generation;
	sequence = slot->sequence;
	*frozenref_slot_user(slot) = 77;
	cr_assert(frozenref_slot_freeze(reg, slot, 1));
	frozenref_slot_unfreeze(reg, slot, 1);
	cr_assert(frozenref_slot_handle(reg, slot).generation == generation);
	cr_assert(slot->sequence != sequence);
	cr_assert(*frozenref_slot_user(slot) == 77);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_destroys(reg);
}

Test(registry_frozen, erased_objects_cannot_be_frozen)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	slot = frozenref_registry_try_get(reg, 1);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	/* One reference is left, the caller's own: not what freeze(1) asks for. */
	cr_assert(!frozenref_slot_freeze(reg, slot, 1));
	cr_assert(!frozenref_slot_freeze(reg, slot, 2));
	cr_assert(frozenref_slot_put(reg, slot));
	cr_assert(!frozenref_slot_freeze(reg, slot, 1));
	assert_destroys(reg);
}

/*
 * An erase that comes while a freeze has set BUSY leaves the registry's reference to whoever clears
 * it. One thread cannot be between the two, so BUSY is set by hand, as freeze does.
 */
Test(registry_frozen, failing_freeze_does_what_an_erase_left_to_it)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	slot = frozenref_registry_try_get(reg, 1);
	slot->flags |= FROZENREF__SLOT_BUSY;
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_state(reg, 1, FROZENREF_ERASED);
	cr_assert(frozenref_slot_count(slot) == 2);
	/* The attempt counted both references: it wins the word, finds the mark, gives it back. */
	cr_assert(frozenref_freeze(&slot->ref, 2));
	frozenref_slot_unfreeze(reg, slot, 2);
	cr_assert(frozenref_slot_count(slot) == 1);
	assert_nothing_released();
	cr_assert(frozenref_slot_put(reg, slot));
	assert_released(objects, 1, 1);
	assert_destroys(reg);
}

/* --------------------------------------------------------------------------- bad counts, misuse */

Test(registry_frozen, bad_counts_are_misuse)
{
	static const uint32_t counts[] = { 0, FROZENREF_MAX + 1, UINT32_MAX };
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	slot = frozenref_registry_slot(reg, 1);
	for (int i = 0; i < 3; i++) {
		cr_assert(!frozenref_slot_freeze(reg, slot, counts[i]));
		assert_misuse(FROZENREF_MISUSE_BAD_COUNT, &slot->ref, FROZENREF__ONE);
	}
	cr_assert(frozenref_slot_freeze(reg, slot, 1));
	for (int i = 0; i < 3; i++) {
		frozenref_slot_unfreeze(reg, slot, counts[i]);
		assert_misuse(FROZENREF_MISUSE_BAD_COUNT, &slot->ref, 0);
		assert_state(reg, 1, FROZENREF_FROZEN);
	}
	frozenref_slot_unfreeze(reg, slot, FROZENREF_MAX);
	cr_assert(frozenref_slot_count(slot) == FROZENREF_MAX);
	cr_assert(frozenref_slot_freeze(reg, slot, FROZENREF_MAX));
	(void)frozenref_slot_erase_frozen(reg, slot);
	assert_destroys(reg);
}

Test(registry_frozen, only_owners_unfreeze_and_evict)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;

	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	slot = frozenref_registry_try_get(reg, 1);
	frozenref_slot_unfreeze(reg, slot, 5);
	assert_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &slot->ref, FROZENREF__ONE + 1);
	cr_assert(frozenref_slot_count(slot) == 2);
	cr_assert(!frozenref_slot_erase_frozen(reg, slot));
	assert_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &slot->ref, FROZENREF__ONE + 1);
	assert_state(reg, 1, FROZENREF_LIVE);

	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	frozenref_slot_unfreeze(reg, slot, 5);
	assert_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &slot->ref, FROZENREF__ONE);
	cr_assert(frozenref_slot_put(reg, slot));
	assert_released(objects, 1, 1);
	/* Nobody owns an empty slot. */
	frozenref_slot_unfreeze(reg, slot, 1);
	assert_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &slot->ref, 0);
	cr_assert(!frozenref_slot_erase_frozen(reg, slot));
	assert_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &slot->ref, 0);
	cr_assert(!frozenref_registry_try_get(reg, 1));
	assert_state(reg, 1, FROZENREF_EMPTY);
	assert_destroys(reg);
}

Test(registry_frozen, surplus_puts_are_misuse)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_slot *slot;
	uint32_t left = 99;

	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	slot = frozenref_registry_slot(reg, 1);
	cr_assert(frozenref_slot_freeze(reg, slot, 1));
	cr_assert(!frozenref_slot_put(reg, slot));
	assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &slot->ref, 0);
	cr_assert(!frozenref_slot_put_left(reg, slot, &left));
	assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &slot->ref, 0);
	cr_assert(left == 0);
	frozenref_slot_get(reg, slot);
	assert_misuse(FROZENREF_MISUSE_GET_FROZEN, &slot->ref, 0);
	assert_nothing_released();
	assert_state(reg, 1, FROZENREF_FROZEN);
	cr_assert(frozenref_slot_erase_frozen(reg, slot) == objects);
	assert_destroys(reg);
}
