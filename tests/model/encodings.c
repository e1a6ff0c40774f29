/* SPDX-License-Identifier: MIT */
/*
 * The encodings of tests/bench/encodings in the explorer: the scenarios of scenarios_ref.c, with
 * other encodings in the counter's place.
 *
 * Run by `make check`. The encodings' own sources are compiled for the explorer here. Prints which
 * scenario fails in which encoding, and by which schedule; fails itself if that is not what the
 * table below says, one way or the other. A scenario that the table does not know is an error as
 * well.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/encodings/contender.h"
#include "explorer.h"
#include "scenario.h"

enum {
#define ENCODING_NUMBER(id) N_##id,
	ENCODINGS(ENCODING_NUMBER)
#undef ENCODING_NUMBER
		N_ENCODINGS
};

static const struct {
	const char *name;
	const struct contender *contender;
} encodings[] = {
#define ENCODING_ENTRY(id) { #id, &contender_##id },
	ENCODINGS(ENCODING_ENTRY)
#undef ENCODING_ENTRY
};

/* ----------------------------------------------------------------------- what is to be expected */

#define IN(id)	  (1u << N_##id)
#define FAILS(id) IN(id)

/* Zero is not frozen. */
#define ZERO_IS_LIVE (FAILS(locked31) | FAILS(rcuref) | FAILS(sticky) | FAILS(keeprefs))

/* A put on a frozen word is not reported, and gives it references. */
#define PUT_REVIVES                                                                        \
 (FAILS(locked31) | FAILS(inverted31) | FAILS(casloop) | FAILS(casguess) | FAILS(sticky) | \
  FAILS(keeprefs))

static const struct {
	const char *scenario;
	unsigned fails; /* in these encodings; must hold in the others */
	unsigned big;	/* only with --all in these: millions of executions */
} expected[] = {
	{ "get-put", FAILS(keeprefs), 0 },
	{ "put-put", 0, 0 },
	{ "freeze", FAILS(keeprefs), IN(flags) },
	{ "unfreeze", FAILS(keeprefs), 0 },
	{ "holders", 0, 0 },
	{ "reuse", FAILS(keeprefs), IN(flags) },
	{ "late-win", FAILS(keeprefs), 0 },
	{ "reuse-3-lives", FAILS(keeprefs), IN(flags) },
	{ "reuse-freeze", FAILS(keeprefs), IN(flags) },
	{ "aside", 0, 0 },
	{ "aside-put", 0, 0 },
	{ "zeroed", ZERO_IS_LIVE, 0 },
	{ "put-counted", PUT_REVIVES, 0 },
	{ "put-frozen", PUT_REVIVES, 0 },
	{ "double-put", PUT_REVIVES, 0 },
	/*
	 * Live bit 0 notices only what comes after the freeze; between the put's two steps it
	 * wraps.
	 */
	{ "surplus-put", PUT_REVIVES | FAILS(live0), 0 },
};

/*
 * Those that need more than the encodings' interface has, or look at what is the caller's business
 * in the others; and two with four threads, since compare-and-swap loops multiply the executions.
 */
static const char *const left_out[] = {
	"bulk", "bulk-publish", "left", "rcu", "freeze-none", "reuse-4", "getters",
};

/* Failures that must be these, and are printed step by step. */
static const struct {
	unsigned encoding;
	const char *scenario;
	const char *failure;
	const char *about;
} shown[] = {
	{ N_keeprefs, "get-put", "lifetimes ended: 1, owners: 0",
	  "a get that failed takes the last reference away, and nobody frees the object" },
	{ N_locked31, "put-counted", "a frozen object has 2147483647 references",
	  "a put of a frozen object borrows from the bit that says so" },
};

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))
#define N_EXPECTED	  N_ELEMENTS(expected)

/* ---------------------------------------------------------- an encoding as the calls under test */

_Static_assert(sizeof(struct enc) == sizeof(struct model_counter), "an encoding takes its place");

static const struct contender *it;

void contender_misuse(void)
{
	if (!model_misuses_expected)
		model_fail("a misuse is reported where there is none");
	model_misuses++;
}

static struct enc *enc_of(frozenref_t *ref)
{
	return (struct enc *)(void *)ref;
}

static void init(frozenref_t *ref)
{
	it->init_frozen(enc_of(ref));
}

static void unfreeze(frozenref_t *ref, uint32_t refs)
{
	it->unfreeze(enc_of(ref), refs);
}

static uint32_t count(frozenref_t *ref)
{
	return it->count(enc_of(ref));
}

static bool is_frozen(frozenref_t *ref)
{
	return count(ref) == 0;
}

static bool put(frozenref_t *ref)
{
	return it->put_and_lock(enc_of(ref));
}

static bool try_get(frozenref_t *ref)
{
	return it->try_get(enc_of(ref));
}

static bool freeze(frozenref_t *ref, uint32_t references)
{
	return it->freeze(enc_of(ref), references);
}

static void use_encoding(size_t encoding)
{
	it = encodings[encoding].contender;
	model_calls_reset();
	model_calls.init = init;
	model_calls.unfreeze = unfreeze;
	model_calls.count = count;
	model_calls.is_frozen = is_frozen;
	model_calls.put = put;
	model_calls.try_get = try_get;
	model_calls.freeze = freeze;
}

/* -------------------------------------------------------------------------------------- running */

static struct explorer_result results[N_EXPECTED][N_ENCODINGS];
static unsigned nfailed;

static void complain(const char *what, const char *where)
{
	nfailed++;
	printf("FAIL  %s: %s\n", where, what);
}

