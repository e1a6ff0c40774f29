/* SPDX-License-Identifier: MIT */
/*
 * What a run came to: collected while it runs, and printed at its end as a table or as JSON.
 *
 * Used by main.c. Relies on what the other files count.
 */
#ifndef PAGECACHE_REPORT_H
#define PAGECACHE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "cache.h"
#include "files.h"
#include "options.h"
#include "shrink.h"
#include "workers.h"

/* The rounds of one read size: a slice through the cache and one through pread(2) each. */
struct measure {
	unsigned read_size;
	unsigned rounds;
	double *per_second[WAYS]; /* of each round */
	struct tally total[WAYS];
};

struct report {
	const struct options *options;
	const struct file_set *set;
	unsigned nmeasures;
	struct measure measures[OPTIONS_SIZES_MAX];
	/* The same of the first pages only, so few that they stay in memory. */
	struct measure hits[OPTIONS_SIZES_MAX];
	uint64_t hot_pages;   /* how many; 0: all fit, so that this is not measured apart */
	struct tally warm_up; /* what filled the cache, before and in between */
	struct cache_usage usage;
	struct shrink_report shrink;
	uint64_t resident;		/* memory of the process, bytes, or 0: it cannot be known */
	struct cache_shrunk given_back; /* once the cache was emptied */
	uint64_t resident_emptied;	/* after that */
	double seconds;			/* that the run took */
	bool interrupted;
};

/* 0 or -ENOMEM. */
int report_init(struct report *report, const struct options *options, const struct file_set *set,
		unsigned rounds);
void report_free(struct report *report);

void report_add_round(struct measure *measure, const struct tally tallies[WAYS]);

uint64_t report_mismatches(const struct report *report);

void report_progress(const struct report *report, double elapsed);

void report_print(const struct report *report);

#endif /* PAGECACHE_REPORT_H */
