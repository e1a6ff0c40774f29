/* SPDX-License-Identifier: MIT */
/*
 * Lookups: beside an array of the same slots, through tails, and many at a time.
 *
 * Called by registry.c. Every operation takes a reference on the object of a random pfn and drops
 * it again.
 *
 * The array is the limit: it knows that every pfn is there, single and live, so it indexes, gets
 * and puts. The registry walks its table, and looks at the slot's flags before and after the add.
 * A second array has this look, and no table, so that what it costs can be told from what the table
 * costs. Slots, their memory and their page size are the same for all three.
 */
#include <stdio.h>

#include "random.h"
#include "registry.h"

/* Pages of an object in the registry of compound objects: eight cache lines of slots. */
#define RANGE_PAGES UINT64_C(16)

#define BATCH 16

struct setup {
	uint64_t n;
	struct frozenref_registry *registry;
	struct frozenref_slot *array;	/* n slots */
	struct frozenref_slot *flagged; /* n slots, with the flags of live singles */
};

/* --------------------------------------------------------------------------------------- loops */

BENCH_RANDOM_LOOP(array, struct setup, {
	struct frozenref_slot *slot = &x->array[bench_random(&random, x->n)];

	BENCH_REQUIRE(frozenref_try_get(&slot->ref));
	BENCH_REQUIRE(!frozenref_put_and_lock(&slot->ref));
})

BENCH_RANDOM_LOOP(flagged, struct setup, {
	struct frozenref_slot *slot = &x->flagged[bench_random(&random, x->n)];
	uint32_t flags = frozenref__load32(&slot->flags, relaxed);

	BENCH_REQUIRE(frozenref__slot_is_plain(flags));
	BENCH_REQUIRE(frozenref_try_get(&slot->ref));
	BENCH_REQUIRE(frozenref__load32(&slot->flags, relaxed) == flags);
	BENCH_REQUIRE(!frozenref_put_and_lock(&slot->ref));
})

BENCH_RANDOM_LOOP(registry, struct setup, {
	uint64_t pfn = bench_random(&random, x->n);
	struct frozenref_slot *slot = frozenref_registry_try_get(x->registry, pfn);

	BENCH_REQUIRE(slot);
	BENCH_REQUIRE(!frozenref_slot_put(x->registry, slot));
})

/* A pfn of a random range, always as far from its head: so all of these touch the same heads. */
#define RANGE_LOOP(name, distance)                                            \
 BENCH_RANDOM_LOOP(name, struct setup, {                                      \
uint64_t range = bench_random(&random, x->n / RANGE_PAGES);                        \
struct frozenref_slot *slot =                                                      \
   frozenref_registry_try_get(x->registry, range * RANGE_PAGES + (distance)); \
                                                                              \
BENCH_REQUIRE(slot);                                                               \
BENCH_REQUIRE(!frozenref_slot_put(x->registry, slot));                             \
 })

RANGE_LOOP(through_head, 0)
RANGE_LOOP(through_next_tail, 1)
RANGE_LOOP(through_far_tail, RANGE_PAGES / 2)

/* The harness runs loops in multiples of BATCH. */
BENCH_RANDOM_LOOP(gets_then_puts, struct setup, {
	struct frozenref_slot *slots[BATCH];

	for (int i = 0; i < BATCH; i++) {
		slots[i] = frozenref_registry_try_get(x->registry, bench_random(&random, x->n));
		BENCH_REQUIRE(slots[i]);
	}
	for (int i = 0; i < BATCH; i++)
		BENCH_REQUIRE(!frozenref_slot_put(x->registry, slots[i]));
	n -= BATCH - 1;
})

BENCH_RANDOM_LOOP(batch, struct setup, {
	struct frozenref_slot *slots[BATCH];
	uint64_t pfns[BATCH];

	for (int i = 0; i < BATCH; i++)
		pfns[i] = bench_random(&random, x->n);
	BENCH_REQUIRE(frozenref_registry_try_get_batch(x->registry, pfns, BATCH, slots) == BATCH);
	for (int i = 0; i < BATCH; i++)
		BENCH_REQUIRE(!frozenref_slot_put(x->registry, slots[i]));
	n -= BATCH - 1;
})

/* -------------------------------------------------------------------------------------- groups */

