/* SPDX-License-Identifier: MIT */
/*
 * What a scenario is written with.
 *
 * Used by scenarios_*.c and mutants.c; implemented by memory.c, explorer.c and scenario.c.
 * README.md in this folder shows how to write one.
 *
 * A scenario's threads are deterministic but for the schedule. They talk to each other through the
 * library, through model_read/model_write (plain accesses, checked for data races) and through
 * model_await; what they note for the check at the end must not depend on the order of steps that
 * do not depend on each other: give each thread its own variable, or add up.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <frozenref/atomic.h>

#define MODEL_THREADS_MAX 4

/* ---------------------------------------------------------------------------------- scenarios */

struct model_scenario {
	const char *name;
	const char *about;
	void (*setup)(void); /* once, before the exploration; what it wrote is put back each time */
	void (*thread[MODEL_THREADS_MAX])(void);
	void (*check)(void);	  /* after each execution; may be NULL */
	void (*teardown)(void);	  /* at the end, with memory as setup left it; may be NULL */
	unsigned quick : 1;	  /* in the short set */
	unsigned hinted : 1;	  /* also with put_and_lock_likely_last for every put */
	unsigned witnessed : 1;	  /* some execution must call model_witness() */
	unsigned tiny : 1;	  /* small enough for the self test's unreduced exploration */
	struct model_zones zones; /* members that are 0: as in ref.h */
	unsigned tries;		  /* of a lookup that fails where flags say live; 0: as in wait.h */
};

/* Each file's scenarios, ended by one without a name. */
extern const struct model_scenario model_scenarios_cache[];
extern const struct model_scenario model_scenarios_ref[];
extern const struct model_scenario model_scenarios_zones[];
extern const struct model_scenario model_scenarios_registry[];
extern const struct model_scenario model_scenarios_freeze[];
extern const struct model_scenario model_scenarios_growth[];
extern const struct model_scenario model_scenarios_handles[];
extern const struct model_scenario model_scenarios_index[];
extern const struct model_scenario model_scenarios_owned[];
extern const struct model_scenario model_scenarios_peek[];
extern const struct model_scenario model_scenarios_trim[];
extern const struct model_scenario model_scenarios_walk[];

/* No zones but live and frozen, told apart by the sign: set by a mutant. */
extern bool model_sign_test;

/* Every put of a scenario goes through the hinted function if so. */
extern bool model_hinted;

/* -------------------------------------------------------------------- for setup, threads, check */

/* In setup: memory that is put back before each execution, has a name, and can be freed. */
void model_region(void *address, size_t size, const char *name);
/* In setup: the name of one word, for the printed schedule. */
void model_label(const void *address, const char *name);

/* Plain accesses to plain variables, which no other thread may be making at the same time. */
int model_read_at(const int *variable, const char *function, const char *text);
void model_write_at(int *variable, int value, const char *function, const char *text);
#define model_read(variable)	     model_read_at((variable), __func__, #variable)
#define model_write(variable, value) model_write_at((variable), (value), __func__, #variable)

/*
 * Frees a whole region: any access that is not ordered before this, or comes after it, is reported.
 */
void model_free(void *region);

/*
 * Waits, as a grace period does, until the word has the value; acquire. Nothing may take the value
 * away again: an await that was ready must stay ready.
 */
void model_await(uint32_t *word, uint32_t value);

/* In setup: whose thread-local variables the library uses; MODEL_THREADS_MAX: nobody's. */
extern unsigned model_acts_for;

/* In setup: threads will change those variables, which are put back like a region. */
void model_own_changes(void);

/* Something the scenario was made to show has happened. */
void model_witness(void);

/* Ends the execution as a failure. */
_Noreturn void model_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define model_assert(condition)                              \
 do {                                                        \
  if (!(condition))                                          \
   model_fail("%s: %s does not hold", __func__, #condition); \
 } while (0)

/* Misuse fails the execution, unless the scenario counts it. */
extern unsigned model_misuses_expected;
extern unsigned model_misuses;

#endif /* MODEL_H */
