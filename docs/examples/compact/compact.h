/* SPDX-License-Identifier: MIT */
/*
 * Moving objects together while others look them up.
 *
 * Used by main.c. Relies on the registry to tell whether anybody holds an object, and on arena.c
 * for places.
 */
#ifndef COMPACT_COMPACT_H
#define COMPACT_COMPACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <frozenref/registry.h>

#include "arena.h"

struct compaction {
	struct frozenref_registry *reg;
	struct arena *arena;
	uint64_t last;	/* largest number of an object that may be moved */
	bool by_hand;	/* freeze, copy, set and unfreeze instead of one replace */
	uint64_t moved; /* in all walks together, as is the next */
	uint64_t held;	/* moves that were refused because somebody held the object */
};

/*
 * Walks the registry once and moves each object whose cell is not below `end` to a free cell below
 * it. Objects that somebody holds stay as they are. Returns how many are left above.
 */
uint64_t compact_walk(struct compaction *compaction, size_t end);

#endif /* COMPACT_COMPACT_H */
