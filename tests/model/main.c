/* SPDX-License-Identifier: MIT */
/*
 * The explorer's command line.
 *
 * Run by `make check` without arguments, which is the short set, and by `make check-model` with
 * --all. Relies on explorer.c for one scenario at a time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "explorer.h"
#include "memory.h"
#include "mutants.h"
#include "scenario.h"
#include "selftest.h"

enum { PASS = 0, FAIL = 1, USAGE = 2, SKIP = 77 };

static unsigned npassed;
static unsigned nfailed;

static void count(bool passed)
{
	if (passed)
		npassed++;
	else
		nfailed++;
	fflush(stdout);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ------------------------------------------------------------------------------------ scenarios */

static const struct model_scenario *const tables[] = {
	model_scenarios_ref,
	model_scenarios_zones,
	model_scenarios_registry,
	model_scenarios_freeze,
	model_scenarios_growth,
	model_scenarios_handles,
	model_scenarios_peek,
	model_scenarios_trim,
	model_scenarios_owned,
	model_scenarios_walk,
	model_scenarios_index,
	model_scenarios_cache,
	NULL,
};

/* By its name, with +hinted for hinted puts. */
static const struct model_scenario *find_scenario(const char *name, bool *hinted)
{
	size_t length = strcspn(name, "+");

	*hinted = strcmp(name + length, "+hinted") == 0;
	for (size_t i = 0; tables[i]; i++) {
		for (const struct model_scenario *s = tables[i]; s->name; s++) {
			if (strlen(s->name) == length && !strncmp(s->name, name, length))
				return s;
		}
	}
	return NULL;
}

static bool run_scenario(const struct model_scenario *scenario, bool hinted)
{
	struct explorer_options options = { .reduction = EXPLORE_SOURCE_SETS };
	struct explorer_result result;
	double start = seconds();
	char name[64];

	model_hinted = hinted;
	model_calls_reset();
	result = explore(scenario, &options);
	snprintf(name, sizeof(name), "%s%s", scenario->name, hinted ? "+hinted" : "");
	if (result.failed) {
		printf("FAIL  %-26s %s\n      %s\n", name, scenario->about, result.failure);
		printf("      in execution %" PRIu64 ", after %u steps; to see them:\n"
		       "      --replay %s %s\n",
		       result.executions, result.steps, name, result.schedule);
		return false;
	}
	printf("ok    %-26s %8" PRIu64 " executions %7" PRIu64 " abandoned %3u steps %6.2f s  %s\n",
	       name, result.executions, result.abandoned, result.steps, seconds() - start,
	       scenario->about);
	return true;
}

static void run_scenarios(bool all)
{
	for (size_t i = 0; tables[i]; i++) {
		for (const struct model_scenario *s = tables[i]; s->name; s++) {
			if (!all && !s->quick)
				continue;
			count(run_scenario(s, false));
			if (s->hinted)
				count(run_scenario(s, true));
		}
	}
}

static int run_named(const char *name)
{
	bool hinted;
	const struct model_scenario *scenario = find_scenario(name, &hinted);

	if (!scenario) {
		fprintf(stderr, "no scenario %s; --list has their names\n", name);
		return USAGE;
	}
	return run_scenario(scenario, hinted) ? PASS : FAIL;
}

static void list(void)
{
	for (size_t i = 0; tables[i]; i++) {
		for (const struct model_scenario *s = tables[i]; s->name; s++)
			printf("%-22s %s%s\n", s->name, s->about,
			       s->hinted ? " (also +hinted)" : "");
	}
	for (const struct mutant *mutant = mutants; mutant->name; mutant++)
		printf("mutant \"%s\"\n", mutant->name);
}

/* -------------------------------------------------------------------------------------- mutants */

