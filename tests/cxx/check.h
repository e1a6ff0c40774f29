/* SPDX-License-Identifier: MIT */
/*
 * What the C++ tests say instead of assert(): it stays with NDEBUG, and needs no exceptions.
 *
 * A test is a function; main() runs them one after the other, each from a clean state.
 */
#ifndef FROZENREF_TESTS_CXX_CHECK_H
#define FROZENREF_TESTS_CXX_CHECK_H

#include <stdio.h>
#include <stdlib.h>

static unsigned long checks; /* how many have held */

#define MUST(condition) (MUST_QUIETLY(condition), checks++)

/* For several threads at once. */
#define MUST_QUIETLY(condition) \
 ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort()))

#endif /* FROZENREF_TESTS_CXX_CHECK_H */
