/* SPDX-License-Identifier: MIT */
/*
 * Every encoding of tests/bench/encodings under every interleaving of a few lives.
 *
 * Run by `make check`. The encodings' own sources are compiled for the explorer here. Each must come
 * through what its header announces, and must fail where that announces a weakness; the one that is
 * unsound must fail a life without any misuse. Prints what happened, and fails if it was anything
 * else.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/encodings/contender.h"
#include "explorer.h"
#include "memory.h"
#include "scenario.h"

enum { DEAD = 0, ALIVE = 1 };

static const struct contender *const contenders[] = {
#define CONTENDER_ADDRESS(id) &contender_##id,
	ENCODINGS(CONTENDER_ADDRESS)
#undef CONTENDER_ADDRESS
};

static const struct contender *it;

static struct {
	struct enc enc;
	int payload;
	int lives;
	unsigned expected;
	unsigned wins[MODEL_THREADS_MAX];
} s;

void contender_misuse(void)
{
	if (!model_misuses_expected)
		model_fail("misuse is reported where there is none");
	model_misuses++;
}

/* -------------------------------------------------------------------------------------- a life */

static void prepare(uint32_t refs, int lives)
{
	memset(&s, 0, sizeof(s));
	s.lives = lives;
	s.expected = (unsigned)lives + 1;
	it->init_frozen(&s.enc);
	if (refs) {
		s.payload = ALIVE;
		it->unfreeze(&s.enc, refs);
	}
	model_region(&s, sizeof(s), "object");
	model_label(&s.enc, "word");
	model_label(&s.payload, "payload");
	model_label(&s.lives, "lives");
}

static void publish(void)
{
	model_write(&s.payload, ALIVE);
	it->unfreeze(&s.enc, 1);
}

/* By a holder; a winner publishes again while there are lives left. */
static void drop(int me)
{
	int lives;

	model_assert(model_read(&s.payload) == ALIVE);
	if (!it->put_and_lock(&s.enc))
		return;
	s.wins[me]++;
	model_assert(model_read(&s.payload) == ALIVE);
	model_write(&s.payload, DEAD);
	lives = model_read(&s.lives);
	if (!lives)
		return;
	model_write(&s.lives, lives - 1);
	publish();
	drop(me);
}

static void get(int me)
{
	if (it->try_get(&s.enc))
		drop(me);
}

static void check(void)
{
	unsigned wins = 0;

	for (int t = 0; t < MODEL_THREADS_MAX; t++)
		wins += s.wins[t];
	model_assert(wins == s.expected);
	model_assert(it->count(&s.enc) == 0);
}

static void drop_0(void)
{
	drop(0);
}

static void drop_1(void)
{
	drop(1);
}

static void get_1(void)
{
	get(1);
}

static void get_2(void)
{
	get(2);
}

static void publish_0(void)
{
	publish();
	drop(0);
}

static void freeze_0(void)
{
	if (it->freeze(&s.enc, 1)) {
		model_write(&s.payload, DEAD);
		publish();
	}
	drop(0);
}

static void setup_frozen(void)
{
	prepare(0, 0);
}

static void setup_one(void)
{
	prepare(1, 0);
}

static void setup_two(void)
{
	prepare(2, 0);
}

static void setup_two_lives(void)
{
	prepare(1, 1);
}

/* ------------------------------------------------------------------------------- what may go wrong */

/* Zeroed by whoever purges memory. */
static void setup_zeroed(void)
{
	prepare(0, 0);
	memset(&s.enc, 0, sizeof(s.enc));
}

static void setup_ended(void)
{
	prepare(0, 0);
	model_misuses_expected = 1;
}

/* Holds nothing: the object has ended before. Two, for after one the next get wraps back to locked. */
static void put_again_0(void)
{
	model_assert(!it->put_and_lock(&s.enc));
}

/* Nobody has published anything, so there is nothing to get. */
static void get_nothing_1(void)
{
	model_assert(!it->try_get(&s.enc));
}

static void check_frozen(void)
{
	model_assert(it->count(&s.enc) == 0);
}

/* ------------------------------------------------------------------------------------ the table */

static bool fails_never(const struct contender *contender)
{
	(void)contender;
	return false;
}

static bool fails_if_unsound(const struct contender *contender)
{
	return contender == &contender_keeprefs;
}

static bool fails_if_zero_is_live(const struct contender *contender)
{
	return !contender->zero_is_frozen;
}

static bool fails_if_put_revives(const struct contender *contender)
{
	return contender->double_put == ENC_REVIVES;
}

/* clang-format off */
static const struct {
	struct model_scenario scenario;
	bool (*fails)(const struct contender *contender);
} lives[] = {
	{ { .name = "get-put", .setup = setup_frozen, .thread = { publish_0, get_1 },
	    .check = check }, fails_if_unsound },
	{ { .name = "put-put", .setup = setup_two, .thread = { drop_0, drop_1 },
	    .check = check }, fails_never },
	{ { .name = "holders", .setup = setup_two, .thread = { drop_0, drop_1, get_2 },
	    .check = check }, fails_never },
	{ { .name = "freeze", .setup = setup_one, .thread = { freeze_0, get_1 },
	    .check = check }, fails_if_unsound },
	{ { .name = "reuse", .setup = setup_two_lives, .thread = { drop_0, get_1 },
	    .check = check }, fails_if_unsound },
	{ { .name = "zeroed", .setup = setup_zeroed, .thread = { get_nothing_1, get_nothing_1 },
	    .check = check_frozen }, fails_if_zero_is_live },
	{ { .name = "double-put", .setup = setup_ended, .thread = { put_again_0, put_again_0, get_nothing_1 },
	    .check = check_frozen }, fails_if_put_revives },
};
/* clang-format on */

enum { LIVES = sizeof(lives) / sizeof(lives[0]) };

/* Returns whether it did what was to be expected. */
static bool run(size_t i)
{
	const struct explorer_options options = { .reduction = EXPLORE_SOURCE_SETS };
	struct explorer_result result;

	model_calls_reset();
	result = explore(&lives[i].scenario, &options);
	if (result.failed)
		printf("  %-11s FAILS after %u steps: %s\n", lives[i].scenario.name, result.steps,
		       result.failure);
	else
		printf("  %-11s holds, %" PRIu64 " executions\n", lives[i].scenario.name,
		       result.executions);
	if (result.failed == lives[i].fails(it))
		return true;
	printf("  this is not what its header says\n");
	return false;
}

int main(void)
{
	bool passed = true;

#ifdef EXPLORER_SANITIZED
	printf("skipped: coroutines and sanitizers do not go together\n");
	return 77;
#endif
	for (size_t c = 0; c < sizeof(contenders) / sizeof(contenders[0]); c++) {
		it = contenders[c];
		printf("%s\n", it->name);
		for (size_t i = 0; i < LIVES; i++)
			passed &= run(i);
	}
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
