/* SPDX-License-Identifier: MIT */
/*
 * A test in a forked child: something that sanitizers, Valgrind and gcov understand.
 *
 * Called by runner.c, where there is fork(2).
 */
#include <sys/wait.h>

#include <criterion/criterion.h>

#include "runner.h"

struct plain_end plain_run_apart(const char *program, const struct plain_test *test,
				 unsigned timeout)
{
	struct plain_end end = { PLAIN_CRASH, 0 };
	int status;
	pid_t child = fork();

	(void)program;
	if (child == 0) {
		(void)alarm(timeout);
		plain_run(test);
		/* By exit(3): leaks are looked for there. */
		exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return end;
	end.status = (unsigned)status;
	if (!WIFEXITED(status))
		return end;
	if (WEXITSTATUS(status) == PLAIN_SKIPPED)
		end.outcome = PLAIN_SKIP;
	else
		end.outcome = WEXITSTATUS(status) ? PLAIN_FAIL : PLAIN_PASS;
	return end;
}
