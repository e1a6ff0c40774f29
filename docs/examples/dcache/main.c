/* SPDX-License-Identifier: MIT */
/*
 * A dentry cache in user space, on a real directory tree: resolves its paths at random through the
 * dcache and by fstatat(2) in turn, while other threads rename and unlink in a tree of their own;
 * checks every answer, and reports. README.md says what it shows.
 *
 * The pieces: dcache.h, and what is behind it, the cache; tree.c the tree that stays, scratch.c the
 * one that changes, workers.c the threads.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dcache.h"
#include "scratch.h"
#include "tree.h"
#include "workers.h"

enum { EXIT_RIGHT = 0, EXIT_MISMATCH = 1, EXIT_NO_RUN = 2 };

#define ROUNDS_MIN   7
#define ROUNDS_MAX   1000
#define SLICE_S	     0.1
/* Of so many answers one is made wrong by the self-test. */
#define SPOILED_EACH 8
/* So many paths are looked up in another spelling as well. */
#define SPELLINGS    1000

struct options {
	double seconds;
	unsigned threads;
	unsigned changers;
	uint64_t entries; /* 0: as many as there are */
	bool self_test;
	const char *root;
};

/* Present names and absent ones. */
enum { PRESENT, ABSENT, KINDS };

struct result {
	double rates[WAYS][ROUNDS_MAX];
	double ratios[ROUNDS_MAX];
	struct tally tallies[WAYS];
};

struct report {
	unsigned rounds;
	struct result results[KINDS];
	struct scratch_tally scratch;
	uint64_t misspelled; /* paths that were answered otherwise when spelled otherwise */
	struct dcache_usage usage;
	struct dcache_usage quarter; /* when three of four dentries were evicted */
	struct dcache_usage none;    /* and when all were that nobody uses, which is now */
	size_t paths;
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "dcache: %s: %s\n", what, strerror(-err));
	return EXIT_NO_RUN;
}

/* -------------------------------------------------------------------------------------- options */

static void print_help(void)
{
	printf("Usage: dcache [OPTION]... [DIRECTORY]\n"
	       "Resolves random paths of a directory tree, by default /usr, through a dentry cache "
	       "and\n"
	       "by fstatat(2) in turn, while other threads rename and unlink in a tree of their "
	       "own.\n\n"
	       "  --seconds=N    how long to measure; default 10\n"
	       "  --threads=N    that resolve paths, 1 to %d; default 2\n"
	       "  --changers=N   that rename and unlink, 0 to %d; default 2\n"
	       "  --entries=N    dentries to keep; default as many as there are names\n"
	       "  --self-test    spoil some answers in the cache, which must be noticed\n"
	       "  --help\n\n"
	       "Exits with 0 if all answers were right, 1 if one was wrong, 2 if nothing was "
	       "measured.\n",
	       WORKERS_MAX, WORKERS_MAX);
}

/* A whole number from least to most; false after saying what is wrong. */
static bool read_number(const char *option, const char *text, uint64_t least, uint64_t most,
			uint64_t *number)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!errno && end != text && !*end && *text != '-' && value >= least && value <= most) {
		*number = value;
		return true;
	}
	fprintf(stderr, "dcache: --%s wants a number from %llu to %llu, not '%s'\n", option,
		(unsigned long long)least, (unsigned long long)most, text);
	return false;
}

/* -1: go on; else the exit status. */
static int read_options(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ "changers", required_argument, NULL, 'c' },
		{ "entries", required_argument, NULL, 'e' },
		{ "self-test", no_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t seconds = 10, threads = 2, changers = 2, entries = 0;
	int option;
	bool good = true;

	while (good && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 's')
			good = read_number("seconds", optarg, 1, 86400, &seconds);
		else if (option == 't')
			good = read_number("threads", optarg, 1, WORKERS_MAX, &threads);
		else if (option == 'c')
			good = read_number("changers", optarg, 0, WORKERS_MAX, &changers);
		else if (option == 'e')
			good = read_number("entries", optarg, 100, UINT32_MAX, &entries);
		else if (option == 'S')
			options->self_test = true;
		else if (option == 'h')
			print_help();
		else
			good = false;
		if (option == 'h')
			return EXIT_RIGHT;
	}
	if (!good || argc > optind + 1) {
		fprintf(stderr, "dcache: --help tells what can be asked for\n");
		return EXIT_NO_RUN;
	}
	options->seconds = (double)seconds;
	options->threads = (unsigned)threads;
	options->changers = (unsigned)changers;
	options->entries = entries;
	options->root = optind < argc ? argv[optind] : "/usr";
	return -1;
}

