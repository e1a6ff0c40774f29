/* SPDX-License-Identifier: MIT */
/*
 * A child of the process, and what it says by its exit status.
 *
 * Used by the unit tests that fork.
 */
#ifndef FROZENREF_TESTS_UNIT_CHILD_H
#define FROZENREF_TESTS_UNIT_CHILD_H

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Longer than anything takes, on any machine: a child that hangs is to be told from a slow one. And
 * shorter than the tests may take.
 */
#define CHILD_SECONDS 500

/* What body() returns, or 255 if it did not come to that. It runs in a child of its own. */
static inline int run_in_child(int (*body)(void *arg), void *arg)
{
	int status = 0;
	pid_t child = fork();

	cr_assert(child >= 0);
	if (child == 0) {
		(void)alarm(CHILD_SECONDS);
		_exit(body(arg));
	}
	cr_assert(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

#endif /* FROZENREF_TESTS_UNIT_CHILD_H */
