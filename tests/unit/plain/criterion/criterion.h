/* SPDX-License-Identifier: MIT */
/*
 * As much of Criterion's interface as the unit tests use, for where Criterion does not run.
 *
 * Found instead of the real one by builds that were configured --without-criterion: on machines and
 * systems that it was not ported to, and under sanitizers, where its programs hang, since it maps
 * the memory of its sandboxes where the sanitizers keep theirs. The other half is
 * tests/unit/plain/runner.c, which runs each test in a process of its own and prints TAP.
 */
#ifndef FROZENREF_TESTS_UNIT_PLAIN_CRITERION_H
#define FROZENREF_TESTS_UNIT_PLAIN_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Called before main(), once for each test and each suite. */
void plain_register(struct plain_test *test);

/* Exit status of a process that skipped its test, and of one whose assertion failed. */
enum { PLAIN_SKIPPED = 77, PLAIN_FAILED = 1 };

#define PLAIN_REGISTER(test)                                          \
 __attribute__((constructor)) static void plain_register_##test(void) \
 {                                                                    \
  plain_register(&plain_##test);                                      \
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

#define cr_assert(condition, ...)                                                   \
 do {                                                                               \
  if (condition)                                                                    \
   break;                                                                           \
  (void)fprintf(stderr, "# %s:%d: not true: %s. ", __FILE__, __LINE__, #condition); \
  (void)fprintf(stderr, " " __VA_ARGS__);                                           \
  (void)fprintf(stderr, "\n");                                                      \
  _exit(PLAIN_FAILED);                                                              \
 } while (0)

#define cr_skip_test(...)                           \
 do {                                               \
  (void)fprintf(stderr, "# skipped: " __VA_ARGS__); \
  (void)fprintf(stderr, "\n");                      \
  _exit(PLAIN_SKIPPED);                             \
 } while (0)

#endif /* FROZENREF_TESTS_UNIT_PLAIN_CRITERION_H */