/* ------------------------------------------------------------------------------------ measuring */

static unsigned rounds_of(const struct options *options)
{
	double rounds = options->seconds / (SLICE_S * WAYS * KINDS);

	return rounds < ROUNDS_MIN   ? ROUNDS_MIN
	       : rounds > ROUNDS_MAX ? ROUNDS_MAX
				     : (unsigned)rounds;
}

/* Both ways, the same paths; every second round the other way round. */
static int run_round(const struct options *options, const struct tree *tree, struct dcache *dcache,
		     struct report *report, unsigned round, unsigned kind)
{
	struct result *result = &report->results[kind];

	for (unsigned i = 0; i < WAYS; i++) {
		unsigned way = (i + round) % WAYS;
		struct slice slice = {
			.tree = tree,
			.dcache = dcache,
			.way = (enum way)way,
			.absent = kind == ABSENT,
			.seed = round * UINT64_C(2654435761) + kind,
			.ns = (uint64_t)(options->seconds * 1e9 / (report->rounds * WAYS * KINDS)),
		};
		int err = run_slice(&slice, options->threads, &result->tallies[way]);

		if (err)
			return err;
		result->rates[way][round] = result->tallies[way].per_second;
	}
	result->ratios[round] =
		result->rates[WAY_DCACHE][round] / result->rates[WAY_FSTATAT][round];
	return 0;
}

/* So that the first round finds the cache as the last one does. */
static void warm_up(const struct tree *tree, struct dcache *dcache)
{
	struct dcache_stats stats = { 0 };
	struct dcache_answer answer;

	for (size_t i = 0; i < tree->n; i++)
		(void)dcache_lookup(dcache, tree->paths[i].path, &answer, &stats);
}

/* The same path with two slashes for each, and at both ends. */
static void respell(const char *path, char spelling[2 * PATH_MAX + 4])
{
	char *to = spelling;

	*to++ = '/';
	*to++ = '/';
	for (; *path; path++) {
		if (*path == '/')
			*to++ = '/';
		*to++ = *path;
	}
	strcpy(to, "//");
}

/* Whether they lead to the same files; files that have changed meanwhile do not count. */
static uint64_t check_spellings(const struct tree *tree, struct dcache *dcache)
{
	static char spelling[2 * PATH_MAX + 4];
	struct dcache_stats stats = { 0 };
	uint64_t mismatches = 0;

	for (size_t i = 0; i < tree->n && i < SPELLINGS; i++) {
		const struct tree_path *path = &tree->paths[i];
		struct dcache_answer answer;
		struct dcache_answer now;

		respell(path->path, spelling);
		if (!dcache_lookup(dcache, spelling, &answer, &stats) &&
		    answers_agree(&answer, &path->answer))
			continue;
		if (tree_ask(tree, path->path, &now) || answers_agree(&now, &path->answer))
			mismatches++;
	}
	return mismatches;
}

static int measure(const struct options *options, const struct tree *tree, struct dcache *dcache,
		   struct scratch *scratch, struct report *report)
{
	struct changers *changers;
	int err = changers_start(&changers, scratch, options->changers);

	if (err)
		return err;
	warm_up(tree, dcache);
	for (size_t i = 0; options->self_test && i < tree->n; i += SPOILED_EACH)
		(void)dcache_spoil(dcache, tree->paths[i].path);
	report->rounds = rounds_of(options);
	for (unsigned round = 0; !err && round < report->rounds; round++) {
		for (unsigned kind = 0; !err && kind < KINDS; kind++)
			err = run_round(options, tree, dcache, report, round, kind);
	}
	changers_stop(changers, &report->scratch);
	report->misspelled = check_spellings(tree, dcache);
	return err;
}

/* --------------------------------------------------------------------------------------- report */

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static unsigned long long ull(uint64_t number)
{
	return number;
}

static double mib(uint64_t bytes)
{
	return (double)bytes / 1048576;
}

static void print_result(const char *name, struct result *result, unsigned rounds)
{
	const struct dcache_stats *stats = &result->tallies[WAY_DCACHE].stats;

	printf("%-14s %12.3f M/s %12.3f M/s %9.2f %9.2f %%\n", name,
	       median(result->rates[WAY_DCACHE], rounds) / 1e6,
	       median(result->rates[WAY_FSTATAT], rounds) / 1e6, median(result->ratios, rounds),
	       stats->steps ? 100.0 * (double)(stats->steps - stats->misses) / (double)stats->steps
			    : 0.0);
}

