/* SPDX-License-Identifier: MIT */
/*
 * Threads that reuse the objects of a cache in order, or race for a payload: what ThreadSanitizer
 * is to pass over, and to report.
 *
 * Built and run by test-tsan.sh: threads [race]. Exits 0 if nobody stopped it.
 */
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <frozenref/atomic.h>
#include <frozenref/cache.h>

enum { ROUNDS = 3000, PLACES = 4 };

struct object {
	uint64_t key;
	frozenref_t ref;
	uint64_t copy;
};

static struct frozenref_cache *cache;
static uintptr_t place[PLACES];
static uint32_t failures;

static void fail_if(bool failed)
{
	if (failed)
		(void)frozenref__add32(&failures, 1, relaxed);
}

/* A holder may read; to write it would have to be the owner. */
static void look_up(unsigned i)
{
	/* Relaxed: it may be stale in any case. */
	uintptr_t at = frozenref__loadptr(&place[i % PLACES], relaxed);
	struct object *object = frozenref_cache_try_get(cache, (void *)at);

	if (!object)
		return;
	fail_if(object->copy != object->key);
	(void)frozenref_cache_put(cache, object);
}

/* Each payload is written by many owners, one after the other, in whatever thread. */
static void *reuse(void *arg)
{
	uint64_t key = (uint64_t)(uintptr_t)arg << 32;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct object *object = frozenref_cache_alloc(cache);

		if (!object) {
			fail_if(true);
			return NULL;
		}
		object->key = object->copy = key + i;
		frozenref_unfreeze(&object->ref, 1);
		frozenref__storeptr(&place[i % PLACES], (uintptr_t)object, relaxed);
		look_up(i + 1);
		look_up(i + 2);
		(void)frozenref_cache_put(cache, object);
		if (i % 256 == 0)
			(void)frozenref_cache_trim(cache);
	}
	return NULL;
}

/* Two holders, of whom one writes. */
static void *write_payload(void *object)
{
	((struct object *)object)->copy = 1;
	(void)frozenref_cache_put(cache, object);
	return NULL;
}

static void race(void)
{
	struct object *object = frozenref_cache_alloc(cache);
	pthread_t thread;

	if (!object)
		return;
	object->copy = 0;
	frozenref_unfreeze(&object->ref, 2);
	fail_if(pthread_create(&thread, NULL, write_payload, object) != 0);
	fail_if(object->copy > 1);
	(void)frozenref_cache_put(cache, object);
	(void)pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;
	pthread_t threads[3];

	config.object_size = sizeof(struct object);
	config.ref_offset = offsetof(struct object, ref);
	if (frozenref_cache_create(&cache, &config))
		return 1;
	if (argc == 2 && !strcmp(argv[1], "race")) {
		race();
		return failures != 0;
	}
	for (uintptr_t i = 0; i < 3; i++)
		fail_if(pthread_create(&threads[i], NULL, reuse, (void *)(i + 1)) != 0);
	for (unsigned i = 0; i < 3; i++)
		fail_if(pthread_join(threads[i], NULL) != 0);
	return failures || frozenref_cache_destroy(cache) != 0;
}
