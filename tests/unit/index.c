/* SPDX-License-Identifier: MIT */
/*
 * The index, one thread at a time: who holds which reference, which errors, what stays untouched.
 *
 * Run by `make check`.
 */
#include <unistd.h>

#include "index_fixture.h"
#include "process.h"

#define HASH(key) (UINT64_C(7) * (key))

/* --------------------------------------------------------------------------- create and destroy */

static void assert_refused(struct frozenref_index_config config, int err)
{
	struct frozenref_index *index = NULL;
	int got = frozenref_index_create(&index, &config);

	cr_assert(got == err, "%d, not %d", got, err);
	cr_assert(!index);
}

Test(index, configurations_are_checked)
{
	struct frozenref_index_config good;
	struct frozenref_index_config bad;

	make_items();
	good = index_config();
	cr_assert(frozenref_index_create(NULL, &good) == -EINVAL);
	cr_assert(frozenref_index_create(&(struct frozenref_index *){ NULL }, NULL) == -EINVAL);
#define assert_refused_with(member, value) \
 do {                                      \
  bad = good;                              \
  bad.member = (value);                    \
  assert_refused(bad, -EINVAL);            \
 } while (0)
	assert_refused_with(size, 4);
	assert_refused_with(cache, NULL);
	assert_refused_with(equal, NULL);
	assert_refused_with(flags, 1);
	assert_refused_with(load, 24);
	assert_refused_with(load, 1001);
	assert_refused_with(stripes, 3);
	assert_refused_with(stripes, 8192);
	assert_refused_with(initial_buckets, ((size_t)1 << 31) + 1);
	assert_refused_with(max_buckets, ((size_t)1 << 31) + 1);
	/* Not aligned, on the counter, on bytes that the cache may write, beyond the object. */
	assert_refused_with(node_offset, offsetof(struct item, node) + 2);
	assert_refused_with(node_offset, offsetof(struct item, ref));
	assert_refused_with(node_offset, offsetof(struct item, key));
	assert_refused_with(node_offset, offsetof(struct item, node) - 8);
	assert_refused_with(node_offset, sizeof(struct item) - 8);
	assert_refused_with(node_offset, sizeof(struct item));
	assert_refused_with(node_offset, SIZE_MAX - 7);
	bad = good;
	bad.initial_buckets = 4096;
	bad.max_buckets = 2048;
	assert_refused(bad, -EINVAL);
	destroy_items();
}

Test(index, limits_are_kept)
{
	static const unsigned stripes[] = { 1, 2, 64, 4096 };

	make_cache();
	for (size_t i = 0; i < sizeof(stripes) / sizeof(stripes[0]); i++) {
		struct frozenref_index_config config = index_config();
		struct frozenref_index_stats stats;

		config.stripes = stripes[i];
		config.initial_buckets = 1000;
		config.max_buckets = 10000;
		config.load = 1000;
		items = make_index(&config);
		stats = stats_of(items);
		cr_assert(stats.stripes == stripes[i]);
		cr_assert(stats.buckets >= 1000 && stats.buckets >= UINT64_C(2) * stats.stripes);
		cr_assert(stats.buckets_max >= 10000 && stats.buckets_max < 10000 + stripes[i]);
		for (uint64_t key = 0; key < 200000; key++)
			(void)insert_item(items, HASH(key), key);
		stats = stats_of(items);
		cr_assert(stats.objects == 200000);
		cr_assert(stats.buckets == stats.buckets_max, "%llu buckets",
			  (unsigned long long)stats.buckets);
		for (uint64_t key = 0; key < 200000; key++)
			evict(items, HASH(key), key);
		cr_assert(stats_of(items).objects == 0);
		cr_assert(frozenref_index_destroy(items) == 0);
	}
	cr_assert(frozenref_cache_destroy(cache) == 0);
}

Test(index, is_not_destroyed_with_objects_in_it)
{
	make_items();
	cr_assert(frozenref_index_destroy(NULL) == -EINVAL);
	(void)insert_item(items, 1, 1);
	cr_assert(frozenref_index_destroy(items) == -EBUSY);
	cr_assert(has(items, 1, 1));
	evict(items, 1, 1);
	destroy_items();
}

Test(index, stats_of_another_size)
{
	struct frozenref_index_stats stats;

	make_items();
	(void)insert_item(items, 1, 1);
	memset(&stats, 0xff, sizeof(stats));
	stats.size = offsetof(struct frozenref_index_stats, buckets);
	frozenref_index_stats(items, &stats);
	cr_assert(stats.objects == 1 && stats.stripes == 256);
	cr_assert(stats.size == offsetof(struct frozenref_index_stats, buckets));
	cr_assert(stats.buckets == UINT64_MAX, "written beyond its size");
	evict(items, 1, 1);
	destroy_items();
}

