/* SPDX-License-Identifier: MIT */
/*
 * What the scenarios have in common: the object, its holders, and whoever wins it.
 *
 * Included by each of them, first. A model checker reads one translation unit, so this includes the
 * real ref.h and the whole of lib/ref.c. The payload is a plain variable that the owner writes
 * before unfreeze, holders read, and the winner poisons: a memory order that is too weak is a data
 * race, and so are two owners at once. A lifetime that nobody ends fails finish().
 */
#ifndef TESTS_MODEL_GENMC_SCENARIO_H
#define TESTS_MODEL_GENMC_SCENARIO_H

/* A check that does nothing is none. */
#undef NDEBUG

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/* A model checker's own <unistd.h> may lack what lib/ref.c wants of it. */
#ifndef STDERR_FILENO
# define STDERR_FILENO 2
#endif

#define FROZENREF_ATOMIC_BACKEND "tests/model/genmc/atomics.h"
#include <frozenref/ref.h>
#include "lib/ref.c"

/*
 * How many lifetimes there are in all: a winner publishes the object again until they are used up.
 */
#ifndef LIFETIMES
# define LIFETIMES 1
#endif

enum { POISON = -1 };

static struct {
	frozenref_t ref;
	int payload; /* the number of the lifetime, or POISON; the owner's to write */
	int begun;   /* lifetimes; the owner's */
	int ended;
} object;

/* The owner makes the object live. */
static void publish(uint32_t refs)
{
	object.payload = ++object.begun;
	frozenref_unfreeze(&object.ref, refs);
}

/* Somebody has become the owner. What was read here was never remembered from before. */
static void destroy(void)
{
	assert(object.payload == object.begun);
	object.payload = POISON;
	object.ended++;
}

/* A holder looks at the object. */
static void use(void)
{
	assert(object.payload != POISON);
}

static bool put(void)
{
#ifdef HINTED
	return frozenref_put_and_lock_likely_last(&object.ref);
#else
	return frozenref_put_and_lock(&object.ref);
#endif
}

/* A holder gives up its reference, and whatever it wins by that. */
static void drop(void)
{
	while (put()) {
		destroy();
		if (object.begun == LIFETIMES)
			return;
		publish(1);
	}
}

static inline void *holder(void *unused)
{
	use();
	drop();
	return unused;
}

static inline void *getter(void *unused)
{
	if (frozenref_try_get(&object.ref))
		return holder(unused);
	return unused;
}

/* The owner of a frozen object, with a reader to come. */
static inline void *publisher(void *unused)
{
	publish(1);
	return holder(unused);
}

/* A holder that would rather freeze than put. */
static inline void *freezer(void *unused)
{
	use();
	if (!frozenref_freeze(&object.ref, 1)) {
		drop();
		return unused;
	}
	destroy();
	if (object.begun < LIFETIMES) {
		publish(1);
		drop();
	}
	return unused;
}

/* No scenario misuses the counter. */
static void misused(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word, void *arg)
{
	(void)ref, (void)word, (void)arg;
	assert(kind == 0);
}

/* First in main(). */
static void prepare(void)
{
	(void)frozenref_set_misuse_handler(misused, NULL, NULL);
	frozenref_init_as_frozen(&object.ref);
}

typedef void *thread_fn(void *unused);

static pthread_t start(thread_fn *body)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, NULL))
		abort();
	return thread;
}

static void wait_for(pthread_t thread)
{
	if (pthread_join(thread, NULL))
		abort();
}

/* Last in main(), when all threads are gone: each lifetime had one end, and the word is frozen. */
static int finish(void)
{
	assert(object.begun == LIFETIMES);
	assert(object.ended == LIFETIMES);
	assert(frozenref_is_frozen(&object.ref));
	return 0;
}

#endif /* TESTS_MODEL_GENMC_SCENARIO_H */
