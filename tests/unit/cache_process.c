/* SPDX-License-Identifier: MIT */
/*
 * Caches in a process: many of them, threads that come and go, forks, limits of addresses.
 *
 * Run by `make check` twice, like cache.c. Relies on /proc/self/smaps_rollup for resident memory.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

#include <frozenref/atomic.h>

#include "cache_fixture.h"
#include "child.h"
#include "process.h"

/* With nothing that threads would share. */
static struct frozenref_cache *make_plain_cache(void)
{
	struct frozenref_cache_config config = default_config();

	config.release = NULL;
	return make_cache(&config);
}

/* ---------------------------------------------------------------------------------- many caches */

Test(cache_process, ten_thousand_caches_fit, .timeout = 600)
{
	static struct frozenref_cache *caches[10000];
	static struct object *objects[10000];
	/* ThreadSanitizer leaves programs few addresses. */
	unsigned n = is_instrumented() ? 50 : 10000;
	const struct frozenref_backend *backend = frozenref_mmap_backend();
	const size_t others = (size_t)1 << (sizeof(void *) > 4 ? 30 : 27);
	size_t before = resident_memory();
	size_t after;
	void *other;

	/* Under a limit they share half of it, as long as each gets a slab. */
	if (!may_have_addresses(4 * (uint64_t)others))
		cr_skip_test("not enough addresses");
	for (unsigned i = 0; i < n; i++)
		caches[i] = make_plain_cache();
	after = resident_memory();
	if (before && !is_instrumented())
		cr_assert(after - before <= n * (size_t)8192, "%zu bytes each",
			  (after - before) / n);
	/* There are addresses left for others; whether there is memory behind them is not asked. */
	cr_assert(backend->reserve(backend->context, others, 1, &other) == 0);
	cr_assert(backend->release(backend->context, other, others) == 0);
	for (unsigned i = 0; i < n; i++)
		objects[i] = alloc_live(caches[i]);
	for (unsigned i = 0; i < n; i++) {
		cr_assert(frozenref_cache_try_get(caches[i], objects[i]) == objects[i]);
		cr_assert(!frozenref_cache_try_get(caches[(i + 1) % n], objects[i]));
		cr_assert(!frozenref_cache_put(caches[i], objects[i]));
		cr_assert(frozenref_cache_put(caches[i], objects[i]));
	}
	for (unsigned i = 0; i < n; i++)
		assert_destroys(caches[i]);
}

/* Caches that are made and ended while a thread lives on must not be mistaken for each other. */
Test(cache_process, a_new_cache_gets_no_old_magazine)
{
	for (unsigned i = 0; i < 1000; i++) {
		struct frozenref_cache *cache = make_plain_cache();
		struct object *object = alloc_live(cache);

		cr_assert(frozenref_cache_put(cache, object));
		cr_assert(stats_of(cache).threads == 1);
		assert_destroys(cache);
	}
}

Test(cache_process, takes_fewer_addresses_where_they_are_limited)
{
	struct rlimit limit = { (rlim_t)1 << 28, (rlim_t)1 << 28 };
	struct frozenref_cache *caches[8];
	struct frozenref_cache_config config = default_config();
	struct frozenref_cache *none = NULL;

	if (is_instrumented())
		cr_skip_test("sanitizers need the addresses themselves");
	if (kib_of("VmSize") > 128 << 10)
		cr_skip_test("the process has taken too many addresses already");
	cr_assert(setrlimit(RLIMIT_AS, &limit) == 0);
	config.max_objects = (size_t)1 << 30;
	cr_assert(frozenref_cache_create(&none, &config) == -ENOMEM && !none);
	for (unsigned i = 0; i < 8; i++) {
		caches[i] = make_plain_cache();
		cr_assert(stats_of(caches[i]).objects_max > 1000);
	}
	for (unsigned i = 0; i < 8; i++) {
		cr_assert(frozenref_cache_put(caches[i], alloc_live(caches[i])));
		assert_destroys(caches[i]);
	}
}

/* -------------------------------------------------------------------------------------- threads */

static void *use_briefly(void *arg)
{
	struct frozenref_cache *cache = arg;
	struct object *objects[50];

	for (unsigned i = 0; i < 50; i++)
		objects[i] = alloc_live(cache);
	for (unsigned i = 0; i < 50; i++)
		(void)frozenref_cache_put(cache, objects[i]);
	return NULL;
}

