/* SPDX-License-Identifier: MIT */
/*
 * The allocators that caches are compared with, in one process: each by its own name.
 *
 * Used by cache.c. mimalloc and jemalloc are loaded beside the C library's malloc, so that none of
 * them replaces another one; what is not installed is left out.
 */
#ifndef FROZENREF_TESTS_BENCH_ALLOCATORS_H
#define FROZENREF_TESTS_BENCH_ALLOCATORS_H

#include <stddef.h>

struct frozenref_cache;

/* How a contender allocates: a cache, or else two functions. */
struct allocator {
	const char *name;
	void *(*alloc)(size_t size);
	void (*free)(void *object);
	struct frozenref_cache *cache;
};

enum { ALLOCATORS_MAX = 4 };

/* Fills in mimalloc, jemalloc and malloc, as far as there are; returns how many. */
size_t bench_allocators(struct allocator allocators[ALLOCATORS_MAX]);

/*
 * Starts the program again with room for the thread-local variables of what is loaded later, unless
 * it has been: to be called first.
 */
void bench_allocators_prepare(char **argv);

#endif /* FROZENREF_TESTS_BENCH_ALLOCATORS_H */
