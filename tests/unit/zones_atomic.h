/* SPDX-License-Identifier: MIT */
/*
 * An atomics backend under which the test decides, before each operation, which thread goes on.
 *
 * Included by atomic.h in the programs that are compiled with FROZENREF_ATOMIC_BACKEND naming this
 * file; the functions are in ref_zones.c. Only operations on 32-bit words are scheduled: the
 * pointers hold the misuse handler, which these tests set once.
 *
 * It also makes the borders of the zones variables, so that a test can bring them close together.
 */
#ifndef FROZENREF_TESTS_UNIT_ZONES_ATOMIC_H
#define FROZENREF_TESTS_UNIT_ZONES_ATOMIC_H

#include <stdint.h>

extern uint32_t zones_residue_limit;
extern uint32_t zones_saturated_first;
extern uint32_t zones_saturated_middle;
extern uint32_t zones_wrapped;

#define FROZENREF__RESIDUE_LIMIT    zones_residue_limit
#define FROZENREF__SATURATED_FIRST  zones_saturated_first
#define FROZENREF__SATURATED_MIDDLE zones_saturated_middle
#define FROZENREF__WRAPPED	    zones_wrapped

uint32_t zones_load(const uint32_t *word);
void zones_store(uint32_t *word, uint32_t value);
uint32_t zones_add(uint32_t *word, uint32_t n);
uint32_t zones_cas(uint32_t *word, uint32_t old, uint32_t desired);

/* The resets are the only compare-and-swaps of the counter that are relaxed. */
uint32_t zones_cas_of_reset(uint32_t *word, uint32_t old, uint32_t desired);

#define frozenref__load32(p, order)	       zones_load(p)
#define frozenref__store32(p, value, order)    zones_store(p, value)
#define frozenref__add32(p, n, order)	       zones_add(p, n)
#define frozenref__cas32(p, old, value, order) zones_cas_##order(p, old, value)
#define zones_cas_relaxed		       zones_cas_of_reset
#define zones_cas_acquire		       zones_cas
#define zones_cas_acq_rel		       zones_cas
#define zones_cas_release		       zones_cas
#define frozenref__fence(order)		       ((void)0)

#define frozenref__loadptr(p, order)		(*(p))
#define frozenref__storeptr(p, value, order)	((void)(*(p) = (value)))
#define frozenref__casptr(p, old, value, order) zones_casptr(p, old, value)

static inline uintptr_t zones_casptr(uintptr_t *pointer, uintptr_t old, uintptr_t desired)
{
	uintptr_t found = *pointer;

	if (found == old)
		*pointer = desired;
	return found;
}

#endif /* FROZENREF_TESTS_UNIT_ZONES_ATOMIC_H */