Test(cache_process, ten_thousand_threads_leave_nothing, .timeout = 600)
{
	unsigned n = is_instrumented() ? 500 : 10000;
	struct frozenref_cache *cache = make_plain_cache();
	size_t early = 0;

	for (unsigned i = 0; i < n; i++) {
		pthread_t thread;

		cr_assert(pthread_create(&thread, NULL, use_briefly, cache) == 0);
		cr_assert(pthread_join(thread, NULL) == 0);
		/* The process itself, its C library and its stacks have grown by then. */
		if (i == n / 2)
			early = resident_memory();
	}
	if (early && !is_instrumented())
		cr_assert(resident_memory() <= early + ((size_t)256 << 10), "%zu then %zu", early,
			  resident_memory());
	cr_assert(stats_of(cache).threads == 0);
	cr_assert(stats_of(cache).slabs == 1);
	assert_destroys(cache);
}

enum { UNDER_WAY = 512 };

struct handover {
	struct frozenref_cache *cache;
	uintptr_t slot[UNDER_WAY];
	uint32_t n;
};

/* Until the slot is taken, or free; the other thread may want this very processor. */
static uintptr_t wait_for(uintptr_t *slot, bool taken)
{
	uintptr_t object;

	/* Acquire: pairs with the release of whoever took or freed it. */
	while (!!(object = frozenref__loadptr(slot, acquire)) != taken)
		(void)sched_yield();
	return object;
}

static void *consume(void *arg)
{
	struct handover *handover = arg;

	for (uint32_t i = 0; i < handover->n; i++) {
		uintptr_t *slot = &handover->slot[i % UNDER_WAY];
		uintptr_t object = wait_for(slot, true);

		frozenref__storeptr(slot, 0, release);
		cr_assert(((struct object *)object)->key == i);
		cr_assert(frozenref_cache_put(handover->cache, (void *)object));
	}
	return NULL;
}

/* What one thread allocates and another frees goes around, and does not pile up. */
Test(cache_process, producers_and_consumers_stay_small, .timeout = 600)
{
	struct handover handover = { .cache = make_plain_cache(),
				     .n = is_instrumented() ? 20000 : 500000 };
	pthread_t thread;

	cr_assert(pthread_create(&thread, NULL, consume, &handover) == 0);
	for (uint32_t i = 0; i < handover.n; i++) {
		uintptr_t *slot = &handover.slot[i % UNDER_WAY];
		struct object *object = alloc_object(handover.cache);

		object->key = i;
		frozenref_unfreeze(&object->ref, 1);
		(void)wait_for(slot, false);
		frozenref__storeptr(slot, (uintptr_t)object, release);
	}
	cr_assert(pthread_join(thread, NULL) == 0);
	/* With all magazines that is a few thousand at once at most. */
	cr_assert(stats_of(handover.cache).slabs <= 4, "%u slabs",
		  (unsigned)stats_of(handover.cache).slabs);
	assert_destroys(handover.cache);
}

static struct frozenref_cache *late_cache;

static void use_late(void *value)
{
	(void)value;
	use_briefly(late_cache);
}

static void *exit_with_destructor(void *key)
{
	use_briefly(late_cache);
	cr_assert(pthread_setspecific(*(pthread_key_t *)key, late_cache) == 0);
	return NULL;
}

/* Destructors of other keys may run before the library's own, and after it. */
Test(cache_process, works_in_destructors_of_threads)
{
	pthread_key_t before;
	pthread_key_t after;
	pthread_t thread;

	cr_assert(pthread_key_create(&before, use_late) == 0);
	late_cache = make_plain_cache();
	cr_assert(pthread_key_create(&after, use_late) == 0);
	cr_assert(pthread_create(&thread, NULL, exit_with_destructor, &before) == 0);
	cr_assert(pthread_join(thread, NULL) == 0);
	cr_assert(pthread_create(&thread, NULL, exit_with_destructor, &after) == 0);
	cr_assert(pthread_join(thread, NULL) == 0);
	cr_assert(stats_of(late_cache).threads == 0);
	assert_destroys(late_cache);
}

enum { FEW = 200 };

