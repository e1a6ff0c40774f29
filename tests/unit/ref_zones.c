/* SPDX-License-Identifier: MIT */
/*
 * The resets keep the word inside its zone, however two threads interleave.
 *
 * Run by `make check`. It compiles lib/ref.c itself with an atomics backend of its own
 * (zones_atomic.h) and with zones a few steps wide, and runs every interleaving of two threads that
 * do two or three calls each. The control is the same code with resets that swap once and give up:
 * that one must climb out of the zone, or the test proves nothing.
 *
 * The threads are real ones that pass a baton: exactly one runs at any time, and hands the baton to
 * whom the schedule names before each of its operations on the word.
 */
#include <pthread.h>

#include <criterion/criterion.h>
#include <frozenref/ref.h>

#include "zones_atomic.h"

uint32_t zones_residue_limit;
uint32_t zones_saturated_first;
uint32_t zones_saturated_middle;
uint32_t zones_wrapped;

/* ------------------------------------------------------------------------------------ schedules */

enum { THREADS = 2, STEPS_MAX = 256, NOBODY = -1 };

/* Fewer schedules than this, and the threads were not interleaved at all. */
enum { MANY = 20 };

/* One run takes the choices as they are as far as they go; all further ones are 0. */
static struct {
	unsigned char choice[STEPS_MAX];
	unsigned steps; /* choices that this run had to make */
} schedule;

/* The next schedule in lexical order; false after the last one. */
static bool next_schedule(void)
{
	while (schedule.steps) {
		unsigned last = schedule.steps - 1;

		if (schedule.choice[last] == 0) {
			schedule.choice[last] = 1;
			return true;
		}
		schedule.choice[last] = 0;
		schedule.steps--;
	}
	return false;
}

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int holder;
	bool finished[THREADS];
} baton = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* Which of the two this is; anything outside a run is not scheduled. */
static __thread int self = NOBODY;

/* The word under test, and the lowest and highest value that it ever had. */
static struct {
	const uint32_t *word;
	uint32_t low;
	uint32_t high;
} seen;

/* Hands the baton on as the schedule says, and waits for it to come back. */
static void yield(const uint32_t *word)
{
	int next = self;

	if (self == NOBODY || word != seen.word)
		return;
	pthread_mutex_lock(&baton.mutex);
	if (!baton.finished[1 - self]) {
		cr_assert(schedule.steps < STEPS_MAX);
		next = schedule.choice[schedule.steps++] ? 1 - self : self;
	}
	if (next != self) {
		baton.holder = next;
		pthread_cond_broadcast(&baton.changed);
		while (baton.holder != self)
			pthread_cond_wait(&baton.changed, &baton.mutex);
	}
	pthread_mutex_unlock(&baton.mutex);
}

/* ------------------------------------------------------------------------------------- backend */

/* The control: a reset whose swap failed believes that it succeeded, and so never tries again. */
static bool resets_swap_once;

static void note(const uint32_t *word)
{
	if (word != seen.word)
		return;
	seen.low = *word < seen.low ? *word : seen.low;
	seen.high = *word > seen.high ? *word : seen.high;
}

uint32_t zones_load(const uint32_t *word)
{
	yield(word);
	return *word;
}

void zones_store(uint32_t *word, uint32_t value)
{
	yield(word);
	*word = value;
	note(word);
}

uint32_t zones_add(uint32_t *word, uint32_t n)
{
	uint32_t old;

	yield(word);
	old = *word;
	*word += n;
	note(word);
	return old;
}

uint32_t zones_cas(uint32_t *word, uint32_t old, uint32_t desired)
{
	uint32_t found;

	yield(word);
	found = *word;
	if (found == old)
		*word = desired;
	note(word);
	return found;
}

uint32_t zones_cas_of_reset(uint32_t *word, uint32_t old, uint32_t desired)
{
	uint32_t found = zones_cas(word, old, desired);

	return resets_swap_once ? old : found;
}

/* ------------------------------------------------------------------------------------ the runs */

static frozenref_t ref;

struct run {
	bool (*call)(void);
	int calls;
	int number;
	unsigned times_true;
};