/* --------------------------------------------------------------------------- insert and look up */

Test(index, holds_one_reference)
{
	struct item *item;
	uint64_t key = 5;

	make_items();
	item = make_item(key);
	cr_assert(frozenref_index_insert(items, HASH(key), &key, item) == 0);
	cr_assert(frozenref_count(&item->ref) == 2);
	cr_assert(look_up(items, HASH(key), key) == item);
	cr_assert(frozenref_count(&item->ref) == 3);
	cr_assert(!frozenref_cache_put(cache, item));
	cr_assert(frozenref_index_erase(items, item) == 0);
	cr_assert(frozenref_count(&item->ref) == 1);
	cr_assert(!look_up(items, HASH(key), key));
	cr_assert(frozenref_index_erase(items, item) == -ENOENT);
	cr_assert(frozenref_count(&item->ref) == 1);
	cr_assert(released == 0);
	cr_assert(frozenref_cache_put(cache, item));
	cr_assert(released == 1);
	destroy_items();
}

Test(index, misses_what_is_not_there)
{
	make_items();
	(void)insert_item(items, 1, 1);
	cr_assert(!has(items, 1, 2), "the same hash");
	cr_assert(!has(items, 2, 1), "another hash");
	cr_assert(!has(items, 2, 2));
	cr_assert(has(items, 1, 1));
	evict(items, 1, 1);
	destroy_items();
}

Test(index, keeps_objects_of_one_hash_apart)
{
	make_items();
	for (uint64_t key = 0; key < 100; key++)
		(void)insert_item(items, 42, key);
	for (uint64_t key = 0; key < 100; key++)
		cr_assert(has(items, 42, key));
	for (uint64_t key = 0; key < 100; key += 2)
		evict(items, 42, key);
	for (uint64_t key = 0; key < 100; key++)
		cr_assert(has(items, 42, key) == key % 2);
	for (uint64_t key = 1; key < 100; key += 2)
		evict(items, 42, key);
	destroy_items();
}

/* A chain that is too long for a lookup's patience is searched under the lock. */
Test(index, searches_very_long_chains)
{
	struct frozenref_index_config config;

	make_cache();
	config = index_config();
	config.stripes = 1;
	config.max_buckets = 2;
	config.load = 1000;
	items = make_index(&config);
	for (uint64_t key = 0; key < 5000; key++)
		(void)insert_item(items, HASH(key), key);
	cr_assert(stats_of(items).buckets == 2);
	cr_assert(stats_of(items).locked == 0);
	for (uint64_t key = 0; key < 5000; key++)
		cr_assert(has(items, HASH(key), key));
	cr_assert(stats_of(items).locked > 0);
	cr_assert(!has(items, HASH(5000), 5000));
	for (uint64_t key = 0; key < 5000; key++)
		evict(items, HASH(key), key);
	destroy_items();
}

Test(index, refuses_a_second_object_with_the_key)
{
	struct item *first;
	struct item *second;
	uint64_t key = 9;

	make_items();
	first = insert_item(items, HASH(key), key);
	second = make_item(key);
	cr_assert(frozenref_index_insert(items, HASH(key), &key, second) == -EEXIST);
	cr_assert(frozenref_count(&first->ref) == 1 && frozenref_count(&second->ref) == 1);
	cr_assert(frozenref_index_insert(items, HASH(key), &key, first) == -EEXIST);
	cr_assert(frozenref_count(&first->ref) == 1);
	cr_assert(frozenref_cache_put(cache, second));
	evict(items, HASH(key), key);
	destroy_items();
}

Test(index, refuses_what_it_cannot_hold)
{
	struct item *item;
	struct item outside = { .key = 1 };
	uint64_t key = 1;

	make_items();
	frozenref_unfreeze(&outside.ref, 1);
	cr_assert(frozenref_index_insert(items, 1, &key, &outside) == -EINVAL);
	cr_assert(frozenref_index_insert(items, 1, &key, NULL) == -EINVAL);
	cr_assert(frozenref_index_erase(items, &outside) == -ENOENT);
	cr_assert(!frozenref_index_erase_if_unused(items, &outside));
	cr_assert(frozenref_count(&outside.ref) == 1);

	item = frozenref_cache_alloc(cache);
	cr_assert(item);
	cr_assert(frozenref_index_insert(items, 1, &key, item) == -EINVAL);
	cr_assert(frozenref_index_erase(items, item) == -ENOENT);
	frozenref_unfreeze(&item->ref, 1);
	cr_assert(frozenref_index_insert(items, 1, &key, &item->key) == -EINVAL);
	cr_assert(frozenref_count(&item->ref) == 1);
	cr_assert(frozenref_cache_put(cache, item));
	cr_assert(stats_of(items).objects == 0);
	destroy_items();
}

