/* SPDX-License-Identifier: MIT */
/*
 * liburcu's cds_lfht with a urcu_ref in each node, for registry_maps.c and index.c.
 *
 * With the read side inlined, which is liburcu's fastest, and twice as many buckets as keys.
 */
#define URCU_INLINE_SMALL_FUNCTIONS
#include <stdlib.h>

#include <urcu.h>
#include <urcu/rculfhash.h>
#include <urcu/ref.h>

#include "maps.h"

struct object {
	struct cds_lfht_node node;
	struct urcu_ref ref;
	uint64_t key;
	struct rcu_head head;
};

struct map {
	struct cds_lfht *table;
	const struct bench_keys *keys;
};

/* The table takes the low bits: they must depend on all of the key's. */
static unsigned long hash(uint64_t key)
{
	key = (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned long)(key ^ key >> 32);
}

static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct object, node)->key == *(const uint64_t *)key;
}

static void free_object(struct rcu_head *head)
{
	free(caa_container_of(head, struct object, head));
}

static void release(struct urcu_ref *ref)
{
	call_rcu(&caa_container_of(ref, struct object, ref)->head, free_object);
}

static void insert(struct map *map, uint64_t key)
{
	struct object *object = malloc(sizeof(*object));

	BENCH_REQUIRE(object);
	object->key = key;
	urcu_ref_init(&object->ref);
	cds_lfht_node_init(&object->node);
	cds_lfht_add(map->table, hash(key), &object->node);
}

static inline struct cds_lfht_node *find(struct map *map, uint64_t key)
{
	struct cds_lfht_iter iter;

	cds_lfht_lookup(map->table, hash(key), match, &key, &iter);
	return cds_lfht_iter_get_node(&iter);
}

static inline struct object *lookup_and_get(struct map *map, uint64_t key)
{
	struct cds_lfht_node *node;
	struct object *object = NULL;

	rcu_read_lock();
	node = find(map, key);
	if (node) {
		object = caa_container_of(node, struct object, node);
		if (!urcu_ref_get_unless_zero(&object->ref))
			object = NULL;
	}
	rcu_read_unlock();
	return object;
}

/* Another writer may be at the same key. */
__attribute__((noinline)) static void rewrite(struct map *map, uint64_t key)
{
	struct cds_lfht_node *node;

	rcu_read_lock();
	node = find(map, key);
	if (node && cds_lfht_del(map->table, node) == 0) {
		urcu_ref_put(&caa_container_of(node, struct object, node)->ref, release);
		insert(map, key);
	}
	rcu_read_unlock();
}

BENCH_RANDOM_LOOP(operations, struct map, {
	uint64_t key = bench_key(&random, x->keys);

	if (bench_writes(random, x->keys)) {
		rewrite(x, key);
	} else {
		struct object *object = lookup_and_get(x, key);

		BENCH_REQUIRE(object || x->keys->writers);
		if (object)
			urcu_ref_put(&object->ref, release);
	}
})

/* Registered for as long as a chunk lasts: a thread must not end registered. */
void bench_lfht_loop(void *state, uint64_t n)
{
	rcu_register_thread();
	operations(state, n);
	rcu_unregister_thread();
}

void *bench_lfht_make(const struct bench_keys *keys)
{
	struct map *map = calloc(1, sizeof(*map));
	unsigned long buckets = 1;

	while (buckets < keys->n)
		buckets *= 2;
	BENCH_REQUIRE(map);
	map->keys = keys;
	map->table = cds_lfht_new(2 * buckets, 1, 0, 0, NULL);
	BENCH_REQUIRE(map->table);
	rcu_register_thread();
	rcu_read_lock();
	for (uint64_t key = 0; key < keys->n; key++)
		insert(map, key);
	rcu_read_unlock();
	rcu_unregister_thread();
	return map;
}

void bench_lfht_free(void *state)
{
	struct map *map = state;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	rcu_register_thread();
	rcu_read_lock();
	cds_lfht_for_each(map->table, &iter, node)
	{
		BENCH_REQUIRE(cds_lfht_del(map->table, node) == 0);
		urcu_ref_put(&caa_container_of(node, struct object, node)->ref, release);
	}
	rcu_read_unlock();
	rcu_barrier();
	rcu_unregister_thread();
	BENCH_REQUIRE(cds_lfht_destroy(map->table, NULL) == 0);
	free(map);
}
