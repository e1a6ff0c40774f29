/* SPDX-License-Identifier: MIT */
/*
 * liburcu's cds_lfht with a urcu_ref in each node, for registry.c.
 *
 * With the read side inlined, which is liburcu's fastest, and twice as many buckets as keys.
 */
#define URCU_INLINE_SMALL_FUNCTIONS
#include <stdlib.h>

#include <urcu.h>
#include <urcu/rculfhash.h>
#include <urcu/ref.h>

#include "maps.h"
#include "random.h"

struct object {
	struct cds_lfht_node node;
	struct urcu_ref ref;
	uint64_t key;
};

struct map {
	struct cds_lfht *table;
	struct object *objects;
	uint64_t n;
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

/* Nothing is ever taken out while the loop runs. */
static void release(struct urcu_ref *ref)
{
	(void)ref;
	bench_wrong_answer(__func__);
}

static inline struct object *lookup_and_get(struct map *map, uint64_t key)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	struct object *object = NULL;

	rcu_read_lock();
	cds_lfht_lookup(map->table, hash(key), match, &key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	if (node) {
		object = caa_container_of(node, struct object, node);
		if (!urcu_ref_get_unless_zero(&object->ref))
			object = NULL;
	}
	rcu_read_unlock();
	return object;
}

BENCH_RANDOM_LOOP(lookups, struct map, {
	struct object *object = lookup_and_get(x, bench_random(&random, x->n));

	BENCH_REQUIRE(object);
	urcu_ref_put(&object->ref, release);
})

/* Registered for as long as a chunk lasts: a thread must not end registered. */
void bench_lfht_loop(void *state, uint64_t n)
{
	rcu_register_thread();
	lookups(state, n);
	rcu_unregister_thread();
}

void *bench_lfht_make(uint64_t n)
{
	struct map *map = calloc(1, sizeof(*map));
	unsigned long buckets = 1;

	while (buckets < n)
		buckets *= 2;
	BENCH_REQUIRE(map);
	map->n = n;
	map->objects = calloc(n, sizeof(*map->objects));
	map->table = cds_lfht_new(2 * buckets, 1, 0, 0, NULL);
	BENCH_REQUIRE(map->objects && map->table);
	rcu_register_thread();
	rcu_read_lock();
	for (uint64_t key = 0; key < n; key++) {
		struct object *object = &map->objects[key];

		object->key = key;
		urcu_ref_init(&object->ref);
		cds_lfht_node_init(&object->node);
		cds_lfht_add(map->table, hash(key), &object->node);
	}
	rcu_read_unlock();
	rcu_unregister_thread();
	return map;
}

void bench_lfht_free(void *state)
{
	struct map *map = state;

	rcu_register_thread();
	rcu_read_lock();
	for (uint64_t key = 0; key < map->n; key++)
		BENCH_REQUIRE(cds_lfht_del(map->table, &map->objects[key].node) == 0);
	rcu_read_unlock();
	synchronize_rcu();
	rcu_unregister_thread();
	BENCH_REQUIRE(cds_lfht_destroy(map->table, NULL) == 0);
	free(map->objects);
	free(map);
}
