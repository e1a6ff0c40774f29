/* SPDX-License-Identifier: MIT */
/*
 * Measures groups of contenders, prints tables, writes JSON. The interface is in harness.h.
 *
 * Relies on Linux for two refinements, and does without them elsewhere: threads are bound to one
 * processor each while they contend, and slices with an involuntary context switch are repeated.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <frozenref/atomic.h>

#include "harness.h"

enum {
	ROUNDS = 25,
	ROUNDS_MIN = 9,
	ROUNDS_MAX = 1000,
	RETRIES = 10, /* of a slice that was interrupted */
};

#define SLICE_NS       UINT64_C(3000000)
#define SLICE_QUICK_NS UINT64_C(1000000)
#define CHUNK_NS       UINT64_C(10000)

struct result {
	double low, median, high; /* with the quartiles */
};

struct bench {
	const char *name;
	unsigned rounds;
	bool quick;
	bool is_long;
	const char *json_path;
	FILE *json;
	bool any_group;
	double ns[BENCH_CASES_MAX][ROUNDS_MAX];
	double scratch[ROUNDS_MAX];
	pthread_mutex_t parked; /* held while the benchmark runs */
	pthread_t parked_thread;
};

/* -------------------------------------------------------------------------------- small things */

void bench_wrong_answer(const char *where)
{
	fprintf(stderr, "%s: an operation gave the wrong answer\n", where);
	abort();
}

static void die(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(err));
	exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* How often the calling thread has lost its processor to another one. */
static long preemptions(void)
{
#ifdef RUSAGE_THREAD
	struct rusage usage;

	if (getrusage(RUSAGE_THREAD, &usage) == 0)
		return usage.ru_nivcsw;
#endif
	return 0;
}

