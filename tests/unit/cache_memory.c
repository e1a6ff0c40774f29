/* SPDX-License-Identifier: MIT */
/*
 * Caches and malloc: each call fails in its turn, and at each call another thread forks.
 *
 * Run by `make check`. Linked with a build of the cache's sources that calls failing_malloc.c. All
 * is done by fresh threads, since what a thread has of its own is made when it comes first.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "cache_fixture.h"
#include "child.h"
#include "failing_malloc.h"
#include "process.h"

/* More than a thread's table has room for at first; and of the first cache so many objects. */
enum { CACHES = 20, OBJECTS = 3000 };

static struct frozenref_cache *caches[CACHES];
static unsigned nr_caches;

/* --------------------------------------------------------------------------------- a whole life */

static struct frozenref_cache *create(void)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;
	struct frozenref_cache *cache = NULL;
	unsigned failures = failing_malloc.failures;
	int err;

	config.object_size = sizeof(struct object);
	config.ref_offset = offsetof(struct object, ref);
	/* Few addresses: an emulator has memory of its own for each page, to be copied by forks. */
	config.max_objects = (size_t)2 * OBJECTS;
	err = frozenref_cache_create(&cache, &config);
	cr_assert(err == (failing_malloc.failures > failures ? -ENOMEM : 0), "error %d", err);
	cr_assert(!err == !!cache);
	return cache;
}

static void create_all(void)
{
	for (unsigned i = 0; i < CACHES; i++) {
		caches[i] = create();
		if (!caches[i])
			caches[i] = create();
		cr_assert(caches[i]);
		/* Release: pairs with a fork, whose child uses as many. */
		__atomic_store_n(&nr_caches, i + 1, __ATOMIC_RELEASE);
	}
}

/* Objects never come from malloc: an alloc does not fail because of it. */
static void use(struct frozenref_cache *cache, unsigned n)
{
	static struct object *objects[OBJECTS];

	for (unsigned i = 0; i < n; i++) {
		objects[i] = alloc_live(cache);
		objects[i]->key = i;
	}
	cr_assert(stats_of(cache).objects == n);
	for (unsigned i = 0; i < n; i++) {
		cr_assert(objects[i]->key == i);
		errno = 4711;
		cr_assert(frozenref_cache_put(cache, objects[i]));
		cr_assert(errno == 4711);
	}
	cr_assert(stats_of(cache).objects == 0);
}

static void use_all(void)
{
	for (unsigned i = 0; i < CACHES; i++)
		use(caches[i], i ? 3 : OBJECTS);
	(void)frozenref_cache_trim(caches[0]);
	cr_assert(stats_of(caches[0]).slabs == 0);
	use(caches[0], 100);
}

static void destroy_all(void)
{
	while (nr_caches)
		cr_assert(frozenref_cache_destroy(caches[--nr_caches]) == 0);
}

static void in_thread(void *(*function)(void *), void *arg)
{
	pthread_t thread;

	cr_assert(pthread_create(&thread, NULL, function, arg) == 0);
	cr_assert(pthread_join(thread, NULL) == 0);
}

/* ------------------------------------------------------------------------------------- failures */

/* Sets *call to 0 if there were not so many calls. */
static void *fail_once(void *arg)
{
	unsigned *call = arg;

	failing_malloc.fails_at = *call;
	create_all();
	use_all();
	destroy_all();
	if (!failing_malloc.failures)
		*call = 0;
	return NULL;
}

Test(cache_memory, each_malloc_may_fail, .timeout = 600)
{
	unsigned call = 1;
	unsigned step = is_instrumented() ? 3 : 1;
	unsigned last;

	do {
		last = call;
		in_thread(fail_once, &call);
	} while (call && (call += step));
	/* A cache and a place in each table, and magazines, for each cache. */
	cr_assert(last > 3 * CACHES, "only %u calls", last);
}

/* From the first use on there is no memory but for objects. */
static void *fail_for_ever(void *arg)
{
	unsigned *call = arg;

	create_all();
	failing_malloc.fails_at = failing_malloc.calls + *call;
	failing_malloc.from_then_on = true;
	use_all();
	destroy_all();
	cr_assert(failing_malloc.failures > 0);
	return NULL;
}

