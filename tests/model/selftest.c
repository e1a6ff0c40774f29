/* SPDX-License-Identifier: MIT */
/*
 * The explorer's own test: a wrong reduction, or a wrong memory model, would make every "ok"
 * worthless.
 *
 * Called by main.c. Small scenarios are searched three times: with source sets, with sleep sets
 * alone, and without any reduction. All must meet the same equivalence classes of executions and
 * leave the same memory behind, and the reduced ones must meet each class once. A search with a
 * relation of dependence that is wrong on purpose must differ, or this comparison would prove
 * nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explorer.h"
#include "memory.h"
#include "scenario.h"
#include "selftest.h"

extern const struct model_scenario model_scenarios_memory[];

/* ------------------------------------------------------------------------------- sets of hashes */

struct set {
	uint64_t *hashes;
	size_t n;
	size_t room;
};

static void add(struct set *set, uint64_t hash)
{
	if (set->n == set->room) {
		set->room = set->room ? 2 * set->room : 1024;
		set->hashes = realloc(set->hashes, set->room * sizeof(*set->hashes));
		if (!set->hashes)
			abort();
	}
	set->hashes[set->n++] = hash;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = (const uint64_t *)a;
	const uint64_t *y = (const uint64_t *)b;

	return (*x > *y) - (*x < *y);
}

/* Sorts, and leaves one of each. */
static void reduce(struct set *set)
{
	size_t kept = 0;

	if (set->n)
		qsort(set->hashes, set->n, sizeof(*set->hashes), compare);
	for (size_t i = 0; i < set->n; i++) {
		if (!kept || set->hashes[kept - 1] != set->hashes[i])
			set->hashes[kept++] = set->hashes[i];
	}
	set->n = kept;
}

static bool equal(const struct set *a, const struct set *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->hashes, b->hashes, a->n * sizeof(*a->hashes)));
}

/* ------------------------------------------------------------------------------- the reductions */

struct found {
	struct set traces;
	struct set outcomes;
	uint64_t executions;
	bool failed;
};

static void visit(uint64_t trace, uint64_t outcome, void *arg)
{
	struct found *found = (struct found *)arg;

	add(&found->traces, trace);
	add(&found->outcomes, outcome);
}

static void restart(void *arg)
{
	struct found *found = (struct found *)arg;

	found->traces.n = 0;
	found->outcomes.n = 0;
}

static struct found search(const struct model_scenario *scenario, enum explorer_reduction reduction)
{
	struct found found = { .failed = false };
	struct explorer_options options = {
		.reduction = reduction, .visit = visit, .restart = restart, .arg = &found
	};
	struct explorer_result result = explore(scenario, &options);

	found.failed = result.failed;
	found.executions = result.executions;
	reduce(&found.traces);
	reduce(&found.outcomes);
	return found;
}

static void forget(struct found *found)
{
	free(found->traces.hashes);
	free(found->outcomes.hashes);
}

static bool same(const struct found *a, const struct found *b)
{
	return !a->failed && !b->failed && equal(&a->traces, &b->traces) &&
	       equal(&a->outcomes, &b->outcomes);
}

/* Source sets complete one execution of each class, and so do sleep sets alone. */
static bool compare_reductions(const struct model_scenario *scenario)
{
	struct found source = search(scenario, EXPLORE_SOURCE_SETS);
	struct found sleep = search(scenario, EXPLORE_SLEEP_SETS);
	struct found every = search(scenario, EXPLORE_EVERYTHING);
	bool passed = same(&source, &every) && same(&sleep, &every);

	/* A choice between older values may make a step store or not: then a few come twice. */
	if (!memory_weak && source.executions + sleep.executions != 2 * every.traces.n)
		passed = false;

	printf("%s  %-26s %7zu traces of %8" PRIu64 " executions, %5zu outcomes%s%s\n",
	       passed ? "ok  " : "FAIL", scenario->name, every.traces.n, every.executions,
	       every.outcomes.n, model_hinted ? ", hinted puts" : "",
	       memory_weak ? "" : ", newest values only");
	if (!passed)
		printf("      source sets: %zu traces in %" PRIu64 "; sleep sets: %zu in %" PRIu64
		       "; outcomes %zu, %zu\n",
		       source.traces.n, source.executions, sleep.traces.n, sleep.executions,
		       source.outcomes.n, sleep.outcomes.n);
	forget(&source);
	forget(&sleep);
	forget(&every);
	return passed;
}

