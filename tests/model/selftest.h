/* SPDX-License-Identifier: MIT */
/*
 * The explorer's own test.
 *
 * Used by main.c.
 */
#ifndef MODEL_SELFTEST_H
#define MODEL_SELFTEST_H

#include "model.h"

/* The memory model in the well-known shapes; calls back with the outcome of each. */
void selftest_memory(void (*count)(bool passed));

/*
 * The reductions against the unreduced search, on the scenarios marked tiny: the same equivalence
 * classes, each once, and the same final memory.
 */
void selftest_reduction(const struct model_scenario *const *tables, void (*count)(bool passed));

#endif /* MODEL_SELFTEST_H */
