/* SPDX-License-Identifier: MIT */
/*
 * Medians, the table, and JSON. See report.h.
 */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

static bool init_measure(struct measure *measure, unsigned read_size, unsigned rounds)
{
	measure->read_size = read_size;
	for (unsigned way = 0; way < WAYS; way++) {
		measure->per_second[way] = calloc(rounds, sizeof(double));
		if (!measure->per_second[way])
			return false;
	}
	return true;
}

int report_init(struct report *report, const struct options *options, const struct file_set *set,
		unsigned rounds)
{
	memset(report, 0, sizeof(*report));
	report->options = options;
	report->set = set;
	report->nmeasures = options->nsizes;
	for (unsigned i = 0; i < options->nsizes; i++) {
		if (!init_measure(&report->measures[i], options->sizes[i], rounds) ||
		    !init_measure(&report->hits[i], options->sizes[i], rounds))
			return -ENOMEM;
	}
	return 0;
}

void report_free(struct report *report)
{
	for (unsigned i = 0; i < report->nmeasures; i++) {
		for (unsigned way = 0; way < WAYS; way++) {
			free(report->measures[i].per_second[way]);
			free(report->hits[i].per_second[way]);
		}
	}
}

void report_add_round(struct measure *measure, const struct tally tallies[WAYS])
{
	for (unsigned way = 0; way < WAYS; way++)
		measure->per_second[way][measure->rounds] = tallies[way].per_second;
	measure->rounds++;
}

/* ---------------------------------------------------------------------------------------- sums */

static struct tally sum_way(const struct report *report, enum way way)
{
	struct tally sum = { 0 };

	for (unsigned i = 0; i < report->nmeasures; i++)
		tally_add(&sum, &report->measures[i].total[way]);
	return sum;
}

static struct tally sum_all(const struct report *report)
{
	const struct tally shrinking = { .cache = report->shrink.stats };
	struct tally sum = report->warm_up;

	tally_add(&sum, &shrinking);
	for (unsigned way = 0; way < WAYS; way++) {
		struct tally tally = sum_way(report, (enum way)way);

		tally_add(&sum, &tally);
		for (unsigned i = 0; i < report->nmeasures; i++)
			tally_add(&sum, &report->hits[i].total[way]);
	}
	return sum;
}

uint64_t report_mismatches(const struct report *report)
{
	return sum_all(report).mismatches;
}

/* In percent of pages. */
static double hit_rate(const struct tally *tally)
{
	uint64_t lookups = tally->pages;

	return lookups && lookups >= tally->cache.misses
		       ? 100.0 * (double)(lookups - tally->cache.misses) / (double)lookups
		       : 0.0;
}

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

struct medians {
	double per_second[WAYS];
	double ratio; /* the median of the rounds' ratios */
};

/* False if no round was completed. */
static bool take_medians(const struct measure *measure, struct medians *medians)
{
	unsigned n = measure->rounds;
	double *values = n ? malloc(n * sizeof(*values)) : NULL;

	if (!values)
		return false;
	for (unsigned i = 0; i < n; i++)
		values[i] = measure->per_second[WAY_CACHE][i] / measure->per_second[WAY_PREAD][i];
	medians->ratio = median(values, n);
	for (unsigned way = 0; way < WAYS; way++) {
		memcpy(values, measure->per_second[way], n * sizeof(*values));
		medians->per_second[way] = median(values, n);
	}
	free(values);
	return true;
}

/* ---------------------------------------------------------------------------------------- text */

static double mib(uint64_t bytes)
{
	return (double)bytes / (1024 * 1024);
}

static unsigned long long ull(uint64_t number)
{
	return number;
}

void report_progress(const struct report *report, double elapsed)
{
	struct tally cache = sum_way(report, WAY_CACHE);
	struct tally pread = sum_way(report, WAY_PREAD);

	progress("%5.1f of %g s: %llu lookups, %.1f %% hits, %llu evictions; %llu times pread(2); "
		 "%llu mismatches",
		 elapsed, report->options->seconds, ull(cache.reads), hit_rate(&cache),
		 ull(cache.cache.evictions), ull(pread.reads), ull(report_mismatches(report)));
}

static void print_measure(const struct measure *measure)
{
	struct medians medians;

	printf("%5u-byte reads", measure->read_size);
	if (take_medians(measure, &medians))
		printf("  %10.3f M/s  %10.3f M/s  %7.2f", medians.per_second[WAY_CACHE] / 1e6,
		       medians.per_second[WAY_PREAD] / 1e6, medians.ratio);
	else
		printf("  %14s  %14s  %7s", "-", "-", "-");
	printf("  %7.2f %%\n", hit_rate(&measure->total[WAY_CACHE]));
}

static double per(uint64_t amount, uint64_t number)
{
	return number ? (double)amount / (double)number : 0.0;
}

