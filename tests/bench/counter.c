/* SPDX-License-Identifier: MIT */
/*
 * What the counter costs, beside the bare instructions, a compare-and-swap loop and other
 * libraries.
 *
 * Run by `make bench`. Relies on harness.h for the measuring and on weak_ptr.cc for C++. The loops
 * were read in the disassembly before they were believed: on x86-64 the library's get and put are
 * one `lock xadd`, one compare and one branch each, like the bare pair's two `lock` instructions
 * with nothing between, and the cold halves lie outside the loop.
 *
 * The bare pair is the limit for anything that counts in one shared word. It checks nothing: not
 * whether the object is live, not whether the reference was the last. The second line shows what of
 * the library's distance to it is due to wanting the old value at all (`xadd` instead of `add`).
 *
 * What a compare-and-swap loop loses depends on the processor. Where an uncontended `lock cmpxchg`
 * is no slower than `lock add`, as on AMD's Zen 4, the loop is as fast as the bare pair on one
 * thread, and nothing with two locked instructions can beat it there; it falls behind when threads
 * contend.
 */
#include <stdio.h>

#include <frozenref/ref.h>

#ifdef BENCH_WITH_URCU
# include <urcu/ref.h>
#endif

#include "bare.h"
#include "cas.h"
#include "harness.h"
#include "weak_ptr.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Each on lines of its own: two of them, since processors fetch pairs. */
static struct {
	_Alignas(128) frozenref_t zone;
	_Alignas(128) frozenref_t frozen;
	_Alignas(128) frozenref_t ended;
	_Alignas(128) uint32_t bare;
	_Alignas(128) uint32_t cas;
	_Alignas(128) uint32_t zero;
#ifdef BENCH_WITH_URCU
	_Alignas(128) struct urcu_ref urcu;
	_Alignas(128) struct urcu_ref urcu_zero;
#endif
} counters;

/* --------------------------------------------------------------------------------- get and put */

/* The empty asm takes both results, so that they cannot be dropped. */
BENCH_LOOP(pair_xadd, uint32_t, uint32_t got = __atomic_fetch_add(x, 1, __ATOMIC_ACQUIRE);
	   uint32_t put = __atomic_fetch_sub(x, 1, __ATOMIC_RELEASE);
	   __asm__ volatile(""
			    :
			    : "r"(got), "r"(put));)

BENCH_LOOP(pair_cas, uint32_t, BENCH_REQUIRE(cas_try_get(x)); BENCH_REQUIRE(!bare_put_and_test(x));)

BENCH_LOOP(pair_zone, frozenref_t, BENCH_REQUIRE(frozenref_try_get(x));
	   BENCH_REQUIRE(!frozenref_put_and_lock(x));)

BENCH_LOOP(pair_zone_hinted, frozenref_t, BENCH_REQUIRE(frozenref_try_get(x));
	   BENCH_REQUIRE(!frozenref_put_and_lock_likely_last(x));)

BENCH_LOOP(pair_zone_rcu, frozenref_t, BENCH_REQUIRE(frozenref_try_get(x));
	   BENCH_REQUIRE(!frozenref_put_and_lock_rcu(x));)

/* --------------------------------------------------------------------------- publish, last put */

BENCH_LOOP(last_zone, frozenref_t, frozenref_unfreeze(x, 1);
	   BENCH_REQUIRE(frozenref_put_and_lock(x));)

BENCH_LOOP(last_zone_hinted, frozenref_t, frozenref_unfreeze(x, 1);
	   BENCH_REQUIRE(frozenref_put_and_lock_likely_last(x));)

BENCH_LOOP(last_zone_rcu, frozenref_t, frozenref_unfreeze(x, 1);
	   BENCH_REQUIRE(frozenref_put_and_lock_rcu(x));)

/* --------------------------------------------------------------------------------- failing get */

BENCH_LOOP(fail_cas, uint32_t, BENCH_REQUIRE(!cas_try_get(x));)

BENCH_LOOP(fail_zone, frozenref_t, BENCH_REQUIRE(!frozenref_try_get(x));)

/* Looks before it adds: what a program does that often meets frozen objects. */
BENCH_LOOP(fail_zone_look, frozenref_t,
	   BENCH_REQUIRE(frozenref_is_frozen(x) || !frozenref_try_get(x));)

/* ------------------------------------------------------------------------------------- liburcu */

#ifdef BENCH_WITH_URCU

static unsigned long urcu_released;

static void urcu_release(struct urcu_ref *ref)
{
	(void)ref;
	urcu_released++;
}

static inline bool urcu_put_was_last(struct urcu_ref *ref)
{
	unsigned long before = urcu_released;

	urcu_ref_put(ref, urcu_release);
	return urcu_released != before;
}

BENCH_LOOP(pair_urcu, struct urcu_ref, BENCH_REQUIRE(urcu_ref_get_unless_zero(x));
	   urcu_ref_put(x, urcu_release);)

