/* SPDX-License-Identifier: MIT */
/*
 * Threads that look sessions up, hold them and put them, while they are removed and added again:
 * checks that what is held is what was asked for, and prints how many lookups that were.
 *
 * Compiled twice, with each counter of sessions.c; compare.sh runs the two in turn.
 *
 *	sessions-COUNTER [milliseconds [threads [percent that remove and add [sessions]]]]
 *
 * Exits with 0, or 1 after a wrong session or a leaked one, or 2 if it could not run.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <urcu.h>

#include "sessions.h"

#define THREADS_MAX 64
#define AT_ONCE	    64 /* lookups between two looks at the clock, all of them held at once */

struct load {
	struct sessions *sessions;
	uint64_t n;
	uint64_t ns;
	unsigned change_percent;
};

struct worker {
	pthread_t thread;
	const struct load *load;
	uint64_t seed;
	uint64_t lookups;
	uint64_t hits;
	uint64_t wrong;
	uint64_t ns;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint64_t draw(struct worker *worker, uint64_t n)
{
	worker->seed = worker->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (worker->seed >> 33) % n;
}

/* Holds them across the reads of others: that is what the references are for. */
static void look_up_some(struct worker *worker)
{
	struct session *held[AT_ONCE];
	uint64_t key[AT_ONCE];

	for (unsigned i = 0; i < AT_ONCE; i++) {
		key[i] = draw(worker, worker->load->n);
		held[i] = session_get(worker->load->sessions, key[i]);
	}
	for (unsigned i = 0; i < AT_ONCE; i++) {
		worker->lookups++;
		if (!held[i])
			continue;
		worker->hits++;
		worker->wrong += session_key(held[i]) != key[i];
		session_put(held[i]);
	}
}

static void change_some(struct worker *worker)
{
	for (unsigned i = 0; i < AT_ONCE; i++) {
		uint64_t key = draw(worker, worker->load->n);

		if (draw(worker, 100) >= worker->load->change_percent)
			continue;
		if (sessions_remove(worker->load->sessions, key))
			(void)sessions_add(worker->load->sessions, key);
	}
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	uint64_t begin = now_ns();

	rcu_register_thread();
	/* Once at least, however late this thread gets a processor. */
	do {
		look_up_some(worker);
		change_some(worker);
		worker->ns = now_ns() - begin;
	} while (worker->ns < worker->load->ns);
	rcu_unregister_thread();
	return NULL;
}

static int run(const struct load *load, unsigned threads, struct worker *sum, double *per_second)
{
	static struct worker workers[THREADS_MAX];
	unsigned started = 0;

	for (; started < threads; started++) {
		struct worker *worker = &workers[started];

		worker->load = load;
		worker->seed = started + 1;
		if (pthread_create(&worker->thread, NULL, work, worker))
			break;
	}
	for (unsigned i = 0; i < started; i++) {
		pthread_join(workers[i].thread, NULL);
		sum->lookups += workers[i].lookups;
		sum->hits += workers[i].hits;
		sum->wrong += workers[i].wrong;
		*per_second += (double)workers[i].lookups * 1e9 / (double)workers[i].ns;
	}
	return started == threads ? 0 : 2;
}

/* Leaves an absent argument at its default; false if it is no number from least to most. */
static bool read_argument(int argc, char **argv, int which, uint64_t least, uint64_t most,
			  uint64_t *argument)
{
	char *end;

	if (which >= argc)
		return true;
	*argument = strtoull(argv[which], &end, 10);
	return !*end && end != argv[which] && *argument >= least && *argument <= most;
}

int main(int argc, char **argv)
{
	uint64_t ms = 500, threads = 2, percent = 1, n = 1000;
	struct load load;
	struct worker sum = { 0 };
	double per_second = 0;
	uint64_t leaked;

	if (argc > 5 || !read_argument(argc, argv, 1, 1, 3600000, &ms) ||
	    !read_argument(argc, argv, 2, 1, THREADS_MAX, &threads) ||
	    !read_argument(argc, argv, 3, 0, 100, &percent) ||
	    !read_argument(argc, argv, 4, 1, 10000000, &n)) {
		fprintf(stderr, "usage: %s [milliseconds [threads [percent [sessions]]]]\n",
			argv[0]);
		return 2;
	}
	load = (struct load){ .n = n, .ns = ms * 1000000, .change_percent = (unsigned)percent };
	rcu_register_thread();
	load.sessions = sessions_create();
	for (uint64_t key = 0; load.sessions && key < load.n; key++) {
		if (!sessions_add(load.sessions, key))
			return 2;
	}
	if (!load.sessions || run(&load, (unsigned)threads, &sum, &per_second))
		return 2;
	leaked = sessions_destroy(load.sessions);
	rcu_unregister_thread();
	printf("%s: %.6f million lookups a second, %.2f %% found; %llu wrong, %llu leaked\n",
	       sessions_counter, per_second / 1e6, 100.0 * (double)sum.hits / (double)sum.lookups,
	       (unsigned long long)sum.wrong, (unsigned long long)leaked);
	return sum.wrong || leaked ? 1 : 0;
}
