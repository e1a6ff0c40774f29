/* SPDX-License-Identifier: MIT */
/*
 * The third implementation of atomic.h: every operation is handed to the explorer.
 *
 * Included by atomic.h in place of libatomic_ops or the compiler's builtins, in whatever is
 * compiled for the explorer: the library's own sources, unchanged, and the scenarios. An operation
 * reaches the explorer with the function it is in, the text of its address and the order it asks
 * for; so a fault can be planted in one place at run time, and the sources need know nothing of it
 * (mutants.c).
 *
 * The zones of the counter are variables here, for scenarios that scale them down.
 */
#ifndef MODEL_ATOMIC_H
#define MODEL_ATOMIC_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum model_kind {
	MODEL_LOAD,
	MODEL_STORE,
	MODEL_ADD,
	MODEL_AND,
	MODEL_CAS,
	MODEL_FENCE,
	MODEL_AWAIT, /* scenarios only: waits until the word has a value */
	MODEL_READ,  /* the rest are plain accesses, and not scheduled */
	MODEL_WRITE,
	MODEL_FREE,
};

enum model_order {
	MODEL_relaxed = 0,
	MODEL_acquire = 1,
	MODEL_release = 2,
	MODEL_acq_rel = MODEL_acquire | MODEL_release,
};

/* One operation, as the source has it. */
struct model_op {
	enum model_kind kind;
	enum model_order order;
	void *address;
	uint32_t size;
	uintptr_t value;    /* stored, added, and-ed; the new value of a compare-and-swap */
	uintptr_t expected; /* by a compare-and-swap, and by an await */
	const char *function;
	const char *text; /* the address, as the source writes it */
};

/* Performs it, in the thread that runs and when the explorer says so; returns the old value. */
uintptr_t model_atomic(struct model_op op);

/* What ref.h would define: scenarios scale these down, a mutant replaces them by a sign test. */
struct model_zones {
	uint32_t residue_limit;
	uint32_t saturated_first;
	uint32_t saturated_middle;
	uint32_t wrapped;
};

extern struct model_zones model_zones;

#define FROZENREF__RESIDUE_LIMIT    (model_zones.residue_limit)
#define FROZENREF__SATURATED_FIRST  (model_zones.saturated_first)
#define FROZENREF__SATURATED_MIDDLE (model_zones.saturated_middle)
#define FROZENREF__WRAPPED	    (model_zones.wrapped)

/* And how often a lookup tries again. */
extern unsigned model_tries;

#define FROZENREF__TRIES model_tries

#define MODEL__ADDRESS(p) ((void *)(uintptr_t)(p))

#define MODEL__OP(op, bytes, p, new, old, ordering)            \
 model_atomic((struct model_op){ .kind = (op),                 \
				 .order = (ordering),          \
				 .address = MODEL__ADDRESS(p), \
				 .size = (bytes),              \
				 .value = (new),               \
				 .expected = (old),            \
				 .function = __func__,         \
				 .text = #p })

#define frozenref__load32(p, order)	((uint32_t)MODEL__OP(MODEL_LOAD, 4, p, 0, 0, MODEL_##order))
#define frozenref__store32(p, v, order) ((void)MODEL__OP(MODEL_STORE, 4, p, (v), 0, MODEL_##order))
#define frozenref__add32(p, n, order)	((uint32_t)MODEL__OP(MODEL_ADD, 4, p, (n), 0, MODEL_##order))
#define frozenref__and32(p, mask, order) \
 ((uint32_t)MODEL__OP(MODEL_AND, 4, p, (mask), 0, MODEL_##order))
#define frozenref__cas32(p, old, new, order) \
 ((uint32_t)MODEL__OP(MODEL_CAS, 4, p, (new), (old), MODEL_##order))

#define frozenref__loadptr(p, order) \
 (MODEL__OP(MODEL_LOAD, sizeof(uintptr_t), p, 0, 0, MODEL_##order))
#define frozenref__storeptr(p, v, order) \
 ((void)MODEL__OP(MODEL_STORE, sizeof(uintptr_t), p, (v), 0, MODEL_##order))
#define frozenref__addptr(p, n, order) \
 (MODEL__OP(MODEL_ADD, sizeof(uintptr_t), p, (n), 0, MODEL_##order))
#define frozenref__casptr(p, old, new, order) \
 (MODEL__OP(MODEL_CAS, sizeof(uintptr_t), p, (new), (old), MODEL_##order))

#define frozenref__fence(ordering)      \
 ((void)model_atomic((struct model_op){ \
	 .kind = MODEL_FENCE, .order = MODEL_##ordering, .function = __func__, .text = "fence" }))

/* A loop that spins has no end to explore: see explorer.c for what becomes of the thread. */
void model_wait(void);
#define FROZENREF__WAIT(turn) ((void)(turn), model_wait())

/* Each of the explorer's threads has its own magazines of a cache. */
void *model_own(size_t size);
#define FROZENREF__OWN ((struct own *)model_own(sizeof(struct own)))

/* lib/ takes its locks through these names. */
int model_lock(void *mutex);
int model_trylock(void *mutex);
int model_unlock(void *mutex);
#define pthread_mutex_lock(mutex)    model_lock(mutex)
#define pthread_mutex_trylock(mutex) model_trylock(mutex)
#define pthread_mutex_unlock(mutex)  model_unlock(mutex)

/* And memory through these. A thread gets none; what it gives back must be a whole region. */
void *model_malloc(size_t size);
void *model_calloc(size_t n, size_t size);
void model_give_back(void *memory);
#define malloc(size)	model_malloc(size)
#define calloc(n, size) model_calloc((n), (size))
#define free(memory)	model_give_back(memory)

#endif /* MODEL_ATOMIC_H */
