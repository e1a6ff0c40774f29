/* SPDX-License-Identifier: MIT */
/*
 * The steps of the execution under way: kept for the report of a failure.
 *
 * Used by explorer.c.
 */
#ifndef MODEL_STEPS_H
#define MODEL_STEPS_H

#include "model.h"

struct step {
	struct model_op op;
	uintptr_t old;
	unsigned choice; /* 0: the newest value */
	int thread;
	bool stored;
};

void steps_clear(void);
/* The caller fills in what it yields. */
struct step *steps_add(const struct model_op *op, int thread);
unsigned steps_count(void);

/* One line for each, to stdout. */
void steps_print(void);

/* The scheduled steps as a word: a letter for each step's thread, and its choice if not 0. */
void steps_schedule(char *text, size_t size);

#endif /* MODEL_STEPS_H */