Test(cache_memory, caches_work_without_malloc, .timeout = 600)
{
	for (unsigned call = 1; call < 20; call++)
		in_thread(fail_for_ever, &call);
}

/* ---------------------------------------------------------------------------------------- forks */

/* Between the thread that uses caches and the one that forks. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum { IDLE, WANTED, DONE, OVER } state;
	unsigned fork_at;
	unsigned calls;
} meeting = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/*
 * Has the other thread fork now. The call may be one under a lock that forks wait for: then it is
 * not waited for long, and the fork comes when the lock is free.
 */
static void ask_for_fork(void)
{
	struct timespec until;

	if (++meeting.calls != meeting.fork_at)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 20000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&meeting.lock);
	meeting.state = WANTED;
	pthread_cond_broadcast(&meeting.changed);
	while (meeting.state != DONE &&
	       pthread_cond_timedwait(&meeting.changed, &meeting.lock, &until) == 0)
		continue;
	pthread_mutex_unlock(&meeting.lock);
}

static void *be_forked(void *arg)
{
	(void)arg;
	failing_malloc.on_call = ask_for_fork;
	create_all();
	use_all();
	destroy_all();
	failing_malloc.on_call = NULL;
	pthread_mutex_lock(&meeting.lock);
	meeting.state = OVER;
	pthread_cond_broadcast(&meeting.changed);
	pthread_mutex_unlock(&meeting.lock);
	return NULL;
}

static void *use_in_thread(void *arg)
{
	struct frozenref_cache *cache = arg;
	struct object *objects[50];

	for (unsigned i = 0; i < 50; i++)
		objects[i] = frozenref_cache_alloc(cache);
	for (unsigned i = 0; i < 50; i++)
		frozenref_cache_free(cache, objects[i]);
	return NULL;
}

/* Whatever the other thread was doing: in the child all caches work. */
static int live_in_child(void *arg)
{
	struct frozenref_cache *made;

	(void)arg;
	for (unsigned i = 0; i < nr_caches; i++) {
		(void)use_in_thread(caches[i]);
		(void)frozenref_cache_trim(caches[i]);
		if (stats_of(caches[i]).threads != 1)
			return 3;
	}
	made = create();
	if (!made)
		return 4;
	(void)use_in_thread(made);
	return frozenref_cache_destroy(made) ? 5 : 0;
}

static void fork_now(void)
{
	int result = run_in_child(live_in_child, NULL);

	cr_assert(result == 0, "result %d at call %u", result, meeting.fork_at);
}

/* A life of the other thread, forked at the call'th call; false: there were not so many. */
static bool fork_once(unsigned call)
{
	bool forked = false;
	pthread_t thread;

	meeting.state = IDLE;
	meeting.fork_at = call;
	meeting.calls = 0;
	cr_assert(pthread_create(&thread, NULL, be_forked, NULL) == 0);
	pthread_mutex_lock(&meeting.lock);
	while (meeting.state != OVER) {
		if (meeting.state == WANTED && !forked) {
			pthread_mutex_unlock(&meeting.lock);
			fork_now();
			forked = true;
			pthread_mutex_lock(&meeting.lock);
			if (meeting.state == WANTED)
				meeting.state = DONE;
			pthread_cond_broadcast(&meeting.changed);
			continue;
		}
		pthread_cond_wait(&meeting.changed, &meeting.lock);
	}
	pthread_mutex_unlock(&meeting.lock);
	cr_assert(pthread_join(thread, NULL) == 0);
	return meeting.calls >= call;
}

Test(cache_memory, any_call_may_be_forked, .timeout = 600)
{
	unsigned step = is_instrumented() ? 3 : 1;
	unsigned call = 1;

	if (runs_on_tsan())
		cr_skip_test("a child's copy of a thread that has ended looks leaked to it");
	while (fork_once(call))
		call += step;
	cr_assert(call > 4 * CACHES, "only %u calls", call);
}