static void *run_thread(void *arg)
{
	struct run *run = arg;

	self = run->number;
	pthread_mutex_lock(&baton.mutex);
	while (baton.holder != self)
		pthread_cond_wait(&baton.changed, &baton.mutex);
	pthread_mutex_unlock(&baton.mutex);
	for (int i = 0; i < run->calls; i++)
		run->times_true += run->call();
	pthread_mutex_lock(&baton.mutex);
	baton.finished[self] = true;
	baton.holder = 1 - self;
	pthread_cond_broadcast(&baton.changed);
	pthread_mutex_unlock(&baton.mutex);
	return NULL;
}

/* One interleaving; returns how many of the calls were true. */
static unsigned run_once(bool (*call)(void), int calls, uint32_t start)
{
	struct run runs[THREADS] = { { call, calls, 0, 0 }, { call, calls, 1, 0 } };
	pthread_t threads[THREADS];

	schedule.steps = 0;
	ref.word = start;
	baton.holder = 0;
	for (int i = 0; i < THREADS; i++)
		baton.finished[i] = false;
	for (int i = 0; i < THREADS; i++)
		cr_assert(pthread_create(&threads[i], NULL, run_thread, &runs[i]) == 0);
	for (int i = 0; i < THREADS; i++)
		cr_assert(pthread_join(threads[i], NULL) == 0);
	return runs[0].times_true + runs[1].times_true;
}

struct extremes {
	uint32_t low;
	uint32_t high;
	unsigned most_true;
	unsigned least_true;
	unsigned schedules;
};

/* Every interleaving of both threads doing so many calls each, from a word of `start`. */
static struct extremes explore(bool (*call)(void), int calls, uint32_t start)
{
	struct extremes extremes = { .least_true = UINT32_MAX };

	seen.word = &ref.word;
	seen.low = start;
	seen.high = start;
	for (unsigned i = 0; i < STEPS_MAX; i++)
		schedule.choice[i] = 0;
	do {
		unsigned times = run_once(call, calls, start);

		extremes.schedules++;
		extremes.most_true = times > extremes.most_true ? times : extremes.most_true;
		extremes.least_true = times < extremes.least_true ? times : extremes.least_true;
	} while (next_schedule());
	extremes.low = seen.low;
	extremes.high = seen.high;
	return extremes;
}

static uint32_t misuses;

static void count_misuse(enum frozenref_misuse kind, const frozenref_t *misused, uint32_t word,
			 void *arg)
{
	(void)kind;
	(void)misused;
	(void)word;
	(void)arg;
	misuses++;
}

/* The borders as ref.h has them; each test moves those that it is about. */
static void set_up(void)
{
	zones_residue_limit = UINT32_C(0x20000000);
	zones_saturated_first = UINT32_C(0xc0000000);
	zones_saturated_middle = UINT32_C(0xd8000000);
	zones_wrapped = UINT32_C(0xf0000000);
	resets_swap_once = false;
	(void)frozenref_set_misuse_handler(count_misuse, NULL, NULL);
}

TestSuite(ref_zones, .init = set_up);

static bool try_get(void)
{
	return frozenref_try_get(&ref);
}

static bool put(void)
{
	return frozenref_put_and_lock(&ref);
}

/* ------------------------------------------------------------------------------- failing gets */

/* Four steps from the first residue that is reset to dying. */
static struct extremes explore_residue(void)
{
	zones_residue_limit = FROZENREF__DYING - 4;
	return explore(try_get, 3, zones_residue_limit - 1);
}

Test(ref_zones, failing_gets_stay_below_dying)
{
	struct extremes extremes = explore_residue();

	cr_assert(extremes.schedules > MANY, "only %u schedules", extremes.schedules);
	/* At most one add of each thread stands between an add and its reset. */
	cr_assert(extremes.high <= zones_residue_limit + THREADS - 1, "high %#x",
		  (unsigned)extremes.high);
	cr_assert(extremes.high > zones_residue_limit);
	cr_assert(extremes.most_true == 0);
}

