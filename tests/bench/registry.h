/* SPDX-License-Identifier: MIT */
/*
 * What the files of the registry's benchmark share: one subject each, called by registry.c.
 *
 * Registries are made and unmade by registry_setup.c; every failure there ends the program.
 */
#ifndef FROZENREF_TESTS_BENCH_REGISTRY_H
#define FROZENREF_TESTS_BENCH_REGISTRY_H

#include <frozenref/registry.h>

#include "harness.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* More pfns than this do not fit into the caches near the processor: slices get longer. */
#define BENCH_BIG UINT64_C(10000)

static inline unsigned bench_stretch(uint64_t n)
{
	return n > BENCH_BIG ? 4 : 1;
}

/* Ends the program if err, a negative errno, is not 0. */
void bench_check(const char *what, int err);

/* Zeroed memory of its own, in pages. */
void *bench_map(size_t bytes);
void bench_unmap(void *address, size_t bytes);
/* Before it is touched; does nothing where the system has no such call. */
void bench_use_huge_pages(void *address, size_t bytes);

/*
 * Objects of npages on the pfns 0 .. n - 1, all of them payload + stride * first pfn. NULL config:
 * all defaults.
 */
struct frozenref_registry *bench_registry_make(const struct frozenref_registry_config *config,
					       uint64_t n, uint64_t npages, void *payload,
					       size_t stride);
void bench_registry_free(struct frozenref_registry *registry, uint64_t n);

/* Lookups beside an array of the same slots; heads beside tails; batches beside single lookups. */
void bench_registry_singles(struct bench *bench, uint64_t n, bool huge_pages);
void bench_registry_ranges(struct bench *bench, uint64_t n);
void bench_registry_batch(struct bench *bench, uint64_t n);

/* Reads of 64 bytes of a page out of n, with and without a reference. */
void bench_registry_peek(struct bench *bench, uint64_t n);

/* Beside other maps of n keys: uniform and by Zipf's law, on one and two threads, with writers. */
void bench_registry_maps(struct bench *bench, uint64_t n);

#endif /* FROZENREF_TESTS_BENCH_REGISTRY_H */
