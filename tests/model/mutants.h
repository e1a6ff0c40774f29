/* SPDX-License-Identifier: MIT */
/*
 * Deliberate faults, each of which a scenario must catch.
 *
 * Used by main.c; explained in mutants.c.
 */
#ifndef MODEL_MUTANTS_H
#define MODEL_MUTANTS_H

#include "scenario.h"

enum { MUTANT_RULES = 2 };

enum mutant_action {
	MUTANT_NONE,
	MUTANT_ORDER,	   /* asks for the order `argument` */
	MUTANT_LOAD_STORE, /* a compare-and-swap in two steps, a load and a store */
	MUTANT_WEAK,	   /* a compare-and-swap that may fail for no reason */
	MUTANT_STORE,	   /* a compare-and-swap that just stores */
	MUTANT_ONCE,	   /* a compare-and-swap whose failure is taken for success */
	MUTANT_BLIND,	   /* a compare-and-swap tried again with whatever is not live */
	MUTANT_ADD,	   /* a compare-and-swap that adds, whatever it finds */
	MUTANT_STAYS,	   /* a compare-and-swap that does nothing, and says it succeeded */
	MUTANT_SKIP,	   /* is not done; finds `argument` */
	MUTANT_SET,	   /* finds the bits of `argument` set */
	MUTANT_CLEAR,	   /* or clear */
};

/* Changes the operations that match. */
struct mutant_rule {
	enum mutant_action action;
	uint32_t argument;
	const char *function; /* the function they are in */
	enum model_kind kind;
	const char *after;	/* the function of the thread's operation before; NULL: any */
	enum model_order order; /* what they ask for; MODEL_relaxed: any */
	const char *text;	/* their address, as the source has it; NULL: any */
};

struct mutant {
	const char *name;
	const char *scenario; /* which catches it; with +hinted for hinted puts */
	struct mutant_rule rules[MUTANT_RULES];
	struct model_calls calls; /* members that are not NULL replace the library's */
	enum model_fault fault;
	bool sign_test; /* live is whatever is negative */
};

extern const struct mutant mutants[]; /* ended by one without a name */

/* From here on, until mutant_stop(); after model_calls_reset(). */
void mutant_start(const struct mutant *mutant);
void mutant_stop(void);

/* Whether every rule changed something since mutant_start(). */
bool mutant_was_applied(void);

#endif /* MODEL_MUTANTS_H */