Test(ref_zones, failing_gets_with_single_swaps_reach_dying)
{
	struct extremes extremes;

	resets_swap_once = true;
	extremes = explore_residue();
	/* A lookup got a reference on a frozen object. */
	cr_assert(extremes.high > FROZENREF__DYING, "high %#x", (unsigned)extremes.high);
	cr_assert(extremes.most_true > 0);
}

/* --------------------------------------------------------------------------------- saturation */

/* Live with 1 to 4 references, and 3 steps from the middle of saturation out of either end. */
static void scale_saturation(void)
{
	zones_saturated_first = FROZENREF__ONE + 4;
	zones_saturated_middle = FROZENREF__ONE + 6;
	zones_wrapped = FROZENREF__ONE + 9;
}

Test(ref_zones, gets_of_a_saturated_object_stay_saturated)
{
	struct extremes extremes;

	scale_saturation();
	extremes = explore(try_get, 2, zones_saturated_middle);
	cr_assert(extremes.schedules > MANY, "only %u schedules", extremes.schedules);
	cr_assert(extremes.high <= zones_saturated_middle + THREADS, "high %#x",
		  (unsigned)extremes.high);
	cr_assert(extremes.least_true == THREADS * 2);
	cr_assert(misuses == 0);
}

Test(ref_zones, gets_of_a_saturated_object_with_single_swaps_lose_it)
{
	struct extremes extremes;

	scale_saturation();
	resets_swap_once = true;
	extremes = explore(try_get, 2, zones_saturated_middle);
	/* An object with holders counts as frozen. */
	cr_assert(extremes.high >= zones_wrapped, "high %#x", (unsigned)extremes.high);
	cr_assert(extremes.least_true < THREADS * 2);
}

Test(ref_zones, puts_of_a_saturated_object_stay_saturated)
{
	struct extremes extremes;

	scale_saturation();
	extremes = explore(put, 2, zones_saturated_middle);
	cr_assert(extremes.low >= zones_saturated_middle - THREADS, "low %#x",
		  (unsigned)extremes.low);
	cr_assert(extremes.most_true == 0);
	cr_assert(misuses == 0);
}

Test(ref_zones, puts_of_a_saturated_object_with_single_swaps_unpin_it)
{
	struct extremes extremes;

	scale_saturation();
	resets_swap_once = true;
	extremes = explore(put, 2, zones_saturated_middle);
	/* A few puts more, and it is freed under its holders. */
	cr_assert(extremes.low < zones_saturated_first, "low %#x", (unsigned)extremes.low);
}

/* -------------------------------------------------------------------------------- surplus puts */

/* Below 0, one step deep for each thread. */
static struct extremes explore_wrapped(void)
{
	zones_wrapped = UINT32_MAX - 1;
	return explore(put, 2, 0);
}

Test(ref_zones, surplus_puts_stay_frozen)
{
	struct extremes extremes = explore_wrapped();

	cr_assert(extremes.schedules > MANY, "only %u schedules", extremes.schedules);
	cr_assert(extremes.most_true == 0);
	/* All of them found it frozen. */
	cr_assert(misuses == extremes.schedules * THREADS * 2);
}

Test(ref_zones, surplus_puts_with_single_swaps_wake_it)
{
	struct extremes extremes;

	resets_swap_once = true;
	extremes = explore_wrapped();
	/* Some found it saturated, which to gets is live. */
	cr_assert(misuses < extremes.schedules * THREADS * 2);
}

/* ------------------------------------------------------- dying words are not anybody's to reset */

static bool get_then_put(void)
{
	return frozenref_try_get(&ref) && frozenref_put_and_lock(&ref);
}

/* A live object among gets and puts that end it: one winner for each time that it ends. */
Test(ref_zones, resets_leave_dying_words_alone)
{
	struct extremes extremes;

	zones_residue_limit = 1;
	extremes = explore(get_then_put, 1, FROZENREF__DYING);
	cr_assert(extremes.schedules > MANY, "only %u schedules", extremes.schedules);
	cr_assert(extremes.least_true >= 1);
	cr_assert(frozenref_is_frozen(&ref));
	cr_assert(misuses == 0);
}
