/* SPDX-License-Identifier: MIT */
/*
 * The counter in rightful use: every function of ref.h, one thread.
 *
 * Run by `make check` twice: with the inline functions, and with -DFROZENREF_NO_INLINE, which takes
 * the library's symbols of the same names. Relies on the layout of the word where it says so.
 */
#include <stdlib.h>
#include <string.h>

#include "misuse.h"

TestSuite(ref, .init = misuse_watch);

Test(ref, is_four_bytes)
{
	cr_assert(sizeof(frozenref_t) == 4);
	cr_assert(FROZENREF_MAX == 1u << 30);
	cr_assert(FROZENREF_BULK_MAX == 65536);
	cr_assert(FROZENREF_SATURATED == UINT32_MAX);
}

static void assert_is_frozen(frozenref_t *ref)
{
	cr_assert(frozenref_is_frozen(ref));
	cr_assert(frozenref_count(ref) == 0);
	cr_assert(!frozenref_try_get(ref));
	cr_assert(!frozenref_try_get_n(ref, FROZENREF_BULK_MAX));
	cr_assert(!frozenref_freeze(ref, 1));
	cr_assert(frozenref_is_frozen(ref));
	assert_no_misuse();
}

static frozenref_t in_static_memory;

Test(ref, zero_memory_is_frozen)
{
	frozenref_t initialised = FROZENREF_INIT;
	frozenref_t *allocated = calloc(1, sizeof(*allocated));
	frozenref_t cleared;

	memset(&cleared, 0, sizeof(cleared));
	cr_assert(allocated);
	assert_is_frozen(&in_static_memory);
	assert_is_frozen(&initialised);
	assert_is_frozen(allocated);
	assert_is_frozen(&cleared);
	free(allocated);
}

Test(ref, init_as_frozen_freezes_any_bytes)
{
	frozenref_t ref;

	for (int byte = 0; byte < 256; byte++) {
		memset(&ref, byte, sizeof(ref));
		frozenref_init_as_frozen(&ref);
		assert_word(&ref, 0);
		assert_is_frozen(&ref);
	}
}

Test(ref, unfreeze_publishes_with_as_many_references)
{
	static const uint32_t counts[] = { 1, 2, 3, 65536, FROZENREF_MAX - 1, FROZENREF_MAX };
	frozenref_t ref = FROZENREF_INIT;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		frozenref_unfreeze(&ref, counts[i]);
		cr_assert(frozenref_count(&ref) == counts[i]);
		cr_assert(!frozenref_is_frozen(&ref));
		cr_assert(frozenref_freeze(&ref, counts[i]));
		assert_is_frozen(&ref);
	}
	assert_no_misuse();
}

Test(ref, unfreeze_overwrites_what_failed_gets_left)
{
	frozenref_t ref = FROZENREF_INIT;

	for (int i = 0; i < 1000; i++)
		cr_assert(!frozenref_try_get(&ref));
	assert_word(&ref, 1000);
	frozenref_unfreeze(&ref, 1);
	cr_assert(frozenref_count(&ref) == 1);
	cr_assert(frozenref_put_and_lock(&ref));
	assert_word(&ref, 0);
}

Test(ref, gets_and_puts_balance)
{
	frozenref_t ref = FROZENREF_INIT;

	frozenref_unfreeze(&ref, 1);
	cr_assert(frozenref_try_get(&ref));
	frozenref_get(&ref);
	frozenref_get_n(&ref, FROZENREF_BULK_MAX);
	cr_assert(frozenref_try_get_n(&ref, 4));
	cr_assert(frozenref_count(&ref) == 7 + FROZENREF_BULK_MAX);
	cr_assert(!frozenref_put_and_lock_n(&ref, 4));
	cr_assert(!frozenref_put_and_lock_n(&ref, FROZENREF_BULK_MAX));
	cr_assert(!frozenref_put_and_lock(&ref));
	cr_assert(!frozenref_put_and_lock(&ref));
	cr_assert(frozenref_count(&ref) == 1);
	cr_assert(frozenref_put_and_lock(&ref));
	assert_is_frozen(&ref);
}

Test(ref, last_put_n_wins)
{
	frozenref_t ref = FROZENREF_INIT;

	frozenref_unfreeze(&ref, FROZENREF_BULK_MAX);
	cr_assert(frozenref_put_and_lock_n(&ref, FROZENREF_BULK_MAX));
	assert_word(&ref, 0);
	frozenref_unfreeze(&ref, 3);
	cr_assert(!frozenref_put_and_lock_n(&ref, 2));
	cr_assert(frozenref_put_and_lock_n(&ref, 1));
	assert_word(&ref, 0);
	assert_no_misuse();
}

Test(ref, likely_last_answers_as_put_does)
{
	frozenref_t ref = FROZENREF_INIT;

	frozenref_unfreeze(&ref, 3);
	cr_assert(!frozenref_put_and_lock_likely_last(&ref));
	cr_assert(frozenref_count(&ref) == 2);
	cr_assert(!frozenref_put_and_lock_likely_last(&ref));
	cr_assert(frozenref_put_and_lock_likely_last(&ref));
	assert_word(&ref, 0);
	assert_no_misuse();
}

Test(ref, put_left_tells_what_it_left)
{
	frozenref_t ref = FROZENREF_INIT;
	uint32_t left = 99;

	frozenref_unfreeze(&ref, FROZENREF_MAX);
	cr_assert(!frozenref_put_and_lock_left(&ref, &left));
	cr_assert(left == FROZENREF_MAX - 1);
	cr_assert(frozenref_freeze(&ref, FROZENREF_MAX - 1));
	frozenref_unfreeze(&ref, 2);
	cr_assert(!frozenref_put_and_lock_left(&ref, &left));
	cr_assert(left == 1);
	cr_assert(frozenref_put_and_lock_left(&ref, &left));
	cr_assert(left == 0);
	assert_word(&ref, 0);
	assert_no_misuse();
}

