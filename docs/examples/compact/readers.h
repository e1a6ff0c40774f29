/* SPDX-License-Identifier: MIT */
/*
 * Objects that tell their number in every word, and threads that look them up at random, all the
 * time, and verify every word of each.
 *
 * Used by main.c. Relies on the registry.
 */
#ifndef COMPACT_READERS_H
#define COMPACT_READERS_H

#include <stdbool.h>
#include <stdint.h>

#include <frozenref/registry.h>

/* Objects are numbered: those that stay from 0 on, and those that go from here on. */
#define TRANSIENT_FIRST (UINT64_C(1) << 24)

void object_fill(void *cell, uint64_t number);
bool object_is_right(const void *cell, uint64_t number);

struct readers_count {
	uint64_t reads;	     /* objects found and verified */
	uint64_t frozen;     /* looks at an object that was frozen, and then looked up again */
	uint64_t mismatches; /* wrong content, or an object that stays and was not there */
};

struct readers;

/* Starts threads that read objects 0 to lasting - 1, and now and then one of the others. */
int readers_start(struct readers **readers, struct frozenref_registry *reg, unsigned threads,
		  uint64_t lasting, uint64_t transient);

/* While they read, or after. */
struct readers_count readers_count(const struct readers *readers);

void readers_stop(struct readers *readers);
void readers_free(struct readers *readers);

#endif /* COMPACT_READERS_H */
