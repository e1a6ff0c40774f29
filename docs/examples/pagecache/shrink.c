/* SPDX-License-Identifier: MIT */
/*
 * Halving the cache while it is in use. See shrink.h.
 */
#include "shrink.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "resident.h"

#define NS_PER_S UINT64_C(1000000000)

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void shrink_now(struct shrink *shrink)
{
	struct shrink_report *report = &shrink->report;
	uint64_t begin = now_ns(CLOCK_MONOTONIC);

	report->limit_before = frames_limit(&shrink->cache->frames) << PAGE_SHIFT;
	report->resident_before = resident_bytes();
	report->given = cache_set_limit(shrink->cache, shrink->limit, &report->stats);
	report->resident_after = resident_bytes();
	report->limit_after = shrink->limit << PAGE_SHIFT;
	report->seconds = (double)(now_ns(CLOCK_MONOTONIC) - begin) * 1e-9;
	report->done = true;
}

static void *wait_and_shrink(void *arg)
{
	struct shrink *shrink = arg;
	const struct timespec due = {
		.tv_sec = (time_t)(shrink->due_ns / NS_PER_S),
		.tv_nsec = (long)(shrink->due_ns % NS_PER_S),
	};
	bool cancelled;

	pthread_mutex_lock(&shrink->lock);
	while (!shrink->cancelled &&
	       pthread_cond_timedwait(&shrink->changed, &shrink->lock, &due) != ETIMEDOUT)
		;
	cancelled = shrink->cancelled;
	pthread_mutex_unlock(&shrink->lock);
	if (!cancelled)
		shrink_now(shrink);
	return NULL;
}

int shrink_start(struct shrink *shrink, struct cache *cache, double seconds, uint64_t limit)
{
	memset(shrink, 0, sizeof(*shrink));
	shrink->cache = cache;
	shrink->limit = limit;
	shrink->due_ns = now_ns(CLOCK_REALTIME) + (uint64_t)(seconds * (double)NS_PER_S);
	pthread_mutex_init(&shrink->lock, NULL);
	pthread_cond_init(&shrink->changed, NULL);
	return -pthread_create(&shrink->thread, NULL, wait_and_shrink, shrink);
}

void shrink_finish(struct shrink *shrink)
{
	pthread_mutex_lock(&shrink->lock);
	shrink->cancelled = true;
	pthread_cond_signal(&shrink->changed);
	pthread_mutex_unlock(&shrink->lock);
	pthread_join(shrink->thread, NULL);
	pthread_cond_destroy(&shrink->changed);
	pthread_mutex_destroy(&shrink->lock);
}