/* What a thread has freed is in the depot, but for its magazines: all threads can have it. */
Test(cache_process, what_is_in_the_depot_can_be_had_without_magazines)
{
	struct frozenref_cache_config config = default_config();
	struct object *objects[FEW];
	pthread_key_t after;
	pthread_t thread;

	config.release = NULL;
	config.max_objects = FEW;
	late_cache = make_cache(&config);
	cr_assert(pthread_key_create(&after, use_late) == 0);
	for (unsigned i = 0; i < FEW; i++)
		objects[i] = alloc_live(late_cache);
	cr_assert(!frozenref_cache_alloc(late_cache) && errno == ENOMEM);
	for (unsigned i = 0; i < FEW; i++)
		cr_assert(frozenref_cache_put(late_cache, objects[i]));
	cr_assert(stats_of(late_cache).objects_free == FEW);
	/* It comes once more when its magazines are gone. */
	cr_assert(pthread_create(&thread, NULL, exit_with_destructor, &after) == 0);
	cr_assert(pthread_join(thread, NULL) == 0);
	cr_assert(stats_of(late_cache).objects_free == FEW);
	assert_destroys(late_cache);
}

enum { IDLE = 8 };

static struct {
	struct frozenref_cache *cache;
	uint32_t done;
	uint32_t may_end;
} idle;

static void *use_one_and_stay(void *arg)
{
	cr_assert(frozenref_cache_put(idle.cache, alloc_live(idle.cache)));
	(void)frozenref__add32(&idle.done, 1, release);
	while (!frozenref__load32(&idle.may_end, acquire))
		(void)sched_yield();
	return arg;
}

/* A thread keeps two magazines, and where there are few objects they are small. */
Test(cache_process, threads_leave_each_other_most_of_a_few_objects)
{
	struct frozenref_cache_config config = default_config();
	struct object *objects[FEW];
	pthread_t threads[IDLE];
	unsigned n = 0;

	config.release = NULL;
	config.max_objects = FEW;
	idle.cache = make_cache(&config);
	for (unsigned i = 0; i < IDLE; i++)
		cr_assert(pthread_create(&threads[i], NULL, use_one_and_stay, NULL) == 0);
	while (frozenref__load32(&idle.done, acquire) < IDLE)
		(void)sched_yield();
	while (n < FEW && (objects[n] = frozenref_cache_alloc(idle.cache)))
		frozenref_unfreeze(&objects[n++]->ref, 1);
	/* Each has 2 of 64 parts at hand, at most. */
	cr_assert(n >= FEW - IDLE * 2 * FEW / 64, "%u", n);
	while (n)
		cr_assert(frozenref_cache_put(idle.cache, objects[--n]));
	frozenref__store32(&idle.may_end, 1, release);
	for (unsigned i = 0; i < IDLE; i++)
		cr_assert(pthread_join(threads[i], NULL) == 0);
	assert_destroys(idle.cache);
}

/* ---------------------------------------------------------------------------------------- forks */

struct busy {
	struct frozenref_cache *cache;
	uint32_t stop;
};

static void *use_all_the_time(void *arg)
{
	struct busy *busy = arg;

	/* Relaxed: only when it stops depends on it. */
	while (!frozenref__load32(&busy->stop, relaxed)) {
		use_briefly(busy->cache);
		(void)frozenref_cache_trim(busy->cache);
	}
	return NULL;
}

static int use_in_child(void *arg)
{
	struct frozenref_cache *cache = arg;
	struct object *objects[3000];

	for (unsigned i = 0; i < 3000; i++) {
		objects[i] = frozenref_cache_alloc(cache);
		if (!objects[i] || !frozenref_is_frozen(&objects[i]->ref))
			return 1;
		objects[i]->key = i;
		frozenref_unfreeze(&objects[i]->ref, 1);
	}
	for (unsigned i = 0; i < 3000; i++) {
		if (objects[i]->key != i || !frozenref_cache_put(cache, objects[i]))
			return 2;
	}
	/* What the other threads had allocated stays so; what they had at hand does not. */
	return stats_of(cache).threads == 1 && stats_of(cache).objects <= 100 ? 0 : 3;
}

