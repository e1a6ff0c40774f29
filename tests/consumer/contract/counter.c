/* SPDX-License-Identifier: MIT */
/*
 * A foreign program that holds the counter to its interface: constants that the preprocessor knows,
 * the types of all functions, what they return at their limits, and each kind of misuse.
 *
 * Run by tests/consumer/test-contract.sh, as C and as C++.
 */
#include "check.h"

#if FROZENREF_MAX != 1 << 30 || FROZENREF_BULK_MAX != 65536 || FROZENREF_SATURATED != 0xffffffffu
# error "a constant of the counter"
#endif

static frozenref_t zeroed;
static frozenref_t initialised = FROZENREF_INIT;
static struct {
	char before;
	frozenref_t ref;
	char behind;
} embedded = { 'a', FROZENREF_INIT, 'z' };

static const struct {
	void (*init_as_frozen)(frozenref_t *);
	void (*unfreeze)(frozenref_t *, uint32_t);
	bool (*try_get)(frozenref_t *);
	bool (*try_get_n)(frozenref_t *, uint32_t);
	void (*get)(frozenref_t *);
	void (*get_n)(frozenref_t *, uint32_t);
	bool (*put)(frozenref_t *);
	bool (*put_n)(frozenref_t *, uint32_t);
	bool (*put_likely_last)(frozenref_t *);
	bool (*put_left)(frozenref_t *, uint32_t *);
	bool (*put_rcu)(frozenref_t *);
	bool (*freeze)(frozenref_t *, uint32_t);
	uint32_t (*count)(const frozenref_t *);
	bool (*is_frozen)(const frozenref_t *);
} calls = {
	frozenref_init_as_frozen,
	frozenref_unfreeze,
	frozenref_try_get,
	frozenref_try_get_n,
	frozenref_get,
	frozenref_get_n,
	frozenref_put_and_lock,
	frozenref_put_and_lock_n,
	frozenref_put_and_lock_likely_last,
	frozenref_put_and_lock_left,
	frozenref_put_and_lock_rcu,
	frozenref_freeze,
	frozenref_count,
	frozenref_is_frozen,
};

static void check_frozen(frozenref_t *ref)
{
	CHECK(frozenref_is_frozen(ref) && frozenref_count(ref) == 0);
	CHECK(!frozenref_try_get(ref) && !frozenref_try_get_n(ref, FROZENREF_BULK_MAX));
	CHECK(!frozenref_freeze(ref, 1));
	frozenref_init_as_frozen(ref);
	CHECK(frozenref_is_frozen(ref));
}

static void check_lifetimes(frozenref_t *ref)
{
	uint32_t left = 99;

	check_frozen(ref);
	frozenref_unfreeze(ref, 1);
	CHECK(frozenref_try_get(ref) && frozenref_try_get_n(ref, 3));
	frozenref_get(ref);
	frozenref_get_n(ref, 4);
	CHECK(frozenref_count(ref) == 10 && !frozenref_is_frozen(ref));
	CHECK(!frozenref_put_and_lock_n(ref, 5) && !frozenref_put_and_lock(ref));
	CHECK(!frozenref_put_and_lock_likely_last(ref) && !frozenref_put_and_lock_rcu(ref));
	CHECK(!frozenref_put_and_lock_left(ref, &left) && left == 1);
	CHECK(frozenref_put_and_lock_left(ref, &left) && left == 0);
	check_frozen(ref);
	frozenref_unfreeze(ref, 1);
	CHECK(frozenref_put_and_lock_likely_last(ref));
	frozenref_unfreeze(ref, 1);
	CHECK(frozenref_put_and_lock_rcu(ref));
	frozenref_unfreeze(ref, FROZENREF_BULK_MAX);
	CHECK(frozenref_put_and_lock_n(ref, FROZENREF_BULK_MAX));
	frozenref_unfreeze(ref, FROZENREF_MAX);
	CHECK(frozenref_count(ref) == FROZENREF_MAX && !frozenref_freeze(ref, FROZENREF_MAX - 1));
	CHECK(frozenref_freeze(ref, FROZENREF_MAX));
	check_frozen(ref);
}

