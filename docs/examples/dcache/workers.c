/* SPDX-License-Identifier: MIT */
/*
 * The threads. See workers.h.
 */
#include "workers.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Between two looks at the clock. */
#define AT_ONCE 64

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static size_t draw(uint64_t *seed, size_t n)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)((*seed >> 32) * n >> 32);
}

/* ---------------------------------------------------------------------------------- the workers */

struct worker {
	pthread_t thread;
	struct slice slice;
	struct tally tally;
	uint64_t ns; /* spent in lookups */
};

static int look_up(struct worker *worker, const char *path, struct dcache_answer *answer)
{
	if (worker->slice.way == WAY_FSTATAT)
		return tree_ask(worker->slice.tree, path, answer);
	return dcache_lookup(worker->slice.dcache, path, answer, &worker->tally.stats);
}

/* The name is right but for its end; no such file is in any sane tree. */
static const char *absent_path(const struct tree_path *from, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s.is-not-there", from->path);
	return path;
}

/* Off the clock. What was collected may have changed since, and then nobody was wrong. */
static void judge(struct worker *worker, const char *path, int err,
		  const struct dcache_answer *answer, const struct dcache_answer *expected)
{
	struct dcache_answer now;

	worker->tally.lookups++;
	if (!err && answers_agree(answer, expected))
		return;
	if (!tree_ask(worker->slice.tree, path, &now) && !answers_agree(&now, expected))
		worker->tally.stale++;
	else
		worker->tally.mismatches++;
}

/* So many lookups on the clock, which are then judged off the clock. */
static void look_up_some(struct worker *worker, uint64_t *seed)
{
	static _Thread_local char absent[AT_ONCE][PATH_MAX];
	const struct tree_path *from[AT_ONCE];
	const char *path[AT_ONCE];
	struct dcache_answer answer[AT_ONCE];
	int err[AT_ONCE];
	uint64_t begin;

	for (unsigned i = 0; i < AT_ONCE; i++) {
		from[i] = &worker->slice.tree->paths[draw(seed, worker->slice.tree->n)];
		path[i] = worker->slice.absent ? absent_path(from[i], absent[i]) : from[i]->path;
	}
	begin = now_ns();
	for (unsigned i = 0; i < AT_ONCE; i++)
		err[i] = look_up(worker, path[i], &answer[i]);
	worker->ns += now_ns() - begin;
	for (unsigned i = 0; i < AT_ONCE; i++) {
		static const struct dcache_answer none;

		judge(worker, path[i], err[i], &answer[i],
		      worker->slice.absent ? &none : &from[i]->answer);
	}
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	uint64_t seed = worker->slice.seed;

	while (worker->ns < worker->slice.ns)
		look_up_some(worker, &seed);
	return NULL;
}

static void add_stats(struct dcache_stats *sum, const struct dcache_stats *stats)
{
	sum->steps += stats->steps;
	sum->misses += stats->misses;
	sum->restarts += stats->restarts;
	sum->evictions += stats->evictions;
}

static void add_worker(struct tally *sum, const struct worker *worker)
{
	sum->lookups += worker->tally.lookups;
	sum->stale += worker->tally.stale;
	sum->mismatches += worker->tally.mismatches;
	sum->per_second += (double)worker->tally.lookups * 1e9 / (double)worker->ns;
	add_stats(&sum->stats, &worker->tally.stats);
}

int run_slice(const struct slice *slice, unsigned threads, struct tally *tally)
{
	struct worker *workers = calloc(threads, sizeof(*workers));
	unsigned started = 0;
	int err = workers ? 0 : -ENOMEM;

	tally->per_second = 0;
	while (!err && started < threads) {
		struct worker *worker = &workers[started];

		worker->slice = *slice;
		worker->slice.seed += started;
		err = -pthread_create(&worker->thread, NULL, work, worker);
		started += !err;
	}
	for (unsigned i = 0; i < started; i++) {
		pthread_join(workers[i].thread, NULL);
		add_worker(tally, &workers[i]);
	}
	free(workers);
	return err;
}

/* --------------------------------------------------------------------------------- the changers */

struct changer {
	pthread_t thread;
	struct scratch *scratch;
	const atomic_bool *stop;
	uint64_t seed;
	struct scratch_tally tally;
};

struct changers {
	atomic_bool stop;
	unsigned n;
	struct changer changer[WORKERS_MAX];
};

static void *change(void *arg)
{
	struct changer *changer = arg;

	while (!atomic_load(changer->stop)) {
		scratch_change(changer->scratch, &changer->seed, &changer->tally);
		for (unsigned i = 0; i < 8; i++)
			scratch_look(changer->scratch, &changer->seed, &changer->tally);
	}
	return NULL;
}

int changers_start(struct changers **changersp, struct scratch *scratch, unsigned threads)
{
	struct changers *changers = calloc(1, sizeof(*changers));

	if (!changers)
		return -ENOMEM;
	for (; changers->n < threads; changers->n++) {
		struct changer *changer = &changers->changer[changers->n];
		int err;

		changer->scratch = scratch;
		changer->stop = &changers->stop;
		changer->seed = changers->n + 1;
		err = pthread_create(&changer->thread, NULL, change, changer);
		if (err) {
			struct scratch_tally none = { 0 };

			changers_stop(changers, &none);
			return -err;
		}
	}
	*changersp = changers;
	return 0;
}

void changers_stop(struct changers *changers, struct scratch_tally *tally)
{
	atomic_store(&changers->stop, true);
	for (unsigned i = 0; i < changers->n; i++) {
		const struct scratch_tally *one = &changers->changer[i].tally;

		pthread_join(changers->changer[i].thread, NULL);
		tally->changes += one->changes;
		tally->checked += one->checked;
		tally->unsettled += one->unsettled;
		tally->mismatches += one->mismatches;
		add_stats(&tally->stats, &one->stats);
	}
	free(changers);
}
