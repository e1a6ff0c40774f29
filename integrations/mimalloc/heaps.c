/* SPDX-License-Identifier: MIT */
/*
 * Threads' heaps: one for each zone of each range that a thread allocates from.
 *
 * Called by object.c through heap_of(). In mimalloc 2, and in 3 before heaps became common to all
 * threads, a heap belongs to the thread that made it. It is made at the thread's first allocation,
 * is never deleted here (that would hand its pages to the thread's own heap, and so to plain
 * malloc), and is left to mimalloc when the thread exits: the arena's other heaps take over what
 * is in its pages.
 */
#include <config.h>

#include <stdlib.h>

#include "space.h"

#if HAVE_MI_HEAP_THEAP

mi_heap_t *frozenref__mi_heap_make(struct range *range, unsigned zone)
{
	return range->heaps[zone];
}

#else

# if !HAVE___CXA_THREAD_ATEXIT_IMPL
#  include <pthread.h>
# endif

static const struct thread_heaps no_heaps;

__thread const struct thread_heaps *frozenref__mi_thread = &no_heaps;

/* The same, to be written; NULL for nobody's. */
static __thread struct thread_heaps *own __attribute__((tls_model("initial-exec")));

/* The table has gone, and the heaps may have: from now on each allocation has a heap of its own. */
static __thread bool exiting __attribute__((tls_model("initial-exec")));

/*
 * mimalloc ends a thread's heaps in the destructor of a thread-specific key, and other keys'
 * destructors may allocate after that. So the table must be gone before any of them runs, which is
 * when those of C++ thread_local objects do. Where there are none to be had, an allocation from
 * such a destructor is not safe.
 */
static void forget(void *table)
{
	exiting = true;
	frozenref__mi_thread = &no_heaps;
	free(table);
}

# if HAVE___CXA_THREAD_ATEXIT_IMPL
extern int __cxa_thread_atexit_impl(void (*function)(void *), void *arg, void *library);
extern void *__dso_handle __attribute__((visibility("hidden")));

static bool call_at_exit(struct thread_heaps *table)
{
	return __cxa_thread_atexit_impl(forget, table, &__dso_handle) == 0;
}
# else
static pthread_key_t key;
static bool have_key;

static void make_key(void)
{
	have_key = pthread_key_create(&key, forget) == 0;
}

static bool call_at_exit(struct thread_heaps *table)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_key);
	return have_key && pthread_setspecific(key, table) == 0;
}
# endif

static struct thread_heaps *make_table(void)
{
	struct thread_heaps *table = calloc(1, sizeof(*table));

	if (!table || call_at_exit(table))
		return table;
	free(table);
	return NULL;
}

mi_heap_t *frozenref__mi_heap_make(struct range *range, unsigned zone)
{
	mi_heap_t **heap;

	if (exiting)
		return mi_heap_new_in_arena(range->arenas[zone]);
	if (!own)
		own = make_table();
	if (!own)
		return NULL;
	frozenref__mi_thread = own;
	heap = &own->heaps[range->index][zone];
	if (!*heap)
		*heap = mi_heap_new_in_arena(range->arenas[zone]);
	return *heap;
}

#endif
