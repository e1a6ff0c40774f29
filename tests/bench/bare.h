/* SPDX-License-Identifier: MIT */
/*
 * The limit: loops of bare atomic instructions, for counter.c and encodings/bench.c.
 *
 * With the compiler's builtins and not atomic.h, as a program would write it that does without a
 * library: a result that nobody looks at lets the compiler take `lock add` instead of `lock xadd`.
 */
#ifndef FROZENREF_TESTS_BENCH_BARE_H
#define FROZENREF_TESTS_BENCH_BARE_H

#include "harness.h"

static inline void bare_get(uint32_t *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_ACQUIRE);
}

static inline void bare_put(uint32_t *word)
{
	__atomic_fetch_sub(word, 1, __ATOMIC_RELEASE);
}

/* Release and acquire in one: a fence behind the test would cost more than it on weak machines. */
static inline bool bare_put_and_test(uint32_t *word)
{
	return __atomic_sub_fetch(word, 1, __ATOMIC_ACQ_REL) == 0;
}

BENCH_LOOP(bench_bare_pair, uint32_t, bare_get(x); bare_put(x);)

BENCH_LOOP(bench_bare_last, uint32_t, __atomic_store_n(x, 1, __ATOMIC_RELEASE);
	   BENCH_REQUIRE(bare_put_and_test(x));)

BENCH_LOOP(bench_bare_get, uint32_t, bare_get(x);)

#endif /* FROZENREF_TESTS_BENCH_BARE_H */