/* What failed attempts leave in the word neither revives an object nor lasts. */
static void check_residue(frozenref_t *ref)
{
	for (unsigned i = 0; i < 50000; i++)
		CHECK(!calls.try_get_n(ref, FROZENREF_BULK_MAX));
	CHECK(calls.is_frozen(ref) && calls.count(ref) == 0);
	calls.unfreeze(ref, 1);
	calls.get(ref);
	calls.get_n(ref, 1);
	CHECK(calls.try_get(ref) && calls.count(ref) == 4 && !calls.put(ref));
	CHECK(!calls.put_n(ref, 1) && !calls.put_likely_last(ref) && calls.freeze(ref, 1));
	calls.init_as_frozen(ref);
}

static void check_misuses(frozenref_t *ref, struct misuse *misuse)
{
	uint32_t left = 99;

	CHECK_MISUSE(misuse, FROZENREF_MISUSE_PUT_FROZEN, CHECK(!frozenref_put_and_lock(ref)));
	CHECK(misuse->ref == ref);
	check_frozen(ref);
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_PUT_FROZEN, CHECK(!calls.put_likely_last(ref)));
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_PUT_FROZEN, CHECK(!calls.put_rcu(ref)));
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_PUT_FROZEN, CHECK(!calls.put_left(ref, &left)));
	CHECK(left == 0);
	check_frozen(ref);
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_GET_FROZEN, frozenref_get(ref));
	check_frozen(ref);
	frozenref_unfreeze(ref, 3);
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_PUT_FROZEN, CHECK(!frozenref_put_and_lock_n(ref, 4)));
	check_frozen(ref);
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_BAD_COUNT, frozenref_unfreeze(ref, 0));
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_BAD_COUNT,
		     frozenref_unfreeze(ref, FROZENREF_MAX + 1));
	check_frozen(ref);
	frozenref_unfreeze(ref, 2);
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_UNFREEZE_LIVE, frozenref_unfreeze(ref, 7));
	CHECK(misuse->word == 0x80000001u);
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_BAD_COUNT, CHECK(!frozenref_freeze(ref, 0)));
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_BAD_COUNT,
		     CHECK(!frozenref_try_get_n(ref, FROZENREF_BULK_MAX + 1)));
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_BAD_COUNT, frozenref_get_n(ref, UINT32_MAX));
	CHECK(frozenref_count(ref) == 2 && frozenref_put_and_lock_n(ref, 2));
}

/* One reference too many is for ever. */
static void check_saturation(frozenref_t *ref, struct misuse *misuse)
{
	uint32_t left = 0;

	frozenref_unfreeze(ref, FROZENREF_MAX);
	CHECK_MISUSE(misuse, FROZENREF_MISUSE_SATURATED, CHECK(frozenref_try_get(ref)));
	CHECK(frozenref_count(ref) == FROZENREF_SATURATED && !frozenref_is_frozen(ref));
	for (unsigned i = 0; i < 40000; i++)
		CHECK(!frozenref_put_and_lock_n(ref, FROZENREF_BULK_MAX));
	for (unsigned i = 0; i < 40000; i++)
		CHECK(frozenref_try_get_n(ref, FROZENREF_BULK_MAX));
	CHECK(!frozenref_put_and_lock_left(ref, &left) && left == FROZENREF_SATURATED);
	CHECK(!frozenref_put_and_lock_rcu(ref) && !frozenref_freeze(ref, FROZENREF_MAX));
	CHECK(frozenref_count(ref) == FROZENREF_SATURATED && misuse->times == 1);
	frozenref_init_as_frozen(ref);
}

int main(void)
{
	struct misuse misuse = { FROZENREF_MISUSE_PUT_FROZEN, NULL, 0, 0 };
	frozenref_misuse_fn *old;
	void *old_arg = &old;

	CHECK(sizeof(frozenref_t) == 4 && embedded.before == 'a' && embedded.behind == 'z');
	check_lifetimes(&zeroed);
	check_lifetimes(&initialised);
	check_lifetimes(&embedded.ref);
	check_residue(&zeroed);
	old = frozenref_set_misuse_handler(note_misuse, &misuse, &old_arg);
	CHECK(!old && !old_arg);
	check_misuses(&zeroed, &misuse);
	check_saturation(&zeroed, &misuse);
	old = frozenref_set_misuse_handler(NULL, NULL, &old_arg);
	CHECK(old == note_misuse && old_arg == &misuse);
	puts("counter");
	return 0;
}
