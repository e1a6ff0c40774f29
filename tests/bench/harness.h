/* SPDX-License-Identifier: MIT */
/*
 * The benchmarks' harness: contenders that take turns, medians, a table and a JSON file.
 *
 * Used by every program in tests/bench, in C and in C++. Relies on POSIX threads and clocks. It
 * compares and does not judge: a missed target is printed and fails nothing.
 *
 * A group is a list of contenders for the same work. In every round each of them runs for one short
 * slice, in an order that rotates, and the ratios are taken within the round: what slows the
 * machine down for a while slows all of them. What is reported is the median over the rounds. A
 * slice in which the scheduler took the processor away is run again.
 */
#ifndef FROZENREF_TESTS_BENCH_HARNESS_H
#define FROZENREF_TESTS_BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Does the work n times. All threads of a slice get the same state. */
typedef void bench_loop(void *state, uint64_t n);

struct bench_case {
	const char *name;
	bench_loop *loop;
	void *state;
	const char *note; /* printed behind the numbers, or NULL */
};

/* `name` should take at most `at_most` times as long as `base`. */
struct bench_target {
	const char *name;
	const char *base;
	double at_most;
};

/* Lists of targets end with one without a name. */
struct bench_group {
	const char *key;		/* in the JSON file */
	const char *title;		/* in the table */
	unsigned threads;		/* 1 or BENCH_THREADS_MAX */
	const struct bench_case *cases; /* the first is what the others are divided by */
	size_t n_cases;
	const struct bench_target *targets; /* or NULL */
	unsigned stretch; /* of the slices, for work that must fill the caches first; 0 is 1 */
};

#define BENCH_THREADS_MAX 2
#define BENCH_CASES_MAX	  16

struct bench;

/* Reads the options, which are the same for all benchmarks; prints help and exits where asked to.
 */
struct bench *bench_start(int argc, char **argv, const char *name);
bool bench_is_quick(const struct bench *bench);
/* Whether groups are wanted that take minutes, or gigabytes, to set up. */
bool bench_is_long(const struct bench *bench);
/* Measures and prints. A group for more threads than there are processors is left out, in a line.
 */
void bench_run(struct bench *bench, const struct bench_group *group);
/* Writes the JSON file, if one was asked for; the program's exit status. */
int bench_finish(struct bench *bench);

/* Ends the program: the operation that was being measured gave the wrong answer. */
__attribute__((cold, noinline, noreturn)) void bench_wrong_answer(const char *where);

/* Inside loops: a check that costs what a caller's own check of the answer would. */
#define BENCH_REQUIRE(condition)         \
 do {                                    \
  if (__builtin_expect(!(condition), 0)) \
   bench_wrong_answer(__func__);         \
 } while (0)

/*
 * A loop over *x. Not inlined and on a cache line of its own, so that every contender's loop begins
 * at the same offset: with loops of two locked instructions a split fetch block costs several per
 * cent.
 */
#define BENCH_LOOP(name, type, ...)                                               \
 __attribute__((noinline, aligned(64))) static void name(void *state, uint64_t n) \
 {                                                                                \
  type *x = (type *)state;                                                        \
                                                                                  \
  for (; n; n--) {                                                                \
   __VA_ARGS__                                                                    \
  }                                                                               \
 }

#ifdef __cplusplus
}
#endif

#endif /* FROZENREF_TESTS_BENCH_HARNESS_H */