Test(ref, put_rcu_goes_straight_to_frozen)
{
	frozenref_t ref = FROZENREF_INIT;

	frozenref_unfreeze(&ref, 2);
	cr_assert(frozenref_try_get(&ref));
	cr_assert(!frozenref_put_and_lock_rcu(&ref));
	cr_assert(!frozenref_put_and_lock_rcu(&ref));
	cr_assert(frozenref_count(&ref) == 1);
	cr_assert(frozenref_put_and_lock_rcu(&ref));
	assert_word(&ref, 0);
	assert_is_frozen(&ref);
}

Test(ref, freeze_wants_the_exact_count)
{
	frozenref_t ref = FROZENREF_INIT;

	frozenref_unfreeze(&ref, 2);
	cr_assert(!frozenref_freeze(&ref, 1));
	cr_assert(!frozenref_freeze(&ref, 3));
	cr_assert(!frozenref_freeze(&ref, FROZENREF_MAX));
	cr_assert(frozenref_count(&ref) == 2);
	cr_assert(frozenref_freeze(&ref, 2));
	assert_is_frozen(&ref);
	cr_assert(!frozenref_freeze(&ref, 2));
	assert_no_misuse();
}

/* A put's first half leaves the word dying; only another thread can see it, so it is set here. */
Test(ref, dying_can_be_revived_but_not_frozen)
{
	frozenref_t ref = { .word = FROZENREF__DYING };

	cr_assert(frozenref_count(&ref) == 0);
	cr_assert(!frozenref_is_frozen(&ref));
	cr_assert(!frozenref_freeze(&ref, 1));
	assert_word(&ref, FROZENREF__DYING);
	cr_assert(frozenref_try_get(&ref));
	cr_assert(frozenref_count(&ref) == 1);
	ref.word = FROZENREF__DYING;
	cr_assert(frozenref_try_get_n(&ref, 7));
	cr_assert(frozenref_count(&ref) == 7);
	assert_no_misuse();
}

/* The put whose object was revived, or won by another, before its second half: no misuse, no owner.
 */
Test(ref, late_second_half_of_a_put_changes_nothing)
{
	frozenref_t ref = { .word = FROZENREF__ONE };

	cr_assert(!frozenref__put_slow(&ref, FROZENREF__DYING, 1));
	assert_word(&ref, FROZENREF__ONE);
	ref.word = 0;
	cr_assert(!frozenref__put_slow(&ref, FROZENREF__DYING, 1));
	assert_word(&ref, 0);
	assert_no_misuse();
}

Test(ref, residue_is_reset_in_time)
{
	frozenref_t ref = { .word = FROZENREF__RESIDUE_LIMIT - 2 };

	cr_assert(!frozenref_try_get(&ref));
	assert_word(&ref, FROZENREF__RESIDUE_LIMIT - 1);
	cr_assert(!frozenref_try_get(&ref));
	assert_word(&ref, 0);
	ref.word = FROZENREF__RESIDUE_LIMIT - 1;
	cr_assert(!frozenref_try_get_n(&ref, FROZENREF_BULK_MAX));
	assert_word(&ref, 0);
	assert_no_misuse();
}

/* ------------------------------------------------------------------------- against a simple model
 */

struct model {
	bool live;
	uint32_t count;
};

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

/* Drops n by one of the puts that can drop n; `left` checks what the put told, if it tells. */
static bool put_somehow(frozenref_t *ref, uint32_t n, uint64_t how, uint32_t *left)
{
	if (n != 1)
		return frozenref_put_and_lock_n(ref, n);
	switch (how % 5) {
	case 0:
		return frozenref_put_and_lock_likely_last(ref);
	case 1:
		return frozenref_put_and_lock_rcu(ref);
	case 2:
		return frozenref_put_and_lock_left(ref, left);
	case 3:
		return frozenref_put_and_lock_n(ref, 1);
	default:
		return frozenref_put_and_lock(ref);
	}
}

static void step(frozenref_t *ref, struct model *model, uint64_t *random)
{
	uint32_t n = 1 + (uint32_t)(next_random(random) % 4);
	uint64_t how = next_random(random);
	uint32_t left;

	switch (next_random(random) % 4) {
	case 0:
		cr_assert((n == 1 ? frozenref_try_get(ref) : frozenref_try_get_n(ref, n)) ==
			  model->live);
		model->count += model->live ? n : 0;
		return;
	case 1:
		cr_assert(frozenref_freeze(ref, n) == (model->live && model->count == n));
		if (model->live && model->count == n)
			*model = (struct model){ false, 0 };
		return;
	case 2:
		if (model->live)
			return;
		frozenref_unfreeze(ref, n);
		*model = (struct model){ true, n };
		return;
	default:
		if (!model->live || model->count < n)
			return;
		model->count -= n;
		left = model->count;
		model->live = model->count != 0;
		cr_assert(put_somehow(ref, n, how, &left) == !model->live);
		cr_assert(left == model->count);
	}
}

Test(ref, random_walk_agrees_with_a_model)
{
	frozenref_t ref = FROZENREF_INIT;
	struct model model = { false, 0 };
	uint64_t random = 1;

	for (int i = 0; i < 300000; i++) {
		step(&ref, &model, &random);
		cr_assert(frozenref_count(&ref) == model.count);
		cr_assert(frozenref_is_frozen(&ref) == !model.live);
	}
	assert_no_misuse();
}
