/* SPDX-License-Identifier: MIT */
/*
 * What a space costs beside plain mimalloc and bare counters: time, and memory.
 *
 * Run by `make bench`. Both sides keep a thousand objects of the size that is measured, as a
 * program would: where a page of mimalloc becomes empty at each free, more is measured than an
 * allocation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mimalloc.h>

#include <frozenref/mimalloc.h>

#include "harness.h"
#include "random.h"

enum { KEPT = 1000 };

struct setup {
	struct frozenref_mi_space *space;
	mi_arena_id_t arena; /* for heaps such as a space's */
	size_t size;
	uint64_t n;	    /* objects to look up */
	void **objects;	    /* in the space */
	frozenref_t **bare; /* a line apart */
};

static void check(const char *what, bool good)
{
	if (good)
		return;
	(void)fprintf(stderr, "bench: %s failed\n", what);
	exit(EXIT_FAILURE);
}

/* --------------------------------------------------------------------------------------- loops */

/* As volatile as a program's own use of it. */
static void use(void *block)
{
	__asm__ volatile("" : : "r"(block) : "memory");
}

BENCH_LOOP(plain, struct setup, {
	void *block = mi_malloc(x->size);

	BENCH_REQUIRE(block);
	use(block);
	mi_free(block);
})

static mi_heap_t *heap_in(mi_arena_id_t arena)
{
	static __thread mi_heap_t *heap;

	if (!heap)
		heap = mi_heap_new_in_arena(arena);
	check("mi_heap_new_in_arena", heap != NULL);
	return heap;
}

/* What nobody does without who counts references on blocks of such a heap, wherever they are. */
BENCH_LOOP(least, struct setup, {
	void *block = mi_heap_malloc(heap_in(x->arena), x->size);
	frozenref_t ref = FROZENREF_INIT;

	BENCH_REQUIRE(block);
	use(block);
	frozenref_unfreeze(&ref, 1);
	use(&ref);
	BENCH_REQUIRE(frozenref_put_and_lock_likely_last(&ref));
	mi_free(block);
})

BENCH_LOOP(owned, struct setup, {
	void *object = frozenref_mi_malloc(x->space, x->size);

	BENCH_REQUIRE(object);
	use(object);
	frozenref_mi_free(x->space, object);
})

BENCH_LOOP(whole_life, struct setup, {
	void *object = frozenref_mi_malloc(x->space, x->size);

	BENCH_REQUIRE(object);
	use(object);
	frozenref_mi_unfreeze(x->space, object, 1);
	BENCH_REQUIRE(frozenref_mi_put(x->space, object));
})

/* Both sides have their addresses in a list, as programs have them somewhere. */
BENCH_RANDOM_LOOP(counter, struct setup, {
	frozenref_t *ref = x->bare[bench_random(&random, x->n)];

	BENCH_REQUIRE(frozenref_try_get(ref));
	BENCH_REQUIRE(!frozenref_put_and_lock(ref));
})

BENCH_RANDOM_LOOP(address, struct setup, {
	void *object = x->objects[bench_random(&random, x->n)];
	void *found = frozenref_mi_try_get(x->space, object);

	BENCH_REQUIRE(found == object);
	BENCH_REQUIRE(!frozenref_mi_put(x->space, found));
})

/* -------------------------------------------------------------------------------------- groups */

static void run_lives(struct bench *bench, struct setup *setup, double at_most, unsigned threads)
{
	const struct bench_case cases[] = {
		{ "mi_malloc, mi_free", plain, setup, NULL },
		{ "the same, of a heap, counted", least, setup, "no space: the floor" },
		{ "malloc, free of a space", owned, setup, "never published" },
		{ "malloc, unfreeze, last put", whole_life, setup, NULL },
	};
	const struct bench_target targets[] = {
		{ "malloc, unfreeze, last put", "mi_malloc, mi_free", at_most },
		{ NULL, NULL, 0 },
	};
	char key[32];
	char title[80];

	(void)snprintf(key, sizeof(key), "life_%zu_%u", setup->size, threads);
	(void)snprintf(title, sizeof(title), "lives of %zu bytes, %u thread%s", setup->size,
		       threads, threads > 1 ? "s" : "");
	bench_run(bench, &(struct bench_group){ .key = key,
						.title = title,
						.threads = threads,
						.cases = cases,
						.n_cases = 4,
						.targets = targets });
}

static void run_lookups(struct bench *bench, struct setup *setup, const char *key,
			const char *sizes, uint64_t n)
{
	const struct bench_case cases[] = {
		{ "bare try_get, put", counter, setup, NULL },
		{ "try_get, put by address", address, setup, NULL },
	};
	const struct bench_target targets[] = {
		{ "try_get, put by address", "bare try_get, put", 1.5 },
		{ NULL, NULL, 0 },
	};
	char title[80];

	setup->n = n;
	(void)snprintf(title, sizeof(title), "one of %llu objects of %s bytes by its address",
		       (unsigned long long)n, sizes);
	bench_run(bench, &(struct bench_group){ .key = key,
						.title = title,
						.threads = 1,
						.cases = cases,
						.n_cases = 2,
						.targets = targets });
}

