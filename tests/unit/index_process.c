/* SPDX-License-Identifier: MIT */
/*
 * The index and its process: a fork while other threads change it, and addresses that run out.
 *
 * Run by `make check`.
 */
#include <pthread.h>
#include <sys/resource.h>

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

/* ------------------------------------------------------------------------------------ addresses */

enum { MANY = 10000, NO_LIMIT = 77 };

static int use_all(struct frozenref_index **many, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)insert_item(many[i], 1, i);
	for (unsigned i = 0; i < n; i++) {
		if (!has(many[i], 1, i) || has(many[i], 1, i + 1))
			return 1;
		evict(many[i], 1, i);
	}
	return 0;
}

/* Twice: what was destroyed, and what was begun when it was refused, has given its addresses back. */
static int take_all_addresses(void *arg)
{
	struct rlimit limit = { (rlim_t)1 << 28, (rlim_t)1 << 28 };
	static struct frozenref_index *many[MANY];
	struct frozenref_index_config config;
	unsigned before = 0;

	(void)arg;
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return NO_LIMIT;
	make_cache();
	config = index_config();
	config.stripes = 1;
	config.max_buckets = 1 << 16;
	for (unsigned round = 0; round < 2; round++) {
		unsigned n = 0;
		int err = 0;

		while (n < MANY && (err = frozenref_index_create(&many[n], &config)) == 0)
			n++;
		if (err != -ENOMEM || n < 16 || n + 1 < before)
			return 1;
		before = n;
		if (use_all(many, n) != 0)
			return 2;
		while (n) {
			if (frozenref_index_destroy(many[--n]) != 0)
				return 3;
		}
	}
	return frozenref_cache_destroy(cache) == 0 ? 0 : 4;
}

Test(index_process, says_when_there_are_no_addresses_left)
{
	int result;

	if (is_instrumented())
		cr_skip_test("sanitizers need the addresses themselves");
	if (kib_of("VmSize") > 128 << 10)
		cr_skip_test("the process has taken too many addresses already");
	result = run_in_child(take_all_addresses, NULL);
	if (result == NO_LIMIT)
		cr_skip_test("addresses cannot be limited here");
	cr_assert(result == 0, "result %d", result);
}
