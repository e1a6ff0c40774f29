/* SPDX-License-Identifier: MIT */
/*
 * The registry beside other maps: on the same keys, and with the same share of writers.
 *
 * Called by registry.c. What the others do is in maps.h. The registry is there three times: with
 * lookups one by one, with batches of 16, and with peeks, which copy the object's 16 bytes instead
 * of taking a reference; and an array of slots, which cannot be written, is the limit.
 *
 * In the first two an object is allocated anew for each insert and freed by the last put. Peeks
 * want objects that stay readable, so there each pfn gets its old one again.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "maps.h"
#include "registry.h"

#define BATCH	     16
#define OBJECT_SHIFT 4

struct object {
	uint64_t key[2];
};

struct setup {
	struct bench_keys keys;
	struct frozenref_registry *registry;
	struct frozenref_registry *peekable;
	struct object *objects; /* of `peekable` */
	struct frozenref_slot *array;
};

/* --------------------------------------------------------------------------------------- loops */

static struct object *make_object(uint64_t key)
{
	struct object *object = (struct object *)malloc(sizeof(*object));

	BENCH_REQUIRE(object);
	object->key[0] = key;
	object->key[1] = key;
	return object;
}

static void free_object(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	(void)pfn;
	(void)npages;
	(void)arg;
	free(object);
}

/* Whoever erased it puts another object there, as soon as the last holder has left. */
__attribute__((noinline)) static void rewrite(struct frozenref_registry *registry, uint64_t pfn,
					      void *object)
{
	int err;

	while ((err = frozenref_registry_insert(registry, pfn, object)) == -EBUSY)
		sched_yield();
	BENCH_REQUIRE(err == 0);
}

static void rewrite_anew(struct setup *x, uint64_t pfn)
{
	if (frozenref_registry_erase(x->registry, pfn) == 0)
		rewrite(x->registry, pfn, make_object(pfn));
}

static inline void put_found(struct setup *x, struct frozenref_slot *slot)
{
	BENCH_REQUIRE(slot || x->keys.writers);
	if (slot && frozenref_slot_put(x->registry, slot))
		BENCH_REQUIRE(x->keys.writers);
}

BENCH_RANDOM_LOOP(one_by_one, struct setup, {
	uint64_t pfn = bench_key(&random, &x->keys);

	if (bench_writes(random, &x->keys))
		rewrite_anew(x, pfn);
	else
		put_found(x, frozenref_registry_try_get(x->registry, pfn));
})

/* The harness runs loops in multiples of BATCH. */
BENCH_RANDOM_LOOP(batch, struct setup, {
	struct frozenref_slot *slots[BATCH];
	uint64_t pfns[BATCH];
	size_t lookups = 0;

	for (int i = 0; i < BATCH; i++) {
		uint64_t pfn = bench_key(&random, &x->keys);

		if (bench_writes(random, &x->keys))
			rewrite_anew(x, pfn);
		else
			pfns[lookups++] = pfn;
	}
	BENCH_REQUIRE(frozenref_registry_try_get_batch(x->registry, pfns, lookups, slots) ==
			      lookups ||
		      x->keys.writers);
	for (size_t i = 0; i < lookups; i++)
		put_found(x, slots[i]);
	n -= BATCH - 1;
})

BENCH_RANDOM_LOOP(peek, struct setup, {
	uint64_t pfn = bench_key(&random, &x->keys);

	if (bench_writes(random, &x->keys)) {
		if (frozenref_registry_erase(x->peekable, pfn) == 0)
			rewrite(x->peekable, pfn, &x->objects[pfn]);
	} else {
		struct object object;

		if (frozenref_registry_peek(x->peekable, pfn, 0, &object, sizeof(object)))
			BENCH_REQUIRE(object.key[0] == pfn);
		else
			BENCH_REQUIRE(x->keys.writers);
	}
})

BENCH_RANDOM_LOOP(array, struct setup, {
	struct frozenref_slot *slot = &x->array[bench_key(&random, &x->keys)];

	BENCH_REQUIRE(frozenref_try_get(&slot->ref));
	BENCH_REQUIRE(!frozenref_put_and_lock(&slot->ref));
})

/* --------------------------------------------------------------------------------------- set-up */

