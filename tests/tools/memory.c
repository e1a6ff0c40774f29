/* SPDX-License-Identifier: MIT */
/*
 * One mistake with an object of a cache, or none: what AddressSanitizer and Valgrind are to report.
 *
 * Built and run by test-asan.sh and test-valgrind.sh: memory MISTAKE. Exits 0 if nobody stopped it.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <frozenref/atomic.h>
#include <frozenref/cache.h>

struct object {
	uint64_t key;
	frozenref_t ref;
	uint64_t stable;
	char payload[43];
};

/* Of no type's size: the last bytes share a word with what is behind the object. */
enum { OBJECT_SIZE = offsetof(struct object, payload) + sizeof(((struct object *)0)->payload) };

static struct frozenref_cache *cache;

static struct object *make(void)
{
	struct object *object = frozenref_cache_alloc(cache);

	if (!object)
		return NULL;
	object->key = 1;
	memset(object->payload, 'x', sizeof(object->payload));
	frozenref_unfreeze(&object->ref, 1);
	return object;
}

static void touch(volatile char *byte)
{
	*byte = (char)(*byte + 1);
}

/* All that lookups, walks and peeks may do with free objects, and owners with theirs. */
static int make_none(struct object *object, struct object *freed)
{
	char bytes[OBJECT_SIZE];
	uint64_t key;

	for (int i = 0; i < 3; i++) {
		if (frozenref_cache_try_get(cache, freed) || frozenref_count(&freed->ref))
			return 2;
		/* Relaxed: nobody writes it. */
		if (frozenref__load32((uint32_t *)&freed->stable, relaxed) != 4711)
			return 3;
		if (frozenref_cache_peek(cache, freed, 0, bytes, sizeof(bytes)) ||
		    !frozenref_cache_peek(cache, object, 0, bytes, sizeof(bytes)))
			return 4;
		if (frozenref_cache_next(cache, freed) == freed)
			return 5;
		memcpy(&key, bytes, sizeof(key));
		touch(&object->payload[sizeof(object->payload) - 1]);
		if (key != 1)
			return 6;
	}
	/* What is left in a free object is its next owner's. */
	if (make() != freed || freed->stable != 4711 || freed->payload[0] != 'x')
		return 7;
	touch(&freed->payload[sizeof(freed->payload) - 1]);
	(void)frozenref_cache_put(cache, freed);
	(void)frozenref_cache_put(cache, object);
	/* A trim in between: lookups find zeros. */
	if (!frozenref_cache_trim(cache) || frozenref_cache_try_get(cache, object))
		return 8;
	object = make();
	return !object || !frozenref_cache_put(cache, object) || frozenref_cache_destroy(cache);
}

static int make_one(const char *mistake, struct object *object, struct object *freed)
{
	if (!strcmp(mistake, "read-key-after-free"))
		return freed->key == 1 ? 0 : 1;
	if (!strcmp(mistake, "write-after-free"))
		touch(&freed->payload[7]);
	else if (!strcmp(mistake, "write-end-after-free"))
		touch(&freed->payload[sizeof(freed->payload) - 1]);
	else if (!strcmp(mistake, "overflow"))
		touch((char *)object + OBJECT_SIZE);
	else if (!strcmp(mistake, "far-overflow"))
		touch((char *)object + OBJECT_SIZE + 12);
	else if (!strcmp(mistake, "never-allocated"))
		touch((char *)object + 100 * ((uintptr_t)freed - (uintptr_t)object) + 40);
	else
		return 9;
	return 0;
}

int main(int argc, char **argv)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;
	struct object *object;
	struct object *freed;
	const char *mistake = argc == 2 ? argv[1] : "";

	config.flags = FROZENREF_CACHE_PEEKABLE;
	config.object_size = OBJECT_SIZE;
	config.ref_offset = offsetof(struct object, ref);
	config.stable_offset = offsetof(struct object, stable);
	config.stable_size = sizeof(uint64_t);
	if (frozenref_cache_create(&cache, &config))
		return 1;
	object = make();
	freed = make();
	if (!object || !freed)
		return 1;
	freed->stable = 4711;
	if (!frozenref_cache_put(cache, freed))
		return 1;
	return *mistake ? make_one(mistake, object, freed) : make_none(object, freed);
}