/* -------------------------------------------------------------------------------------- memory */

static long resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%*d %ld", &pages) != 1)
		pages = 0;
	(void)fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

/* In a process of its own: what so many bytes in objects of one size take, as a ratio. */
static double memory_of(size_t size, bool in_space)
{
	const size_t bytes = (size_t)64 << 20;
	struct frozenref_mi_space *space;
	void **list = calloc(bytes / size, sizeof(*list));
	long before;

	check("frozenref_mi_space_create", frozenref_mi_space_create(&space, NULL) == 0);
	check("calloc", list != NULL);
	memset(list, 1, bytes / size * sizeof(*list));
	before = resident_bytes();
	for (size_t i = 0; i < bytes / size; i++) {
		list[i] = in_space ? frozenref_mi_malloc(space, size) : mi_malloc(size);
		check("allocation", list[i] != NULL);
		memset(list[i], 1, size);
		if (in_space)
			frozenref_mi_unfreeze(space, list[i], 1);
	}
	return (double)(resident_bytes() - before) / (double)bytes;
}

static double memory_in_child(size_t size, bool in_space)
{
	double ratio = 0;
	int ends[2];
	pid_t child;

	check("pipe", pipe(ends) == 0);
	child = fork();
	check("fork", child >= 0);
	if (child == 0) {
		ratio = memory_of(size, in_space);
		_exit(write(ends[1], &ratio, sizeof(ratio)) == sizeof(ratio) ? 0 : 1);
	}
	check("child", read(ends[0], &ratio, sizeof(ratio)) == sizeof(ratio));
	(void)close(ends[0]);
	(void)close(ends[1]);
	check("waitpid", waitpid(child, NULL, 0) == child);
	return ratio;
}

static void show_memory(size_t size, double at_most)
{
	double ours = memory_in_child(size, true);
	double plain_ratio = memory_in_child(size, false);

	printf("memory of %5zu-byte objects   mimalloc %5.1f %%   space %5.1f %% over the payload, "
	       "target %.0f %%: %s\n",
	       size, (plain_ratio - 1) * 100, (ours - 1) * 100, at_most,
	       (ours - 1) * 100 <= at_most ? "met" : "missed");
}

/* ----------------------------------------------------------------------------------------- main */

static void keep(struct setup *setup, size_t size)
{
	setup->size = size;
	for (unsigned i = 0; i < KEPT; i++) {
		void *object = frozenref_mi_malloc(setup->space, size);

		check("frozenref_mi_malloc", object != NULL);
		frozenref_mi_unfreeze(setup->space, object, 1);
		use(mi_malloc(size));
		use(mi_heap_malloc(heap_in(setup->arena), size));
	}
}

enum { LOOKUPS = 10000, MIXED = 1000 };

static void *make_live(struct frozenref_mi_space *space, size_t size)
{
	void *object = frozenref_mi_malloc(space, size);

	check("frozenref_mi_malloc", object != NULL);
	frozenref_mi_unfreeze(space, object, 1);
	return object;
}

static void make_bare(struct setup *setup)
{
	const size_t stride = 64 / sizeof(frozenref_t);
	frozenref_t *counters = calloc(LOOKUPS, 64);

	setup->bare = calloc(LOOKUPS, sizeof(*setup->bare));
	check("calloc", setup->bare && counters);
	for (unsigned i = 0; i < LOOKUPS; i++) {
		setup->bare[i] = &counters[i * stride];
		frozenref_unfreeze(setup->bare[i], 1);
	}
}

static void run_all_lookups(struct bench *bench, struct setup *setup)
{
	static void *small[LOOKUPS];
	static void *mixed[MIXED];
	uint64_t random = 1;

	make_bare(setup);
	for (unsigned i = 0; i < LOOKUPS; i++)
		small[i] = make_live(setup->space, 64);
	for (unsigned i = 0; i < MIXED; i++)
		mixed[i] = make_live(setup->space, bench_random(&random, 2) ? 64 : 4096);
	setup->objects = small;
	run_lookups(bench, setup, "lookup_1", "64", 1);
	run_lookups(bench, setup, "lookup_100", "64", 100);
	run_lookups(bench, setup, "lookup_10000", "64", LOOKUPS);
	setup->objects = mixed;
	run_lookups(bench, setup, "lookup_mixed", "64 or 4,096", MIXED);
}

int main(int argc, char **argv)
{
	struct bench *bench = bench_start(argc, argv, "mimalloc");
	struct setup setup = { 0 };

	check("frozenref_mi_space_create", frozenref_mi_space_create(&setup.space, NULL) == 0);
	check("mi_reserve_os_memory_ex",
	      mi_reserve_os_memory_ex((size_t)1 << 30, false, false, true, &setup.arena) == 0);
	for (unsigned threads = 1; threads <= BENCH_THREADS_MAX; threads++) {
		keep(&setup, 64);
		run_lives(bench, &setup, 2.5, threads);
		keep(&setup, 4096);
		run_lives(bench, &setup, 1.3, threads);
	}
	run_all_lookups(bench, &setup);
	show_memory(64, 40);
	show_memory(4096, 2);
	return bench_finish(bench);
}
