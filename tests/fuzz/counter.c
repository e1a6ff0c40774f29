/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing target: the counter, and the misuse handler.
 *
 * The model of a counter is what its user knows: frozen, dying, live with n references, or
 * saturated. What other threads leave behind between two of our calls (residue, a word that they
 * took to dying) is put into the word by hand.
 */
#include "fuzz.h"

enum condition { FROZEN, DYING, LIVE, SATURATED };

struct counter {
	uint32_t guard_before;
	frozenref_t ref;
	uint32_t guard_after;
	enum condition condition;
	uint32_t count; /* while LIVE */
};

enum { COUNTERS = 4, GUARD = 0x5a5a5a5a };
static struct counter counters[COUNTERS];

/* The zones, as ref.h draws them. */
static void learn_condition(struct counter *counter)
{
	uint32_t word = counter->ref.word;

	counter->count = 0;
	if (word < 0x7fffffff) {
		counter->condition = FROZEN;
	} else if (word == 0x7fffffff) {
		counter->condition = DYING;
	} else if (word < 0xc0000000) {
		counter->condition = LIVE;
		counter->count = word - 0x80000000 + 1;
	} else {
		counter->condition = SATURATED;
	}
}

static void check_counter(const struct counter *counter)
{
	uint32_t word = counter->ref.word;

	fuzz_settle();
	fuzz_check(counter->guard_before == GUARD && counter->guard_after == GUARD);
	fuzz_check(frozenref_is_frozen(&counter->ref) == (counter->condition == FROZEN));
	switch (counter->condition) {
	case FROZEN:
		fuzz_check(word < 0x40000000);
		fuzz_check(frozenref_count(&counter->ref) == 0);
		break;
	case DYING:
		fuzz_check(word == 0x7fffffff);
		fuzz_check(frozenref_count(&counter->ref) == 0);
		break;
	case LIVE:
		fuzz_check(word == 0x80000000 + (counter->count - 1));
		fuzz_check(frozenref_count(&counter->ref) == counter->count);
		break;
	case SATURATED:
		fuzz_check(word >= 0xc0000000 && word < 0xf0000000);
		fuzz_check(frozenref_count(&counter->ref) == FROZENREF_SATURATED);
		break;
	}
}

static bool valid(uint32_t n, uint32_t max)
{
	return n >= 1 && n <= max;
}

/* --------------------------------------------------------------------------------------- gets */

/* What a get of n must do; returns what a try_get must answer. */
static bool model_get(struct counter *counter, uint32_t n, bool may_fail)
{
	switch (counter->condition) {
	case FROZEN:
		if (!may_fail)
			fuzz_expect_misuse(FROZENREF_MISUSE_GET_FROZEN, &counter->ref);
		return false;
	case DYING:
		counter->condition = LIVE;
		counter->count = n;
		return true;
	case LIVE:
		counter->count += n;
		if (counter->count > FROZENREF_MAX) {
			counter->condition = SATURATED;
			fuzz_expect_misuse(FROZENREF_MISUSE_SATURATED, &counter->ref);
		}
		return true;
	case SATURATED:
		break;
	}
	return true;
}

/* Residue that failed gets find is reset before it can reach the next zone. */
static void check_residue(const struct counter *counter)
{
	fuzz_check(counter->condition != FROZEN || counter->ref.word < 0x20000000);
}

static void op_try_get(struct counter *counter)
{
	bool got = model_get(counter, 1, true);

	fuzz_op("try_get");
	fuzz_check(frozenref_try_get(&counter->ref) == got);
	check_residue(counter);
}

static void op_try_get_n(struct counter *counter)
{
	uint32_t n = fuzz_refs(FROZENREF_BULK_MAX);
	bool got = false;

	fuzz_op("try_get_n(%u)", n);
	if (valid(n, FROZENREF_BULK_MAX))
		got = model_get(counter, n, true);
	else
		fuzz_expect_misuse(FROZENREF_MISUSE_BAD_COUNT, &counter->ref);
	fuzz_check(frozenref_try_get_n(&counter->ref, n) == got);
}

