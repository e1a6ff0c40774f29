/* SPDX-License-Identifier: MIT */
/*
 * Histories of a map: what threads did with a few keys, and whether that can have happened.
 *
 * Used by tests/stress/index.c; the functions are in history.c. A map is linearisable if each of
 * its keys is. Every object gets a version that no other one has, so that for each key this can be
 * decided exactly and fast, as for a register with unique values (P. Gibbons, E. Korach: Testing
 * shared memories, 1997): every operation that met a version tells of a moment, between its
 * beginning and its end, at which that version was the key's.
 */
#ifndef FROZENREF_TESTS_STRESS_HISTORY_H
#define FROZENREF_TESTS_STRESS_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_KEYS = 16, HISTORY_THREADS = 64, HISTORY_NONE = 0 };

/* The next tick of a clock that all threads share. Begin an operation after, end it before one. */
uint32_t history_now(void);

/* A version for a new object; HISTORY_NONE: there is no room for more before the next check. */
uint32_t history_version(void);

/*
 * The calling thread has met this version of the key, or, with HISTORY_NONE, no object, in an
 * operation from tick `begin` to tick `end`. False if there is no room for more.
 */
bool history_note(uint32_t key, uint32_t version, uint32_t begin, uint32_t end);

/* Whether all that was noted can have happened; forgets it. With no other thread running. */
bool history_is_linearisable(void);

/* Whether short histories that can, and that cannot, have happened are told apart. */
bool history_works(void);

#endif /* FROZENREF_TESTS_STRESS_HISTORY_H */