Test(index, two_indexes_over_one_cache)
{
	struct frozenref_index_config config;
	struct frozenref_index *second;
	struct frozenref_index *third;
	struct item *item;
	uint64_t key = 3;

	make_items();
	config = index_config();
	second = make_index(&config);
	config.node_offset = offsetof(struct item, other);
	third = make_index(&config);
	item = insert_item(items, HASH(key), key);
	/* One node is in one index. */
	cr_assert(frozenref_index_insert(second, HASH(key), &key, item) == -EBUSY);
	cr_assert(frozenref_index_erase(second, item) == -ENOENT);
	cr_assert(!frozenref_index_erase_if_unused(second, item));
	cr_assert(!has(second, HASH(key), key));
	cr_assert(frozenref_index_insert(third, HASH(key), &key, item) == 0);
	cr_assert(has(items, HASH(key), key) && has(third, HASH(key), key));
	cr_assert(!frozenref_index_erase_if_unused(items, item), "the other index holds it");
	cr_assert(frozenref_index_erase(items, item) == 0);
	cr_assert(frozenref_index_insert(second, HASH(key), &key, item) == 0);
	cr_assert(!has(items, HASH(key), key) && has(second, HASH(key), key));
	cr_assert(frozenref_index_erase(second, item) == 0);
	cr_assert(frozenref_index_erase_if_unused(third, item));
	cr_assert(released == 1);
	cr_assert(frozenref_index_destroy(second) == 0);
	cr_assert(frozenref_index_destroy(third) == 0);
	destroy_items();
}

/* -------------------------------------------------------------------------------- get_or_insert */

Test(index, get_or_insert_has_one_winner)
{
	struct item *first;
	struct item *second;
	uint64_t key = 4;

	make_items();
	first = make_item(key);
	second = make_item(key);
	cr_assert(frozenref_index_get_or_insert(items, HASH(key), &key, first) == first);
	/* The caller's, the index's, and that of the answer. */
	cr_assert(frozenref_count(&first->ref) == 3);
	cr_assert(frozenref_index_get_or_insert(items, HASH(key), &key, second) == first);
	cr_assert(frozenref_count(&first->ref) == 4);
	cr_assert(frozenref_count(&second->ref) == 1);
	cr_assert(frozenref_cache_put(cache, second));
	for (int i = 0; i < 3; i++)
		cr_assert(!frozenref_cache_put(cache, first));
	cr_assert(frozenref_index_erase_if_unused(items, first));
	destroy_items();
}

Test(index, get_or_insert_says_why_not)
{
	struct item *item;
	uint64_t key = 4;

	make_items();
	item = frozenref_cache_alloc(cache);
	cr_assert(item);
	errno = 0;
	cr_assert(!frozenref_index_get_or_insert(items, HASH(key), &key, item));
	cr_assert(errno == EINVAL);
	frozenref_cache_free(cache, item);
	destroy_items();
}

/* An object that its owner has frozen is missed; whether it has the key nobody can say. */
Test(index, frozen_objects)
{
	struct item *frozen;
	struct item *other;
	uint64_t cursor = 0;
	uint64_t key = 4;
	uint64_t other_key = 5;

	make_items();
	frozen = insert_item(items, 1, key);
	cr_assert(frozenref_freeze(&frozen->ref, 1));
	cr_assert(!has(items, 1, key));
	cr_assert(!frozenref_index_next(items, &cursor));
	other = make_item(other_key);
	cr_assert(frozenref_index_insert(items, 1, &other_key, other) == -EBUSY);
	errno = 0;
	cr_assert(!frozenref_index_get_or_insert(items, 1, &other_key, other));
	cr_assert(errno == EBUSY);
	cr_assert(frozenref_count(&other->ref) == 1);
	cr_assert(!frozenref_index_erase_if_unused(items, frozen));
	cr_assert(frozenref_index_insert(items, 2, &other_key, other) == 0, "another hash");
	frozenref_unfreeze(&frozen->ref, 1);
	cr_assert(has(items, 1, key));
	cr_assert(!frozenref_cache_put(cache, other));
	evict(items, 1, key);
	evict(items, 2, other_key);
	destroy_items();
}

/* ----------------------------------------------------------------------------- erase_if_unused */

