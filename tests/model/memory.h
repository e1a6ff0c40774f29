/* SPDX-License-Identifier: MIT */
/*
 * The memory model: which value an operation may see, what happens before what, and who may not.
 *
 * Used by explorer.c, one execution after the other; README.md says what is covered.
 */
#ifndef MODEL_MEMORY_H
#define MODEL_MEMORY_H

#include "model.h"

struct location;

/* What prepares and checks: ordered before, and after, all threads. */
#define MODEL_MAIN (-1)

/* Forgets everything: a new scenario. */
void memory_forget(void);

/* Remembers what the regions hold now, as the start of each execution. */
void memory_snapshot(void);

/* Puts memory back, and every thread at its start. */
void memory_restart(void);

/* A hash of what the regions hold. */
uint64_t memory_outcome(void);

/* The word of an atomic operation. */
struct location *memory_location(const struct model_op *op);

/* Fails if the word's memory was freed, or was changed behind the explorer's back. */
void memory_touch(struct location *loc, const char *text, int thread);

/*
 * Whether threads contend for the word: learnt, not known beforehand. `learnt` becomes true when
 * this operation is the first to show it; then the exploration must start again.
 */
bool memory_is_contended(struct location *loc, const struct model_op *op, int thread, bool *learnt);

/* Whether the operation would store now, and whether an await is over. */
bool memory_would_write(const struct location *loc, const struct model_op *op);
bool memory_is_ready(const struct location *loc, const struct model_op *op);

/*
 * How many outcomes the operation may have; 0 is what an interleaving of indivisible steps gives.
 */
unsigned memory_choices(const struct location *loc, const struct model_op *op, int thread);

/* Performs it. Returns the value read, and whether it stored. */
uintptr_t memory_perform(struct location *loc, const struct model_op *op, int thread,
			 unsigned choice, bool *stored);

void memory_fence(enum model_order order, int thread);

/* By MODEL_MAIN: no thread runs. */
uintptr_t memory_direct(const struct model_op *op);

/* Plain accesses, each of which may fail the execution. */
void memory_read(const void *address, int thread, const char *text);
void memory_write(const void *address, int thread, const char *text);
void memory_free(void *region, int thread);

/* The location's number within its scenario, for hashes. */
unsigned memory_number(const struct location *loc);

/* The name of an address, or NULL. */
const char *memory_name(const void *address, char *buffer, size_t size);

/* As weak as C11 allows, but for load buffering; else each operation sees and makes the newest. */
extern bool memory_weak;

/* A compare-and-swap may fail for no reason: set by mutants. */
extern const char *memory_weak_cas_function;

#endif /* MODEL_MEMORY_H */