static void run(struct bench *bench, const char *what, const char *title, uint64_t n,
		const struct bench_case *cases, size_t n_cases, const struct bench_target *targets)
{
	char key[32];
	char full_title[96];

	snprintf(key, sizeof(key), "%s_%llu", what, (unsigned long long)n);
	snprintf(full_title, sizeof(full_title), "try_get and put, %s: %llu pfns", title,
		 (unsigned long long)n);
	bench_run(bench, &(struct bench_group){
				 .key = key,
				 .title = full_title,
				 .threads = 1,
				 .cases = cases,
				 .n_cases = n_cases,
				 .targets = targets,
				 .stretch = bench_stretch(n),
			 });
}

static struct frozenref_slot *make_array(uint64_t n, bool huge_pages)
{
	struct frozenref_slot *array;

	array = (struct frozenref_slot *)bench_map((size_t)n * sizeof(*array));
	if (huge_pages)
		bench_use_huge_pages(array, (size_t)n * sizeof(*array));
	for (uint64_t i = 0; i < n; i++) {
		array[i].flags = FROZENREF__SLOT_USED | 1u << FROZENREF__SLOT_PAGES_SHIFT;
		frozenref_unfreeze(&array[i].ref, 1);
	}
	return array;
}

void bench_registry_singles(struct bench *bench, uint64_t n, bool huge_pages)
{
	static const struct bench_target targets[] = {
		{ "libfrozenref", "array of slots", 1.10 },
		{ NULL, NULL, 0 },
	};
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	size_t bytes = (size_t)n * sizeof(struct frozenref_slot);
	struct setup setup = {
		.n = n,
		.array = make_array(n, huge_pages),
		.flagged = make_array(n, huge_pages),
	};
	const struct bench_case cases[] = {
		{ "array of slots", array, &setup, NULL },
		{ "array of slots, flags looked at", flagged, &setup, NULL },
		{ "libfrozenref", registry, &setup, NULL },
	};

	if (huge_pages)
		config.backend = frozenref_mmap_hugepage_backend();
	setup.registry = bench_registry_make(&config, n, 1, &setup, 0);
	run(bench, huge_pages ? "huge" : "singles",
	    huge_pages ? "random singles, huge pages" : "random singles", n, cases, COUNT_OF(cases),
	    targets);
	bench_registry_free(setup.registry, n);
	bench_unmap(setup.flagged, bytes);
	bench_unmap(setup.array, bytes);
}

/*
 * Three pfns of each range: the head; the tail behind it, in the head's own cache line, which costs
 * what there is to do; and a tail in the middle, which is one more cache line to bring in.
 */
void bench_registry_ranges(struct bench *bench, uint64_t n)
{
	static const struct bench_target targets[] = {
		{ "a tail in the head's line", "the head", 1.5 },
		{ "a tail in a line of its own", "the head", 1.5 },
		{ NULL, NULL, 0 },
	};
	struct setup setup = {
		.n = n,
		.registry = bench_registry_make(NULL, n, RANGE_PAGES, &setup, 0),
	};
	const struct bench_case cases[] = {
		{ "the head", through_head, &setup, NULL },
		{ "a tail in the head's line", through_next_tail, &setup, NULL },
		{ "a tail in a line of its own", through_far_tail, &setup, NULL },
	};

	run(bench, "ranges", "one pfn of random ranges of 16", n, cases, COUNT_OF(cases), targets);
	bench_registry_free(setup.registry, n);
}

void bench_registry_batch(struct bench *bench, uint64_t n)
{
	static const struct bench_target targets[] = {
		{ "try_get_batch of 16, 16 puts", "one by one", 1 / 1.5 },
		{ NULL, NULL, 0 },
	};
	struct setup setup = { .n = n, .registry = bench_registry_make(NULL, n, 1, &setup, 0) };
	const struct bench_case cases[] = {
		{ "one by one", registry, &setup, NULL },
		{ "16 gets, 16 puts", gets_then_puts, &setup, NULL },
		{ "try_get_batch of 16, 16 puts", batch, &setup, NULL },
	};

	run(bench, "batch", "random singles", n, cases, COUNT_OF(cases), targets);
	bench_registry_free(setup.registry, n);
}