Test(index, erase_if_unused_leaves_what_is_held)
{
	struct item *item;

	make_items();
	item = insert_item(items, 1, 1);
	cr_assert(look_up(items, 1, 1) == item);
	cr_assert(!frozenref_index_erase_if_unused(items, item));
	cr_assert(has(items, 1, 1) && released == 0);
	cr_assert(!frozenref_cache_put(cache, item));
	cr_assert(frozenref_index_erase_if_unused(items, item));
	cr_assert(released == 1);
	cr_assert(!has(items, 1, 1));
	/* A stale address does no harm. */
	cr_assert(!frozenref_index_erase_if_unused(items, item));
	cr_assert(frozenref_index_erase(items, item) == -ENOENT);
	cr_assert(released == 1);
	destroy_items();
}

/* ------------------------------------------------------------------------------------ callbacks */

static bool looks_up_another(const void *object, const void *key, void *arg)
{
	uint64_t mine = ((const struct item *)object)->key;
	bool *inside = arg;

	if (!*inside) {
		*inside = true;
		cr_assert(has(items, 1000, 1000));
		(void)insert_item(items, 2000 + mine, 2000 + mine);
		evict(items, 2000 + mine, 2000 + mine);
		*inside = false;
	}
	return mine == *(const uint64_t *)key;
}

Test(index, equal_may_call_back)
{
	struct frozenref_index_config config;
	struct item *item;
	bool inside = false;
	uint64_t key = 2;

	make_cache();
	config = index_config();
	config.equal = looks_up_another;
	config.arg = &inside;
	items = make_index(&config);
	(void)insert_item(items, 1000, 1000);
	(void)insert_item(items, 1, 1);
	cr_assert(has(items, 1, 1));
	item = make_item(2);
	cr_assert(frozenref_index_insert(items, 1, &key, item) == 0, "compares under no lock");
	cr_assert(!frozenref_cache_put(cache, item));
	for (uint64_t i = 1; i <= 2; i++)
		evict(items, 1, i);
	evict(items, 1000, 1000);
	destroy_items();
}

static void inserts_another(void *object, void *arg)
{
	uint64_t key = ((struct item *)object)->key;

	(void)arg;
	released++;
	if (key < 10)
		(void)insert_item(items, 1, key + 1);
}

Test(index, release_may_call_back)
{
	struct frozenref_cache_config config = cache_config();
	struct frozenref_index_config its_config;

	misuse_watch();
	released = 0;
	config.release = inserts_another;
	cr_assert(frozenref_cache_create(&cache, &config) == 0);
	its_config = index_config();
	items = make_index(&its_config);
	(void)insert_item(items, 1, 1);
	for (uint64_t key = 1; key <= 10; key++) {
		struct item *item = look_up(items, 1, key);

		cr_assert(item);
		cr_assert(!frozenref_cache_put(cache, item));
		cr_assert(frozenref_index_erase_if_unused(items, item));
	}
	cr_assert(released == 10);
	destroy_items();
}

/* ----------------------------------------------------------------------------------- other uses */

Test(index, objects_are_found_after_a_trim)
{
	make_items();
	for (uint64_t key = 0; key < 10000; key++)
		(void)insert_item(items, HASH(key), key);
	for (uint64_t key = 100; key < 10000; key++)
		evict(items, HASH(key), key);
	cr_assert(frozenref_cache_trim(cache) > 0);
	for (uint64_t key = 0; key < 10000; key++)
		cr_assert(has(items, HASH(key), key) == (key < 100));
	for (uint64_t key = 100; key < 10000; key++)
		(void)insert_item(items, HASH(key), key);
	for (uint64_t key = 0; key < 10000; key++)
		evict(items, HASH(key), key);
	cr_assert(released == 19900);
	destroy_items();
}

Test(index, many_indexes_over_one_cache)
{
	enum { MANY = 1000 };
	static struct frozenref_index *many[MANY];
	struct frozenref_index_config config;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	make_items();
	config = index_config();
	config.stripes = 1;
	/* 32 bits have no addresses for so many tables of the default size, nor do limits leave them. */
	if (!may_have_addresses((uint64_t)1 << 36))
		config.max_buckets = 1 << 14;
	for (uint64_t i = 0; i < MANY; i++) {
		many[i] = make_index(&config);
		(void)insert_item(many[i], 1, i);
		cr_assert(stats_of(many[i]).bytes_resident <= 2 * page, "%llu bytes",
			  (unsigned long long)stats_of(many[i]).bytes_resident);
	}
	for (uint64_t i = 0; i < MANY; i++) {
		cr_assert(!has(many[i], 1, (i + 1) % MANY));
		evict(many[i], 1, i);
		cr_assert(frozenref_index_destroy(many[i]) == 0);
	}
	destroy_items();
}
