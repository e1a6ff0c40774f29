/* SPDX-License-Identifier: MIT */
/*
 * Runs every encoding through the same life, and holds it to what its header says of it.
 *
 * Run by `make check`. One thread; what needs several is in tests/model. Prints a table of what the
 * encodings do when things go wrong, and fails if one of them does something else than announced:
 * the weaknesses are expected as much as the strengths.
 */
#include <stdio.h>
#include <stdlib.h>

#include <frozenref/ref.h>

#include "contender.h"

static const struct contender *const contenders[] = {
#define CONTENDER_ADDRESS(id) &contender_##id,
	ENCODINGS(CONTENDER_ADDRESS)
#undef CONTENDER_ADDRESS
};

#define N_CONTENDERS (sizeof(contenders) / sizeof(contenders[0]))

static unsigned misuses;
static unsigned failures;

void contender_misuse(void)
{
	misuses++;
}

/* The library reports through its own handler; an overflow is not what is counted here. */
static void on_misuse(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word, void *arg)
{
	(void)ref;
	(void)word;
	(void)arg;
	if (kind != FROZENREF_MISUSE_SATURATED)
		contender_misuse();
}

static void expect(bool condition, const struct contender *contender, const char *what)
{
	if (condition)
		return;
	failures++;
	fprintf(stderr, "%s: not so: %s\n", contender->name, what);
}

#define EXPECT(condition) expect((condition), it, #condition)

/* ----------------------------------------------------------------------------- what all must do */

static void check_fresh(const struct contender *it)
{
	struct enc enc = { .word = UINT32_C(0xa5a5a5a5) };

	it->init_frozen(&enc);
	EXPECT(it->count(&enc) == 0);
	EXPECT(!it->try_get(&enc));
	EXPECT(!it->freeze(&enc, 1));
	EXPECT(it->count(&enc) == 0);
}

static void check_lifetimes(const struct contender *it)
{
	struct enc enc;

	it->init_frozen(&enc);
	for (unsigned i = 0; i < 1000; i++) {
		it->unfreeze(&enc, 1);
		EXPECT(it->count(&enc) == 1);
		EXPECT(it->try_get(&enc));
		EXPECT(it->count(&enc) == 2);
		EXPECT(!it->put_and_lock(&enc));
		EXPECT(it->put_and_lock(&enc));
		EXPECT(it->count(&enc) == 0);
		EXPECT(!it->try_get(&enc));
	}
}

static void check_failed_gets_leave_no_trace(const struct contender *it)
{
	struct enc enc;

	it->init_frozen(&enc);
	for (unsigned i = 0; i < 100000; i++)
		EXPECT(!it->try_get(&enc));
	it->unfreeze(&enc, 2);
	EXPECT(it->count(&enc) == 2);
	EXPECT(!it->put_and_lock(&enc));
	EXPECT(it->put_and_lock(&enc));
}

static void check_freeze(const struct contender *it)
{
	struct enc enc;

	it->init_frozen(&enc);
	it->unfreeze(&enc, 3);
	EXPECT(!it->freeze(&enc, 2));
	EXPECT(!it->freeze(&enc, 4));
	EXPECT(it->count(&enc) == 3);
	EXPECT(it->freeze(&enc, 3));
	EXPECT(it->count(&enc) == 0);
	EXPECT(!it->try_get(&enc));
	EXPECT(!it->freeze(&enc, 3));
	it->unfreeze(&enc, 2);
	EXPECT(it->count(&enc) == 2);
	EXPECT(!it->put_and_lock(&enc));
	EXPECT(it->put_and_lock(&enc));
}

/* -------------------------------------------------------------------------- what they differ in */

static bool zero_is_frozen(const struct contender *it)
{
	struct enc enc = { .word = 0 };

	return !it->try_get(&enc);
}

static enum enc_double_put double_put(const struct contender *it)
{
	unsigned before = misuses;
	struct enc enc;

	it->init_frozen(&enc);
	it->unfreeze(&enc, 1);
	EXPECT(it->put_and_lock(&enc));
	EXPECT(!it->put_and_lock(&enc));
	if (it->count(&enc) != 0)
		return ENC_REVIVES;
	EXPECT(!it->try_get(&enc));
	return misuses == before ? ENC_UNNOTICED : ENC_CAUGHT;
}

/* Whether holders of all ENC_MAX references are safe from one get too many. */
static bool overflow_is_safe(const struct contender *it)
{
	struct enc enc;
	bool got;

	it->init_frozen(&enc);
	it->unfreeze(&enc, it->max);
	EXPECT(it->count(&enc) == it->max);
	got = it->try_get(&enc);
	if (it->count(&enc) == 0)
		return false;
	if (got && it->put_and_lock(&enc))
		return false;
	return it->count(&enc) != 0;
}

static void check(const struct contender *it)
{
	static const char *const puts[] = {
		[ENC_CAUGHT] = "caught",
		[ENC_UNNOTICED] = "unnoticed",
		[ENC_REVIVES] = "REVIVES",
	};
	bool zero = zero_is_frozen(it);
	enum enc_double_put put = double_put(it);
	bool overflow = overflow_is_safe(it);

	check_fresh(it);
	check_lifetimes(it);
	check_failed_gets_leave_no_trace(it);
	check_freeze(it);
	printf("%-32s %-9s %-11s %s\n", it->name, zero ? "frozen" : "LIVE", puts[put],
	       overflow ? "safe" : "UNSAFE");
	EXPECT(zero == it->zero_is_frozen);
	EXPECT(put == it->double_put);
	EXPECT(overflow == it->overflow_is_safe);
}

int main(void)
{
	frozenref_set_misuse_handler(on_misuse, NULL, NULL);
	printf("%-32s %-9s %-11s %s\n", "", "zero", "double put", "overflow");
	for (size_t i = 0; i < N_CONTENDERS; i++)
		check(contenders[i]);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
