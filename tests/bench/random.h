/* SPDX-License-Identifier: MIT */
/*
 * Loops over random numbers, for registry.c and the maps it is compared with: cheap, and the same
 * for everybody.
 *
 * A linear congruential generator and a multiplication for the range: a few cycles that do not
 * depend on what was looked up, and no table of random numbers that would compete for the cache.
 */
#ifndef FROZENREF_TESTS_BENCH_RANDOM_H
#define FROZENREF_TESTS_BENCH_RANDOM_H

#include "harness.h"

/* 0 .. n - 1; n below 2^32. */
static inline uint64_t bench_random(uint64_t *state, uint64_t n)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*state >> 32) * n >> 32;
}

/*
 * As BENCH_LOOP(), with a generator `random` of the calling thread's own. The address of a
 * thread-local variable seeds it, which differs between threads; it goes on from chunk to chunk.
 */
#define BENCH_RANDOM_LOOP(name, type, ...)                                        \
 __attribute__((noinline, aligned(64))) static void name(void *state, uint64_t n) \
 {                                                                                \
  static __thread uint64_t seed;                                                  \
  uint64_t random = seed + (uint64_t)(uintptr_t)&seed;                            \
  type *x = (type *)state;                                                        \
                                                                                  \
  for (; n; n--) {                                                                \
   __VA_ARGS__                                                                    \
  }                                                                               \
  seed = random;                                                                  \
 }

#endif /* FROZENREF_TESTS_BENCH_RANDOM_H */
