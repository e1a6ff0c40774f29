/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of the counter alone, with its zones as they are.
 *
 * Run by main.c, and by encodings.c on other encodings of the counter. There is one object, whose
 * payload is a plain variable: holders read it, and the owner writes it before it publishes the
 * object and after it won it. So an order that is too weak is a data race, a second winner finds
 * the payload dead, and an object that nobody wins is not frozen at the end.
 */
#include <string.h>

#include "scenario.h"

enum { DEAD = 0, ALIVE = 1 };

static struct {
	struct model_counter counter;
	int payload;  /* ALIVE + lifetime, or DEAD */
	int lives;    /* for the owner: how often to publish again */
	int lifetime; /* for the owner: the current one */
} s;

/* What outlives the object. */
static struct {
	unsigned expected; /* wins */
	unsigned wins[MODEL_THREADS_MAX];
	uint32_t left[MODEL_THREADS_MAX];
	uint32_t in_section; /* 0 once the protected getter has left it */
	int aside;	     /* what a freezer wrote before it froze */
} book;

/* ---------------------------------------------------------------------------------- the object */

static void prepare(uint32_t refs, int lives)
{
	model_calls.init(&s.counter.ref);
	s.payload = refs ? ALIVE : DEAD;
	s.lives = lives;
	s.lifetime = 0;
	memset(&book, 0, sizeof(book));
	book.expected = (unsigned)lives + 1;
	book.in_section = 1;
	if (refs)
		model_calls.unfreeze(&s.counter.ref, refs);
	model_region(&s, sizeof(s), "object");
	model_region(&book, sizeof(book), "book");
	model_label(&s.counter.ref, "word");
	model_label(&s.payload, "payload");
	model_label(&s.lives, "lives");
	model_label(&book.aside, "aside");
	model_label(&s.lifetime, "lifetime");
	model_label(&book.in_section, "in_section");
}

static void publish(uint32_t refs)
{
	int lifetime = model_read(&s.lifetime) + 1;

	model_write(&s.lifetime, lifetime);
	model_write(&s.payload, ALIVE + lifetime);
	model_calls.unfreeze(&s.counter.ref, refs);
}

static void drop(int me);

static void use(void)
{
	model_assert(model_read(&s.payload) != DEAD);
}

/* The caller owns it: destroys it, and publishes it again if it has lives left. */
static void win(int me, int held)
{
	int lives = model_read(&s.lives);
	int content = model_fault == FAULT_REMEMBERS_CONTENT ? held : model_read(&s.payload);

	book.wins[me]++;
	model_assert(model_read(&s.payload) != DEAD);
	model_assert(content == model_read(&s.payload));
	if (content != held)
		model_witness();
	model_write(&s.payload, DEAD);
	if (!lives)
		return;
	model_write(&s.lives, lives - 1);
	publish(1);
	drop(me);
}

/* By a holder. */
static void drop(int me)
{
	int held = model_read(&s.payload);

	model_assert(held != DEAD);
	if (model_calls.put(&s.counter.ref))
		win(me, held);
}

static bool get(int me)
{
	if (!model_calls.try_get(&s.counter.ref))
		return false;
	drop(me);
	return true;
}

static void check_wins(void)
{
	unsigned wins = 0;

	for (int t = 0; t < MODEL_THREADS_MAX; t++)
		wins += book.wins[t];
	if (wins != book.expected)
		model_fail("lifetimes ended: %u, owners: %u", book.expected, wins);
	model_assert(model_calls.is_frozen(&s.counter.ref));
	model_assert(model_calls.count(&s.counter.ref) == 0);
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
	(void)get(1);
}

static void get_2(void)
{
	(void)get(2);
}

static void get_3(void)
{
	(void)get(3);
}

