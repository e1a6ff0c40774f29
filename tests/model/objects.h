/* SPDX-License-Identifier: MIT */
/*
 * The registry that scenarios race on, its objects, and what must hold of both in the end.
 *
 * Used by the scenarios of the registry. Each object has a payload that holders read, and that
 * whoever ends the object, or owns it frozen, writes.
 */
#ifndef MODEL_OBJECTS_H
#define MODEL_OBJECTS_H

#include "scenario.h"

enum { SLOTS = 4, OBJECTS = 3, DEAD = 0, ALIVE = 1 };

struct objects {
	int payload[OBJECTS];
	unsigned inserted[OBJECTS]; /* by one thread each */
	unsigned ended[OBJECTS][MODEL_THREADS_MAX];
	int result[MODEL_THREADS_MAX];
	unsigned hits[MODEL_THREADS_MAX];
	int aside; /* may be written by whoever erases; read by whoever ends an object */
};

extern struct frozenref_registry *reg;
extern struct frozenref_slot *slots; /* of pfns 0 to SLOTS - 1 */
extern struct objects objects;

int *object(unsigned i);
unsigned object_number(const int *payload);
bool is_object(const int *payload);

/* The calling thread ends it. */
void end_object(int *payload);

/* A registry whose first leaf exists, and is empty; or has object 0 on pfn 0. */
void setup_empty(void);
void setup_trimming(void); /* empty, and trims whatever lies idle; or counts it, and never trims */
void setup_counting(void);
void setup_counting_none(void); /* which is purged */
void insert_at_setup(uint64_t pfn, uint64_t npages);
void setup_one(void);
void setup_held(void);	/* and a thread has a reference */
void setup_range(void); /* and on pfn 1, its tail */
void teardown(void);

/* Whose purge stores zeros to slots[] as any thread would. */
const struct frozenref_backend *purging_backend(void);

/* Whether an object is on some pfn, after an execution. */
bool is_there(unsigned i);
/* Every object ended once or is there, every slot is empty or live with one reference. */
void check_quiet(void);

/* What lies idle is counted, in a registry that counts it. */
void check_idle(void);

/* Looks a pfn up and uses what is there; counts a hit of thread `me`. */
void look_up(int me, uint64_t pfn);
/* Inserts a new object over the pfns, if they are empty; what insert says. */
int insert_new(unsigned i, uint64_t pfn, uint64_t npages);
/* Takes out what the thread owns frozen. */
void evict(int me, struct frozenref_slot *slot);

#endif /* MODEL_OBJECTS_H */