BENCH_LOOP(last_urcu, struct urcu_ref, urcu_ref_init(x); BENCH_REQUIRE(urcu_put_was_last(x));)

BENCH_LOOP(fail_urcu, struct urcu_ref, BENCH_REQUIRE(!urcu_ref_get_unless_zero(x));)

#endif

/* -------------------------------------------------------------------------------------- groups */

static const struct bench_target pair_targets[] = {
	{ "libfrozenref", "bare add, sub", 1.05 },
	{ "libfrozenref", "CAS loop, sub and test", 0.80 },
	{ NULL, NULL, 0 },
};

static const struct bench_target contended_targets[] = {
	{ "libfrozenref", "bare add, sub", 1.10 },
	{ "libfrozenref", "CAS loop, sub and test", 0.80 },
	{ NULL, NULL, 0 },
};

static const struct bench_target last_targets[] = {
	{ "libfrozenref, likely_last", "bare store, sub and test", 1.08 },
	{ NULL, NULL, 0 },
};

static void run_pairs(struct bench *bench, void *weak)
{
	const struct bench_case cases[] = {
		{ "bare add, sub", bench_bare_pair, &counters.bare, NULL },
		{ "bare xadd, xadd", pair_xadd, &counters.bare, NULL },
		{ "libfrozenref", pair_zone, &counters.zone, NULL },
		{ "libfrozenref, likely_last", pair_zone_hinted, &counters.zone,
		  "the hint is wrong" },
		{ "libfrozenref, rcu put", pair_zone_rcu, &counters.zone, NULL },
		{ "CAS loop, sub and test", pair_cas, &counters.cas, NULL },
#ifdef BENCH_WITH_URCU
		{ "liburcu urcu_ref", pair_urcu, &counters.urcu, NULL },
#endif
		{ "std::weak_ptr::lock", bench_weak_ptr_pair, weak, NULL },
	};

	bench_run(bench, &(struct bench_group){
				 .key = "pair",
				 .title = "get and put, one thread",
				 .threads = 1,
				 .cases = cases,
				 .n_cases = COUNT_OF(cases),
				 .targets = pair_targets,
			 });
	bench_run(bench, &(struct bench_group){
				 .key = "contended",
				 .title = "get and put, two threads on one word",
				 .threads = 2,
				 .cases = cases,
				 .n_cases = COUNT_OF(cases),
				 .targets = contended_targets,
			 });
}

static void run_last(struct bench *bench)
{
	const struct bench_case cases[] = {
		{ "bare store, sub and test", bench_bare_last, &counters.bare, NULL },
		{ "libfrozenref, likely_last", last_zone_hinted, &counters.ended, NULL },
		{ "libfrozenref", last_zone, &counters.ended, "two atomics" },
		{ "libfrozenref, rcu put", last_zone_rcu, &counters.ended, NULL },
#ifdef BENCH_WITH_URCU
		{ "liburcu urcu_ref", last_urcu, &counters.urcu, NULL },
#endif
		{ "std::make_shared, reset", bench_weak_ptr_last, NULL, "with malloc and free" },
	};

	bench_run(bench, &(struct bench_group){
				 .key = "last",
				 .title = "publish and last put, one thread",
				 .threads = 1,
				 .cases = cases,
				 .n_cases = COUNT_OF(cases),
				 .targets = last_targets,
			 });
}

static void run_failing(struct bench *bench, void *expired)
{
	const struct bench_case cases[] = {
		{ "bare add", bench_bare_get, &counters.bare, NULL },
		{ "libfrozenref", fail_zone, &counters.frozen, NULL },
		{ "libfrozenref, is_frozen first", fail_zone_look, &counters.frozen, NULL },
		{ "CAS loop", fail_cas, &counters.zero, "writes nothing" },
#ifdef BENCH_WITH_URCU
		{ "liburcu urcu_ref", fail_urcu, &counters.urcu_zero, NULL },
#endif
		{ "std::weak_ptr::lock", bench_weak_ptr_fail, expired, "writes nothing" },
	};

	bench_run(bench, &(struct bench_group){
				 .key = "failing",
				 .title = "get on a frozen object, one thread",
				 .threads = 1,
				 .cases = cases,
				 .n_cases = COUNT_OF(cases),
			 });
	bench_run(bench, &(struct bench_group){
				 .key = "failing_contended",
				 .title = "get on a frozen object, two threads on one word",
				 .threads = 2,
				 .cases = cases,
				 .n_cases = COUNT_OF(cases),
			 });
}

int main(int argc, char **argv)
{
	struct bench *bench = bench_start(argc, argv, "counter");
	struct bench_weak_ptrs weak = bench_weak_ptr_make();

	frozenref_unfreeze(&counters.zone, 1);
	counters.bare = 1;
	counters.cas = 1;
#ifdef BENCH_WITH_URCU
	urcu_ref_init(&counters.urcu);
#endif
	run_pairs(bench, weak.live);
	run_failing(bench, weak.expired);
	run_last(bench);
	bench_weak_ptr_free(weak);
	return bench_finish(bench);
}
