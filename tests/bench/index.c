/* SPDX-License-Identifier: MIT */
/*
 * The index beside other hash tables: what operations cost, what an entry takes, and how long a
 * single insert takes while the table grows.
 *
 * Run by `make bench`. Relies on harness.h for the measuring, on maps.h for liburcu, GLib and C++,
 * and on keys.h for which keys are asked for. An operation looks up a key, takes a reference and
 * drops it; or, as a writer, takes the object out and puts a new one under its key.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <frozenref/index.h>

#include "maps.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* More keys than this do not fit into the caches near the processor: slices get longer. */
#define BIG UINT64_C(10000)

struct item {
	struct frozenref_index_node node;
	frozenref_t ref;
	uint64_t key;
};

struct map {
	struct frozenref_cache *cache;
	struct frozenref_index *index;
	const struct bench_keys *keys;
	struct item **met; /* where each key was found last; for peeks */
};

static void check(const char *what, int err)
{
	if (!err)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, strerror(-err));
	exit(EXIT_FAILURE);
}

/* ----------------------------------------------------------------------------------- the index */

static bool has_key(const void *object, const void *key, void *arg)
{
	(void)arg;
	return ((const struct item *)object)->key == *(const uint64_t *)key;
}

static struct item *make_item(struct map *map, uint64_t key)
{
	struct item *item = (struct item *)frozenref_cache_alloc(map->cache);

	BENCH_REQUIRE(item);
	item->key = key;
	frozenref_unfreeze(&item->ref, 1);
	return item;
}

static void insert(struct map *map, uint64_t key)
{
	struct item *item = make_item(map, key);

	/* The keys are their own hashes: the index spreads them itself. */
	BENCH_REQUIRE(frozenref_index_insert(map->index, key, &key, item) == 0);
	(void)frozenref_cache_put(map->cache, item);
}

/* Whoever took the object out puts another one there; another writer may be at the same key. */
__attribute__((noinline)) static void rewrite(struct map *map, uint64_t key)
{
	struct item *item = (struct item *)frozenref_index_try_get(map->index, key, &key);
	bool taken_out = item && frozenref_index_erase(map->index, item) == 0;

	if (item)
		(void)frozenref_cache_put(map->cache, item);
	if (taken_out)
		insert(map, key);
}

BENCH_RANDOM_LOOP(operations, struct map, {
	uint64_t key = bench_key(&random, x->keys);

	if (bench_writes(random, x->keys)) {
		rewrite(x, key);
	} else {
		struct item *item = (struct item *)frozenref_index_try_get(x->index, key, &key);

		BENCH_REQUIRE(item || x->keys->writers);
		if (item)
			(void)frozenref_cache_put(x->cache, item);
	}
})

static struct map *make_empty(const struct bench_keys *keys, unsigned cache_flags)
{
	struct frozenref_cache_config cache_config = FROZENREF_CACHE_CONFIG_INIT;
	struct frozenref_index_config config = FROZENREF_INDEX_CONFIG_INIT;
	struct map *map = (struct map *)calloc(1, sizeof(*map));

	BENCH_REQUIRE(map);
	map->keys = keys;
	cache_config.flags = cache_flags;
	cache_config.object_size = sizeof(struct item);
	cache_config.ref_offset = offsetof(struct item, ref);
	cache_config.stable_offset = offsetof(struct item, node);
	cache_config.stable_size = sizeof(struct frozenref_index_node);
	check("frozenref_cache_create", frozenref_cache_create(&map->cache, &cache_config));
	config.cache = map->cache;
	config.node_offset = offsetof(struct item, node);
	config.equal = has_key;
	check("frozenref_index_create", frozenref_index_create(&map->index, &config));
	return map;
}

static void *make(const struct bench_keys *keys)
{
	struct map *map = make_empty(keys, 0);

	for (uint64_t key = 0; key < keys->n; key++)
		insert(map, key);
	return map;
}

/* What a program does that reads a few keys all the time: it remembers where they are. */
static void *make_peekable(const struct bench_keys *keys)
{
	struct map *map = make_empty(keys, FROZENREF_CACHE_PEEKABLE);

	map->met = (struct item **)calloc(keys->n, sizeof(struct item *));
	BENCH_REQUIRE(map->met);
	for (uint64_t key = 0; key < keys->n; key++) {
		insert(map, key);
		map->met[key] = (struct item *)frozenref_index_try_get(map->index, key, &key);
		(void)frozenref_cache_put(map->cache, map->met[key]);
	}
	return map;
}

