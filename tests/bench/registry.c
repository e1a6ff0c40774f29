/* SPDX-License-Identifier: MIT */
/*
 * What a lookup in the registry costs, beside an array of the same slots and beside hash tables.
 *
 * Run by `make bench`. Relies on harness.h for the measuring, and on maps.h for liburcu, GLib and
 * C++. Every operation takes a reference on the object of a random pfn and drops it again.
 *
 * The array is the limit: it knows that every pfn is there, single and live, so it indexes, gets
 * and puts. The registry walks its table, and looks at the slot's flags before and after the add.
 * Slots, their memory and their page size are the same for both.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <frozenref/registry.h>

#include "harness.h"
#include "maps.h"
#include "random.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Pages of an object in the registry of compound objects. */
#define RANGE_PAGES UINT64_C(16)

/* More pfns than this do not fit into the caches near the processor: slices get longer. */
#define BIG UINT64_C(10000)

struct setup {
	uint64_t n;
	struct frozenref_registry *registry; /* n objects of one page */
	struct frozenref_registry *ranges;   /* n pfns, under objects of RANGE_PAGES */
	struct frozenref_slot *array;	     /* n slots */
};

static void check(const char *what, int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	exit(EXIT_FAILURE);
}

/* --------------------------------------------------------------------------------------- loops */

BENCH_RANDOM_LOOP(array, struct setup, {
	struct frozenref_slot *slot = &x->array[bench_random(&random, x->n)];

	BENCH_REQUIRE(frozenref_try_get(&slot->ref));
	BENCH_REQUIRE(!frozenref_put_and_lock(&slot->ref));
})

BENCH_RANDOM_LOOP(registry, struct setup, {
	uint64_t pfn = bench_random(&random, x->n);
	struct frozenref_slot *slot = frozenref_registry_try_get(x->registry, pfn);

	BENCH_REQUIRE(slot);
	BENCH_REQUIRE(!frozenref_slot_put(x->registry, slot));
})

BENCH_RANDOM_LOOP(through_head, struct setup, {
	uint64_t pfn = bench_random(&random, x->n) / RANGE_PAGES * RANGE_PAGES;
	struct frozenref_slot *slot = frozenref_registry_try_get(x->ranges, pfn);

	BENCH_REQUIRE(slot);
	BENCH_REQUIRE(!frozenref_slot_put(x->ranges, slot));
})

/* The first pfn of a range is moved to its second: every lookup goes through a tail. */
BENCH_RANDOM_LOOP(through_tail, struct setup, {
	uint64_t pfn = bench_random(&random, x->n);
	struct frozenref_slot *slot;

	pfn += pfn % RANGE_PAGES == 0;
	slot = frozenref_registry_try_get(x->ranges, pfn);
	BENCH_REQUIRE(slot);
	BENCH_REQUIRE(!frozenref_slot_put(x->ranges, slot));
})

/* --------------------------------------------------------------------------------------- set-up */

static struct frozenref_slot *make_array(uint64_t n)
{
	size_t bytes = (size_t)n * sizeof(struct frozenref_slot);
	struct frozenref_slot *array =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (array == MAP_FAILED)
		check("mmap", -errno);
	for (uint64_t i = 0; i < n; i++)
		frozenref_unfreeze(&array[i].ref, 1);
	return array;
}

static struct frozenref_registry *make_registry(uint64_t n, uint64_t npages)
{
	struct frozenref_registry *registry;

	check("frozenref_registry_create", frozenref_registry_create(&registry, NULL));
	for (uint64_t pfn = 0; pfn + npages <= n; pfn += npages)
		check("frozenref_registry_insert_range",
		      frozenref_registry_insert_range(registry, pfn, npages, &registry));
	return registry;
}

static void free_registry(struct frozenref_registry *registry, uint64_t n, uint64_t npages)
{
	for (uint64_t pfn = 0; pfn + npages <= n; pfn += npages)
		check("frozenref_registry_erase", frozenref_registry_erase(registry, pfn));
	check("frozenref_registry_destroy", frozenref_registry_destroy(registry));
}

/* -------------------------------------------------------------------------------------- groups */

