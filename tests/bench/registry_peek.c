/* SPDX-License-Identifier: MIT */
/*
 * Reads of 64 bytes of a random page: by peek, and with a reference on the page meanwhile.
 *
 * Called by registry.c. The compare-and-swap loop is beside the registry, not in it: an array of
 * counters, each on cache lines of its own, whose pages are found without a table. The copy alone
 * is the limit of every other way: the same numbers and the same bytes, and nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "cas.h"
#include "random.h"
#include "registry.h"

#define PAGE  4096
#define BYTES 64

/* Pages of an object where there are ranges. */
#define RANGE_PAGES UINT64_C(16)

struct counted {
	_Alignas(128) uint32_t refs;
	const unsigned char *page;
};

struct setup {
	uint64_t n;
	struct frozenref_registry *registry;
	struct frozenref_registry *ranges; /* NULL if there are not enough pages for one */
	unsigned char *pages;
	struct counted *counted;
};

/* Where in its page a read begins: at any multiple of BYTES. */
static inline size_t offset_of(uint64_t random)
{
	return (random >> 20) % (PAGE / BYTES) * BYTES;
}

/* The bytes are wanted, but nothing is done with them. */
static inline void use(const unsigned char *bytes)
{
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

BENCH_RANDOM_LOOP(by_reference, struct setup, {
	unsigned char bytes[BYTES];
	uint64_t pfn = bench_random(&random, x->n);
	struct frozenref_slot *slot = frozenref_registry_try_get(x->registry, pfn);
	const unsigned char *page;

	BENCH_REQUIRE(slot);
	page = (const unsigned char *)frozenref_slot_object(slot);
	memcpy(bytes, page + offset_of(random), BYTES);
	use(bytes);
	BENCH_REQUIRE(!frozenref_slot_put(x->registry, slot));
})

BENCH_RANDOM_LOOP(by_peek, struct setup, {
	unsigned char bytes[BYTES];
	uint64_t pfn = bench_random(&random, x->n);

	BENCH_REQUIRE(frozenref_registry_peek(x->registry, pfn, offset_of(random), bytes, BYTES));
	use(bytes);
})

BENCH_RANDOM_LOOP(by_cas, struct setup, {
	unsigned char bytes[BYTES];
	struct counted *counted = &x->counted[bench_random(&random, x->n)];

	BENCH_REQUIRE(cas_try_get(&counted->refs));
	memcpy(bytes, counted->page + offset_of(random), BYTES);
	use(bytes);
	BENCH_REQUIRE(__atomic_sub_fetch(&counted->refs, 1, __ATOMIC_ACQ_REL) != 0);
})

BENCH_RANDOM_LOOP(by_copy, struct setup, {
	unsigned char bytes[BYTES];
	uint64_t page = bench_random(&random, x->n);

	memcpy(bytes, x->pages + page * PAGE + offset_of(random), BYTES);
	use(bytes);
})

/* The same where objects are ranges, of an odd page of one: so it is a tail's. */
BENCH_RANDOM_LOOP(tail_by_reference, struct setup, {
	unsigned char bytes[BYTES];
	uint64_t pfn = bench_random(&random, x->n) | 1;
	struct frozenref_slot *slot = frozenref_registry_try_get(x->ranges, pfn);
	const unsigned char *page;

	BENCH_REQUIRE(slot);
	page = (const unsigned char *)frozenref_slot_object(slot) + pfn % RANGE_PAGES * PAGE;
	memcpy(bytes, page + offset_of(random), BYTES);
	use(bytes);
	BENCH_REQUIRE(!frozenref_slot_put(x->ranges, slot));
})

BENCH_RANDOM_LOOP(tail_by_peek, struct setup, {
	unsigned char bytes[BYTES];
	uint64_t pfn = bench_random(&random, x->n) | 1;

	BENCH_REQUIRE(frozenref_registry_peek(x->ranges, pfn, offset_of(random), bytes, BYTES));
	use(bytes);
})

static void run(struct bench *bench, struct setup *setup, unsigned threads)
{
	static const struct bench_target alone[] = {
		{ "peek", "try_get, copy, put", 0.35 },
		{ NULL, NULL, 0 },
	};
	static const struct bench_target together[] = {
		{ "peek", "CAS loop, copy, sub and test", 1.0 / 15 },
		{ NULL, NULL, 0 },
	};
	const struct bench_case cases[] = {
		{ "try_get, copy, put", by_reference, setup, NULL },
		{ "peek", by_peek, setup, NULL },
		{ "CAS loop, copy, sub and test", by_cas, setup, "no table" },
		{ "copy", by_copy, setup, "the limit" },
		{ "try_get, copy, put of a tail", tail_by_reference, setup, NULL },
		{ "peek at a tail", tail_by_peek, setup, NULL },
	};
	size_t tails = setup->ranges ? 0 : 2;
	char key[32];
	char title[80];

	snprintf(key, sizeof(key), "peek_%llu_%u", (unsigned long long)setup->n, threads);
	snprintf(title, sizeof(title), "64 bytes of a random page of %llu, %s",
		 (unsigned long long)setup->n, threads == 1 ? "one thread" : "two threads");
	bench_run(bench, &(struct bench_group){
				 .key = key,
				 .title = title,
				 .threads = threads,
				 .cases = cases,
				 .n_cases = COUNT_OF(cases) - tails,
				 /* With more pages two threads do not meet. */
				 .targets = threads == 1    ? alone
					    : setup->n == 1 ? together
							    : NULL,
				 .stretch = bench_stretch(setup->n * (PAGE / BYTES)),
			 });
}

void bench_registry_peek(struct bench *bench, uint64_t n)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct setup setup = {
		.n = n,
		.pages = (unsigned char *)bench_map((size_t)n * PAGE),
		.counted = (struct counted *)bench_map((size_t)n * sizeof(struct counted)),
	};

	config.flags = FROZENREF_REGISTRY_PEEKABLE;
	memset(setup.pages, 1, (size_t)n * PAGE);
	setup.registry = bench_registry_make(&config, n, 1, setup.pages, PAGE);
	if (n >= RANGE_PAGES)
		setup.ranges = bench_registry_make(&config, n, RANGE_PAGES, setup.pages, PAGE);
	for (uint64_t i = 0; i < n; i++) {
		setup.counted[i].refs = 1;
		setup.counted[i].page = setup.pages + i * PAGE;
	}
	run(bench, &setup, 1);
	run(bench, &setup, 2);
	bench_registry_free(setup.registry, n);
	if (setup.ranges)
		bench_registry_free(setup.ranges, n);
	bench_unmap(setup.counted, (size_t)n * sizeof(struct counted));
	bench_unmap(setup.pages, (size_t)n * PAGE);
}