Test(cache_process, goes_on_in_a_forked_child, .timeout = 600)
{
	struct busy busy = { .cache = NULL };
	const unsigned n = 200;
	pthread_t threads[2];

	if (is_instrumented())
		cr_skip_test("the allocators of sanitizers hold locks of their own over a fork");
	busy.cache = make_plain_cache();
	for (unsigned i = 0; i < 2; i++)
		cr_assert(pthread_create(&threads[i], NULL, use_all_the_time, &busy) == 0);
	for (unsigned i = 0; i < n; i++) {
		int result = run_in_child(use_in_child, busy.cache);

		cr_assert(result == 0, "result %d", result);
	}
	frozenref__store32(&busy.stop, 1, relaxed);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_destroys(busy.cache);
}

static struct {
	struct frozenref_cache *cache;
	unsigned times;
} handled;

/* So much that it takes locks. */
static void handle_fork(void)
{
	use_briefly(handled.cache);
	(void)frozenref_cache_trim(handled.cache);
	use_briefly(handled.cache);
	handled.times++;
}

static int count_handled(void *arg)
{
	return (int)*(unsigned *)arg;
}

/* Handlers that are registered after the library's find its locks free, whenever they are run. */
Test(cache_process, handlers_of_forks_may_use_a_cache, .timeout = 600)
{
	handled.cache = make_plain_cache();
	handle_fork();
	cr_assert(pthread_atfork(handle_fork, handle_fork, handle_fork) == 0);
	cr_assert(run_in_child(count_handled, &handled.times) == 3);
	cr_assert(handled.times == 3);
	assert_destroys(handled.cache);
}

/* ---------------------------------------------------------------------------------------- waits */

struct slow {
	struct frozenref_cache *cache;
	uint32_t entered;
	uint32_t may_go;
};

static int construct_slowly(void *object, void *arg)
{
	struct slow *slow = arg;

	(void)object;
	frozenref__store32(&slow->entered, 1, release);
	while (!frozenref__load32(&slow->may_go, acquire))
		(void)sched_yield();
	return 0;
}

/* A cache of one object, of which a constructor takes until it is told to go on. */
static void make_slow_cache(struct slow *slow)
{
	struct frozenref_cache_config config = default_config();

	config.release = NULL;
	config.max_objects = 1;
	config.ctor = construct_slowly;
	config.arg = slow;
	slow->cache = make_cache(&config);
}

static void *use_slowly(void *arg)
{
	struct slow *slow = arg;

	cr_assert(frozenref_cache_put(slow->cache, alloc_live(slow->cache)));
	return NULL;
}

static pthread_t begin_slowly(struct slow *slow)
{
	pthread_t thread;

	make_slow_cache(slow);
	cr_assert(pthread_create(&thread, NULL, use_slowly, slow) == 0);
	while (!frozenref__load32(&slow->entered, acquire))
		(void)sched_yield();
	return thread;
}

static void end_slowly(struct slow *slow, pthread_t thread)
{
	frozenref__store32(&slow->may_go, 1, release);
	cr_assert(pthread_join(thread, NULL) == 0);
	assert_destroys(slow->cache);
}

static void *wait_cancelled(void *arg)
{
	struct slow *slow = arg;

	cr_assert(pthread_cancel(pthread_self()) == 0);
	/* It waits for so long that it sleeps. */
	cr_assert(!frozenref_cache_alloc(slow->cache));
	return NULL;
}

/* A thread must not be lost where it waits, since others may be waiting for it. */
Test(cache_process, no_thread_is_cancelled_where_it_waits, .timeout = 600)
{
	struct slow slow = { .cache = NULL };
	pthread_t thread = begin_slowly(&slow);
	pthread_t waiter;
	void *result;

	cr_assert(pthread_create(&waiter, NULL, wait_cancelled, &slow) == 0);
	cr_assert(pthread_join(waiter, &result) == 0);
	cr_assert(result == NULL);
	end_slowly(&slow, thread);
}

/* The thread that would finish the only slab is not there; nor is a destroy kept from its work. */
static int miss_the_slab(void *arg)
{
	struct slow *slow = arg;

	errno = 0;
	if (frozenref_cache_alloc(slow->cache) || errno != ENOMEM)
		return 1;
	return frozenref_cache_destroy(slow->cache) == 0 ? 0 : 2;
}

Test(cache_process, a_forked_child_does_not_wait_for_a_thread_that_it_lacks, .timeout = 600)
{
	struct slow slow = { .cache = NULL };
	pthread_t thread = begin_slowly(&slow);
	int result = run_in_child(miss_the_slab, &slow);

	cr_assert(result == 0, "result %d", result);
	end_slowly(&slow, thread);
}