static void op_get(struct counter *counter)
{
	(void)model_get(counter, 1, false);
	fuzz_op("get");
	frozenref_get(&counter->ref);
	check_residue(counter);
}

static void op_get_n(struct counter *counter)
{
	uint32_t n = fuzz_refs(FROZENREF_BULK_MAX);

	fuzz_op("get_n(%u)", n);
	if (valid(n, FROZENREF_BULK_MAX))
		(void)model_get(counter, n, false);
	else
		fuzz_expect_misuse(FROZENREF_MISUSE_BAD_COUNT, &counter->ref);
	frozenref_get_n(&counter->ref, n);
}

/* --------------------------------------------------------------------------------------- puts */

/* What a put of n must do; returns what it must answer, and what it must have left. */
static bool model_put(struct counter *counter, uint32_t n, uint32_t *left)
{
	*left = 0;
	switch (counter->condition) {
	case FROZEN:
	case DYING:
		fuzz_expect_misuse(FROZENREF_MISUSE_PUT_FROZEN, &counter->ref);
		counter->condition = FROZEN;
		return false;
	case LIVE:
		if (n > counter->count)
			fuzz_expect_misuse(FROZENREF_MISUSE_PUT_FROZEN, &counter->ref);
		if (n >= counter->count) {
			counter->condition = FROZEN;
			return n == counter->count;
		}
		counter->count -= n;
		*left = counter->count;
		return false;
	case SATURATED:
		*left = FROZENREF_SATURATED;
		break;
	}
	return false;
}

static void op_put(struct counter *counter)
{
	uint32_t left;
	bool last = model_put(counter, 1, &left);

	fuzz_op("put_and_lock");
	fuzz_check(frozenref_put_and_lock(&counter->ref) == last);
	fuzz_check(!last || counter->ref.word == 0);
}

static void op_put_n(struct counter *counter)
{
	uint32_t n = fuzz_refs(counter->count);
	uint32_t left;
	bool last = false;

	fuzz_op("put_and_lock_n(%u)", n);
	if (valid(n, FROZENREF_BULK_MAX))
		last = model_put(counter, n, &left);
	else
		fuzz_expect_misuse(FROZENREF_MISUSE_BAD_COUNT, &counter->ref);
	fuzz_check(frozenref_put_and_lock_n(&counter->ref, n) == last);
}

static void op_put_likely_last(struct counter *counter)
{
	uint32_t left;
	bool last = model_put(counter, 1, &left);

	fuzz_op("put_and_lock_likely_last");
	fuzz_check(frozenref_put_and_lock_likely_last(&counter->ref) == last);
	fuzz_check(!last || counter->ref.word == 0);
}

static void op_put_left(struct counter *counter)
{
	uint32_t left;
	uint32_t answer = 1;
	bool last = model_put(counter, 1, &left);

	fuzz_op("put_and_lock_left");
	fuzz_check(frozenref_put_and_lock_left(&counter->ref, &answer) == last);
	fuzz_check(answer == left);
}

/* Changes nothing when it is misused. */
static void op_put_rcu(struct counter *counter)
{
	enum condition before = counter->condition;
	uint32_t word = counter->ref.word;
	uint32_t left;
	bool last = model_put(counter, 1, &left);

	fuzz_op("put_and_lock_rcu");
	fuzz_check(frozenref_put_and_lock_rcu(&counter->ref) == last);
	if (before != LIVE) {
		counter->condition = before;
		fuzz_check(counter->ref.word == word);
	}
}

/* ----------------------------------------------------------------------- freezing, publishing */

static void op_freeze(struct counter *counter)
{
	uint32_t refs = fuzz_refs(counter->count);
	bool frozen = counter->condition == LIVE && refs == counter->count;
	uint32_t word = counter->ref.word;

	fuzz_op("freeze(%u)", refs);
	if (!valid(refs, FROZENREF_MAX))
		fuzz_expect_misuse(FROZENREF_MISUSE_BAD_COUNT, &counter->ref);
	fuzz_check(frozenref_freeze(&counter->ref, refs) == frozen);
	fuzz_check(counter->ref.word == (frozen ? 0 : word));
	if (frozen)
		counter->condition = FROZEN;
}

