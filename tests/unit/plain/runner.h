/* SPDX-License-Identifier: MIT */
/*
 * A test in a process of its own, and how it ended.
 *
 * Between runner.c and the two ways to start a process: process_fork.c, and process_spawn.c for
 * Windows.
 */
#ifndef FROZENREF_TESTS_UNIT_PLAIN_RUNNER_H
#define FROZENREF_TESTS_UNIT_PLAIN_RUNNER_H

struct plain_test;

enum plain_outcome { PLAIN_PASS, PLAIN_FAIL, PLAIN_CRASH, PLAIN_SKIP, PLAIN_OUTCOMES };

struct plain_end {
	enum plain_outcome outcome;
	unsigned status; /* what the system said of the process */
};

/* Runs it here, with what its suite wants before and after. */
void plain_run(const struct plain_test *test);

/* Runs it in another process, which is ended after so many seconds, and counts as crashed then. */
struct plain_end plain_run_apart(const char *program, const struct plain_test *test,
				 unsigned timeout);

#endif /* FROZENREF_TESTS_UNIT_PLAIN_RUNNER_H */
