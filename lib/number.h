/* SPDX-License-Identifier: MIT */
/*
 * Sequences, and generations of 32 bits: they go round.
 *
 * Used by whatever begins a lifetime, or ends what peeks have seen.
 */
#ifndef FROZENREF_LIB_NUMBER_H
#define FROZENREF_LIB_NUMBER_H

#include <stdint.h>

/* To 1: 0 is what a purge leaves, and what no valid handle has. */
static inline uint32_t next_number(uint32_t number)
{
	return number == UINT32_MAX ? 1 : number + 1;
}

#endif /* FROZENREF_LIB_NUMBER_H */
