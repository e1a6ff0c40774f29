/* SPDX-License-Identifier: MIT */
/*
 * The cache that scenarios race on, its objects, and what must hold of both in the end.
 *
 * Used by scenarios_cache.c. A cache of so few objects has magazines of one: each alloc or free
 * beyond two in a row exchanges one with the depot. A thread without memory for an empty magazine
 * gives to the slab, and the only memory there is for one is what the depot holds.
 */
#ifndef MODEL_THINGS_H
#define MODEL_THINGS_H

#include "../../lib/cache.h"
#include "scenario.h"

enum { THINGS = 4, WORDS = 2 };

/* Payloads; from FIRST on, one for each lifetime. Purged memory has none of them. */
enum { FREE = 1, OWNED, FIRST, SECOND };

struct thing {
	frozenref_t ref;
	int payload;
	uintptr_t word[WORDS]; /* the same twice, for peeks */
};

/* What threads note, each in a place of its own. */
struct thing_notes {
	unsigned made[MODEL_THREADS_MAX];
	unsigned ended[MODEL_THREADS_MAX];
	int committed; /* plain: whoever touches an object must know that it is */
};

extern struct frozenref_cache *thing_cache;
extern struct thing *thing[THINGS]; /* by their addresses, which are those of one slab */
extern uint32_t nr_things;
extern struct thing_notes noted;
extern bool writes_at_end; /* its words, where the last put releases an object */

/* In setup: a cache of n objects, none of them populated; no thread has magazines. */
void make_thing_cache(unsigned flags, uint32_t n);
/* The same, with all objects free in their slab, and magazines for three threads. */
void setup_things(unsigned flags, uint32_t n);
/* The thread takes as many objects, the lowest first, and may give them back. */
void take_things(unsigned thread, uint32_t n, bool gives_back);
void things_are_set_up(void); /* the last step of every setup */
void teardown_things(void);

/* An object of the caller's own, or NULL; and the opposite. */
struct thing *alloc_thing(void);
void free_thing(struct thing *it);

/* Makes what the caller owns live, with one reference. */
void publish_thing(struct thing *it, int life);
/* Both of them: most likely it is the object that the thread freed last. */
struct thing *make_thing(int life);

/* Whether it was the last reference. */
bool put_thing(struct thing *it);

/* Looks an object up, as any holder reads it: its payload, or 0 if there is none. */
int use_thing(struct thing *at);

void fill_thing(struct thing *it, uintptr_t value);

/* What trim does with a slab's memory, and alloc after it. */
void zero_things(void);
int construct_thing(void *object, void *arg);

/* Each object has one owner, or is free in one place, or not there; none ended more than once. */
void check_things(void);

#endif /* MODEL_THINGS_H */
