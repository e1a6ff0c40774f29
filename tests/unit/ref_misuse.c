/* SPDX-License-Identifier: MIT */
/*
 * The counter misused: each kind is reported, in release builds too, makes nothing live and nobody
 * an owner, and leaves the word as promised.
 *
 * Run by `make check` twice, like ref.c. Relies on a handler that returns (misuse.h), and on the
 * zones of the word.
 */
#include "misuse.h"

TestSuite(ref_misuse, .init = misuse_watch);

#define MIDDLE FROZENREF__SATURATED_MIDDLE
#define LIMIT  FROZENREF__RESIDUE_LIMIT

/* All bits that matter of "frozen, and nobody's": lookups fail, the count is 0. */
static void assert_still_frozen(frozenref_t *ref)
{
	cr_assert(frozenref_count(ref) == 0);
	cr_assert(frozenref_is_frozen(ref));
	cr_assert(!frozenref_try_get(ref));
}

/* ---------------------------------------------------------------------------- puts on frozen ones
 */

static bool put_left(frozenref_t *ref)
{
	uint32_t left = 99;
	bool won = frozenref_put_and_lock_left(ref, &left);

	cr_assert(left == 0);
	return won;
}

static bool put_n_one(frozenref_t *ref)
{
	return frozenref_put_and_lock_n(ref, 1);
}

static bool put_n_most(frozenref_t *ref)
{
	return frozenref_put_and_lock_n(ref, FROZENREF_BULK_MAX);
}

static bool put(frozenref_t *ref)
{
	return frozenref_put_and_lock(ref);
}

static bool put_likely_last(frozenref_t *ref)
{
	return frozenref_put_and_lock_likely_last(ref);
}

static bool put_rcu(frozenref_t *ref)
{
	return frozenref_put_and_lock_rcu(ref);
}

static bool (*const puts_of_one[])(frozenref_t *) = { put, put_left, put_n_one, put_likely_last };

#define N_PUTS (sizeof(puts_of_one) / sizeof(puts_of_one[0]))

Test(ref_misuse, put_on_frozen_without_residue)
{
	for (size_t i = 0; i < N_PUTS; i++) {
		frozenref_t ref = FROZENREF_INIT;

		cr_assert(!puts_of_one[i](&ref));
		assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &ref, 0);
		assert_word(&ref, 0);
		assert_still_frozen(&ref);
	}
}

Test(ref_misuse, put_on_frozen_with_residue)
{
	for (size_t i = 0; i < N_PUTS; i++) {
		frozenref_t ref = { .word = 5 };

		cr_assert(!puts_of_one[i](&ref));
		assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &ref, 5);
		assert_word(&ref, 4);
		assert_still_frozen(&ref);
	}
}

Test(ref_misuse, put_on_frozen_with_much_residue)
{
	for (size_t i = 0; i < N_PUTS; i++) {
		frozenref_t ref = { .word = LIMIT + 1 };

		cr_assert(!puts_of_one[i](&ref));
		assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &ref, LIMIT + 1);
		assert_word(&ref, 0);
		assert_still_frozen(&ref);
	}
}

Test(ref_misuse, put_on_dying)
{
	for (size_t i = 0; i < N_PUTS; i++) {
		frozenref_t ref = { .word = FROZENREF__DYING };

		cr_assert(!puts_of_one[i](&ref));
		assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &ref, FROZENREF__DYING);
		assert_word(&ref, 0);
		/* The put that had taken it to dying finds nothing to win: leaked, not freed twice.
		 */
		cr_assert(!frozenref__put_slow(&ref, FROZENREF__DYING, 1));
		assert_no_misuse();
		assert_still_frozen(&ref);
	}
}

Test(ref_misuse, put_n_on_frozen)
{
	static const uint32_t residues[] = { 0, 1, 5, FROZENREF_BULK_MAX - 1 };
	frozenref_t ref;

	for (size_t i = 0; i < sizeof(residues) / sizeof(residues[0]); i++) {
		ref.word = residues[i];
		cr_assert(!put_n_most(&ref));
		assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &ref, residues[i]);
		assert_word(&ref, 0);
		assert_still_frozen(&ref);
	}
	ref.word = FROZENREF_BULK_MAX;
	cr_assert(!put_n_most(&ref));
	assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &ref, FROZENREF_BULK_MAX);
	assert_word(&ref, 0);
}

Test(ref_misuse, put_n_of_more_than_there_are)
{
	static const uint32_t counts[] = { 1, 2, 4, FROZENREF_BULK_MAX - 1 };
	frozenref_t ref = FROZENREF_INIT;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		frozenref_unfreeze(&ref, counts[i]);
		cr_assert(!frozenref_put_and_lock_n(&ref, counts[i] + 1));
		assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &ref, FROZENREF__ONE + counts[i] - 1);
		assert_word(&ref, 0);
		frozenref_unfreeze(&ref, counts[i]);
		cr_assert(!put_n_most(&ref));
		assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &ref, FROZENREF__ONE + counts[i] - 1);
		assert_word(&ref, 0);
		assert_still_frozen(&ref);
		ref.word = 0;
	}
}

