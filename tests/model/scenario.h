/* SPDX-License-Identifier: MIT */
/*
 * What scenarios have in common: the calls under test, and one counted object.
 *
 * Used by scenarios_*.c. The calls go through a table, so that a mutant can put another function in
 * the place of one of them; scenarios ask model_fault() for the faults that are their own to make.
 */
#ifndef MODEL_SCENARIO_H
#define MODEL_SCENARIO_H

#include <frozenref/index.h>
#include <frozenref/ref.h>
#include <frozenref/registry.h>

#include "model.h"

/* A counter, with room for the second word that one of the other encodings needs (encodings.c). */
struct model_counter {
	frozenref_t ref;
	uint32_t second;
};

/* The calls that mutants replace, and other encodings of the counter: those up to freeze. */
struct model_calls {
	void (*init)(frozenref_t *ref); /* as frozen */
	void (*unfreeze)(frozenref_t *ref, uint32_t refs);
	bool (*is_frozen)(frozenref_t *ref);
	uint32_t (*count)(frozenref_t *ref);
	bool (*put)(frozenref_t *ref); /* plain or hinted, as model_hinted says */
	bool (*put_rcu)(frozenref_t *ref);
	bool (*try_get)(frozenref_t *ref);
	bool (*freeze)(frozenref_t *ref, uint32_t expected);
	int (*insert)(struct frozenref_registry *reg, uint64_t pfn, void *object);
	int (*erase)(struct frozenref_registry *reg, uint64_t pfn);
	bool (*slot_freeze)(struct frozenref_registry *reg, struct frozenref_slot *slot,
			    uint32_t expected);
	struct frozenref_slot *(*try_get_handle)(struct frozenref_registry *reg,
						 struct frozenref_handle handle);
	enum frozenref_state (*handle_state)(struct frozenref_registry *reg,
					     struct frozenref_handle handle);
	bool (*peek)(struct frozenref_registry *reg, uint64_t pfn, size_t offset, void *buffer,
		     size_t length);
	void *(*index_try_get)(struct frozenref_index *index, uint64_t hash, const void *key);
	int (*index_insert)(struct frozenref_index *index, uint64_t hash, const void *key,
			    void *object);
};

extern struct model_calls model_calls;

/*
 * Where the registries of scenarios have their memory: from malloc, or, unless that is NULL, always
 * this, which the explorer can put back before each execution.
 */
extern const struct frozenref_backend model_backend;
extern void *model_backend_memory;

/* Back to the library's own, plain or hinted. */
void model_calls_reset(void);

enum model_fault {
	FAULT_NONE,
	FAULT_REMEMBERS_CONTENT, /* a winner destroys what it held, not what is there */
	FAULT_PURGES_LATE,	 /* a leaf is opened again before it is purged */
	FAULT_NO_FENCE,		 /* freed memory is taken without a release fence */
	FAULT_FREES_FIRST,	 /* memory is freed before its slot is empty */
	FAULT_WORD_FIRST,	 /* an owner publishes, and then marks that he has */
};

extern enum model_fault model_fault;

#endif /* MODEL_SCENARIO_H */