/* The second of two ways over n pfns must take at most so many times as long as the first. */
static void run_two(struct bench *bench, const char *what, uint64_t n,
		    const struct bench_case cases[2], double at_most)
{
	const struct bench_target targets[] = {
		{ cases[1].name, cases[0].name, at_most },
		{ NULL, NULL, 0 },
	};
	char key[32];
	char title[80];

	snprintf(key, sizeof(key), "%s_%llu", what, (unsigned long long)n);
	snprintf(title, sizeof(title), "try_get and put, %s: %llu random pfns", what,
		 (unsigned long long)n);
	bench_run(bench, &(struct bench_group){
				 .key = key,
				 .title = title,
				 .threads = 1,
				 .cases = cases,
				 .n_cases = 2,
				 .targets = targets,
				 .stretch = n > BIG ? 4 : 1,
			 });
}

static void run_singles(struct bench *bench, uint64_t n)
{
	struct setup setup = { .n = n, .registry = make_registry(n, 1), .array = make_array(n) };
	const struct bench_case cases[2] = {
		{ "array of slots", array, &setup, NULL },
		{ "libfrozenref", registry, &setup, NULL },
	};

	run_two(bench, "singles", n, cases, 1.10);
	free_registry(setup.registry, n, 1);
	munmap(setup.array, (size_t)n * sizeof(struct frozenref_slot));
}

/* Objects of RANGE_PAGES. A tail's lookup reads two slots, and more lines than fit as n grows. */
static void run_ranges(struct bench *bench, uint64_t n)
{
	struct setup setup = { .n = n, .ranges = make_registry(n, RANGE_PAGES) };
	const struct bench_case cases[2] = {
		{ "through the head", through_head, &setup, NULL },
		{ "through a tail", through_tail, &setup, NULL },
	};

	run_two(bench, "ranges", n, cases, 1.5);
	free_registry(setup.ranges, n, RANGE_PAGES);
}

static const struct map {
	const char *name;
	void *(*make)(uint64_t n);
	void (*destroy)(void *map);
	bench_loop *loop;
} maps[] = {
#ifdef BENCH_WITH_URCU
	{ "liburcu cds_lfht, urcu_ref", bench_lfht_make, bench_lfht_free, bench_lfht_loop },
#endif
#ifdef BENCH_WITH_GLIB
	{ "GLib hash under rwlock", bench_glib_make, bench_glib_free, bench_glib_loop },
#endif
	{ "C++ unordered_map, shared_mutex", bench_cxx_make, bench_cxx_free, bench_cxx_loop },
};

static void run_maps(struct bench *bench, uint64_t n)
{
	static const struct bench_target targets[] = {
		{ "libfrozenref", "liburcu cds_lfht, urcu_ref", 1.0 / 8 },
		{ "libfrozenref", "GLib hash under rwlock", 1.0 / 5 },
		{ NULL, NULL, 0 },
	};
	struct setup setup = { .n = n, .registry = make_registry(n, 1) };
	struct bench_case cases[1 + COUNT_OF(maps)] = {
		{ "libfrozenref", registry, &setup, NULL },
	};

	for (size_t i = 0; i < COUNT_OF(maps); i++)
		cases[1 + i] =
			(struct bench_case){ maps[i].name, maps[i].loop, maps[i].make(n), NULL };
	bench_run(bench, &(struct bench_group){
				 .key = "maps",
				 .title = "maps of random keys, one thread",
				 .threads = 1,
				 .cases = cases,
				 .n_cases = COUNT_OF(cases),
				 .targets = targets,
				 .stretch = 4,
			 });
	bench_run(bench, &(struct bench_group){
				 .key = "maps_2",
				 .title = "maps of random keys, two threads",
				 .threads = 2,
				 .cases = cases,
				 .n_cases = COUNT_OF(cases),
				 .stretch = 4,
			 });
	for (size_t i = 0; i < COUNT_OF(maps); i++)
		maps[i].destroy(cases[1 + i].state);
	free_registry(setup.registry, n, 1);
}

int main(int argc, char **argv)
{
	struct bench *bench = bench_start(argc, argv, "registry");

	run_singles(bench, 1);
	run_singles(bench, 1024);
	run_singles(bench, 1000000);
	if (!bench_is_quick(bench))
		run_singles(bench, 16000000);
	run_ranges(bench, 1024);
	run_ranges(bench, 1000000);
	run_maps(bench, bench_is_quick(bench) ? 100000 : 1000000);
	return bench_finish(bench);
}