static bool run_mutant(const struct mutant *mutant, char *schedule, size_t size)
{
	struct explorer_options options = { .reduction = EXPLORE_SOURCE_SETS };
	struct explorer_result result;
	bool hinted;
	const struct model_scenario *scenario = find_scenario(mutant->scenario, &hinted);
	bool was_applied;

	if (!scenario) {
		printf("FAIL  %-40s no scenario %s\n", mutant->name, mutant->scenario);
		return false;
	}
	model_hinted = hinted;
	model_calls_reset();
	mutant_start(mutant);
	result = explore(scenario, &options);
	was_applied = mutant_was_applied();
	mutant_stop();
	if (!result.failed || !was_applied) {
		printf("FAIL  %-40s %-22s %s after %" PRIu64 " executions\n", mutant->name,
		       mutant->scenario, was_applied ? "survives" : "was never applied",
		       result.executions);
		return false;
	}
	printf("ok    %-40s caught by %-24s %3u steps, execution %6" PRIu64 ": %s\n", mutant->name,
	       mutant->scenario, result.steps, result.executions, result.failure);
	snprintf(schedule, size, "%s", result.schedule);
	return true;
}

static void run_mutants(void)
{
	char schedule[sizeof(((struct explorer_result *)0)->schedule)];

	for (const struct mutant *mutant = mutants; mutant->name; mutant++)
		count(run_mutant(mutant, schedule, sizeof(schedule)));
}

/* One mutant, and the steps by which it was caught. */
static int show_mutant(const char *name)
{
	char schedule[sizeof(((struct explorer_result *)0)->schedule)];
	struct explorer_options options = { .schedule = schedule };
	const struct mutant *mutant = mutants;
	bool hinted;

	while (mutant->name && strcmp(mutant->name, name))
		mutant++;
	if (!mutant->name) {
		fprintf(stderr, "no mutant \"%s\"; --list has their names\n", name);
		return USAGE;
	}
	if (!run_mutant(mutant, schedule, sizeof(schedule)))
		return FAIL;
	mutant_start(mutant);
	(void)explore(find_scenario(mutant->scenario, &hinted), &options);
	mutant_stop();
	return PASS;
}

/* --------------------------------------------------------------------------------------- replay */

static int replay(const char *name, const char *schedule)
{
	struct explorer_options options = { .schedule = schedule };
	struct explorer_result result;
	bool hinted;
	const struct model_scenario *scenario = find_scenario(name, &hinted);

	if (!scenario) {
		fprintf(stderr, "no scenario %s; --list has their names\n", name);
		return USAGE;
	}
	model_hinted = hinted;
	model_calls_reset();
	result = explore(scenario, &options);
	printf("%s: %s\n", name, result.failed ? result.failure : "no failure");
	return result.failed ? FAIL : PASS;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: explore [--newest] [--all | --list | SCENARIO |\n"
		"                --replay SCENARIO SCHEDULE | --mutant NAME]\n"
		"without arguments: the short set; --newest: no load sees an older value\n");
	return USAGE;
}

static int run_all(bool all)
{
	selftest_memory(count);
	selftest_reduction(tables, count);
	run_scenarios(all);
	run_mutants();
	printf("%u passed, %u failed\n", npassed, nfailed);
	return nfailed ? FAIL : PASS;
}

int main(int argc, char **argv)
{
#ifdef EXPLORER_SANITIZED
	printf("skipped: coroutines and sanitizers do not go together\n");
	return SKIP;
#endif
	if (argc > 1 && !strcmp(argv[1], "--newest")) {
		memory_weak = false;
		argc--;
		argv++;
	}
	if (argc == 1 || (argc == 2 && !strcmp(argv[1], "--short")))
		return run_all(false);
	if (argc == 2 && !strcmp(argv[1], "--all"))
		return run_all(true);
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		list();
		return PASS;
	}
	if (argc == 4 && !strcmp(argv[1], "--replay"))
		return replay(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "--mutant"))
		return show_mutant(argv[2]);
	if (argc == 2 && argv[1][0] != '-')
		return run_named(argv[1]);
	return usage();
}
