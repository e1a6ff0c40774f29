/* SPDX-License-Identifier: MIT */
/*
 * Children of a test, and what they say: by their exit status, or to stderr.
 *
 * Used by the unit tests that fork.
 */
#ifndef FROZENREF_TESTS_UNIT_CHILD_H
#define FROZENREF_TESTS_UNIT_CHILD_H

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_include)
# if __has_include(<valgrind/valgrind.h>)
#  include <valgrind/valgrind.h>
# endif
#endif

/*
 * Longer than anything takes, on any machine: a child that hangs is to be told from a slow one. And
 * shorter than the tests may take.
 */
#define CHILD_SECONDS 500

/*
 * To be called in a child: what the parent's other threads had allocated is nobody's there, and
 * Valgrind would call it leaked.
 */
static inline void leave_leaks_to_parent(void)
{
#ifdef VALGRIND_CLO_CHANGE
	VALGRIND_CLO_CHANGE("--leak-check=no");
#endif
}

/* What body() returns, or 255 if it did not come to that. It runs in a child of its own. */
static inline int run_in_child(int (*body)(void *arg), void *arg)
{
	int status = 0;
	pid_t child = fork();

	cr_assert(child >= 0);
	if (child == 0) {
		leave_leaks_to_parent();
		(void)alarm(CHILD_SECONDS);
		_exit(body(arg));
	}
	cr_assert(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

struct outcome {
	int status; /* as waitpid() gives it */
	char text[2048];
};

/* Runs body() in a child of its own, which may die of it, and reads what it writes to stderr. */
static inline struct outcome listen_to_child(void (*body)(void *arg), void *arg)
{
	struct outcome outcome = { .status = 0 };
	size_t used = 0;
	ssize_t got;
	int ends[2];
	pid_t child;

	cr_assert(pipe(ends) == 0);
	child = fork();
	cr_assert(child >= 0);
	if (child == 0) {
		if (dup2(ends[1], STDERR_FILENO) < 0)
			_exit(99);
		body(arg);
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], outcome.text + used,
			   (unsigned)(sizeof(outcome.text) - 1 - used))) > 0)
		used += (size_t)got;
	close(ends[0]);
	cr_assert(waitpid(child, &outcome.status, 0) == child);
	return outcome;
}

#endif /* FROZENREF_TESTS_UNIT_CHILD_H */
