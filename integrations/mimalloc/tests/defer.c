/* SPDX-License-Identifier: MIT */
/*
 * Deferred ends: the queue, draining, signal handlers, and mimalloc's own hook.
 *
 * Run by `make check` twice, like object.c.
 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "fixture.h"

static struct frozenref_mi_space *space;

static struct frozenref_mi_space *make_deferring_space(void)
{
	struct frozenref_mi_space_config config = default_config();

	config.flags = FROZENREF_MI_DEFER;
	return make_space(&config);
}

static unsigned intact;

/* The whole object is as its last holder left it. */
static void release_intact(void *object, void *arg)
{
	const unsigned char *bytes = object;

	(void)arg;
	intact += bytes[0] == 7 && bytes[63] == 7;
}

Test(mi_defer, runs_when_drained_and_not_before)
{
	enum { COUNT = 1000 };
	struct frozenref_mi_space_config config = default_config();
	static void *objects[COUNT];

	config.flags = FROZENREF_MI_DEFER;
	config.release = release_intact;
	space = make_space(&config);
	for (unsigned round = 0; round < 3; round++) {
		intact = 0;
		for (unsigned i = 0; i < COUNT; i++) {
			objects[i] = make_object(space, i % 10 ? 64 : 6000, 1);
			memset(objects[i], 7, 64);
		}
		for (unsigned i = 0; i < COUNT; i++) {
			cr_assert(frozenref_mi_put(space, objects[i]));
			cr_assert(!frozenref_mi_try_get(space, objects[i]));
		}
		cr_assert(intact == 0);
		cr_assert(report_on(space, 0).queued == COUNT);
		cr_assert(frozenref_mi_drain(space) == COUNT);
		cr_assert(intact == COUNT, "%u were intact", intact);
		cr_assert(frozenref_mi_drain(space) == 0);
		assert_holds(space, 0, 0);
	}
	cr_assert(frozenref_mi_put(space, make_object(space, 64, 1)));
	cr_assert(frozenref_mi_space_destroy(space) == 0, "destroy drains");
	assert_no_misuse();
}

/* An address does not come back before its old object has been drained. */
Test(mi_defer, queued_memory_is_not_handed_out)
{
	enum { COUNT = 200 };
	void *queued[COUNT];

	space = make_deferring_space();
	for (unsigned i = 0; i < COUNT; i++)
		queued[i] = make_object(space, 64, 1);
	for (unsigned i = 0; i < COUNT; i++)
		cr_assert(frozenref_mi_put(space, queued[i]));
	for (unsigned i = 0; i < 5000; i++) {
		void *object = frozenref_mi_malloc(space, 64);

		for (unsigned n = 0; n < COUNT; n++)
			cr_assert(object != queued[n]);
		frozenref_mi_free(space, object);
	}
	cr_assert(frozenref_mi_drain(space) == COUNT);
	assert_destroys(space);
}

static void *chain[10];
static unsigned n_chain;

static void release_next(void *object, void *arg)
{
	(void)object;
	(void)arg;
	ended.times++;
	if (n_chain)
		cr_assert(frozenref_mi_put(space, chain[--n_chain]));
}

Test(mi_defer, what_release_drops_is_drained_as_well)
{
	struct frozenref_mi_space_config config = default_config();

	config.flags = FROZENREF_MI_DEFER;
	config.release = release_next;
	space = make_space(&config);
	for (n_chain = 0; n_chain < 10; n_chain++)
		chain[n_chain] = make_object(space, 64, 1);
	cr_assert(frozenref_mi_put(space, chain[--n_chain]));
	cr_assert(frozenref_mi_drain(space) == 10 && ended.times == 10);
	assert_destroys(space);
}

/* ---------------------------------------------------------------------------------- signals */

enum { SHARED = 64 };
static void *shared[SHARED];
static volatile sig_atomic_t handled;
static uint32_t enough;

/* Takes and drops, wherever the thread was, and drops what is left of some. */
static void look_up(int number)
{
	unsigned which = (unsigned)handled % SHARED;
	void *found = frozenref_mi_try_get(space, shared[which]);

	(void)number;
	handled = handled + 1;
	if (found)
		frozenref_mi_put(space, found);
}

static void *send_signals(void *to)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
		(void)pthread_kill(*(pthread_t *)to, SIGUSR1);
		(void)usleep(10);
	}
	return NULL;
}

Test(mi_defer, last_puts_in_signal_handlers, .timeout = 600)
{
	struct sigaction action = { .sa_handler = look_up };
	pthread_t self = pthread_self();
	pthread_t sender;
	unsigned published = 0;
	size_t drained = 0;

	space = make_deferring_space();
	for (unsigned i = 0; i < SHARED; i++)
		shared[i] = make_object(space, 64, 1);
	cr_assert(sigaction(SIGUSR1, &action, NULL) == 0);
	cr_assert(pthread_create(&sender, NULL, send_signals, &self) == 0);
	while (handled < 500 || published < 20000) {
		unsigned which = published++ % SHARED;
		void *old = shared[which];

		shared[which] = make_object(space, 64, 1);
		frozenref_mi_put(space, old);
		if (published % 100 == 0)
			drained += frozenref_mi_drain(space);
	}
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	cr_assert(pthread_join(sender, NULL) == 0);
	for (unsigned i = 0; i < SHARED; i++)
		frozenref_mi_put(space, shared[i]);
	drained += frozenref_mi_drain(space);
	cr_assert(drained == published + SHARED, "%zu drained of %u", drained, published + SHARED);
	cr_assert(ended.times == drained);
	assert_destroys(space);
}

/* ------------------------------------------------------------------------- mimalloc's own hook */

static void drain_from_hook(bool force, unsigned long long heartbeat, void *arg)
{
	(void)force;
	(void)heartbeat;
	(void)frozenref_mi_drain(arg);
}

Test(mi_defer, drained_by_the_hook_of_mimalloc)
{
	void *plain[5000];

	space = make_deferring_space();
	mi_register_deferred_free(drain_from_hook, space);
	for (unsigned i = 0; i < 100; i++)
		cr_assert(frozenref_mi_put(space, make_object(space, 64, 1)));
	for (unsigned i = 0; i < 5000; i++)
		plain[i] = mi_malloc(64);
	for (unsigned i = 0; i < 5000; i++)
		mi_free(plain[i]);
	mi_collect(true);
	cr_assert(ended.times == 100, "%u ends", ended.times);
	mi_register_deferred_free(NULL, NULL);
	assert_destroys(space);
}