#ifdef CPU_SETSIZE
static void bind_to(const cpu_set_t *allowed, unsigned which)
{
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		cpu_set_t one;

		if (!CPU_ISSET(cpu, allowed) || which--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		/* Where it is refused the scheduler does as it likes, and the rounds are noisier.
		 */
		(void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
		return;
	}
}
#endif

/* ----------------------------------------------------------------------------------- one slice */

/* What the threads of a slice share. */
struct slice {
	const struct bench_case *contender;
	unsigned threads;
	uint64_t length_ns;
	uint32_t ready;
	uint32_t stop;
#ifdef CPU_SETSIZE
	cpu_set_t allowed;
#endif
};

struct side {
	struct slice *slice;
	pthread_t thread;
	uint64_t ops;
	uint64_t ns;
	bool interrupted;
};

/*
 * How often before the next look at the clock: so that it hides the clock and is short beside a
 * slice. It begins with few, for contenders that take microseconds.
 */
static uint64_t next_chunk(uint64_t chunk, uint64_t took_ns)
{
	return took_ns < CHUNK_NS ? chunk * 2 : chunk;
}

static void wait_for_all(struct slice *slice)
{
	/* Acquire and release are not needed: the threads share nothing but what is measured. */
	(void)frozenref__add32(&slice->ready, 1, relaxed);
	while (frozenref__load32(&slice->ready, relaxed) != slice->threads)
		continue;
}

/* The first thread watches the clock, the others stop when it does. */
static void work(struct side *side, bool leads)
{
	struct slice *slice = side->slice;
	uint64_t chunk = 256;
	long before = preemptions();
	uint64_t begin;

	slice->contender->loop(slice->contender->state, 16);
	wait_for_all(slice);
	begin = now_ns();
	do {
		uint64_t elapsed = side->ns;

		slice->contender->loop(slice->contender->state, chunk);
		side->ops += chunk;
		side->ns = now_ns() - begin;
		chunk = next_chunk(chunk, side->ns - elapsed);
		if (leads && side->ns >= slice->length_ns)
			frozenref__store32(&slice->stop, 1, relaxed);
	} while (!frozenref__load32(&slice->stop, relaxed));
	side->interrupted = preemptions() != before;
}

static void *follow(void *arg)
{
	struct side *side = arg;

#ifdef CPU_SETSIZE
	bind_to(&side->slice->allowed, 1);
#endif
	work(side, false);
	return NULL;
}

/* One nanosecond over what both get done in it: each by its own clock, since neither waits at the
 * end. */
static bool run_pair(struct slice *slice, double *ns)
{
	struct side sides[BENCH_THREADS_MAX] = { { .slice = slice }, { .slice = slice } };
	int err = pthread_create(&sides[1].thread, NULL, follow, &sides[1]);

	if (err)
		die("pthread_create", err);
#ifdef CPU_SETSIZE
	bind_to(&slice->allowed, 0);
#endif
	work(&sides[0], true);
	pthread_join(sides[1].thread, NULL);
#ifdef CPU_SETSIZE
	(void)pthread_setaffinity_np(pthread_self(), sizeof(slice->allowed), &slice->allowed);
#endif
	*ns = 1 / ((double)sides[0].ops / (double)sides[0].ns +
		   (double)sides[1].ops / (double)sides[1].ns);
	return !sides[0].interrupted && !sides[1].interrupted;
}

static bool run_single(struct slice *slice, double *ns)
{
	struct side side = { .slice = slice };

	work(&side, true);
	*ns = (double)side.ns / (double)side.ops;
	return !side.interrupted;
}

/*
 * Nanoseconds for one operation. When every slice was interrupted the fastest one is taken: on one
 * thread an interruption only ever adds time. Two threads may seem fast because they did not
 * contend, but the median sees to that.
 */
static double measure(const struct bench *bench, const struct bench_group *group, size_t which)
{
	double best = 0;

	for (int retry = 0; retry < RETRIES; retry++) {
		double ns = 0;
		struct slice slice = {
			.contender = &group->cases[which],
			.threads = group->threads,
			.length_ns = (bench->quick ? SLICE_QUICK_NS : SLICE_NS) *
				     (group->stretch ? group->stretch : 1),
		};

#ifdef CPU_SETSIZE
		(void)pthread_getaffinity_np(pthread_self(), sizeof(slice.allowed), &slice.allowed);
#endif
		if (group->threads == 1 ? run_single(&slice, &ns) : run_pair(&slice, &ns))
			return ns;
		if (retry == 0 || ns < best)
			best = ns;
	}
	return best;
}

/* ----------------------------------------------------------------------------------- summaries */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct result summarise(double *values, unsigned n)
{
	struct result result;

	qsort(values, n, sizeof(*values), compare);
	result.low = values[n / 4];
	result.median = n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
	result.high = values[n - 1 - n / 4];
	return result;
}

static struct result time_of(struct bench *bench, size_t which)
{
	memcpy(bench->scratch, bench->ns[which], bench->rounds * sizeof(*bench->scratch));
	return summarise(bench->scratch, bench->rounds);
}

static struct result ratio_of(struct bench *bench, size_t which, size_t base)
{
	for (unsigned round = 0; round < bench->rounds; round++)
		bench->scratch[round] = bench->ns[which][round] / bench->ns[base][round];
	return summarise(bench->scratch, bench->rounds);
}

static size_t find_case(const struct bench_group *group, const char *name)
{
	size_t i = 0;

	while (i < group->n_cases && strcmp(group->cases[i].name, name) != 0)
		i++;
	return i;
}

/* Contenders may have been left out of this build, and their targets with them. */
static bool has_target(const struct bench_group *group, const struct bench_target *target)
{
	return find_case(group, target->name) < group->n_cases &&
	       find_case(group, target->base) < group->n_cases;
}

static struct result target_ratio(struct bench *bench, const struct bench_group *group,
				  const struct bench_target *target)
{
	return ratio_of(bench, find_case(group, target->name), find_case(group, target->base));
}

/* -------------------------------------------------------------------------------------- output */

static void print_group(struct bench *bench, const struct bench_group *group)
{
	printf("\n%s\n  %-34s %9s %8s  %s\n", group->title, "", "ns", "ratio", "quartiles");
	for (size_t i = 0; i < group->n_cases; i++) {
		struct result ns = time_of(bench, i);
		struct result ratio = ratio_of(bench, i, 0);
		const char *note = group->cases[i].note;

		printf("  %-34s %9.2f %8.3f  %.3f .. %.3f", group->cases[i].name, ns.median,
		       ratio.median, ratio.low, ratio.high);
		printf(note ? "  %s\n" : "\n", note);
	}
	for (const struct bench_target *t = group->targets; t && t->name; t++) {
		double ratio;

		if (!has_target(group, t))
			continue;
		ratio = target_ratio(bench, group, t).median;
		printf("  %s / %s: %.3f, to be at most %.2f: %s\n", t->name, t->base, ratio,
		       t->at_most, ratio <= t->at_most ? "met" : "MISSED");
	}
	fflush(stdout);
}

static void write_case(struct bench *bench, const struct bench_group *group, size_t i)
{
	struct result ns = time_of(bench, i);
	struct result ratio = ratio_of(bench, i, 0);

	fprintf(bench->json,
		"%s\n    {\"name\": \"%s\", \"ns\": %.4f, \"ratio\": %.4f, \"ratio_low\": %.4f, "
		"\"ratio_high\": %.4f, \"ns_rounds\": [",
		i ? "," : "", group->cases[i].name, ns.median, ratio.median, ratio.low, ratio.high);
	for (unsigned round = 0; round < bench->rounds; round++)
		fprintf(bench->json, "%s%.4f", round ? ", " : "", bench->ns[i][round]);
	fprintf(bench->json, "]}");
}

static void write_group(struct bench *bench, const struct bench_group *group)
{
	const char *separator = "";

	if (!bench->json)
		return;
	fprintf(bench->json,
		"%s\n  {\"key\": \"%s\", \"title\": \"%s\", \"threads\": %u, \"cases\": [",
		bench->any_group ? "," : "", group->key, group->title, group->threads);
	for (size_t i = 0; i < group->n_cases; i++)
		write_case(bench, group, i);
	fprintf(bench->json, "],\n   \"targets\": [");
	for (const struct bench_target *t = group->targets; t && t->name; t++) {
		double ratio;

		if (!has_target(group, t))
			continue;
		ratio = target_ratio(bench, group, t).median;
		fprintf(bench->json,
			"%s\n    {\"name\": \"%s\", \"base\": \"%s\", \"ratio\": %.4f, "
			"\"at_most\": %.2f, \"met\": %s}",
			separator, t->name, t->base, ratio, t->at_most,
			ratio <= t->at_most ? "true" : "false");
		separator = ",";
	}
	fprintf(bench->json, "]}");
	bench->any_group = true;
}

/* ----------------------------------------------------------------------------------- interface */

void bench_run(struct bench *bench, const struct bench_group *group)
{
	if (group->n_cases == 0 || group->n_cases > BENCH_CASES_MAX)
		bench_wrong_answer(group->key);
	if (group->threads > 1 && sysconf(_SC_NPROCESSORS_ONLN) < (long)group->threads) {
		printf("\n%s: left out, there are too few processors\n", group->title);
		return;
	}
	for (size_t i = 0; i < group->n_cases; i++)
		(void)measure(bench, group, i);
	for (unsigned round = 0; round < bench->rounds; round++) {
		for (size_t i = 0; i < group->n_cases; i++) {
			size_t which = (i + round) % group->n_cases;

			bench->ns[which][round] = measure(bench, group, which);
		}
	}
	print_group(bench, group);
	write_group(bench, group);
}

static void usage(FILE *out, const char *name)
{
	fprintf(out,
		"usage: %s [--rounds N] [--quick | --long] [--json FILE]\n"
		"  --rounds N   rounds, %d to %d; default %d\n"
		"  --quick      %d rounds of shorter slices, on smaller data\n"
		"  --long       on larger data as well, which takes minutes and gigabytes\n"
		"  --json FILE  write all numbers there, each round's too\n",
		name, ROUNDS_MIN, ROUNDS_MAX, ROUNDS, ROUNDS_MIN);
}

static unsigned read_rounds(const char *name, const char *text)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || end == text || n < ROUNDS_MIN || n > ROUNDS_MAX) {
		usage(stderr, name);
		exit(EXIT_FAILURE);
	}
	return (unsigned)n;
}

