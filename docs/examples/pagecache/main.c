/* SPDX-License-Identifier: MIT */
/*
 * A page cache in user space, on real files: collects files, takes their checksums, reads them at
 * random through the cache and through pread(2) in turn, and reports. README.md says what it shows.
 *
 * The pieces: files.c what is read, verify.c whether it was right, cache.c the cache, workers.c the
 * threads, shrink.c what may happen to them halfway, report.c the numbers.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cache.h"
#include "files.h"
#include "frames.h"
#include "interrupt.h"
#include "options.h"
#include "report.h"
#include "resident.h"
#include "shrink.h"
#include "terminal.h"
#include "verify.h"
#include "workers.h"

enum { EXIT_RIGHT = 0, EXIT_MISMATCH = 1, EXIT_NO_RUN = 2 };

#define MIB	   (1024.0 * 1024)
#define ROUNDS_MIN 7
#define ROUNDS_MAX 100000
#define SLICE_S	   0.25 /* how long a slice should be, if there is time for enough of them */

static int fail(const char *what, int err)
{
	say("%s: %s", what, strerror(-err));
	return EXIT_NO_RUN;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ------------------------------------------------------------------------------------ measuring */

static bool is_over(const struct file_set *set)
{
	return interrupt_requested() || set->pages_gone >= set->npages;
}

/* How many slices a round has. */
static unsigned slices_of(const struct report *report)
{
	return WAYS * report->nmeasures * (report->hot_pages ? 2 : 1);
}

static unsigned rounds_of(const struct options *options)
{
	double rounds = options->seconds / (SLICE_S * WAYS * options->nsizes);

	return rounds < ROUNDS_MIN   ? ROUNDS_MIN
	       : rounds > ROUNDS_MAX ? ROUNDS_MAX
				     : (unsigned)rounds;
}

/* Brings the first pages into the cache. */
static void warm_up(struct crew *crew, struct report *report, uint64_t pages)
{
	const struct slice slice = {
		.way = WAY_CACHE,
		.read_size = PAGE_BYTES,
		.warm_pages = pages < report->set->npages ? pages : report->set->npages,
	};
	struct tally tally;

	crew_run(crew, &slice, &tally);
	tally_add(&report->warm_up, &tally);
}

/* Half of what there will be room for: what is being read, and evicted, has the other half. */
static uint64_t count_hot_pages(const struct report *report)
{
	uint64_t limit = report->usage.cap >> PAGE_SHIFT;

	if (limit >= report->set->npages)
		return 0;
	return report->options->shrink ? limit / 4 : limit / 2;
}

/* Both ways, the same pieces; every second round the other way round. */
static void run_round(struct crew *crew, struct measure *measure, unsigned round, double slice_s,
		      const struct file_set *set, uint64_t pages)
{
	struct tally tallies[WAYS];

	for (unsigned i = 0; i < WAYS; i++) {
		unsigned way = (i + round) % WAYS;
		struct slice slice = {
			.way = (enum way)way,
			.read_size = measure->read_size,
			.seed = (uint64_t)round * 2654435761u + measure->read_size,
			.ns = (uint64_t)(slice_s * 1e9),
			.pages = pages,
		};

		crew_run(crew, &slice, &tallies[way]);
		tally_add(&measure->total[way], &tallies[way]);
		if (is_over(set))
			return;
	}
	report_add_round(measure, tallies);
}

static void run_rounds(struct crew *crew, struct report *report, unsigned rounds)
{
	const struct file_set *set = report->set;
	double begin = now_s();
	double slice_s = report->options->seconds / (rounds * slices_of(report));

	for (unsigned round = 0; round < rounds && !is_over(set); round++) {
		for (unsigned i = 0; i < report->nmeasures && !is_over(set); i++)
			run_round(crew, &report->measures[i], round, slice_s, set, set->npages);
		if (report->hot_pages)
			warm_up(crew, report, report->hot_pages);
		for (unsigned i = 0; report->hot_pages && i < report->nmeasures && !is_over(set);
		     i++)
			run_round(crew, &report->hits[i], round, slice_s, set, report->hot_pages);
		if (progress_due())
			report_progress(report, now_s() - begin);
	}
	report->seconds = now_s() - begin;
}

/* The same, and halfway through there is only half of the memory. */
static int run_rounds_shrinking(struct crew *crew, struct cache *cache, struct report *report,
				unsigned rounds)
{
	const struct options *options = report->options;
	uint64_t least = cache_limit_min(options->threads, options->folio_pages);
	uint64_t half = (report->usage.cap >> PAGE_SHIFT) / 2;
	struct shrink shrink;
	int err = shrink_start(&shrink, cache, options->seconds / 2, half > least ? half : least);

	if (err)
		return err;
	run_rounds(crew, report, rounds);
	shrink_finish(&shrink);
	report->shrink = shrink.report;
	return 0;
}

/* ------------------------------------------------------------------------------------ self-test */

/*
 * Spoils a page on purpose: a bit in each piece of it. The hold keeps it in the
 * cache, so the run has to come across it. No thread reads meanwhile.
 */
static bool spoil_page(struct cache *cache, struct file_set *set, struct cache_hold *hold)
{
	for (uint32_t i = 0; i < set->nfiles; i++) {
		const struct file *file = &set->files[i];
		struct cache_stats stats = { 0 };

		if (file_is_gone(file) || cache_hold(cache, file, 0, hold, &stats))
			continue;
		for (uint64_t at = 0; at < PAGE_BYTES && at < file->size; at += VERIFY_LINE)
			hold->bytes[cache_hold_offset(hold, at)] ^= 1;
		say("self-test: spoiled the first page of %s", file->path);
		return true;
	}
	return false;
}

/* ----------------------------------------------------------------------------- putting together */

/* The exit status, after saying why if it is not because of what was read. */
static int judge(const struct report *report)
{
	if (report_mismatches(report))
		return EXIT_MISMATCH;
	if (report->options->self_test && !report->interrupted) {
		say("self-test: the spoiled page was not noticed");
		return EXIT_NO_RUN;
	}
	if (report->set->pages_gone >= report->set->npages) {
		say("all files changed or vanished: nothing was left to read");
		return EXIT_NO_RUN;
	}
	return EXIT_RIGHT;
}

static int read_with(struct crew *crew, struct cache *cache, struct file_set *set,
		     struct report *report, unsigned rounds)
{
	const struct options *options = report->options;
	struct cache_hold hold;
	bool spoiled;
	int err = 0;

	cache_usage(cache, &report->usage);
	report->hot_pages = count_hot_pages(report);
	warm_up(crew, report, report->usage.cap >> PAGE_SHIFT);
	say("%u files, %.1f MiB: reading for %g s with %u threads and %.1f MiB of memory from %s, "
	    "by %s",
	    set->nfiles, (double)set->bytes / MIB, options->seconds, options->threads,
	    (double)report->usage.cap / MIB, options->frames->name,
	    options_mode_name(options->mode));
	spoiled = options->self_test && spoil_page(cache, set, &hold);
	if (options->shrink)
		err = run_rounds_shrinking(crew, cache, report, rounds);
	else
		run_rounds(crew, report, rounds);
	if (spoiled)
		cache_unhold(cache, &hold);
	cache_usage(cache, &report->usage);
	return err;
}

static int measure_with(struct cache *cache, struct file_set *set, const struct verifier *verifier,
			struct report *report, unsigned rounds)
{
	struct crew *crew;
	int err = crew_create(&crew, report->options->threads, cache, set, verifier);

	if (err)
		return fail("cannot start the threads", err);
	err = read_with(crew, cache, set, report, rounds);
	report->resident = resident_bytes();
	crew_destroy(crew);
	if (err)
		return fail("cannot start a thread", err);
	report->given_back = cache_empty(cache, set);
	report->resident_emptied = resident_bytes();
	report->interrupted = interrupt_requested();
	report_print(report);
	return judge(report);
}

static int measure(struct cache *cache, struct file_set *set, const struct verifier *verifier,
		   const struct options *options)
{
	unsigned rounds = rounds_of(options);
	struct report report;
	int status, err;

	err = report_init(&report, options, set, rounds);
	status = err ? fail("cannot begin", err)
		     : measure_with(cache, set, verifier, &report, rounds);
	report_free(&report);
	return status;
}

/* How many pages the user's limit allows, or 0 after saying why that is too few. */
static uint64_t count_limit(const struct options *options, const struct file_set *set)
{
	uint64_t least = cache_limit_min(options->threads, options->folio_pages);
	/* As many as there are, and then no thread that has lost a race for one waits. */
	uint64_t most = set->npages + least;
	double bytes = options->memory == MEMORY_BYTES
			       ? (double)options->memory_bytes
			       : (double)set->bytes * options->memory_percent / 100;
	uint64_t limit = most;

	if (options->memory != MEMORY_ALL && bytes < (double)most * PAGE_BYTES)
		limit = (uint64_t)bytes >> PAGE_SHIFT;
	if (limit >= least)
		return limit;
	if (!options->memory_given)
		return least;
	say("--memory is too little: %u threads and folios of %u need at least %llu pages, which "
	    "are %lluK",
	    options->threads, options->folio_pages, (unsigned long long)least,
	    (unsigned long long)(least << PAGE_SHIFT) / 1024);
	return 0;
}

static int run_on(struct file_set *set, const struct options *options)
{
	const struct cache_config config = {
		.mode = options->mode,
		.npages = set->npages,
		.limit = count_limit(options, set),
		.folio_pages = options->folio_pages,
		.threads = options->threads,
		.frames = options->frames,
	};
	struct verifier verifier;
	struct cache *cache;
	int status = EXIT_NO_RUN;
	int err;

	if (!config.limit)
		return EXIT_NO_RUN;
	err = cache_create(&cache, &config);
	if (err)
		return fail("cannot make the cache", err);
	err = verify_prepare(&verifier, set);
	if (err)
		status = fail("cannot take the checksums", err);
	else if (interrupt_requested())
		say("interrupted before the first read");
	else
		status = measure(cache, set, &verifier, options);
	verify_free(&verifier);
	err = cache_destroy(cache, set);
	return err ? fail("a page was still held at the end", err) : status;
}

/* The default folders, those that are there. */
static char *const *default_dirs(char *dirs[3])
{
	static char includes[] = "/usr/include";
#ifdef PAGECACHE_SOURCE_TREE
	static char tree[] = PAGECACHE_SOURCE_TREE;
#else
	static char tree[] = ".";
#endif
	char *const candidates[] = { includes, tree };
	struct stat status;
	unsigned n = 0;

	for (unsigned i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		if (!stat(candidates[i], &status))
			dirs[n++] = candidates[i];
	}
	dirs[n] = NULL;
	return dirs;
}

int main(int argc, char **argv)
{
	struct options options;
	struct file_set set;
	char *dirs[3];
	int status = EXIT_NO_RUN;

	switch (options_parse(&options, argc, argv)) {
	case OPTIONS_DONE:
		return EXIT_RIGHT;
	case OPTIONS_WRONG:
		return EXIT_NO_RUN;
	case OPTIONS_RUN:
		break;
	}
	interrupt_install();
	if (!files_collect(&set, *options.dirs ? options.dirs : default_dirs(dirs))) {
		if (interrupt_requested())
			say("interrupted before the first read");
		else
			status = run_on(&set, &options);
	}
	files_free(&set);
	return status;
}