static const struct model_scenario *find_scenario(const char *name)
{
	const struct model_scenario *scenario = model_scenarios_ref;

	while (scenario->name && strcmp(scenario->name, name))
		scenario++;
	return scenario->name ? scenario : NULL;
}

/* With a schedule: prints the steps of that. */
static struct explorer_result run(size_t encoding, const char *name, const char *schedule)
{
	const struct explorer_options options = { .reduction = EXPLORE_SOURCE_SETS,
						  .schedule = schedule };
	struct model_scenario scenario = *find_scenario(name);

	/* What a scenario waits for need not be possible in another encoding. */
	scenario.witnessed = 0;
	use_encoding(encoding);
	return explore(&scenario, &options);
}

/* One line of the table. */
static void run_scenario(size_t i, bool all)
{
	bool witnessed = find_scenario(expected[i].scenario)->witnessed;
	bool wrong[N_ENCODINGS] = { false };

	printf("%-14s", expected[i].scenario);
	for (size_t e = 0; e < N_ENCODINGS; e++) {
		struct explorer_result *result = &results[i][e];

		if ((expected[i].big >> e & 1) && !all) {
			printf(" %10s ", "big");
			continue;
		}
		*result = run(e, expected[i].scenario, NULL);
		if (result->failed)
			printf(" %10s ", "FAILS");
		else
			printf(" %10" PRIu64 "%c", result->executions,
			       witnessed && !result->witnessed ? '*' : ' ');
		fflush(stdout);
		wrong[e] = result->failed != (expected[i].fails >> e & 1);
	}
	printf("\n");
	for (size_t e = 0; e < N_ENCODINGS; e++) {
		if (wrong[e])
			complain("this is not what was to be expected of it", encodings[e].name);
	}
}

static void run_table(bool all)
{
	printf("%-14s", "");
	for (size_t e = 0; e < N_ENCODINGS; e++)
		printf(" %10s ", encodings[e].name);
	printf("\n");
	for (size_t i = 0; i < N_EXPECTED; i++)
		run_scenario(i, all);
	printf("Numbers are executions, all of which hold; in those with a * what the scenario is "
	       "about\n"
	       "cannot happen. \"big\": with --all.\n\n");
}

static void print_failures(void)
{
	for (size_t e = 0; e < N_ENCODINGS; e++) {
		for (size_t i = 0; i < N_EXPECTED; i++) {
			const struct explorer_result *result = &results[i][e];

			if (result->failed)
				printf("--replay %-10s %-13s %-12s %s\n", encodings[e].name,
				       expected[i].scenario, result->schedule, result->failure);
		}
	}
}

static void show_failures(void)
{
	for (size_t i = 0; i < N_ELEMENTS(shown); i++) {
		const char *name = encodings[shown[i].encoding].name;
		struct explorer_result result = run(shown[i].encoding, shown[i].scenario, NULL);

		printf("\n%s, %s: %s\n", name, shown[i].scenario, shown[i].about);
		if (!result.failed || strcmp(result.failure, shown[i].failure)) {
			complain("this is not how it fails", name);
			continue;
		}
		(void)run(shown[i].encoding, shown[i].scenario, result.schedule);
		printf("%s\n", result.failure);
	}
}

/* ------------------------------------------------------------------------ what the table leaves */

static unsigned mentions(const char *scenario)
{
	unsigned n = 0;

	for (size_t i = 0; i < N_EXPECTED; i++)
		n += !strcmp(expected[i].scenario, scenario);
	for (size_t i = 0; i < N_ELEMENTS(left_out); i++)
		n += !strcmp(left_out[i], scenario);
	return n;
}

/* Every scenario is expected or left out, there are no others, and the headers say the same. */
static void check_table(void)
{
	size_t n = 0;

	for (const struct model_scenario *s = model_scenarios_ref; s->name; s++, n++) {
		if (mentions(s->name) != 1)
			complain("must be expected or left out, once", s->name);
	}
	if (n != N_EXPECTED + N_ELEMENTS(left_out))
		complain("there are scenarios that do not exist", "the table");
	for (size_t e = 0; e < N_ENCODINGS; e++) {
		const struct contender *contender = encodings[e].contender;

		if ((ZERO_IS_LIVE >> e & 1) == contender->zero_is_frozen)
			complain("its header says otherwise of zero", encodings[e].name);
		if ((PUT_REVIVES >> e & 1) != (contender->double_put == ENC_REVIVES))
			complain("its header says otherwise of a double put", encodings[e].name);
	}
}

static int run_all(bool all)
{
	check_table();
	if (nfailed)
		return EXIT_FAILURE;
	run_table(all);
	print_failures();
	show_failures();
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int replay(const char *encoding, const char *scenario, const char *schedule)
{
	size_t e = 0;

	while (e < N_ENCODINGS && strcmp(encodings[e].name, encoding))
		e++;
	if (e == N_ENCODINGS || !find_scenario(scenario)) {
		fprintf(stderr, "no encoding %s, or no scenario %s\n", encoding, scenario);
		return 2;
	}
	printf("%s\n", run(e, scenario, schedule).failure);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
#ifdef EXPLORER_SANITIZED
	printf("skipped: coroutines and sanitizers do not go together\n");
	return 77;
#endif
	if (argc == 1)
		return run_all(false);
	if (argc == 2 && !strcmp(argv[1], "--all"))
		return run_all(true);
	if (argc == 5 && !strcmp(argv[1], "--replay"))
		return replay(argv[2], argv[3], argv[4]);
	fprintf(stderr, "usage: encodings [--all | --replay ENCODING SCENARIO SCHEDULE]\n");
	return 2;
}
