/* SPDX-License-Identifier: MIT */
/*
 * Threads and processes: allocating here and freeing there, exits, destructors, fork.
 *
 * Run by `make check` twice, like object.c.
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static struct frozenref_mi_space *space;

static void run_thread(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	cr_assert(pthread_create(&thread, NULL, body, arg) == 0);
	cr_assert(pthread_join(thread, NULL) == 0);
}

enum { COUNT = 1000 };

static void *allocate(void *objects)
{
	void **to = objects;

	for (unsigned i = 0; i < COUNT; i++)
		to[i] = make_object(space, i * 10, 1);
	return NULL;
}

static void *end(void *objects)
{
	void **from = objects;

	for (unsigned i = 0; i < COUNT; i++)
		cr_assert(frozenref_mi_put(space, from[i]));
	return NULL;
}

Test(mi_threads, what_one_allocates_another_ends)
{
	static void *objects[COUNT];

	space = make_default_space();
	run_thread(allocate, objects);
	assert_holds(space, COUNT, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		cr_assert(frozenref_mi_try_get(space, objects[i]) == objects[i]);
		cr_assert(!frozenref_mi_put(space, objects[i]));
	}
	run_thread(end, objects);
	assert_holds(space, 0, 0);
	(void)allocate(objects);
	run_thread(end, objects);
	cr_assert(ended.times == 2 * COUNT);
	assert_destroys(space);
}

static pthread_barrier_t barrier;

static void *allocate_and_stay(void *objects)
{
	(void)allocate(objects);
	(void)pthread_barrier_wait(&barrier);
	(void)pthread_barrier_wait(&barrier);
	return end(objects);
}

/* What others have freed of a thread's blocks is neither leaked nor stray, be it there or not. */
Test(mi_threads, check_while_the_owner_of_what_was_freed_is_there)
{
	static void *objects[COUNT];
	pthread_t thread;

	space = make_default_space();
	cr_assert(pthread_barrier_init(&barrier, NULL, 2) == 0);
	cr_assert(pthread_create(&thread, NULL, allocate_and_stay, objects) == 0);
	(void)pthread_barrier_wait(&barrier);
	assert_holds(space, COUNT, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		if (i % 3)
			cr_assert(frozenref_mi_put(space, objects[i]));
	}
	assert_holds(space, (COUNT + 2) / 3, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		if (i % 3)
			objects[i] = make_object(space, i * 7, 1);
	}
	assert_holds(space, COUNT, 0);
	(void)pthread_barrier_wait(&barrier);
	cr_assert(pthread_join(thread, NULL) == 0);
	assert_holds(space, 0, 0);
	assert_destroys(space);
}

/* -------------------------------------------------------------------------------- plain malloc */

/* So many blocks of the sizes that allocate() asks for, none of which may be in the space. */
static void *allocate_plainly(void *arg)
{
	enum { MANY = 10 * COUNT };
	void **plain = malloc(MANY * sizeof(*plain));

	(void)arg;
	cr_assert(plain);
	for (unsigned i = 0; i < MANY; i++) {
		plain[i] = mi_malloc(i % COUNT * 10);
		cr_assert((uintptr_t)plain[i] - space->first >= (uintptr_t)2 << space->zone_shift,
			  "block %u of malloc is in the space", i);
	}
	for (unsigned i = 0; i < MANY; i++)
		mi_free(plain[i]);
	free(plain);
	return NULL;
}

static void *end_half(void *objects)
{
	void **from = objects;

	for (unsigned i = 0; i < COUNT; i += 2)
		cr_assert(frozenref_mi_put(space, from[i]));
	return allocate_plainly(NULL);
}

/* Pages whose thread has left go to the space's heaps, and not to whoever frees a block in them. */
Test(mi_threads, plain_malloc_stays_outside)
{
	enum { THREADS = 8 };
	struct frozenref_mi_space_config config = default_config();
	static void *objects[THREADS][COUNT];

	if (mi_version() >= 214 && mi_version() <= 217)
		cr_skip_test("mimalloc 2.1.4 to 2.1.7 give such pages to whoever frees a block");
	config.bytes = 512 * MIB;
	space = make_space(&config);
	for (unsigned i = 0; i < THREADS; i++)
		run_thread(allocate, objects[i]);
	(void)allocate_plainly(NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		if (i % 2)
			(void)end_half(objects[i]);
		else
			run_thread(end_half, objects[i]);
	}
	(void)allocate_plainly(NULL);
	run_thread(allocate_plainly, NULL);
	assert_holds(space, THREADS * COUNT / 2, 0);
	for (unsigned i = 0; i < THREADS * COUNT; i++) {
		if (i % 2)
			cr_assert(frozenref_mi_put(space, objects[i / COUNT][i % COUNT]));
	}
	assert_destroys(space);
}

static void *allocate_and_end(void *arg)
{
	void *objects[100];

	(void)arg;
	for (unsigned i = 0; i < 100; i++)
		objects[i] = make_object(space, i * 50, 1);
	for (unsigned i = 0; i < 100; i++)
		cr_assert(frozenref_mi_put(space, objects[i]));
	return NULL;
}

