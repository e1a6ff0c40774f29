/* SPDX-License-Identifier: MIT */
/*
 * Runs the unit tests of a program, each in a process of its own, and prints TAP: main() where
 * Criterion has none.
 *
 * Linked with tests that include plain/criterion/criterion.h. Arguments: none runs all tests;
 * --list names them; --run NAME runs one in this very process, which is what a debugger wants, and
 * what systems without fork(2) start for each test.
 */
#include <criterion/criterion.h>

#include "runner.h"

static struct plain_test *tests;
static struct plain_test **tests_end = &tests;

void plain_register(struct plain_test *test)
{
	*tests_end = test;
	tests_end = &test->next;
}

/* Like Criterion: what a test does not say, its suite may. */
static struct plain_options options_of(const struct plain_test *test)
{
	struct plain_options options = test->options;

	for (const struct plain_test *suite = tests; suite; suite = suite->next) {
		if (suite->name || strcmp(suite->suite, test->suite) != 0)
			continue;
		options.init = options.init ? options.init : suite->options.init;
		options.fini = options.fini ? options.fini : suite->options.fini;
		options.timeout = options.timeout ? options.timeout : suite->options.timeout;
	}
	/* An emulator is some ten times slower, and no test may hang for ever. */
	if (!options.timeout)
		options.timeout = 600;
	if (getenv("FROZENREF_TEST_EMULATED"))
		options.timeout *= 10;
	return options;
}

void plain_run(const struct plain_test *test)
{
	struct plain_options options = options_of(test);

	if (options.init)
		options.init();
	test->body();
	if (options.fini)
		options.fini();
}

static unsigned count_tests(void)
{
	unsigned count = 0;

	for (const struct plain_test *test = tests; test; test = test->next)
		count += test->name != NULL;
	return count;
}

static int list_tests(void)
{
	for (const struct plain_test *test = tests; test; test = test->next) {
		if (test->name)
			(void)printf("%s::%s\n", test->suite, test->name);
	}
	return 0;
}

static int run_named(const char *name)
{
	for (const struct plain_test *test = tests; test; test = test->next) {
		size_t suite = strlen(test->suite);

		if (!test->name || strncmp(name, test->suite, suite) != 0 ||
		    strncmp(name + suite, "::", 2) != 0 ||
		    strcmp(name + suite + 2, test->name) != 0)
			continue;
		plain_run(test);
		return 0;
	}
	(void)fprintf(stderr, "no such test: %s\n", name);
	return 2;
}

static int run_all(const char *program)
{
	static unsigned results[PLAIN_OUTCOMES];
	unsigned tested;
	unsigned number = 0;

	(void)printf("1..%u\n", count_tests());
	for (const struct plain_test *test = tests; test; test = test->next) {
		struct plain_end end;

		if (!test->name)
			continue;
		(void)fflush(NULL);
		end = plain_run_apart(program, test, options_of(test).timeout);
		results[end.outcome]++;
		(void)printf("%sok %u - %s::%s",
			     end.outcome == PLAIN_PASS || end.outcome == PLAIN_SKIP ? "" : "not ",
			     ++number, test->suite, test->name);
		if (end.outcome == PLAIN_SKIP)
			(void)printf(" # SKIP");
		else if (end.outcome != PLAIN_PASS)
			(void)printf(" # status %#x", end.status);
		(void)printf("\n");
	}
	tested = number - results[PLAIN_SKIP];
	(void)printf("# Tested: %u | Passing: %u | Failing: %u | Crashing: %u | Skipped: %u\n",
		     tested, results[PLAIN_PASS], results[PLAIN_FAIL], results[PLAIN_CRASH],
		     results[PLAIN_SKIP]);
	return results[PLAIN_FAIL] || results[PLAIN_CRASH] || !tested;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return run_all(argv[0]);
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list_tests();
	if (argc == 3 && strcmp(argv[1], "--run") == 0)
		return run_named(argv[2]);
	(void)fprintf(stderr, "usage: %s [--list | --run SUITE::TEST]\n", argv[0]);
	return 2;
}