Test(ref_misuse, put_rcu_on_frozen_leaves_the_word)
{
	static const uint32_t words[] = { 0, 5, LIMIT, FROZENREF__DYING };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		frozenref_t ref = { .word = words[i] };

		cr_assert(!put_rcu(&ref));
		assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &ref, words[i]);
		assert_word(&ref, words[i]);
	}
}

Test(ref_misuse, surplus_put_is_found_at_the_last)
{
	frozenref_t ref = FROZENREF_INIT;

	frozenref_unfreeze(&ref, 2);
	cr_assert(!put(&ref));
	cr_assert(put(&ref));
	assert_no_misuse();
	cr_assert(!put(&ref));
	assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &ref, 0);
	assert_still_frozen(&ref);
}

/* ---------------------------------------------------------------------------- gets on frozen ones
 */

Test(ref_misuse, get_on_frozen)
{
	static const uint32_t words[] = { 0, 1, 1000, LIMIT - FROZENREF_BULK_MAX - 1 };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		frozenref_t ref = { .word = words[i] };

		frozenref_get(&ref);
		assert_misuse(FROZENREF_MISUSE_GET_FROZEN, &ref, words[i]);
		assert_word(&ref, words[i] + 1);
		ref.word = words[i];
		frozenref_get_n(&ref, FROZENREF_BULK_MAX);
		assert_misuse(FROZENREF_MISUSE_GET_FROZEN, &ref, words[i]);
		assert_word(&ref, words[i] + FROZENREF_BULK_MAX);
		assert_still_frozen(&ref);
	}
}

Test(ref_misuse, get_on_frozen_with_much_residue)
{
	frozenref_t ref = { .word = LIMIT - 1 };

	frozenref_get(&ref);
	assert_misuse(FROZENREF_MISUSE_GET_FROZEN, &ref, LIMIT - 1);
	assert_word(&ref, 0);
	ref.word = LIMIT + 12345;
	frozenref_get_n(&ref, 2);
	assert_misuse(FROZENREF_MISUSE_GET_FROZEN, &ref, LIMIT + 12345);
	assert_word(&ref, 0);
	assert_still_frozen(&ref);
}

/* Any misuse, on any frozen word that failed gets can have left, thousands of times. */
Test(ref_misuse, nothing_but_unfreeze_makes_a_frozen_word_live)
{
	static const uint32_t words[] = {
		0, 1, 65535, 65536, LIMIT - 65536, LIMIT - 1, LIMIT, LIMIT + (1 << 28)
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		frozenref_t ref = { .word = words[i] };

		for (int round = 0; round < 20000; round++) {
			cr_assert(!put_n_most(&ref));
			cr_assert(!puts_of_one[round % (int)N_PUTS](&ref));
			cr_assert(!put_rcu(&ref));
			frozenref_get(&ref);
			frozenref_get_n(&ref, FROZENREF_BULK_MAX);
			frozenref_get_n(&ref, FROZENREF_BULK_MAX);
			cr_assert(!frozenref_try_get_n(&ref, FROZENREF_BULK_MAX));
			cr_assert(!frozenref_freeze(&ref, 1));
			cr_assert(frozenref_count(&ref) == 0);
			cr_assert(frozenref_is_frozen(&ref));
		}
	}
}

/* --------------------------------------------------------------------------------- saturation */

static void try_get_one(frozenref_t *ref)
{
	cr_assert(frozenref_try_get(ref));
}

static void try_get_most(frozenref_t *ref)
{
	cr_assert(frozenref_try_get_n(ref, FROZENREF_BULK_MAX));
}

static void get_one(frozenref_t *ref)
{
	frozenref_get(ref);
}

static void get_most(frozenref_t *ref)
{
	frozenref_get_n(ref, FROZENREF_BULK_MAX);
}

static void (*const get_calls[])(frozenref_t *) = { try_get_one, try_get_most, get_one, get_most };

#define N_GETS (sizeof(get_calls) / sizeof(get_calls[0]))

Test(ref_misuse, one_reference_too_many_saturates)
{
	frozenref_t ref = FROZENREF_INIT;

	for (size_t i = 0; i < N_GETS; i++) {
		frozenref_init_as_frozen(&ref);
		frozenref_unfreeze(&ref, FROZENREF_MAX);
		get_calls[i](&ref);
		assert_misuse(FROZENREF_MISUSE_SATURATED, &ref, FROZENREF__SATURATED_FIRST - 1);
		assert_word(&ref, MIDDLE);
		cr_assert(frozenref_count(&ref) == FROZENREF_SATURATED);
		cr_assert(!frozenref_is_frozen(&ref));
	}
}