static void make_registries(struct setup *setup)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	uint64_t n = setup->keys.n;

	config.release = free_object;
	bench_check("frozenref_registry_create",
		    frozenref_registry_create(&setup->registry, &config));
	for (uint64_t pfn = 0; pfn < n; pfn++)
		rewrite(setup->registry, pfn, make_object(pfn));

	setup->objects = (struct object *)bench_map((size_t)n * sizeof(struct object));
	for (uint64_t pfn = 0; pfn < n; pfn++)
		setup->objects[pfn].key[0] = pfn;
	config.release = NULL;
	config.page_shift = OBJECT_SHIFT;
	config.flags = FROZENREF_REGISTRY_PEEKABLE;
	setup->peekable = bench_registry_make(&config, n, 1, setup->objects, sizeof(struct object));

	setup->array = (struct frozenref_slot *)bench_map((size_t)n * sizeof(*setup->array));
	for (uint64_t i = 0; i < n; i++)
		frozenref_unfreeze(&setup->array[i].ref, 1);
}

static void free_registries(struct setup *setup)
{
	uint64_t n = setup->keys.n;

	bench_registry_free(setup->registry, n);
	bench_registry_free(setup->peekable, n);
	bench_unmap(setup->objects, (size_t)n * sizeof(struct object));
	bench_unmap(setup->array, (size_t)n * sizeof(*setup->array));
}

static const struct map {
	const char *name;
	void *(*make)(const struct bench_keys *keys);
	void (*destroy)(void *map);
	bench_loop *loop;
} maps[] = {
#ifdef BENCH_WITH_URCU
	{ "liburcu cds_lfht, urcu_ref", bench_lfht_make, bench_lfht_free, bench_lfht_loop },
#endif
#ifdef BENCH_WITH_GLIB
	{ "GLib hash under rwlock", bench_glib_make, bench_glib_free, bench_glib_loop },
#endif
	{ "C++ unordered_map, shared_mutex", bench_cxx_make, bench_cxx_free, bench_cxx_loop },
};

enum { OURS = 3, CASES = OURS + COUNT_OF(maps) + 1 };

/* -------------------------------------------------------------------------------------- groups */

static void run(struct bench *bench, struct setup *setup, const struct bench_case *cases, bool zipf,
		unsigned threads, unsigned writers)
{
	static const struct bench_target targets[] = {
		{ "try_get, put", "liburcu cds_lfht, urcu_ref", 1.0 / 8 },
		{ "try_get, put", "GLib hash under rwlock", 1.0 / 5 },
		{ NULL, NULL, 0 },
	};
	unsigned long long n = setup->keys.n;
	bool is_judged = n == 1000000 && !zipf && threads == 1 && !writers;
	char key[64];
	char title[96];

	bench_keys_init(&setup->keys, zipf, writers);
	snprintf(key, sizeof(key), "maps_%llu_%s_%u_%u", n, zipf ? "zipf" : "uniform", threads,
		 writers);
	snprintf(title, sizeof(title), "maps of %llu keys, %s, %s, %u %% writers", n,
		 zipf ? "Zipf 0.99" : "uniform", threads == 1 ? "one thread" : "two threads",
		 writers);
	bench_run(bench, &(struct bench_group){
				 .key = key,
				 .title = title,
				 .threads = threads,
				 .cases = cases,
				 /* The array, which comes last, only where nobody writes. */
				 .n_cases = writers ? CASES - 1 : CASES,
				 .targets = is_judged ? targets : NULL,
				 .stretch = bench_stretch(n),
			 });
}

void bench_registry_maps(struct bench *bench, uint64_t n)
{
	static const unsigned writers[] = { 0, 1, 10 };
	struct setup setup = { .keys = { .n = n } };
	struct bench_case cases[CASES] = {
		{ "try_get, put", one_by_one, &setup, NULL },
		{ "batch of 16", batch, &setup, NULL },
		{ "peek of 16 bytes", peek, &setup, NULL },
	};

	make_registries(&setup);
	for (size_t i = 0; i < COUNT_OF(maps); i++)
		cases[OURS + i] = (struct bench_case){ maps[i].name, maps[i].loop,
						       maps[i].make(&setup.keys), NULL };
	cases[CASES - 1] = (struct bench_case){ "array of slots", array, &setup, NULL };
	/* Of one key both laws are the same. */
	for (unsigned zipf = 0; zipf < (n > 1 ? 2 : 1); zipf++) {
		for (unsigned threads = 1; threads <= BENCH_THREADS_MAX; threads++) {
			for (size_t i = 0; i < COUNT_OF(writers); i++) {
				if (writers[i] != 1 || !bench_is_quick(bench))
					run(bench, &setup, cases, zipf, threads, writers[i]);
			}
		}
	}
	for (size_t i = 0; i < COUNT_OF(maps); i++)
		maps[i].destroy(cases[OURS + i].state);
	free_registries(&setup);
}