static void read_options(struct bench *bench, int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "quick", no_argument, NULL, 'q' },
		{ "long", no_argument, NULL, 'l' },
		{ "json", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			bench->rounds = read_rounds(bench->name, optarg);
			break;
		case 'q':
			bench->quick = true;
			break;
		case 'l':
			bench->is_long = true;
			break;
		case 'j':
			bench->json_path = optarg;
			break;
		case 'h':
			usage(stdout, bench->name);
			exit(EXIT_SUCCESS);
		default:
			usage(stderr, bench->name);
			exit(EXIT_FAILURE);
		}
	}
	if (optind != argc || (bench->quick && bench->is_long)) {
		usage(stderr, bench->name);
		exit(EXIT_FAILURE);
	}
	if (!bench->rounds)
		bench->rounds = bench->quick ? ROUNDS_MIN : ROUNDS;
}

static void *park(void *arg)
{
	pthread_mutex_lock(arg);
	pthread_mutex_unlock(arg);
	return NULL;
}

struct bench *bench_start(int argc, char **argv, const char *name)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	int err;

	if (!bench)
		die("calloc", errno);
	bench->name = name;
	read_options(bench, argc, argv);
	if (bench->json_path) {
		bench->json = fopen(bench->json_path, "w");
		if (!bench->json)
			die(bench->json_path, errno);
		fprintf(bench->json, "{\"benchmark\": \"%s\", \"rounds\": %u, \"groups\": [", name,
			bench->rounds);
	}
	/*
	 * A second thread that only waits: with a single one the C library lets std::shared_ptr
	 * count without atomics, and a comparison with that would say nothing.
	 */
	pthread_mutex_init(&bench->parked, NULL);
	pthread_mutex_lock(&bench->parked);
	err = pthread_create(&bench->parked_thread, NULL, park, &bench->parked);
	if (err)
		die("pthread_create", err);
	printf("%s: medians of %u rounds; ratios to the first line, taken within each round\n",
	       name, bench->rounds);
	return bench;
}

bool bench_is_quick(const struct bench *bench)
{
	return bench->quick;
}

bool bench_is_long(const struct bench *bench)
{
	return bench->is_long;
}

int bench_finish(struct bench *bench)
{
	int status = EXIT_SUCCESS;

	pthread_mutex_unlock(&bench->parked);
	pthread_join(bench->parked_thread, NULL);
	pthread_mutex_destroy(&bench->parked);
	if (bench->json) {
		fprintf(bench->json, "\n]}\n");
		if (ferror(bench->json) || fclose(bench->json) != 0) {
			fprintf(stderr, "%s: could not be written\n", bench->json_path);
			status = EXIT_FAILURE;
		}
	}
	free(bench);
	return status;
}