/* Two segments for two thousand threads: each finds what those before it have left. */
Test(mi_threads, one_after_another_without_end, .timeout = 600)
{
	static void *left[COUNT];

	space = make_default_space();
	run_thread(allocate, left);
	for (unsigned i = 0; i < 2000; i++)
		run_thread(allocate_and_end, NULL);
	assert_holds(space, COUNT, 0);
	(void)end(left);
	assert_destroys(space);
}

static void *allocate_at_once(void *failures)
{
	void *object = frozenref_mi_malloc(space, 64);

	if (!object && errno == ENOMEM)
		__atomic_fetch_add((unsigned *)failures, 1, __ATOMIC_RELAXED);
	(void)pthread_barrier_wait(&barrier);
	frozenref_mi_free(space, object);
	(void)pthread_barrier_wait(&barrier);
	return NULL;
}

/*
 * Where each thread needs a segment of its own, those for whom there is none are told so, and find
 * one as soon as others have left.
 */
Test(mi_threads, more_than_there_are_segments)
{
	enum { THREADS = 8 };
	pthread_t threads[THREADS];
	unsigned failures = 0;

	space = make_default_space();
	cr_assert(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
	for (unsigned i = 0; i < THREADS; i++)
		cr_assert(pthread_create(&threads[i], NULL, allocate_at_once, &failures) == 0);
	for (unsigned i = 0; i < THREADS; i++)
		cr_assert(pthread_join(threads[i], NULL) == 0);
	cr_assert(is_mimalloc_3() || failures >= THREADS - 2, "%u failed", failures);
	assert_holds(space, 0, 0);
	cr_assert(frozenref_mi_put(space, make_object(space, 64, 1)));
	assert_destroys(space);
}

/* -------------------------------------------------------------------------- destructors of keys */

static pthread_key_t keys[4];
static void *late[8];
static unsigned n_late;

/*
 * Before and after mimalloc has ended the thread's heaps, and again in later rounds: every object
 * must be in the space, and all of them apart.
 */
static void allocate_late(void *value)
{
	uintptr_t rounds = (uintptr_t)value;

	cr_assert(n_late < 8);
	late[n_late] = make_object(space, 64, 1);
	memset(late[n_late], (int)n_late + 1, 64);
	n_late++;
	if (rounds > 1)
		(void)pthread_setspecific(keys[0], (void *)(rounds - 1));
}

static void *set_keys(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 4; i++)
		cr_assert(pthread_setspecific(keys[i], (void *)(uintptr_t)(i ? 1 : 3)) == 0);
	cr_assert(frozenref_mi_put(space, make_object(space, 64, 1)));
	return NULL;
}

Test(mi_threads, allocation_in_destructors)
{
	void *plain[1000];

	space = make_default_space();
	for (unsigned i = 0; i < 4; i++)
		cr_assert(pthread_key_create(&keys[i], allocate_late) == 0);
	run_thread(set_keys, NULL);
	cr_assert(n_late == 6, "%u late allocations", n_late);
	for (unsigned i = 0; i < 1000; i++) {
		plain[i] = mi_malloc(64);
		cr_assert((uintptr_t)plain[i] - space->first >= (uintptr_t)2 << space->zone_shift,
			  "a plain block is in the space");
	}
	for (unsigned i = 0; i < 1000; i++)
		mi_free(plain[i]);
	while (n_late--) {
		const unsigned char *bytes = late[n_late];

		cr_assert(frozenref_mi_try_get(space, late[n_late]) == late[n_late]);
		cr_assert(bytes[0] == n_late + 1 && bytes[63] == n_late + 1);
		cr_assert(!frozenref_mi_put(space, late[n_late]));
		cr_assert(frozenref_mi_put(space, late[n_late]));
	}
	assert_destroys(space);
}

/* ---------------------------------------------------------------------------------------- fork */

static int go_on_in_child(void **objects)
{
	struct frozenref_mi_space_config config = FROZENREF_MI_SPACE_CONFIG_INIT;
	struct frozenref_mi_space *other;

	for (unsigned i = 0; i < COUNT; i++) {
		if (frozenref_mi_try_get(space, objects[i]) != objects[i])
			return 1;
		if (frozenref_mi_put(space, objects[i]) || !frozenref_mi_put(space, objects[i]))
			return 2;
	}
	(void)allocate(objects);
	(void)end(objects);
	if (frozenref_mi_check(space, NULL, NULL, NULL) != 0)
		return 3;
	if (frozenref_mi_space_destroy(space) != 0)
		return 4;
	/* Larger than what was parked: it takes a range of its own. */
	config.bytes = 128 * MIB;
	if (frozenref_mi_space_create(&other, &config) != 0)
		return 5;
	return frozenref_mi_space_destroy(other) == 0 ? 0 : 6;
}

Test(mi_threads, parent_and_child_go_on_after_fork)
{
	static void *objects[COUNT];
	int status;
	pid_t child;

	space = make_default_space();
	/* Half of them of a thread that the child does not have. */
	run_thread(allocate, objects);
	child = fork();
	cr_assert(child >= 0);
	if (child == 0)
		_exit(go_on_in_child(objects));
	cr_assert(waitpid(child, &status, 0) == child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
	assert_holds(space, COUNT, 0);
	(void)end(objects);
	assert_destroys(space);
}
