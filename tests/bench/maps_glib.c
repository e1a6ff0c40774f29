/* SPDX-License-Identifier: MIT */
/*
 * GLib's hash table under a read-write lock, for registry_maps.c and index.c.
 *
 * The keys are their own hashes, which for consecutive keys is the best that a hash can be.
 */
#include <pthread.h>
#include <stdlib.h>

#include <glib.h>

#include "maps.h"

struct object {
	uint32_t refs;
	uint64_t key;
};

struct map {
	GHashTable *table;
	pthread_rwlock_t lock;
	const struct bench_keys *keys;
};

static struct object *make_object(uint64_t key)
{
	struct object *object = malloc(sizeof(*object));

	BENCH_REQUIRE(object);
	object->refs = 1;
	object->key = key;
	return object;
}

static inline void put(struct object *object)
{
	if (__atomic_sub_fetch(&object->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(object);
}

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

__attribute__((noinline)) static void rewrite(struct map *map, uint64_t key)
{
	struct object *made = make_object(key);
	struct object *old;

	pthread_rwlock_wrlock(&map->lock);
	old = g_hash_table_lookup(map->table, GSIZE_TO_POINTER(key));
	g_hash_table_remove(map->table, GSIZE_TO_POINTER(key));
	g_hash_table_insert(map->table, GSIZE_TO_POINTER(key), made);
	pthread_rwlock_unlock(&map->lock);
	BENCH_REQUIRE(old);
	put(old);
}

BENCH_RANDOM_LOOP(operations, struct map, {
	uint64_t key = bench_key(&random, x->keys);

	if (bench_writes(random, x->keys)) {
		rewrite(x, key);
	} else {
		struct object *object = lookup_and_get(x, key);

		BENCH_REQUIRE(object);
		put(object);
	}
})

void bench_glib_loop(void *state, uint64_t n)
{
	operations(state, n);
}

void *bench_glib_make(const struct bench_keys *keys)
{
	struct map *map = calloc(1, sizeof(*map));

	BENCH_REQUIRE(map);
	map->keys = keys;
	map->table = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, NULL);
	BENCH_REQUIRE(map->table);
	BENCH_REQUIRE(pthread_rwlock_init(&map->lock, NULL) == 0);
	for (uint64_t key = 0; key < keys->n; key++)
		g_hash_table_insert(map->table, GSIZE_TO_POINTER(key), make_object(key));
	return map;
}

void bench_glib_free(void *state)
{
	struct map *map = state;
	GHashTableIter iter;
	gpointer object;

	g_hash_table_iter_init(&iter, map->table);
	while (g_hash_table_iter_next(&iter, NULL, &object))
		put(object);
	g_hash_table_destroy(map->table);
	pthread_rwlock_destroy(&map->lock);
	free(map);
}
