/* SPDX-License-Identifier: MIT */
/*
 * GLib's hash table under a read-write lock, for registry.c.
 *
 * The keys are their own hashes, which for consecutive keys is the best that a hash can be.
 */
#include <pthread.h>
#include <stdlib.h>

#include <glib.h>

#include "maps.h"
#include "random.h"

struct object {
	uint32_t refs;
	uint64_t key;
};

struct map {
	GHashTable *table;
	pthread_rwlock_t lock;
	struct object *objects;
	uint64_t n;
};

/* The lock keeps the map's own reference in place, so a plain add will do. */
static inline struct object *lookup_and_get(struct map *map, uint64_t key)
{
	struct object *object;

	pthread_rwlock_rdlock(&map->lock);
	object = g_hash_table_lookup(map->table, GSIZE_TO_POINTER(key));
	if (object)
		__atomic_fetch_add(&object->refs, 1, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&map->lock);
	return object;
}

BENCH_RANDOM_LOOP(lookups, struct map, {
	struct object *object = lookup_and_get(x, bench_random(&random, x->n));

	BENCH_REQUIRE(object);
	BENCH_REQUIRE(__atomic_sub_fetch(&object->refs, 1, __ATOMIC_ACQ_REL) != 0);
})

void bench_glib_loop(void *state, uint64_t n)
{
	lookups(state, n);
}

void *bench_glib_make(uint64_t n)
{
	struct map *map = calloc(1, sizeof(*map));

	BENCH_REQUIRE(map);
	map->n = n;
	map->objects = calloc(n, sizeof(*map->objects));
	map->table = g_hash_table_new(g_direct_hash, g_direct_equal);
	BENCH_REQUIRE(map->objects && map->table);
	BENCH_REQUIRE(pthread_rwlock_init(&map->lock, NULL) == 0);
	for (uint64_t key = 0; key < n; key++) {
		map->objects[key].refs = 1;
		map->objects[key].key = key;
		g_hash_table_insert(map->table, GSIZE_TO_POINTER(key), &map->objects[key]);
	}
	return map;
}

void bench_glib_free(void *state)
{
	struct map *map = state;

	g_hash_table_destroy(map->table);
	pthread_rwlock_destroy(&map->lock);
	free(map->objects);
	free(map);
}