static void op_unfreeze(struct counter *counter)
{
	uint32_t refs = fuzz_refs(1);

	fuzz_op("unfreeze(%u)", refs);
	if (!valid(refs, FROZENREF_MAX)) {
		fuzz_expect_misuse(FROZENREF_MISUSE_BAD_COUNT, &counter->ref);
	} else if (counter->condition != FROZEN) {
		fuzz_expect_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &counter->ref);
	} else {
		counter->condition = LIVE;
		counter->count = refs;
	}
	frozenref_unfreeze(&counter->ref, refs);
}

static void op_init_as_frozen(struct counter *counter)
{
	fuzz_op("init_as_frozen");
	frozenref_init_as_frozen(&counter->ref);
	counter->condition = FROZEN;
	fuzz_check(counter->ref.word == 0);
}

/* Another word, as other threads may leave it, but for those that last only for a moment. */
static void op_other_threads(struct counter *counter)
{
	static const uint32_t edges[] = { 0x00000001, 0x1fffffff, 0x20000000, 0x3fffffff,
					  0x7fffffff, 0x80000000, 0x80010000, 0xbfffffff,
					  0xbffeffff, 0xd0000000, 0xd8000000, 0xe0000000 };
	uint8_t choice = fuzz_byte();
	uint32_t word = choice < 12 ? edges[choice] : fuzz_u32();

	if ((word >= 0x40000000 && word < 0x7fffffff) ||
	    (word >= 0xc0000000 && (word < 0xd0000000 || word > 0xe0000000)))
		return;
	fuzz_op("the word becomes %#x", word);
	counter->ref.word = word;
	learn_condition(counter);
}

/* ------------------------------------------------------------------------------------- handler */

static struct {
	frozenref_misuse_fn *handler;
	void *arg;
} current;

static char handler_args[4];

static void first_handler(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word,
			  void *arg)
{
	fuzz_check(current.handler == first_handler && current.arg == arg);
	fuzz_misuse(kind, ref, word, NULL);
}

static void second_handler(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word,
			   void *arg)
{
	fuzz_check(current.handler == second_handler && current.arg == arg);
	fuzz_misuse(kind, ref, word, NULL);
}

static void set_handler(frozenref_misuse_fn *handler, void *arg, bool wants_old)
{
	void *old_arg = NULL;

	fuzz_check(frozenref_set_misuse_handler(handler, arg, wants_old ? &old_arg : NULL) ==
		   current.handler);
	fuzz_check(!wants_old || old_arg == current.arg);
	current.handler = handler;
	/* The default has none. */
	current.arg = handler ? arg : NULL;
}

static void op_set_handler(struct counter *counter)
{
	uint8_t choice = fuzz_byte();
	void *arg = &handler_args[choice >> 2 & 3];

	(void)counter;
	fuzz_op("set_misuse_handler(%u)", choice);
	/* The default aborts, so that it cannot stay. */
	if (choice & 2)
		set_handler(NULL, arg, choice & 16);
	set_handler(choice & 1 ? first_handler : second_handler, arg, choice & 32);
}

/* -------------------------------------------------------------------------------------- target */

static void (*const ops[])(struct counter *) = {
	op_try_get,  op_try_get_n,	 op_get,      op_get_n,		op_put,
	op_put_n,    op_put_likely_last, op_put_left, op_put_rcu,	op_freeze,
	op_unfreeze, op_init_as_frozen,	 op_unfreeze, op_other_threads, op_set_handler,
	op_put,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_begin(data, size);
	current.handler = fuzz_misuse;
	current.arg = NULL;
	set_handler(first_handler, &handler_args[0], true);
	for (unsigned i = 0; i < COUNTERS; i++)
		counters[i] = (struct counter){ GUARD, FROZENREF_INIT, GUARD, FROZEN, 0 };
	while (fuzz_more()) {
		uint8_t choice = fuzz_byte();
		struct counter *counter = &counters[choice >> 4 & (COUNTERS - 1)];

		ops[choice & 15](counter);
		check_counter(counter);
	}
	for (unsigned i = 0; i < COUNTERS; i++)
		check_counter(&counters[i]);
	return 0;
}
