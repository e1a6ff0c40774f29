/* SPDX-License-Identifier: MIT */
/*
 * The explorer: runs a scenario again and again until every interleaving has been tried.
 *
 * Used by main.c, mutants.c and selftest.c.
 */
#ifndef MODEL_EXPLORER_H
#define MODEL_EXPLORER_H

#include "model.h"

/* How much of what cannot matter is left out; the self test shows that it cannot. */
enum explorer_reduction {
	EXPLORE_SOURCE_SETS, /* only reversals of steps that depend on each other; sleep sets */
	EXPLORE_WRONGLY,     /* as if loads never depended on stores: for the self test */
	EXPLORE_SLEEP_SETS,  /* every thread everywhere, but no two equivalent executions */
	EXPLORE_EVERYTHING,  /* every interleaving of the contended words' operations */
	EXPLORE_ALL_WORDS,   /* every interleaving of all atomic operations */
};

struct explorer_result {
	bool failed;
	uint64_t executions; /* complete ones */
	uint64_t abandoned;  /* found, on the way, to be equivalent to one before */
	uint64_t witnessed;
	unsigned steps; /* of the failing schedule; or of the longest */
	char failure[256];
	char schedule[1024]; /* for replays */
};

/* Called with each complete execution: a hash of its trace, and of the memory it left. */
typedef void explorer_visitor(uint64_t trace, uint64_t outcome, void *arg);

struct explorer_options {
	enum explorer_reduction reduction;
	const char *schedule; /* run this one only, and print its steps */
	explorer_visitor *visit;
	void (*restart)(void *arg); /* forget what was visited: the exploration starts again */
	void *arg;
};

struct explorer_result explore(const struct model_scenario *scenario,
			       const struct explorer_options *options);

/* The number of the thread that runs; -1: none. */
int explorer_thread(void);

/* One operation, when its turn comes; outside of threads at once. */
uintptr_t explorer_perform(const struct model_op *op);

/* Sanitizers follow neither a thread's jumps between stacks nor, then, its memory. */
#if defined(__has_feature)
# if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#  define EXPLORER_SANITIZED 1
# endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define EXPLORER_SANITIZED 1
#endif

#endif /* MODEL_EXPLORER_H */
