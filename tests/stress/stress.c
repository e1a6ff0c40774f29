/* SPDX-License-Identifier: MIT */
/*
 * Options, threads and payloads of the stress programs; see stress.h.
 *
 * Payloads are plain memory on purpose: ThreadSanitizer then sees every missing order.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifndef _WIN32
# include <sys/mman.h>
# include <unistd.h>
#endif

#include "stress.h"

#define POISON UINT64_C(0xdeaddeaddeaddead)

/* ------------------------------------------------------------------------------------- options */

static _Noreturn void usage(const char *program)
{
	(void)fprintf(stderr, "usage: %s [--threads N] [--seconds S] [--seed N]\n", program);
	exit(2);
}

struct stress_options stress_parse(int argc, char **argv, double seconds)
{
	struct stress_options options = { .threads = 4,
					  .seconds = seconds,
					  .seed = (uint64_t)time(NULL) };

	for (int i = 1; i < argc; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		char *end;
		double number = strtod(value, &end);

		if (end == value || *end || number < 0)
			usage(argv[0]);
		if (!strcmp(argv[i], "--threads") && number >= 1 && number <= 1000)
			options.threads = (unsigned)number;
		else if (!strcmp(argv[i], "--seconds"))
			options.seconds = number;
		else if (!strcmp(argv[i], "--seed"))
			options.seed = (uint64_t)number;
		else
			usage(argv[0]);
	}
	return options;
}

_Noreturn void stress_fail(const char *what, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
	abort();
}

/* ------------------------------------------------------------------------------------- running */

uint64_t stress_random(struct stress_thread *thread)
{
	uint64_t x = thread->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	thread->random = x;
	return x >> 16;
}

void stress_linger(struct stress_thread *thread)
{
	uint64_t how = stress_random(thread);

	if (how % 64 == 0)
		sched_yield();
	for (volatile unsigned spins = (unsigned)(how >> 8) % 64; spins; spins--)
		continue;
}

struct worker {
	struct stress_thread thread;
	void (*step)(struct stress_thread *);
	pthread_t id;
};

static bool stopping;

static void *work(void *arg)
{
	struct worker *worker = arg;

	/*
	 * At least once, however late this thread has come. Relaxed: only the end of the run
	 * depends on it; joining orders the rest.
	 */
	do {
		for (int i = 0; i < 64; i++)
			worker->step(&worker->thread);
	} while (!__atomic_load_n(&stopping, __ATOMIC_RELAXED));
	return NULL;
}

static void sleep_for(double seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	while (nanosleep(&left, &left) != 0)
		continue;
}

/* The threads go on where they were, as far as random numbers and counts are concerned. */
static void run_for(double seconds, struct worker *workers, unsigned threads)
{
	__atomic_store_n(&stopping, false, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < threads; i++)
		stress_check(pthread_create(&workers[i].id, NULL, work, &workers[i]) == 0);
	sleep_for(seconds);
	__atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < threads; i++)
		stress_check(pthread_join(workers[i].id, NULL) == 0);
}

static struct stress_thread sum_up(const struct worker *workers, unsigned threads)
{
	struct stress_thread sums = { .random = 0 };

	for (unsigned i = 0; i < threads; i++) {
		for (int j = 0; j < STRESS_COUNTS; j++)
			sums.counts[j] += workers[i].thread.counts[j];
	}
	return sums;
}

/* Long enough for any machine to get round to what happens all the time: five minutes. */
enum { ROUNDS_MORE = 1200 };
#define ROUND_MORE_S 0.25

struct stress_thread stress_run(const struct stress_options *options,
				void (*step)(struct stress_thread *),
				bool (*enough)(const struct stress_thread *))
{
	struct worker *workers = calloc(options->threads, sizeof(*workers));
	struct stress_thread sums;

	stress_check(workers != NULL);
	for (unsigned i = 0; i < options->threads; i++) {
		/* Neither zero nor alike for neighbouring seeds. */
		workers[i].thread.random =
			(options->seed * 1000 + i + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
		workers[i].step = step;
	}
	run_for(options->seconds, workers, options->threads);
	sums = sum_up(workers, options->threads);
	for (unsigned round = 0; enough && !enough(&sums); round++) {
		stress_check(round < ROUNDS_MORE);
		run_for(ROUND_MORE_S, workers, options->threads);
		sums = sum_up(workers, options->threads);
	}
	free(workers);
	return sums;
}

void stress_report(const char *subject, const struct stress_options *options,
		   const struct stress_thread *sums, const char *const *names)
{
	printf("%s: %u threads, %g s, seed %llu:", subject, options->threads, options->seconds,
	       (unsigned long long)options->seed);
	for (int i = 0; i < STRESS_COUNTS && names[i]; i++)
		printf("%s %llu %s", i ? "," : "", (unsigned long long)sums->counts[i], names[i]);
	printf("\n");
}

/* ----------------------------------------------------------------------------------- slow memory */

void *stress_slow_memory(struct stress_room *room, size_t bytes)
{
	uintptr_t page = ((uintptr_t)room + 2 * STRESS_PAGE - 1) & ~(STRESS_PAGE - 1);

#ifndef _WIN32
	/* Where pages are larger, it stays as fast as any. */
	if (sysconf(_SC_PAGESIZE) == (long)STRESS_PAGE)
		(void)madvise((void *)page, STRESS_PAGE, MADV_DONTNEED);
#endif
	/* Both halves are within the room; words stay aligned. */
	return (void *)(page - (bytes / 2 & ~(size_t)15));
}

/* ------------------------------------------------------------------------------------ payloads */

enum { WORDS = sizeof(struct stress_payload) / sizeof(uint64_t) };

void stress_write(struct stress_payload *payload, uint64_t identity)
{
	for (int i = 0; i < WORDS; i++)
		payload->words[i] = identity;
}

void stress_poison(struct stress_payload *payload)
{
	stress_write(payload, POISON);
}

uint64_t stress_read(const struct stress_payload *payload)
{
	uint64_t identity = payload->words[0];

	stress_check(identity != POISON);
	for (int i = 1; i < WORDS; i++)
		stress_check(payload->words[i] == identity);
	return identity;
}