Test(ref_misuse, the_most_references_do_not_saturate)
{
	frozenref_t ref = FROZENREF_INIT;

	frozenref_unfreeze(&ref, FROZENREF_MAX - FROZENREF_BULK_MAX - 1);
	cr_assert(frozenref_try_get_n(&ref, FROZENREF_BULK_MAX));
	frozenref_get(&ref);
	cr_assert(frozenref_count(&ref) == FROZENREF_MAX);
	assert_no_misuse();
}

Test(ref_misuse, bulk_gets_overflow_from_one)
{
	frozenref_t ref = FROZENREF_INIT;
	uint32_t taken = 1;

	frozenref_unfreeze(&ref, 1);
	while (taken + FROZENREF_BULK_MAX <= FROZENREF_MAX) {
		cr_assert(frozenref_try_get_n(&ref, FROZENREF_BULK_MAX));
		taken += FROZENREF_BULK_MAX;
	}
	cr_assert(frozenref_count(&ref) == taken);
	assert_no_misuse();
	cr_assert(frozenref_try_get_n(&ref, FROZENREF_BULK_MAX));
	assert_misuse(FROZENREF_MISUSE_SATURATED, &ref, FROZENREF__ONE + taken - 1);
	cr_assert(frozenref_count(&ref) == FROZENREF_SATURATED);
}

Test(ref_misuse, saturated_stays_saturated)
{
	frozenref_t ref = { .word = MIDDLE };
	uint32_t left;

	for (int round = 0; round < 50000; round++) {
		get_calls[round % (int)N_GETS](&ref);
		assert_word(&ref, MIDDLE);
	}
	for (int round = 0; round < 50000; round++) {
		cr_assert(!frozenref_put_and_lock(&ref));
		cr_assert(!frozenref_put_and_lock_n(&ref, FROZENREF_BULK_MAX));
		cr_assert(!frozenref_put_and_lock_likely_last(&ref));
		cr_assert(!frozenref_put_and_lock_rcu(&ref));
		left = 0;
		cr_assert(!frozenref_put_and_lock_left(&ref, &left));
		cr_assert(left == FROZENREF_SATURATED);
		assert_word(&ref, MIDDLE);
	}
	cr_assert(!frozenref_freeze(&ref, 1));
	cr_assert(!frozenref_freeze(&ref, FROZENREF_MAX));
	assert_word(&ref, MIDDLE);
	/* It was reported when it crossed the border, and never again. */
	assert_no_misuse();
}

/* ----------------------------------------------------------------------------------- unfreeze */

Test(ref_misuse, unfreeze_of_what_is_not_frozen)
{
	static const uint32_t words[] = { FROZENREF__DYING, FROZENREF__ONE, FROZENREF__ONE + 41,
					  FROZENREF__SATURATED_FIRST - 1, MIDDLE };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		frozenref_t ref = { .word = words[i] };

		frozenref_unfreeze(&ref, 1);
		assert_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &ref, words[i]);
		assert_word(&ref, words[i]);
	}
}

Test(ref_misuse, unfreeze_with_a_bad_count)
{
	static const uint32_t counts[] = { 0, FROZENREF_MAX + 1, UINT32_MAX };
	static const uint32_t words[] = { 0, 5, FROZENREF__ONE };

	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < 3; j++) {
			frozenref_t ref = { .word = words[j] };

			frozenref_unfreeze(&ref, counts[i]);
			assert_misuse(FROZENREF_MISUSE_BAD_COUNT, &ref, words[j]);
			assert_word(&ref, words[j]);
		}
	}
}

/* --------------------------------------------------------------------------------- bad counts */

Test(ref_misuse, freeze_with_a_bad_count)
{
	static const uint32_t counts[] = { 0, FROZENREF_MAX + 1, UINT32_MAX };
	static const uint32_t words[] = { 0, FROZENREF__DYING, FROZENREF__ONE, MIDDLE };

	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < 4; j++) {
			frozenref_t ref = { .word = words[j] };

			cr_assert(!frozenref_freeze(&ref, counts[i]));
			assert_misuse(FROZENREF_MISUSE_BAD_COUNT, &ref, words[j]);
			assert_word(&ref, words[j]);
		}
	}
}

Test(ref_misuse, bulk_calls_with_a_bad_count)
{
	static const uint32_t counts[] = { 0, FROZENREF_BULK_MAX + 1, FROZENREF_MAX, UINT32_MAX };
	static const uint32_t words[] = { 0, 5, FROZENREF__DYING, FROZENREF__ONE + 9, MIDDLE };

	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 5; j++) {
			frozenref_t ref = { .word = words[j] };

			cr_assert(!frozenref_try_get_n(&ref, counts[i]));
			assert_misuse(FROZENREF_MISUSE_BAD_COUNT, &ref, words[j]);
			frozenref_get_n(&ref, counts[i]);
			assert_misuse(FROZENREF_MISUSE_BAD_COUNT, &ref, words[j]);
			cr_assert(!frozenref_put_and_lock_n(&ref, counts[i]));
			assert_misuse(FROZENREF_MISUSE_BAD_COUNT, &ref, words[j]);
			assert_word(&ref, words[j]);
		}
	}
}
