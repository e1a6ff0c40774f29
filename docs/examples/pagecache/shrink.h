/* SPDX-License-Identifier: MIT */
/*
 * The moment at which memory becomes scarce: a thread of its own that, halfway through the run,
 * halves the cache's limit, evicts what is too much, and gives the memory back, while the others
 * read on. As when somebody writes to memory.max.
 *
 * Used by main.c. Relies on cache_set_limit().
 */
#ifndef PAGECACHE_SHRINK_H
#define PAGECACHE_SHRINK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache.h"

/* What it came to; bytes. */
struct shrink_report {
	bool done;
	double seconds; /* that it took */
	uint64_t limit_before, limit_after;
	uint64_t resident_before, resident_after; /* of the process; 0 where it is not known */
	struct cache_shrunk given;
	struct cache_stats stats; /* what it evicted */
};

struct shrink {
	struct cache *cache;
	uint64_t limit;	 /* pages: the new one */
	uint64_t due_ns; /* when, by CLOCK_REALTIME */
	struct shrink_report report;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool cancelled; /* under the lock */
};

/* In so many seconds, to this limit. 0 or a negative errno. */
int shrink_start(struct shrink *shrink, struct cache *cache, double seconds, uint64_t limit);

/* Does not wait for one that is not due yet. */
void shrink_finish(struct shrink *shrink);

#endif /* PAGECACHE_SHRINK_H */