/* What the cache did. */
static void print_measures(const struct report *report)
{
	if (report->hot_pages)
		printf("of all %.1f MiB\n", mib(report->set->bytes));
	for (unsigned i = 0; i < report->nmeasures; i++)
		print_measure(&report->measures[i]);
	if (!report->hot_pages)
		return;
	printf("of %.1f MiB that stay in memory\n", mib(report->hot_pages << PAGE_SHIFT));
	for (unsigned i = 0; i < report->nmeasures; i++)
		print_measure(&report->hits[i]);
}

static void print_cache(const struct cache_stats *cache)
{
	printf("folios      %llu read, of %.2f pages; %llu smaller than they should be\n",
	       ull(cache->folios), per(cache->pages, cache->folios), ull(cache->smaller));
	printf("evictions   %llu, of %.2f pages; %llu folios spared since a lookup held them\n",
	       ull(cache->evictions), per(cache->evicted_pages, cache->evictions),
	       ull(cache->in_use));
	printf("waits       %llu, for a page that another thread read or took out\n",
	       ull(cache->waits));
	if (cache->batches)
		printf("batches     %llu, with %llu references in all to read %llu pages\n",
		       ull(cache->batches), ull(cache->batch_references), ull(cache->batch_pages));
	if (cache->peeks)
		printf("peeks       %llu, and %llu times it then took a reference\n",
		       ull(cache->peeks), ull(cache->unpeeked));
}

static void print_given(const struct cache_shrunk *given, const struct frames_ops *frames)
{
	if (frames->give_back)
		printf("%.2f MiB of pages", mib(given->frames));
	else
		printf("what %s gives back by itself", frames->name);
	printf(" and %.2f of tables", mib(given->tables));
}

static void print_shrink(const struct shrink_report *shrink, const struct frames_ops *frames)
{
	if (!shrink->done)
		return;
	printf("shrunk      from %.2f to %.2f MiB of pages in %.1f ms, %llu evictions, %llu "
	       "moves;\n"
	       "            resident memory from %.2f to %.2f MiB: ",
	       mib(shrink->limit_before), mib(shrink->limit_after), shrink->seconds * 1e3,
	       ull(shrink->stats.evictions), ull(shrink->stats.moved), mib(shrink->resident_before),
	       mib(shrink->resident_after));
	print_given(&shrink->given, frames);
	printf("\n");
}

static void print_memory(const struct report *report)
{
	const struct frames_ops *frames = report->options->frames;

	printf("memory      %.2f MiB of pages, at most %.2f MiB; %.2f MiB to find them\n",
	       mib(report->usage.resident), mib(report->usage.cap), mib(report->usage.tables));
	print_shrink(&report->shrink, frames);
	printf("resident    %.2f MiB of memory in all, pages from %s; %.2f once it was emptied:\n"
	       "            ",
	       mib(report->resident), frames->name, mib(report->resident_emptied));
	print_given(&report->given_back, frames);
	printf(" given back\n");
}

static void print_text(const struct report *report)
{
	const struct file_set *set = report->set;
	struct tally cache = sum_way(report, WAY_CACHE);
	struct tally pread = sum_way(report, WAY_PREAD);
	struct tally all = sum_all(report);

	printf("%u files, %.1f MiB in %llu pages; %u threads, %.1f s%s; by %s, folios of %u\n",
	       set->nfiles, mib(set->bytes), ull(set->npages), report->options->threads,
	       report->seconds, report->interrupted ? ", interrupted" : "",
	       options_mode_name(report->options->mode), report->options->folio_pages);
	printf("medians of %3u rounds    page cache        pread(2)    ratio       hits\n",
	       report->measures[0].rounds);
	print_measures(report);
	printf("lookups     %llu in the cache, %.2f %% hits; %llu reads through pread(2)\n",
	       ull(cache.reads), hit_rate(&cache), ull(pread.reads));
	print_cache(&all.cache);
	printf("revivals    %llu\n", ull(report->usage.revivals));
	print_memory(report);
	printf("files       %llu skipped, %llu changed meanwhile (%llu reads given up)\n",
	       ull(set->skipped), ull(set->files_gone), ull(all.stale));
	printf("mismatches  %llu in %llu reads, each verified to the last byte\n",
	       ull(all.mismatches), ull(all.reads));
}

/* ---------------------------------------------------------------------------------------- JSON */

static void print_json_measure(const struct measure *measure, bool last)
{
	struct medians medians;

	printf("    { \"read_size\": %u, \"rounds\": %u, ", measure->read_size, measure->rounds);
	if (take_medians(measure, &medians))
		printf("\"cache_per_second\": %.0f, \"pread_per_second\": %.0f, \"ratio\": %.4f, ",
		       medians.per_second[WAY_CACHE], medians.per_second[WAY_PREAD], medians.ratio);
	else
		printf("\"cache_per_second\": null, \"pread_per_second\": null, \"ratio\": null, ");
	printf("\"lookups\": %llu, \"pread_reads\": %llu, \"hit_rate\": %.6f }%s\n",
	       ull(measure->total[WAY_CACHE].reads), ull(measure->total[WAY_PREAD].reads),
	       hit_rate(&measure->total[WAY_CACHE]) / 100, last ? "" : ",");
}

