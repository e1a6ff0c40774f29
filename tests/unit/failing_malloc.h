/* SPDX-License-Identifier: MIT */
/*
 * A malloc that fails when it is told to, and tells of its calls: for a build of the library that
 * uses it instead of the real one.
 *
 * Used by cache_memory.c; the functions are in failing_malloc.c. All of it is a thread's own.
 */
#ifndef FROZENREF_TESTS_UNIT_FAILING_MALLOC_H
#define FROZENREF_TESTS_UNIT_FAILING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

struct failing_malloc {
	unsigned fails_at; /* the call that fails, counted from 1; 0: none */
	bool from_then_on; /* and all that follow */
	unsigned calls;
	unsigned failures;
	/* Behind each allocation, and on both sides of each free; or NULL. */
	void (*on_call)(void);
};

extern __thread struct failing_malloc failing_malloc;

void *failing_malloc_malloc(size_t size);
void *failing_malloc_calloc(size_t n, size_t size);
void *failing_malloc_realloc(void *old, size_t size);
void failing_malloc_free(void *memory);

#endif /* FROZENREF_TESTS_UNIT_FAILING_MALLOC_H */
