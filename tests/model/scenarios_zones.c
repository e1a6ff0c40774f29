/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of the counter with its zones scaled down, so that a few threads reach their ends.
 *
 * Run by main.c. With the residue limit at 1 or 2 every failed get resets the word; the resets race
 * with unfreezes and with puts of later lifetimes, which they must leave alone.
 */
#include <string.h>

#include "scenario.h"

enum { DEAD = 0, ALIVE = 1 };

static struct {
	frozenref_t ref;
	int payload;
	int lives;
	unsigned expected;
	unsigned wins[MODEL_THREADS_MAX];
	unsigned gets[MODEL_THREADS_MAX];
} s;

static void prepare(uint32_t refs, int lives)
{
	memset(&s, 0, sizeof(s));
	s.payload = refs ? ALIVE : DEAD;
	s.lives = lives;
	s.expected = (unsigned)lives + 1;
	if (refs)
		frozenref_unfreeze(&s.ref, refs);
	model_region(&s, sizeof(s), "object");
	model_label(&s.ref, "word");
	model_label(&s.payload, "payload");
	model_label(&s.lives, "lives");
}

static void drop(int me)
{
	int lives;

	model_assert(model_read(&s.payload) == ALIVE);
	if (!model_calls.put(&s.ref))
		return;
	s.wins[me]++;
	model_assert(model_read(&s.payload) == ALIVE);
	model_write(&s.payload, DEAD);
	lives = model_read(&s.lives);
	if (!lives)
		return;
	model_write(&s.lives, lives - 1);
	model_write(&s.payload, ALIVE);
	frozenref_unfreeze(&s.ref, 1);
	drop(me);
}

static void get(int me)
{
	if (!model_calls.try_get(&s.ref))
		return;
	s.gets[me]++;
	drop(me);
}

static void check(void)
{
	unsigned wins = 0;

	for (int t = 0; t < MODEL_THREADS_MAX; t++)
		wins += s.wins[t];
	model_assert(wins == s.expected);
	model_assert(frozenref_is_frozen(&s.ref));
	/* Each thread but the publisher may have failed once since the last reset. */
	model_assert(s.ref.word < model_zones.residue_limit + MODEL_THREADS_MAX);
}

static void setup_frozen(void)
{
	prepare(0, 0);
}

static void setup_frozen_two_lives(void)
{
	prepare(0, 1);
}

static void setup_two_lives(void)
{
	prepare(1, 1);
}

static void setup_one(void)
{
	prepare(1, 0);
}

static void publish_0(void)
{
	model_write(&s.payload, ALIVE);
	frozenref_unfreeze(&s.ref, 1);
	drop(0);
}

static void drop_0(void)
{
	drop(0);
}

static void get_1(void)
{
	get(1);
}

static void get_2(void)
{
	get(2);
}

static void get_3(void)
{
	get(3);
}

static void get_twice_1(void)
{
	get(1);
	get(1);
}

static void get_twice_2(void)
{
	get(2);
	get(2);
}

/*
 * A frozen object that stays so, whose word is at the residue limit, and that close to dying. Two
 * threads that try to reset it once each, and then add again, can climb past dying and into life.
 */
static void setup_near_dying(void)
{
	prepare(0, 0);
	s.ref.word = model_zones.residue_limit - 1;
}

static void fail_thrice(void)
{
	for (int i = 0; i < 3; i++)
		model_assert(!model_calls.try_get(&s.ref));
}

static void check_residue(void)
{
	model_assert(s.ref.word <= model_zones.residue_limit);
}

/* ---------------------------------------------------------------------------------- saturation */

/* Two references are the most, and held throughout; each of two threads takes one more. */
static void setup_saturation(void)
{
	prepare(2, 0);
	model_misuses_expected = 1;
}

static void overflow(int me)
{
	model_assert(model_calls.try_get(&s.ref));
	s.gets[me]++;
	model_assert(model_read(&s.payload) == ALIVE);
	if (model_calls.put(&s.ref))
		s.wins[me]++;
}

static void overflow_0(void)
{
	overflow(0);
}

static void overflow_1(void)
{
	overflow(1);
}

/* Nobody wins, and what has overflowed stays so. */
static void check_saturation(void)
{
	unsigned wins = 0;

	for (int t = 0; t < MODEL_THREADS_MAX; t++)
		wins += s.wins[t];
	model_assert(wins == 0);
	if (model_misuses)
		model_assert(frozenref_count(&s.ref) == FROZENREF_SATURATED);
	else
		model_assert(frozenref_count(&s.ref) == 2);
}

/* clang-format off */
#define LIMIT(n) { .residue_limit = (n) }

const struct model_scenario model_scenarios_zones[] = {
	{ .name = "reset-unfreeze", .about = "residue reset against unfreeze, limit 2",
	  .setup = setup_frozen, .thread = { publish_0, get_twice_1, get_twice_2 },
	  .check = check, .hinted = 1, .zones = LIMIT(2) },
	{ .name = "reset-unfreeze-1", .about = "residue reset against unfreeze, limit 1",
	  .setup = setup_frozen, .thread = { publish_0, get_1, get_2 },
	  .check = check, .quick = 1, .hinted = 1, .tiny = 1, .zones = LIMIT(1) },
	{ .name = "reset-two-lives", .about = "residue reset across two lifetimes, limit 1",
	  .setup = setup_two_lives, .thread = { drop_0, get_1 },
	  .check = check, .quick = 1, .hinted = 1, .tiny = 1, .zones = LIMIT(1) },
	{ .name = "reset-two-lives-3", .about = "the same from a frozen word, 3 threads",
	  .setup = setup_frozen_two_lives, .thread = { publish_0, get_1, get_2 },
	  .check = check, .hinted = 1, .zones = LIMIT(1) },
	{ .name = "reset-getters", .about = "three getters, limit 1",
	  .setup = setup_one, .thread = { drop_0, get_1, get_2, get_3 },
	  .check = check, .hinted = 1, .zones = LIMIT(1) },
	{ .name = "reset-loop", .about = "two threads of three failing gets, close to dying",
	  .setup = setup_near_dying, .thread = { fail_thrice, fail_thrice },
	  .check = check_residue, .quick = 1, .tiny = 1, .zones = LIMIT(0x7ffffffc) },
	{ .name = "saturation", .about = "overflow, at most 2 references",
	  .setup = setup_saturation, .thread = { overflow_0, overflow_1 },
	  .check = check_saturation, .quick = 1, .tiny = 1,
	  .zones = { .saturated_first = 0x80000002, .saturated_middle = 0x80000008,
		     .wrapped = 0x80000010 } },
	{ .name = NULL },
};
/* clang-format on */