static void publish_0(void)
{
	publish(1);
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

static void setup_three_lives(void)
{
	prepare(1, 2);
}

/* --------------------------------------------------------------------------------- with freezes */

/* Freezes what it holds alone, or else just puts it. */
static void freeze_0(void)
{
	use();
	if (model_calls.freeze(&s.counter.ref, 1)) {
		model_witness();
		model_assert(model_read(&s.payload) != DEAD);
		model_write(&s.payload, DEAD);
		publish(1);
	}
	drop(0);
}

/* Destroys through a freeze where it can. */
static void freeze_to_end_0(void)
{
	int held = model_read(&s.payload);

	use();
	if (model_calls.freeze(&s.counter.ref, 1))
		win(0, held);
	else if (model_calls.put(&s.counter.ref))
		win(0, held);
}

/* What was done before a freeze is seen by whoever fails to get because of it. */
static void aside_0(void)
{
	model_write(&book.aside, 1);
	if (model_calls.freeze(&s.counter.ref, 1))
		book.wins[0]++;
	else
		drop(0);
}

static void look_aside_1(void)
{
	if (get(1))
		return;
	if (model_read(&book.aside) == 1)
		model_witness();
	model_assert(model_read(&book.aside) == 1);
}

/* A put is no different from a freeze in this. */
static void aside_put_0(void)
{
	model_write(&book.aside, 1);
	drop(0);
}

/* ---------------------------------------------------------------------- several at a time, left */

static void setup_bulk(void)
{
	prepare(3, 0);
}

static void put_two_0(void)
{
	use();
	if (frozenref_put_and_lock_n(&s.counter.ref, 2))
		win(0, model_read(&s.payload));
}

static void get_two_2(void)
{
	if (!frozenref_try_get_n(&s.counter.ref, 2))
		return;
	frozenref_get(&s.counter.ref);
	use();
	drop(2);
	if (frozenref_put_and_lock_n(&s.counter.ref, 2))
		win(2, model_read(&s.payload));
}

static void get_two_1(void)
{
	if (!frozenref_try_get_n(&s.counter.ref, 2))
		return;
	use();
	if (frozenref_put_and_lock_n(&s.counter.ref, 2))
		win(1, model_read(&s.payload));
}

static void put_left(int me)
{
	use();
	if (frozenref_put_and_lock_left(&s.counter.ref, &book.left[me])) {
		model_assert(book.left[me] == 0);
		win(me, model_read(&s.payload));
	}
}

static void put_left_0(void)
{
	put_left(0);
}

static void put_left_1(void)
{
	put_left(1);
}

static void check_left(void)
{
	check_wins();
	model_assert(book.left[0] + book.left[1] == 1);
}

/* ------------------------------------------------------------ memory freed after a grace period */

/* The winner frees the counter's memory, after a grace period for the only getter. */
static void drop_rcu(int me)
{
	use();
	if (!model_calls.put_rcu(&s.counter.ref))
		return;
	book.wins[me]++;
	use();
	model_write(&s.payload, DEAD);
	model_await(&book.in_section, 0);
	model_free(&s);
}

static void drop_rcu_0(void)
{
	drop_rcu(0);
}

static void drop_rcu_1(void)
{
	drop_rcu(1);
}

static void get_rcu_2(void)
{
	bool got = model_calls.try_get(&s.counter.ref);

	/* Release: the end of a read-side section, for which the grace period waits. */
	frozenref__store32(&book.in_section, 0, release);
	if (!got)
		return;
	model_witness();
	drop_rcu(2);
}

static void check_freed(void)
{
	unsigned wins = 0;

	for (int t = 0; t < MODEL_THREADS_MAX; t++)
		wins += book.wins[t];
	model_assert(wins == 1);
}

/* -------------------------------------------------------------------------------------- misuse */

static void setup_misused(void)
{
	prepare(1, 0);
	model_misuses_expected = 1;
}

static void setup_misused_frozen(void)
{
	prepare(0, 0);
	model_misuses_expected = 1;
}

/* What is in a page that nobody has touched, or that was purged. */
static void setup_zeroed(void)
{
	prepare(0, 0);
	memset(&s.counter, 0, sizeof(s.counter));
}

static void put_unheld_0(void)
{
	model_assert(!model_calls.put(&s.counter.ref));
}

static void put_unheld_1(void)
{
	model_assert(!model_calls.put(&s.counter.ref));
}

/* Someone who asks how many references a frozen object has. */
static void count_nothing_1(void)
{
	uint32_t count = model_calls.count(&s.counter.ref);

	if (count)
		model_fail("a frozen object has %u references", (unsigned)count);
}

/* A getter of an object that nobody publishes. */
static void get_nothing_1(void)
{
	model_assert(!model_calls.try_get(&s.counter.ref));
}

static void get_nothing_2(void)
{
	model_assert(!model_calls.try_get(&s.counter.ref));
}

static void freeze_none_1(void)
{
	model_assert(!model_calls.freeze(&s.counter.ref, 0));
}

static void check_misused(void)
{
	check_wins();
	model_assert(model_misuses == 1);
}

static void check_zeroed(void)
{
	model_assert(model_calls.is_frozen(&s.counter.ref));
}

static void check_frozen(void)
{
	model_assert(model_calls.is_frozen(&s.counter.ref));
	model_assert(model_misuses > 0);
}

/*
 * Whichever of the two came first passes for the rightful one, so this thread may win; but it held
 * nothing, and touches nothing. The other is reported, and nothing is live.
 */
static void surplus_put_1(void)
{
	if (model_calls.put(&s.counter.ref))
		book.wins[1]++;
}

static void rightful_put_0(void)
{
	use();
	if (model_calls.put(&s.counter.ref))
		book.wins[0]++;
}

static void check_surplus(void)
{
	model_assert(model_calls.count(&s.counter.ref) == 0);
	model_assert(book.wins[0] + book.wins[1] <= 1);
	model_assert(model_misuses == 1);
}

/* clang-format off */
const struct model_scenario model_scenarios_ref[] = {
	{ .name = "get-put", .about = "get against last put",
	  .setup = setup_frozen, .thread = { publish_0, get_1 }, .check = check_wins,
	  .quick = 1, .hinted = 1, .tiny = 1 },
	{ .name = "put-put", .about = "last put against last put",
	  .setup = setup_two, .thread = { drop_0, drop_1 }, .check = check_wins,
	  .quick = 1, .hinted = 1, .tiny = 1 },
	{ .name = "freeze", .about = "two gets against freeze(1)",
	  .setup = setup_one, .thread = { freeze_0, get_1, get_2 }, .check = check_wins,
	  .quick = 1, .hinted = 1, .witnessed = 1, .tiny = 1 },
	{ .name = "unfreeze", .about = "two gets against unfreeze, with residue of failed gets",
	  .setup = setup_frozen, .thread = { publish_0, get_1, get_2 }, .check = check_wins,
	  .quick = 1, .hinted = 1, .tiny = 1 },
	{ .name = "holders", .about = "two holders and a racing getter",
	  .setup = setup_two, .thread = { drop_0, drop_1, get_2 }, .check = check_wins,
	  .quick = 1, .hinted = 1, .tiny = 1 },
	{ .name = "reuse", .about = "reuse: 3 threads, 2 lifetimes",
	  .setup = setup_two_lives, .thread = { drop_0, get_1, get_2 }, .check = check_wins,
	  .quick = 1, .hinted = 1, .tiny = 1 },
	{ .name = "late-win", .about = "a stalled putter's late CAS wins for a later lifetime",
	  .setup = setup_two_lives, .thread = { drop_0, get_1 }, .check = check_wins,
	  .quick = 1, .witnessed = 1, .tiny = 1 },
	{ .name = "reuse-3-lives", .about = "reuse: 3 threads, 3 lifetimes",
	  .setup = setup_three_lives, .thread = { drop_0, get_1, get_2 }, .check = check_wins,
	  .quick = 1, .hinted = 1 },
	{ .name = "reuse-freeze", .about = "reuse through freeze(1) as well as put",
	  .setup = setup_two_lives, .thread = { freeze_to_end_0, get_1, get_2 },
	  .check = check_wins, .quick = 1, .hinted = 1 },
	{ .name = "reuse-4", .about = "reuse: 4 threads, 2 lifetimes",
	  .setup = setup_two_lives, .thread = { drop_0, get_1, get_2, get_3 }, .check = check_wins,
	  .hinted = 1, .witnessed = 1 },
	{ .name = "getters", .about = "three getters against one put",
	  .setup = setup_one, .thread = { drop_0, get_1, get_2, get_3 }, .check = check_wins,
	  .hinted = 1 },
	{ .name = "aside", .about = "a failed get sees what the freezer did before it froze",
	  .setup = setup_one, .thread = { aside_0, look_aside_1 }, .check = check_wins,
	  .quick = 1, .witnessed = 1, .tiny = 1 },
	{ .name = "aside-put", .about = "and what the last holder did before its put",
	  .setup = setup_one, .thread = { aside_put_0, look_aside_1 }, .check = check_wins,
	  .quick = 1, .hinted = 1, .witnessed = 1, .tiny = 1 },
	{ .name = "bulk", .about = "several references at a time",
	  .setup = setup_bulk, .thread = { put_two_0, drop_1, get_two_2 }, .check = check_wins,
	  .quick = 1, .hinted = 1 },
	{ .name = "bulk-publish", .about = "the same against unfreeze",
	  .setup = setup_frozen, .thread = { publish_0, get_two_1 }, .check = check_wins,
	  .quick = 1, .tiny = 1 },
	{ .name = "left", .about = "two puts that ask what they left",
	  .setup = setup_two, .thread = { put_left_0, put_left_1 }, .check = check_left,
	  .quick = 1, .tiny = 1 },
	{ .name = "rcu", .about = "put_and_lock_rcu: the winner frees the counter",
	  .setup = setup_two, .thread = { drop_rcu_0, drop_rcu_1, get_rcu_2 },
	  .check = check_freed, .quick = 1, .witnessed = 1, .tiny = 1 },
	{ .name = "zeroed", .about = "gets from zeroed memory",
	  .setup = setup_zeroed, .thread = { get_nothing_1, get_nothing_2 },
	  .check = check_zeroed, .quick = 1, .tiny = 1 },
	{ .name = "put-counted", .about = "a put on a frozen object, against a look at the count",
	  .setup = setup_misused_frozen, .thread = { put_unheld_0, count_nothing_1 },
	  .check = check_frozen, .quick = 1, .hinted = 1, .tiny = 1 },
	{ .name = "put-frozen", .about = "a put on a frozen object, against getters",
	  .setup = setup_misused_frozen, .thread = { put_unheld_0, get_nothing_1, get_nothing_2 },
	  .check = check_frozen, .quick = 1, .hinted = 1, .tiny = 1 },
	{ .name = "double-put", .about = "two puts on a frozen object, against a getter",
	  .setup = setup_misused_frozen, .thread = { put_unheld_0, put_unheld_1, get_nothing_2 },
	  .check = check_frozen, .quick = 1, .hinted = 1, .tiny = 1 },
	{ .name = "surplus-put", .about = "a surplus put against the last one",
	  .setup = setup_misused, .thread = { rightful_put_0, surplus_put_1 },
	  .check = check_surplus, .quick = 1, .hinted = 1, .tiny = 1 },
	{ .name = "freeze-none", .about = "freeze(0) against the last put",
	  .setup = setup_misused, .thread = { drop_0, freeze_none_1 }, .check = check_misused,
	  .quick = 1, .hinted = 1, .tiny = 1 },
	{ .name = NULL },
};
/* clang-format on */
