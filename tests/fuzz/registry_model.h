/* SPDX-License-Identifier: MIT */
/*
 * The registry as its user knows it: a list of objects, searched from end to end.
 *
 * Used by the registry's fuzzing target, which asks it what a call must answer, and tells it what
 * the call has changed. Knows nothing of slots, but that one pfn's never moves.
 */
#ifndef FROZENREF_TESTS_FUZZ_REGISTRY_MODEL_H
#define FROZENREF_TESTS_FUZZ_REGISTRY_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <frozenref/registry.h>

enum condition { LIVE, FROZEN, ERASED };

struct object {
	bool exists;
	enum condition condition;
	bool saturated;
	bool ending;	/* the call under way drops its last reference */
	uint32_t count; /* references, the registry's own included; 0 while FROZEN */
	uint32_t user;
	uint64_t pfn;
	uint64_t npages;
	void *address;
	uint64_t generation;
	struct frozenref_slot *slot;
};

/* A slot that was seen once: to be misused after its object is gone, and never to move. */
struct seen {
	uint64_t pfn;
	struct frozenref_slot *slot;
	uint64_t generation; /* of the latest object there */
};

enum { OBJECTS = 48, SEEN = 512 };

struct model {
	struct object objects[OBJECTS];
	struct seen seen[SEEN];
	unsigned n_seen;
};

/* Its only instance, emptied by model_begin(). */
extern struct model model;
void model_begin(void);

/* The object that covers the pfn, in whatever condition, or NULL. */
struct object *model_at(uint64_t pfn);

/* The object whose first pfn is this one, or NULL. */
struct object *model_head(uint64_t pfn);

/* The object that covers the lowest pfn of first .. last that any covers, or NULL. */
struct object *model_first(uint64_t first, uint64_t last);

/* A place for a new object; NULL if there are as many as the model can hold. */
struct object *model_room(void);

/* The place where a slot was seen before, or a new one; NULL if there are too many. */
struct seen *model_seen(uint64_t pfn);

/* How many objects there are in one condition. */
unsigned model_count(enum condition condition);

#endif /* FROZENREF_TESTS_FUZZ_REGISTRY_MODEL_H */