/* The object may be gone, or another one: the copy tells, and then it would be looked up again. */
BENCH_RANDOM_LOOP(peeks, struct map, {
	uint64_t key = bench_key(&random, x->keys);
	uint64_t found = ~key;
	bool peeked = frozenref_cache_peek(x->cache, x->met[key], offsetof(struct item, key),
					   &found, sizeof(found));

	BENCH_REQUIRE(peeked && found == key);
})

static void destroy(void *state)
{
	struct map *map = (struct map *)state;
	uint64_t cursor = 0;
	struct item *item;

	while ((item = (struct item *)frozenref_index_next(map->index, &cursor))) {
		check("frozenref_index_erase", frozenref_index_erase(map->index, item));
		(void)frozenref_cache_put(map->cache, item);
	}
	check("frozenref_index_destroy", frozenref_index_destroy(map->index));
	check("frozenref_cache_destroy", frozenref_cache_destroy(map->cache));
	free(map->met);
	free(map);
}

static const struct contender {
	const char *name;
	void *(*make)(const struct bench_keys *keys);
	void (*destroy)(void *map);
	bench_loop *loop;
} contenders[] = {
	{ "libfrozenref", make, destroy, operations },
#ifdef BENCH_WITH_URCU
	{ "liburcu cds_lfht, urcu_ref", bench_lfht_make, bench_lfht_free, bench_lfht_loop },
#endif
#ifdef BENCH_WITH_GLIB
	{ "GLib hash under rwlock", bench_glib_make, bench_glib_free, bench_glib_loop },
#endif
	{ "C++ unordered_map, shared_mutex", bench_cxx_make, bench_cxx_free, bench_cxx_loop },
};

/* ------------------------------------------------------------------------------------- memory */

static long resident_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%*s %ld", &pages) != 1)
		pages = -1;
	(void)fclose(file);
	return pages;
}

/* In a process of its own, so that none inherits what another one has freed. */
static double bytes_per_entry(const struct contender *contender, uint64_t n)
{
	struct bench_keys keys = { .n = n };
	double bytes = -1;
	int pipes[2];
	pid_t child;

	bench_keys_init(&keys, false, 0);
	if (pipe(pipes) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		long before = resident_pages();
		void *map = contender->make(&keys);
		long after = resident_pages();

		bytes = (double)(after - before) * (double)sysconf(_SC_PAGESIZE) / (double)n;
		_exit(!map || write(pipes[1], &bytes, sizeof(bytes)) != sizeof(bytes));
	}
	(void)close(pipes[1]);
	if (child < 0 || read(pipes[0], &bytes, sizeof(bytes)) != sizeof(bytes))
		bytes = -1;
	(void)close(pipes[0]);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	return bytes;
}

static void report_memory(uint64_t n)
{
	printf("memory of %llu entries, with the objects, bytes each\n", (unsigned long long)n);
	for (size_t i = 0; i < COUNT_OF(contenders); i++)
		printf("  %-34s %8.1f\n", contenders[i].name, bytes_per_entry(&contenders[i], n));
	printf("\n");
	(void)fflush(stdout);
}

/* ------------------------------------------------------------------------------------- growth */

static uint64_t processor_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Each insert by its own thread's processor time: what others do on the machine is not in it. */
static void report_growth(uint64_t from, uint64_t to)
{
	static const uint64_t limits[] = { 10000, 100000, 1000000 };
	struct bench_keys keys = { .n = from };
	struct frozenref_index_stats stats = FROZENREF_INDEX_STATS_INIT;
	unsigned long over[COUNT_OF(limits)] = { 0 };
	uint64_t longest = 0;
	uint64_t sum = 0;
	struct map *map;

	bench_keys_init(&keys, false, 0);
	map = (struct map *)make(&keys);
	for (uint64_t key = from; key < to; key++) {
		struct item *item = make_item(map, key);
		uint64_t took = processor_ns();

		BENCH_REQUIRE(frozenref_index_insert(map->index, key, &key, item) == 0);
		took = processor_ns() - took;
		(void)frozenref_cache_put(map->cache, item);
		sum += took;
		longest = took > longest ? took : longest;
		for (size_t i = 0; i < COUNT_OF(limits); i++)
			over[i] += took > limits[i];
	}
	frozenref_index_stats(map->index, &stats);
	printf("growth from %llu to %llu entries, each insert by its thread's processor time\n"
	       "  mean %.2f us with the clock's own, longest %.1f us; over 10 us %lu, over 100 us "
	       "%lu,\n  over 1 ms %lu (target: none); %llu splits\n\n",
	       (unsigned long long)from, (unsigned long long)to,
	       (double)sum / (double)(to - from) / 1e3, (double)longest / 1e3, over[0], over[1],
	       over[2], (unsigned long long)stats.splits);
	(void)fflush(stdout);
	destroy(map);
}