static uint64_t count_mismatches(const struct report *report)
{
	uint64_t mismatches = report->scratch.mismatches + report->misspelled;

	for (unsigned kind = 0; kind < KINDS; kind++) {
		for (unsigned way = 0; way < WAYS; way++)
			mismatches += report->results[kind].tallies[way].mismatches;
	}
	return mismatches;
}

static void print_report(const struct options *options, struct report *report)
{
	const struct tally *present = &report->results[PRESENT].tallies[WAY_DCACHE];
	const struct tally *absent = &report->results[ABSENT].tallies[WAY_DCACHE];

	printf("%s: %zu paths; %u threads, and %u that change another tree\n", options->root,
	       report->paths, options->threads, options->changers);
	printf("medians of %3u       dcache       fstatat(2)     ratio      hits\n",
	       report->rounds);
	print_result("present names", &report->results[PRESENT], report->rounds);
	print_result("absent names", &report->results[ABSENT], report->rounds);
	printf("lookups     %llu of paths, in %llu steps; %llu restarts\n",
	       ull(present->lookups + absent->lookups),
	       ull(present->stats.steps + absent->stats.steps),
	       ull(present->stats.restarts + absent->stats.restarts));
	printf("evictions   %llu\n", ull(present->stats.evictions + absent->stats.evictions));
	printf("memory      %.2f MiB for %llu dentries; after shrinking %.2f MiB for %llu,\n"
	       "            and %.2f MiB for %llu\n",
	       mib(report->usage.resident), ull(report->usage.dentries),
	       mib(report->quarter.resident), ull(report->quarter.dentries),
	       mib(report->none.resident), ull(report->none.dentries));
	printf("changes     %llu renames, unlinks and invalidations; %llu lookups checked among\n"
	       "            them, %llu more while their file was being changed; %llu restarts\n",
	       ull(report->scratch.changes), ull(report->scratch.checked),
	       ull(report->scratch.unsettled), ull(report->scratch.stats.restarts));
	printf("changed     %llu answers of files that changed by themselves\n",
	       ull(present->stale + absent->stale));
	printf("mismatches  %llu\n", ull(count_mismatches(report)));
}

/* ----------------------------------------------------------------------------- putting together */

/* At a quiet point, so that the numbers are exact. */
static void shrink(const struct options *options, struct dcache *dcache, struct report *report)
{
	struct dcache_stats stats = { 0 };

	if (options->entries)
		dcache_shrink(dcache, options->entries, &stats);
	dcache_usage(dcache, &report->usage);
	dcache_shrink(dcache, report->usage.dentries / 4, &stats);
	dcache_usage(dcache, &report->quarter);
	dcache_shrink(dcache, 0, &stats);
	dcache_usage(dcache, &report->none);
}

static int run_in(const struct options *options, struct tree *tree, struct dcache *dcache,
		  struct scratch *scratch)
{
	static struct report report;
	int err;

	report.paths = tree->n;
	err = measure(options, tree, dcache, scratch, &report);
	if (err)
		return fail("cannot start a thread", err);
	shrink(options, dcache, &report);
	print_report(options, &report);
	if (count_mismatches(&report))
		return EXIT_MISMATCH;
	return EXIT_RIGHT;
}

/* Absent names are remembered as well, and every directory on the way. */
static uint64_t limit_of(const struct options *options, const struct tree *tree)
{
	return options->entries ? options->entries : 3 * (uint64_t)tree->n + 100;
}

static int run_on(const struct options *options, struct tree *tree)
{
	struct dcache *dcache;
	struct scratch *scratch;
	int err = dcache_create(&dcache, options->root, limit_of(options, tree));
	int status;

	if (err)
		return fail("cannot make the cache", err);
	err = scratch_create(&scratch, 1000);
	if (err) {
		(void)dcache_destroy(dcache);
		return fail("cannot make a tree to change", err);
	}
	status = run_in(options, tree, dcache, scratch);
	err = scratch_destroy(scratch);
	if (!err)
		err = dcache_destroy(dcache);
	return err ? fail("a dentry was still held at the end", err) : status;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct tree tree;
	int status = read_options(&options, argc, argv);
	int err;

	if (status >= 0)
		return status;
	err = tree_collect(&tree, options.root);
	status = err ? fail(options.root, err) : run_on(&options, &tree);
	tree_free(&tree);
	return status;
}
