/* SPDX-License-Identifier: MIT */
/*
 * Threads over a few hot counters: every lifetime has exactly one winner, and nobody reads a
 * payload that its owner is writing.
 *
 * Run by `make check` for a second and by `make stress`. Whoever wins an object poisons and parks
 * it; whoever misses it then adopts it, writes it anew and publishes it, so that each counter goes
 * through as many lifetimes as there is time for.
 */
#include <stddef.h>

#include <frozenref/ref.h>

#include "stress.h"

enum { OPERATIONS, LIFETIMES, WINS, FREEZES, FAILED_GETS, LOST_LASTS };

static const char *const names[] = { "operations",  "lifetimes",
				     "winners",	    "of them by freeze",
				     "failed gets", "last puts that another won or a get revived",
				     NULL };

/* Neighbours share cache lines, as they do in a table of counters. */
enum { CELLS = 4 };

static unsigned threads;

static struct cell {
	frozenref_t ref;
	bool rcu;    /* all of its puts are put_and_lock_rcu */
	bool parked; /* frozen, and whoever clears this owns it */
	struct stress_payload payload;
} cells[CELLS];

static bool put(struct stress_thread *thread, struct cell *cell)
{
	uint32_t left;
	bool won;

	thread->counts[OPERATIONS]++;
	if (cell->rcu)
		return frozenref_put_and_lock_rcu(&cell->ref);
	switch (stress_random(thread) % 4) {
	case 0:
		return frozenref_put_and_lock_likely_last(&cell->ref);
	case 1:
		won = frozenref_put_and_lock_left(&cell->ref, &left);
		stress_check(!won || left == 0);
		thread->counts[LOST_LASTS] += !won && left == 0;
		return won;
	case 2:
		return frozenref_put_and_lock_n(&cell->ref, 1);
	default:
		return frozenref_put_and_lock(&cell->ref);
	}
}

/* The owner's part: build anew and publish with some references, which are ours to drop. */
static uint32_t begin_lifetime(struct stress_thread *thread, struct cell *cell)
{
	uint32_t refs = 1 + (uint32_t)(stress_random(thread) % 3);

	stress_write(&cell->payload, stress_random(thread));
	stress_linger(thread);
	stress_check(frozenref_is_frozen(&cell->ref));
	thread->counts[LIFETIMES]++;
	frozenref_unfreeze(&cell->ref, refs);
	return refs;
}

/* By the winner; anybody may own the object next. */
static void end_lifetime(struct stress_thread *thread, struct cell *cell)
{
	(void)stress_read(&cell->payload);
	stress_poison(&cell->payload);
	thread->counts[WINS]++;
	stress_linger(thread);
	/*
	 * Release: pairs with the acquire of adopt(). One winner: nobody can have parked it before.
	 */
	stress_check(!__atomic_exchange_n(&cell->parked, true, __ATOMIC_RELEASE));
}

static bool adopt(struct cell *cell)
{
	return __atomic_load_n(&cell->parked, __ATOMIC_RELAXED) &&
	       __atomic_exchange_n(&cell->parked, false, __ATOMIC_ACQUIRE);
}

static void drop(struct stress_thread *thread, struct cell *cell, uint32_t refs)
{
	while (refs--) {
		if (!put(thread, cell))
			continue;
		/* Only the last of ours can have been the last of all. */
		stress_check(refs == 0);
		end_lifetime(thread, cell);
		return;
	}
}

/*
 * With refs references on a live object: reads it, and drops them, or freezes it if there are no
 * others.
 */
static void use(struct stress_thread *thread, struct cell *cell, uint32_t refs)
{
	uint64_t identity = stress_read(&cell->payload);

	stress_check(frozenref_count(&cell->ref) >= refs);
	if (stress_random(thread) % 4 == 0) {
		frozenref_get_n(&cell->ref, 2);
		refs += 2;
	}
	stress_linger(thread);
	stress_check(stress_read(&cell->payload) == identity);
	if (stress_random(thread) % 4 == 0 && frozenref_freeze(&cell->ref, refs)) {
		thread->counts[FREEZES]++;
		end_lifetime(thread, cell);
		return;
	}
	drop(thread, cell, refs);
}

static void step(struct stress_thread *thread)
{
	struct cell *cell = &cells[stress_random(thread) % CELLS];
	uint32_t refs = 1 + (uint32_t)(stress_random(thread) % 2);

	thread->counts[OPERATIONS]++;
	if (refs == 1 ? frozenref_try_get(&cell->ref) : frozenref_try_get_n(&cell->ref, refs)) {
		use(thread, cell, refs);
		return;
	}
	thread->counts[FAILED_GETS]++;
	if (adopt(cell))
		use(thread, cell, begin_lifetime(thread, cell));
}

/* More lifetimes than threads, so that one at least had another's leavings; and a failed get. */
static bool enough(const struct stress_thread *sums)
{
	return sums->counts[LIFETIMES] > threads && sums->counts[FAILED_GETS];
}

int main(int argc, char **argv)
{
	struct stress_options options = stress_parse(argc, argv, 1);
	struct stress_thread sums;

	for (int i = 0; i < CELLS; i++) {
		stress_poison(&cells[i].payload);
		cells[i].parked = true;
		cells[i].rcu = i == CELLS - 1;
	}
	threads = options.threads;
	sums = stress_run(&options, step, enough);
	stress_report("counter", &options, &sums, names);
	stress_check(sums.counts[LIFETIMES] == sums.counts[WINS]);
	for (int i = 0; i < CELLS; i++)
		stress_check(cells[i].parked && frozenref_is_frozen(&cells[i].ref));
	return 0;
}
