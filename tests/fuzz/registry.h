/* SPDX-License-Identifier: MIT */
/*
 * What the files of the registry's fuzzing target share.
 *
 * registry.c makes the registry, chooses what to call and looks at what is left in the end; the
 * calls are in registry_insert.c, registry_lookup.c and registry_slot.c. Each op_ function decodes
 * its arguments, asks the model what must happen, makes one call, compares, and tells the model.
 */
#ifndef FROZENREF_TESTS_FUZZ_REGISTRY_H
#define FROZENREF_TESTS_FUZZ_REGISTRY_H

#include <frozenref/registry.h>

#include "fuzz.h"
#include "registry_model.h"

#define LEAF_SLOTS (UINT64_C(1) << FROZENREF__LEAF_SHIFT)

/* The registry under test, and how it was made. */
struct subject {
	struct frozenref_registry *reg;
	unsigned flags;
	unsigned pfn_bits;
	unsigned page_shift;
	bool has_release;
	bool may_nest;	     /* release() may make calls of its own */
	unsigned depth;	     /* how many release() are running */
	uint64_t pages_left; /* so that one input does not take minutes */
};

extern struct subject subject;

/* Where objects live: all of it is readable, so that any of them may be peeked at. */
enum { ARENA = 1 << 20 };
extern uint64_t arena[ARENA / 8];

/* One more call, as the input says. */
void step(void);

/* -- arguments -- */

/* A pfn: of an object or beside it, or at some border of tables; now and then any number. */
uint64_t pick_pfn(void);
uint64_t pick_npages(void);

/* An object's address; in a COMPACT registry mostly the fitting one, and else NULL now and then. */
void *pick_address(uint64_t pfn);

/* A slot that was seen before, and the object that it is the head of now, or NULL; or no slot. */
struct seen *pick_slot(struct object **object);

/* -- what must happen -- */

uint64_t last_pfn(void);

/* Whether the address may be inserted at the pfn. */
bool address_fits(uint64_t pfn, const void *address);

/* The object's address, as slots and release() tell it. */
void *told_address(const struct object *object);

/* Whether lookups find it. */
bool findable(const struct object *object);

/* One more reference for an object that lookups find. */
void model_get(struct object *object);

/*
 * One less, or misuse; returns whether the object ends, and how many references are left. Before
 * the call, so that release() finds it out; model_forget() comes after, where there is no release.
 */
bool model_put(struct object *object, const struct frozenref_slot *slot, uint32_t *left);
void model_forget_ended(void);

/* All that can be asked of an object agrees. */
void check_object(const struct object *object);

/* -- calls -- */

void op_insert(void);
void op_insert_range(void);
void op_insert_frozen(void);
void op_alloc_frozen(void);
void op_erase(void);
void op_erase_range(void);

void op_try_get(void);
void op_try_get_addr(void);
void op_batch(void);
void op_next(void);
void op_state(void);
void op_handle(void);
void op_peek(void);

void op_slot_get(void);
void op_slot_put(void);
void op_slot_put_left(void);
void op_slot_freeze(void);
void op_slot_unfreeze(void);
void op_slot_set_object(void);
void op_slot_replace(void);
void op_slot_erase_frozen(void);
void op_slot_user(void);
void op_residue(void);

#endif /* FROZENREF_TESTS_FUZZ_REGISTRY_H */
