/* SPDX-License-Identifier: MIT */
/*
 * The index and its process: a fork while other threads change it.
 *
 * Run by `make check`.
 */
#include <pthread.h>

#include "child.h"
#include "index_fixture.h"
#include "process.h"

static uint32_t stop;

/* Inserts and takes out keys of its own, so that stripes split and merge all the time. */
static void *change(void *arg)
{
	uint64_t first = 1 + (uint64_t)(uintptr_t)arg * 1000000;

	while (!frozenref__load32(&stop, relaxed)) {
		for (uint64_t key = first; key < first + 2000; key++)
			(void)insert_item(items, key, key);
		for (uint64_t key = first; key < first + 2000; key++)
			evict(items, key, key);
	}
	return NULL;
}

/* In the child everything can be locked, and what was there is there. */
static int use_in_child(void *arg)
{
	uint64_t cursor = 0;
	struct item *item;
	unsigned n = 0;

	(void)arg;
	for (uint64_t key = 100000; key < 110000; key++)
		(void)insert_item(items, key, key);
	for (uint64_t key = 100000; key < 110000; key++)
		evict(items, key, key);
	if (!has(items, 0, 0))
		return 1;
	while ((item = frozenref_index_next(items, &cursor))) {
		(void)frozenref_cache_put(cache, item);
		n++;
	}
	return n >= 1 ? 0 : 2;
}

Test(index_process, fork_while_others_change_it, .timeout = 600)
{
	pthread_t threads[2];

	make_items();
	(void)insert_item(items, 0, 0);
	for (uintptr_t i = 0; i < 2; i++)
		cr_assert(pthread_create(&threads[i], NULL, change, (void *)i) == 0);
	for (int i = 0; i < 20; i++) {
		int result = run_in_child(use_in_child, NULL);

		cr_assert(result == 0, "result %d", result);
	}
	frozenref__store32(&stop, 1, relaxed);
	for (int i = 0; i < 2; i++)
		cr_assert(pthread_join(threads[i], NULL) == 0);
	evict(items, 0, 0);
	destroy_items();
}