/* ------------------------------------------------------------------------------------- groups */

static void run(struct bench *bench, struct bench_keys *keys, const struct bench_case *cases,
		bool zipf, unsigned threads, unsigned writers)
{
	static const struct bench_target alone[] = {
		{ "libfrozenref", "liburcu cds_lfht, urcu_ref", 1 / 1.3 },
		{ NULL, NULL, 0 },
	};
	static const struct bench_target two[] = {
		{ "libfrozenref", "liburcu cds_lfht, urcu_ref", 1 / 1.5 },
		{ NULL, NULL, 0 },
	};
	const struct bench_target *targets = NULL;
	char key[64];
	char title[96];

	if (keys->n == 1000000 && !zipf && threads == 1 && !writers)
		targets = alone;
	if (keys->n == 1000000 && !zipf && threads == 2 && writers == 10)
		targets = two;
	bench_keys_init(keys, zipf, writers);
	snprintf(key, sizeof(key), "index_%llu_%s_%u_%u", (unsigned long long)keys->n,
		 zipf ? "zipf" : "uniform", threads, writers);
	snprintf(title, sizeof(title), "%llu entries, %s, %s, %u %% writers",
		 (unsigned long long)keys->n, zipf ? "Zipf 0.99" : "uniform",
		 threads == 1 ? "one thread" : "two threads", writers);
	bench_run(bench, &(struct bench_group){
				 .key = key,
				 .title = title,
				 .threads = threads,
				 .cases = cases,
				 .n_cases = COUNT_OF(contenders),
				 .targets = targets,
				 .stretch = keys->n > BIG ? 4 : 1,
			 });
}

static void run_all(struct bench *bench, uint64_t n)
{
	static const unsigned writers[] = { 0, 10, 1, 50 };
	size_t n_writers = bench_is_quick(bench) ? 2 : COUNT_OF(writers);
	struct bench_keys keys = { .n = n };
	struct bench_case cases[COUNT_OF(contenders)];

	bench_keys_init(&keys, false, 0);
	for (size_t i = 0; i < COUNT_OF(contenders); i++)
		cases[i] = (struct bench_case){ contenders[i].name, contenders[i].loop,
						contenders[i].make(&keys), NULL };
	for (unsigned zipf = 0; zipf <= 1; zipf++) {
		for (unsigned threads = 1; threads <= BENCH_THREADS_MAX; threads++) {
			for (size_t i = 0; i < n_writers; i++)
				run(bench, &keys, cases, zipf, threads, writers[i]);
		}
	}
	for (size_t i = 0; i < COUNT_OF(contenders); i++)
		contenders[i].destroy(cases[i].state);
}

/* A few keys that all threads want: their counters go from processor to processor. */
static void run_hot(struct bench *bench)
{
	static const struct contender hot[] = {
		{ "libfrozenref", make, destroy, operations },
		{ "libfrozenref, peek", make_peekable, destroy, peeks },
#ifdef BENCH_WITH_URCU
		{ "liburcu cds_lfht, urcu_ref", bench_lfht_make, bench_lfht_free, bench_lfht_loop },
#endif
	};
	struct bench_keys keys = { .n = 1000 };
	struct bench_case cases[COUNT_OF(hot)];

	bench_keys_init(&keys, true, 0);
	for (size_t i = 0; i < COUNT_OF(hot); i++)
		cases[i] =
			(struct bench_case){ hot[i].name, hot[i].loop, hot[i].make(&keys), NULL };
	for (unsigned threads = 1; threads <= BENCH_THREADS_MAX; threads++)
		bench_run(bench,
			  &(struct bench_group){
				  .key = threads == 1 ? "index_hot_1" : "index_hot_2",
				  .title = threads == 1 ? "1000 entries, Zipf 0.99, one thread"
							: "1000 entries, Zipf 0.99, two threads",
				  .threads = threads,
				  .cases = cases,
				  .n_cases = COUNT_OF(hot),
			  });
	for (size_t i = 0; i < COUNT_OF(hot); i++)
		hot[i].destroy(cases[i].state);
}

int main(int argc, char **argv)
{
	struct bench *bench = bench_start(argc, argv, "index");

	report_memory(1000000);
	report_growth(1000, bench_is_quick(bench) ? 1000000 : 4000000);
	run_hot(bench);
	run_all(bench, 1000);
	run_all(bench, 1000000);
	return bench_finish(bench);
}
