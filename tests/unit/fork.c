/* SPDX-License-Identifier: MIT */
/*
 * Forks while the first cache, registry and index of a process are made: the child can use the
 * library, and so can its own children.
 *
 * Run by `make check`. Linked with a build of the library that registers its fork handlers through
 * this file; each test is a process that has not made anything before it.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <frozenref/atomic.h>
#include <frozenref/frozenref.h>

#include "child.h"
#include "process.h"

int forking_atfork(void (*before)(void), void (*after)(void), void (*after_in_child)(void));

/* ------------------------------------------------------------------------- a use of all the rooms */

struct item {
	frozenref_t ref;
	uint32_t key;
	struct frozenref_index_node node;
};

static bool has_key(const void *object, const void *key, void *arg)
{
	(void)arg;
	return ((const struct item *)object)->key == *(const uint32_t *)key;
}

static int use_cache(struct frozenref_cache **cache)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;
	struct item *item;

	config.object_size = sizeof(struct item);
	config.ref_offset = offsetof(struct item, ref);
	config.stable_offset = offsetof(struct item, node);
	config.stable_size = sizeof(struct frozenref_index_node);
	config.max_objects = 1000;
	if (frozenref_cache_create(cache, &config) != 0)
		return 1;
	item = frozenref_cache_alloc(*cache);
	if (!item)
		return 2;
	frozenref_unfreeze(&item->ref, 1);
	return frozenref_cache_put(*cache, item) ? 0 : 3;
}

static int use_registry(bool trims)
{
	static int object;
	struct frozenref_registry *reg;

	if (frozenref_registry_create(&reg, NULL) != 0)
		return 4;
	for (int i = 0; i < 2; i++) {
		if (frozenref_registry_insert(reg, 4711, &object) != 0 ||
		    frozenref_registry_erase(reg, 4711) != 0)
			return 5;
		/* With the lock that forks wait for. */
		if (trims)
			(void)frozenref_registry_trim(reg);
	}
	return frozenref_registry_destroy(reg) == 0 ? 0 : 6;
}

static int use_index(struct frozenref_cache *cache)
{
	struct frozenref_index_config config = FROZENREF_INDEX_CONFIG_INIT;
	struct frozenref_index *index;
	struct item *item = frozenref_cache_alloc(cache);

	config.cache = cache;
	config.node_offset = offsetof(struct item, node);
	config.equal = has_key;
	config.stripes = 4;
	if (!item || frozenref_index_create(&index, &config) != 0)
		return 7;
	item->key = 42;
	frozenref_unfreeze(&item->ref, 1);
	if (frozenref_index_insert(index, item->key, &item->key, item) != 0 ||
	    frozenref_index_erase(index, item) != 0 || !frozenref_cache_put(cache, item))
		return 8;
	return frozenref_index_destroy(index) == 0 ? 0 : 9;
}

static int use_all(void *arg)
{
	struct frozenref_cache *cache;
	int err = use_cache(&cache);

	(void)arg;
	if (!err)
		err = use_registry(true);
	if (!err)
		err = use_index(cache);
	if (!err && frozenref_cache_destroy(cache) != 0)
		err = 10;
	return err;
}

/* Handlers that are there twice must not wait for each other: so the child forks as well. */
static int use_all_and_fork(void *arg)
{
	int err = use_all(arg);

	if (!err)
		err = run_in_child(use_all, NULL);
	return err ? err : use_all(arg);
}

/* ------------------------------------------------------------------- forks at a certain moment */

/* How many more times until the fork; and what became of it. */
static int countdown;
static int outcome;

static void *fork_once(void *arg)
{
	outcome = run_in_child(use_all_and_fork, arg);
	return NULL;
}

/* In whichever thread registers handlers: another one forks, and this one goes on after that. */
static void reach_moment(void)
{
	pthread_t thread;

	if (countdown-- != 0)
		return;
	outcome = 100;
	cr_assert(pthread_create(&thread, NULL, fork_once, NULL) == 0);
	cr_assert(pthread_join(thread, NULL) == 0);
}

int forking_atfork(void (*before)(void), void (*after)(void), void (*after_in_child)(void))
{
	int err;

	reach_moment();
	err = pthread_atfork(before, after, after_in_child);
	reach_moment();
	return err;
}

static void fork_at(int moment)
{
	countdown = moment;
	outcome = 101;
	cr_assert(use_all(NULL) == 0);
	cr_assert(outcome == 0, "the child's status was %d", outcome);
	cr_assert(run_in_child(use_all_and_fork, NULL) == 0);
}

Test(fork, before_there_are_handlers, .timeout = 600)
{
	fork_at(0);
}

Test(fork, before_the_handlers_are_known_to_be_there, .timeout = 600)
{
	fork_at(1);
}

/* ------------------------------------------------------------------------- handlers of programs */

static int in_handlers = 100;

static void use_in_handler(void)
{
	in_handlers = use_registry(false);
}

/* Which run when the library's have, or have not yet: then it holds what a cache needs. */
Test(fork, handlers_of_the_program_may_make_the_first_registry, .timeout = 600)
{
	struct frozenref_cache *cache;

	countdown = -1;
	cr_assert(pthread_atfork(use_in_handler, use_in_handler, use_in_handler) == 0);
	cr_assert(use_cache(&cache) == 0);
	cr_assert(run_in_child(use_all_and_fork, NULL) == 0);
	cr_assert(in_handlers == 0, "a handler got %d", in_handlers);
	cr_assert(use_all(NULL) == 0);
	cr_assert(frozenref_cache_destroy(cache) == 0);
}

/* -------------------------------------------------------------------------------- storms of forks */

static uint32_t is_over;

static void *fork_often(void *arg)
{
	int err = 0;

	for (int i = 0; i < 10 && !err; i++)
		err = run_in_child(use_all_and_fork, arg);
	*(int *)arg = err;
	/* Relaxed: only when the other thread stops depends on it. */
	frozenref__store32(&is_over, 1, relaxed);
	return NULL;
}

/* A process that is young: one thread makes the first of everything while another forks. */
static int be_stormy(void *arg)
{
	pthread_t thread;
	int err;

	if (pthread_create(&thread, NULL, fork_often, arg) != 0)
		return 20;
	do
		err = use_all(NULL);
	while (!err && !frozenref__load32(&is_over, relaxed));
	if (pthread_join(thread, NULL) != 0)
		return 21;
	return err ? err : *(int *)arg;
}

Test(fork, storms_while_the_first_of_all_is_made, .timeout = 600)
{
	const int rounds = 20;

	if (is_instrumented())
		cr_skip_test("the allocators of sanitizers hold locks of their own over a fork");
	countdown = -1;
	/* So that registering waits for a fork that is under way, whatever the C library. */
	cr_assert(pthread_atfork(NULL, NULL, NULL) == 0);
	for (int i = 0; i < rounds; i++) {
		int err = 22;

		err = run_in_child(be_stormy, &err);
		cr_assert(err == 0, "status %d in round %d", err, i);
	}
}
