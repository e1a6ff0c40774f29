/* SPDX-License-Identifier: MIT */
/*
 * What most programs count references with, for cache.c, counter.c and registry_peek.c: a loop
 * around a compare-and-swap, which takes a reference unless there is none.
 */
#ifndef FROZENREF_TESTS_BENCH_CAS_H
#define FROZENREF_TESTS_BENCH_CAS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool cas_try_get(uint32_t *word)
{
	uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);

	do {
		if (!seen)
			return false;
	} while (!__atomic_compare_exchange_n(word, &seen, seen + 1, true, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

#endif /* FROZENREF_TESTS_BENCH_CAS_H */
