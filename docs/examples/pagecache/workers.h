/* SPDX-License-Identifier: MIT */
/*
 * Threads that read random pieces, one short slice of time after another: through the cache,
 * through pread(2), and so on in turn, so that what disturbs the machine disturbs all ways alike.
 *
 * Used by main.c. Relies on cache.c, files.c and verify.c.
 *
 * A slice is made of batches: pieces are drawn at random, read on the clock, and verified off the
 * clock, from the copies that were handed out. So drawing and verifying cost all ways nothing, and
 * the same slice of two ways draws the same pieces.
 */
#ifndef PAGECACHE_WORKERS_H
#define PAGECACHE_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "cache.h"
#include "files.h"
#include "verify.h"

enum way {
	WAY_CACHE,
	WAY_PREAD,
	WAYS,
};

struct slice {
	enum way way;
	unsigned read_size; /* a power of two from VERIFY_LINE to VERIFY_MAX */
	uint64_t seed;	    /* of the random sequence */
	uint64_t ns;	    /* how long it lasts */
	uint64_t pages;	    /* random pieces are drawn from pfns below that */
	/* Instead of random pieces, and until they are done: these many pages in order. */
	uint64_t warm_pages;
};

/* What a slice, or several, came to. */
struct tally {
	uint64_t reads;	     /* that were handed out and verified */
	uint64_t pages;	     /* that reads asked for, also those that failed */
	double per_second;   /* all threads together, by the time spent reading; of one slice */
	uint64_t mismatches; /* wrong bytes, and the file is what it was */
	uint64_t stale;	     /* reads given up, or found wrong, since the file had changed */
	struct cache_stats cache;
};

struct crew;

/* 0 or a negative errno. */
int crew_create(struct crew **crew, unsigned threads, struct cache *cache, struct file_set *set,
		const struct verifier *verifier);
void crew_destroy(struct crew *crew);

/* Ends early when interrupted, or when nothing is left to read. */
void crew_run(struct crew *crew, const struct slice *slice, struct tally *tally);

/* Adds everything but the rate. */
void tally_add(struct tally *sum, const struct tally *tally);

#endif /* PAGECACHE_WORKERS_H */