static void print_json_measures(const char *name, const struct measure *measures, unsigned n)
{
	printf("  \"%s\": [\n", name);
	for (unsigned i = 0; i < n; i++)
		print_json_measure(&measures[i], i + 1 == n);
	printf("  ],\n");
}

static void print_json_cache(const struct cache_stats *cache)
{
	printf("  \"folios\": %llu,\n  \"folio_pages\": %llu,\n  \"smaller_folios\": %llu,\n",
	       ull(cache->folios), ull(cache->pages), ull(cache->smaller));
	printf("  \"evictions\": %llu,\n  \"evicted_pages\": %llu,\n"
	       "  \"evictions_refused\": %llu,\n  \"waits\": %llu,\n",
	       ull(cache->evictions), ull(cache->evicted_pages), ull(cache->in_use),
	       ull(cache->waits));
	printf("  \"batches\": %llu,\n  \"batch_references\": %llu,\n  \"batch_pages\": %llu,\n",
	       ull(cache->batches), ull(cache->batch_references), ull(cache->batch_pages));
	printf("  \"peeks\": %llu,\n  \"unpeeked\": %llu,\n", ull(cache->peeks),
	       ull(cache->unpeeked));
}

static void print_json_shrink(const struct shrink_report *shrink)
{
	if (!shrink->done)
		return;
	printf("  \"shrink_ms\": %.3f,\n  \"shrink_limit_before\": %llu,\n"
	       "  \"shrink_limit_after\": %llu,\n  \"shrink_evictions\": %llu,\n"
	       "  \"shrink_moves\": %llu,\n",
	       shrink->seconds * 1e3, ull(shrink->limit_before), ull(shrink->limit_after),
	       ull(shrink->stats.evictions), ull(shrink->stats.moved));
	printf("  \"shrink_resident_before\": %llu,\n  \"shrink_resident_after\": %llu,\n"
	       "  \"shrink_given_back\": %llu,\n  \"shrink_given_back_tables\": %llu,\n",
	       ull(shrink->resident_before), ull(shrink->resident_after), ull(shrink->given.frames),
	       ull(shrink->given.tables));
}

static void print_json(const struct report *report)
{
	const struct file_set *set = report->set;
	struct tally cache = sum_way(report, WAY_CACHE);
	struct tally all = sum_all(report);

	printf("{\n  \"mode\": \"%s\",\n  \"allocator\": \"%s\",\n  \"folio\": %u,\n",
	       options_mode_name(report->options->mode), report->options->frames->name,
	       report->options->folio_pages);
	printf("  \"files\": %u,\n  \"bytes\": %llu,\n  \"pages\": %llu,\n", set->nfiles,
	       ull(set->bytes), ull(set->npages));
	printf("  \"skipped\": %llu,\n  \"changed_files\": %llu,\n  \"stale_reads\": %llu,\n",
	       ull(set->skipped), ull(set->files_gone), ull(all.stale));
	printf("  \"threads\": %u,\n  \"seconds\": %.3f,\n  \"interrupted\": %s,\n",
	       report->options->threads, report->seconds, report->interrupted ? "true" : "false");
	printf("  \"self_test\": %s,\n", report->options->self_test ? "true" : "false");
	print_json_measures("measures", report->measures, report->nmeasures);
	print_json_measures("hits", report->hits, report->hot_pages ? report->nmeasures : 0);
	printf("  \"lookups\": %llu,\n  \"hit_rate\": %.6f,\n", ull(cache.reads),
	       hit_rate(&cache) / 100);
	print_json_cache(&all.cache);
	print_json_shrink(&report->shrink);
	printf("  \"revivals\": %llu,\n  \"given_back\": %llu,\n  \"given_back_tables\": %llu,\n",
	       ull(report->usage.revivals), ull(report->given_back.frames),
	       ull(report->given_back.tables));
	printf("  \"memory_cap\": %llu,\n  \"memory_resident\": %llu,\n"
	       "  \"memory_registry\": %llu,\n",
	       ull(report->usage.cap), ull(report->usage.resident), ull(report->usage.tables));
	printf("  \"resident\": %llu,\n  \"resident_emptied\": %llu,\n", ull(report->resident),
	       ull(report->resident_emptied));
	printf("  \"verified_reads\": %llu,\n  \"mismatches\": %llu\n}\n", ull(all.reads),
	       ull(all.mismatches));
}

void report_print(const struct report *report)
{
	progress_end();
	if (report->options->json)
		print_json(report);
	else
		print_text(report);
}
