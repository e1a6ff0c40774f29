/* SPDX-License-Identifier: MIT */
/*
 * As much of Criterion's interface as the unit tests use, with nothing behind it but fork(2).
 *
 * Found instead of the real one by the builds of tests/sanitizers.mk. Criterion maps the memory of
 * its sandboxes where the sanitizers keep theirs, and its programs hang under them; a forked child
 * is something that sanitizers, Valgrind and gcov understand. main() and the list are weak, so that
 * each source of a program may include this.
 */
#ifndef FROZENREF_TESTS_UNIT_PLAIN_CRITERION_H
#define FROZENREF_TESTS_UNIT_PLAIN_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct plain_options {
	bool unset; /* so that a test with no options has an initialiser, too */
	void (*init)(void);
	void (*fini)(void);
	unsigned timeout; /* seconds */
};

struct plain_test {
	const char *suite;
	const char *name; /* NULL in the entry of a suite */
	void (*body)(void);
	struct plain_options options;
	struct plain_test *next;
};

__attribute__((weak)) struct plain_test *plain_tests;

/* Status of a child that skipped its test, and of one whose assertion failed. */
enum { PLAIN_SKIPPED = 77, PLAIN_FAILED = 1 };

#define PLAIN_REGISTER(test)                                          \
 __attribute__((constructor)) static void plain_register_##test(void) \
 {                                                                    \
  plain_##test.next = plain_tests;                                    \
  plain_tests = &plain_##test;                                        \
 }                                                                    \
 _Static_assert(1, "")

#define TestSuite(suite_name, ...)                                                            \
 static struct plain_test plain_##suite_name = { .suite = #suite_name,                        \
						 .options = { .unset = true, __VA_ARGS__ } }; \
 PLAIN_REGISTER(suite_name)

#define Test(suite_name, test_name, ...)                       \
 static void plain_body_##suite_name##_##test_name(void);      \
 static struct plain_test plain_##suite_name##_##test_name = { \
	 .suite = #suite_name,                                 \
	 .name = #test_name,                                   \
	 .body = plain_body_##suite_name##_##test_name,        \
	 .options = { .unset = true, ##__VA_ARGS__ },          \
 };                                                            \
 PLAIN_REGISTER(suite_name##_##test_name);                     \
 static void plain_body_##suite_name##_##test_name(void)

#define cr_assert(condition, ...)                                                 \
 do {                                                                             \
  if (condition)                                                                  \
   break;                                                                         \
  (void)fprintf(stderr, "%s:%d: not true: %s. ", __FILE__, __LINE__, #condition); \
  (void)fprintf(stderr, " " __VA_ARGS__);                                         \
  (void)fprintf(stderr, "\n");                                                    \
  _exit(PLAIN_FAILED);                                                            \
 } while (0)

#define cr_skip_test(...)                 \
 do {                                     \
  (void)fprintf(stderr, " " __VA_ARGS__); \
  (void)fprintf(stderr, "\n");            \
  _exit(PLAIN_SKIPPED);                   \
 } while (0)

static inline void plain_run(const struct plain_test *test)
{
	void (*init)(void) = test->options.init;
	void (*fini)(void) = test->options.fini;

	for (const struct plain_test *suite = plain_tests; suite; suite = suite->next) {
		if (suite->name || strcmp(suite->suite, test->suite) != 0)
			continue;
		init = init ? init : suite->options.init;
		fini = fini ? fini : suite->options.fini;
	}
	(void)alarm(test->options.timeout);
	if (init)
		init();
	test->body();
	if (fini)
		fini();
}

/* In a process of its own, which leaves by exit(3): leaks are looked for there. */
static inline int plain_status(const struct plain_test *test)
{
	int status;
	pid_t child;

	(void)fflush(NULL);
	child = fork();
	if (child == 0) {
		plain_run(test);
		exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return status;
}

__attribute__((weak)) int main(void)
{
	unsigned tested = 0;
	unsigned failing = 0;
	unsigned crashing = 0;

	for (const struct plain_test *test = plain_tests; test; test = test->next) {
		int status;

		if (!test->name)
			continue;
		status = plain_status(test);
		if (WIFEXITED(status) && WEXITSTATUS(status) == PLAIN_SKIPPED) {
			(void)printf("[SKIP] %s::%s\n", test->suite, test->name);
			continue;
		}
		tested++;
		if (status == 0)
			continue;
		(void)printf("[FAIL] %s::%s: status %#x\n", test->suite, test->name,
			     (unsigned)status);
		if (WIFEXITED(status))
			failing++;
		else
			crashing++;
	}
	(void)printf("[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Crashing: %u\n",
		     tested, tested - failing - crashing, failing, crashing);
	return failing || crashing || !tested;
}

#endif /* FROZENREF_TESTS_UNIT_PLAIN_CRITERION_H */
