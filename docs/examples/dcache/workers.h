/* SPDX-License-Identifier: MIT */
/*
 * Threads that resolve random paths for a short while: through the dcache, or by fstatat(2); and
 * threads that change the scratch tree all the time.
 *
 * Used by main.c. Relies on tree.c, scratch.c and dcache.c.
 */
#ifndef DCACHE_WORKERS_H
#define DCACHE_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "dcache.h"
#include "scratch.h"
#include "tree.h"

#define WORKERS_MAX 64

enum way {
	WAY_DCACHE,
	WAY_FSTATAT,
	WAYS,
};

struct slice {
	const struct tree *tree;
	struct dcache *dcache;
	enum way way;
	bool absent;   /* names that are not there, beside those that are */
	uint64_t seed; /* the same seed draws the same paths */
	uint64_t ns;
};

struct tally {
	uint64_t lookups;
	uint64_t stale; /* wrong, and so is what was collected: the tree has changed */
	uint64_t mismatches;
	double per_second; /* all threads together */
	struct dcache_stats stats;
};

/* Adds to the tally but for the rate, which is this slice's. 0 or a negative errno. */
int run_slice(const struct slice *slice, unsigned threads, struct tally *tally);

struct changers;

int changers_start(struct changers **changers, struct scratch *scratch, unsigned threads);
/* Waits for them, and says what they did. */
void changers_stop(struct changers *changers, struct scratch_tally *tally);

#endif /* DCACHE_WORKERS_H */