/* That only contended words are scheduled must not hide an outcome either. */
static bool compare_words(const struct model_scenario *scenario)
{
	struct found source = search(scenario, EXPLORE_SOURCE_SETS);
	struct found words = search(scenario, EXPLORE_ALL_WORDS);
	bool passed = !source.failed && !words.failed && equal(&source.outcomes, &words.outcomes);

	printf("%s  %-26s %7" PRIu64 " executions with every word scheduled, %5zu outcomes\n",
	       passed ? "ok  " : "FAIL", scenario->name, words.executions, words.outcomes.n);
	forget(&source);
	forget(&words);
	return passed;
}

/* A search that takes loads to be independent of stores must be found out. */
static bool notices_wrong_dependence(const struct model_scenario *scenario)
{
	struct found wrong = search(scenario, EXPLORE_WRONGLY);
	struct found every = search(scenario, EXPLORE_EVERYTHING);
	bool passed = !equal(&wrong.outcomes, &every.outcomes);

	printf("%s  %-26s a wrong reduction finds %zu of %zu outcomes\n", passed ? "ok  " : "FAIL",
	       scenario->name, wrong.outcomes.n, every.outcomes.n);
	forget(&wrong);
	forget(&every);
	return passed;
}

static const struct model_scenario *memory_scenario(const char *name)
{
	const struct model_scenario *s = model_scenarios_memory;

	while (strcmp(s->name, name))
		s++;
	return s;
}

static void compare_both_ways(const struct model_scenario *scenario, bool hinted,
			      void (*count)(bool passed))
{
	model_hinted = hinted;
	model_calls_reset();
	memory_weak = true;
	count(compare_reductions(scenario));
	memory_weak = false;
	count(compare_reductions(scenario));
}

void selftest_reduction(const struct model_scenario *const *tables, void (*count)(bool passed))
{
	bool weak = memory_weak;

	for (; *tables; tables++) {
		for (const struct model_scenario *s = *tables; s->name; s++) {
			for (unsigned hinted = 0; s->tiny && hinted <= s->hinted; hinted++)
				compare_both_ways(s, hinted, count);
		}
	}
	memory_weak = true;
	count(compare_words(memory_scenario("store-buffering-rmw")));
	count(compare_words(memory_scenario("message-fences")));
	count(compare_words(memory_scenario("sequence-store")));
	count(compare_words(memory_scenario("readers-disagree")));
	count(compare_words(memory_scenario("late-stores")));
	count(compare_words(memory_scenario("late-adds")));
	count(compare_reductions(memory_scenario("late-stores")));
	count(compare_reductions(memory_scenario("late-adds")));
	/* With older values in sight an order too few costs nothing here, so without. */
	memory_weak = false;
	count(notices_wrong_dependence(memory_scenario("message")));
	memory_weak = weak;
}

/* ----------------------------------------------------------------------------- the memory model */

void selftest_memory(void (*count)(bool passed))
{
	bool weak = memory_weak;

	memory_weak = true;
	model_calls_reset();
	for (const struct model_scenario *s = model_scenarios_memory; s->name; s++) {
		struct explorer_options options = { .reduction = EXPLORE_SOURCE_SETS };
		struct explorer_result result = explore(s, &options);
		bool expected = !strncmp(s->name, "race", 4) || !strncmp(s->name, "freed", 5) ||
				!strncmp(s->name, "fault", 5);

		printf("%s  %-26s %7" PRIu64 " executions  %s%s%s\n",
		       result.failed == expected ? "ok  " : "FAIL", s->name, result.executions,
		       s->about, result.failed ? ": " : "", result.failure);
		count(result.failed == expected);
	}
	memory_weak = weak;
}
