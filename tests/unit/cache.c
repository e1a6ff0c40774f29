/* SPDX-License-Identifier: MIT */
/*
 * Caches on one thread: what a configuration may say, alloc and free, lookups by any address.
 *
 * Run by `make check` twice: with the inline functions, and with the library's symbols.
 */
#include "cache_fixture.h"

/* -------------------------------------------------------------------------------- configuration */

static int create_with(struct frozenref_cache_config config)
{
	struct frozenref_cache *cache = NULL;
	int err = frozenref_cache_create(&cache, &config);

	if (!err)
		cr_assert(frozenref_cache_destroy(cache) == 0);
	else
		cr_assert(!cache);
	return err;
}

#define assert_create(expected, assignment)                               \
 do {                                                                     \
  struct frozenref_cache_config changed = default_config();               \
  int created;                                                            \
                                                                          \
  changed.assignment;                                                     \
  created = create_with(changed);                                         \
  cr_assert(created == (expected), "%s: error %d", #assignment, created); \
 } while (0)

Test(cache, refuses_what_it_does_not_know)
{
	const struct frozenref_cache_config config = default_config();

	cr_assert(frozenref_cache_create(NULL, &config) == -EINVAL);
	cr_assert(frozenref_cache_destroy(NULL) == -EINVAL);
	assert_create(-EINVAL, size = sizeof(config) - 1);
	assert_create(-EINVAL, size = sizeof(config) + 1);
	assert_create(-EINVAL, flags = 8);
	assert_create(-EINVAL, object_size = 0);
	assert_create(-EINVAL, object_size = FROZENREF_CACHE_OBJECT_MIN - 1);
	assert_create(-EINVAL, object_size = FROZENREF_CACHE_OBJECT_MAX + 1);
	assert_create(-EINVAL, align = 24);
	assert_create(-EINVAL, align = (size_t)1 << 20);
	assert_create(-EINVAL, ref_offset = 2);
	assert_create(-EINVAL, ref_offset = sizeof(struct object));
	assert_create(-EINVAL, stable_offset = sizeof(struct object) + 1);
	assert_create(-EINVAL, stable_size = sizeof(struct object) + 1);
	assert_create(-EINVAL, stable_size = SIZE_MAX);
	assert_create(-ENOMEM, max_objects = SIZE_MAX);
	assert_create(0, align = 1);
	assert_create(0, object_size = FROZENREF_CACHE_OBJECT_MAX);
	assert_create(0, name = NULL);
	assert_create(0, name = "a name that is far too long to be kept as it is in a cache");
}

Test(cache, needs_a_size)
{
	struct frozenref_cache *cache = NULL;

	cr_assert(frozenref_cache_create(&cache, NULL) == -EINVAL);
}

/* Sizes and alignments of all kinds: objects lie apart, and each of their bytes leads to them. */
static void check_layout(size_t size, size_t align, unsigned flags)
{
	struct frozenref_cache_config config = default_config();
	struct frozenref_cache *cache;
	size_t expected = align ? align : size % 16 ? 8 : 16;
	uintptr_t last = 0;
	void *objects[40];

	config.object_size = size;
	config.align = align;
	config.flags = flags;
	config.ref_offset = (size - 4) & ~(size_t)3;
	config.release = NULL;
	/* Where addresses are few, less than this of large objects may be the default. */
	config.max_objects = 40;
	cache = make_cache(&config);
	if (flags & FROZENREF_CACHE_PADDED && expected < 64)
		expected = 64;
	for (unsigned i = 0; i < 40; i++) {
		uintptr_t at;

		objects[i] = frozenref_cache_alloc(cache);
		at = (uintptr_t)objects[i];
		cr_assert(at && at % expected == 0, "%zu at %#zx", size, (size_t)at);
		cr_assert(!last || at - last >= size || last - at >= size);
		last = at;
		frozenref_unfreeze((frozenref_t *)(at + config.ref_offset), 1);
	}
	for (unsigned i = 0; i < 40; i++) {
		const char *object = objects[i];

		cr_assert(frozenref_cache_try_get(cache, object) == object);
		cr_assert(frozenref_cache_try_get(cache, object + size - 1) == object);
		cr_assert(frozenref_cache_try_get(cache, object + size / 2) == object);
		cr_assert(frozenref_cache_try_get(cache, object + size) != object);
		for (unsigned put = 0; put < 3; put++)
			cr_assert(!frozenref_cache_put(cache, objects[i]));
	}
	for (void *next = NULL; (next = frozenref_cache_next(cache, next));)
		cr_assert(frozenref_cache_put(cache, next) == false);
	/*
	 * Whatever the lookups behind an object found, each object has one reference left at least.
	 */
	for (unsigned i = 0; i < 40; i++) {
		frozenref_t *ref = (frozenref_t *)((char *)objects[i] + config.ref_offset);

		while (frozenref_count(ref) > 1)
			cr_assert(!frozenref_cache_put(cache, objects[i]));
		cr_assert(frozenref_cache_put(cache, objects[i]));
	}
	assert_destroys(cache);
}

Test(cache, lays_objects_out)
{
	static const size_t sizes[] = { 4,	7,	8,	9,	 12,
					16,	20,	24,	40,	 64,
					100,	200,	1000,	4095,	 4096,
					5000,	9000,	17000,	65536,	 70000,
					100000, 262144, 524289, 1 << 20, (1 << 20) - 5 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		check_layout(sizes[i], 0, 0);
		check_layout(sizes[i], 0, FROZENREF_CACHE_PADDED);
		check_layout(sizes[i], 64, FROZENREF_CACHE_PEEKABLE);
		check_layout(sizes[i], 4096, 0);
		check_layout(sizes[i], 128, FROZENREF_CACHE_DEBUG);
	}
}

/* ------------------------------------------------------------------------------- alloc and free */

Test(cache, objects_are_frozen_until_they_are_published)
{
	struct frozenref_cache *cache = make_default_cache();
	struct object *object = alloc_object(cache);

	cr_assert(!frozenref_cache_try_get(cache, object));
	frozenref_unfreeze(&object->ref, 2);
	cr_assert(frozenref_cache_try_get(cache, object) == object);
	cr_assert(frozenref_count(&object->ref) == 3);
	cr_assert(frozenref_cache_destroy(cache) == -EBUSY);
	cr_assert(!frozenref_cache_put(cache, object));
	cr_assert(!frozenref_cache_put(cache, object));
	cr_assert(released.times == 0);
	cr_assert(frozenref_cache_put(cache, object));
	cr_assert(released.times == 1 && released.object == object);
	cr_assert(!frozenref_cache_try_get(cache, object));
	assert_destroys(cache);
}

Test(cache, gives_back_what_was_not_published)
{
	struct frozenref_cache *cache = make_default_cache();
	struct object *object = alloc_object(cache);

	cr_assert(frozenref_cache_destroy(cache) == -EBUSY);
	frozenref_cache_free(cache, object);
	frozenref_cache_free(cache, NULL);
	cr_assert(released.times == 0);
	assert_destroys(cache);
}

Test(cache, holds_max_objects)
{
	struct frozenref_cache_config config = default_config();
	struct frozenref_cache *cache;
	static void *objects[5000];
	unsigned n = 0;

	config.max_objects = 3000;
	cache = make_cache(&config);
	cr_assert(stats_of(cache).objects_max == 3000);
	for (unsigned round = 0; round < 3; round++) {
		n = 0;
		while (n < 5000 && (objects[n] = frozenref_cache_alloc(cache)))
			n++;
		cr_assert(n == 3000, "%u objects", n);
		cr_assert(errno == ENOMEM);
		cr_assert(stats_of(cache).objects == 3000);
		while (n)
			frozenref_cache_free(cache, objects[--n]);
		cr_assert(stats_of(cache).objects == 0);
	}
	assert_destroys(cache);
}

Test(cache, allocates_each_object_once)
{
	struct frozenref_cache *cache = make_default_cache();
	enum { N = 20000 };
	static struct object *objects[N];

	for (unsigned i = 0; i < N; i++) {
		objects[i] = alloc_live(cache);
		objects[i]->key = i;
	}
	for (unsigned i = 0; i < N; i++)
		cr_assert(objects[i]->key == i);
	for (unsigned i = 0; i < N; i += 2)
		cr_assert(frozenref_cache_put(cache, objects[i]));
	for (unsigned i = 0; i < N; i += 2) {
		objects[i] = alloc_live(cache);
		objects[i]->key = i;
	}
	for (unsigned i = 0; i < N; i++) {
		cr_assert(objects[i]->key == i);
		cr_assert(frozenref_cache_put(cache, objects[i]));
	}
	assert_destroys(cache);
}

/* -------------------------------------------------------------------------------------- lookups */

Test(cache, answers_for_any_address)
{
	struct frozenref_cache *cache = make_default_cache();
	struct object *object = alloc_live(cache);
	uintptr_t slab_size = (uintptr_t)stats_of(cache).slab_size;
	char *slab = (char *)((uintptr_t)object & ~(slab_size - 1));
	uint64_t seed = 1;
	int here;

	cr_assert(!frozenref_cache_try_get(cache, NULL));
	cr_assert(!frozenref_cache_try_get(cache, &here));
	cr_assert(!frozenref_cache_try_get(cache, (void *)UINTPTR_MAX));
	cr_assert(!frozenref_cache_try_get(cache, slab - 1));
	cr_assert(!frozenref_cache_try_get(cache, slab + slab_size));
	for (unsigned i = 0; i < 100000; i++) {
		uintptr_t address;
		struct object *found;

		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		address = i % 2 ? (uintptr_t)slab + (seed >> 32) % 131072 : (uintptr_t)seed;
		found = frozenref_cache_try_get(cache, (void *)address);
		cr_assert((found == object) ==
			  (address - (uintptr_t)object < sizeof(struct object)));
		if (found)
			cr_assert(!frozenref_cache_put(cache, found));
	}
	cr_assert(frozenref_cache_put(cache, object));
	assert_destroys(cache);
}

Test(cache, handles_name_one_lifetime)
{
	struct frozenref_cache *cache = make_default_cache();
	struct object *object = alloc_live(cache);
	struct frozenref_handle none = { 0, 0 };
	struct frozenref_handle handle = frozenref_cache_handle(cache, object);
	struct frozenref_handle again = frozenref_cache_handle(cache, object);
	struct frozenref_handle next;

	cr_assert(handle.generation && handle.generation == again.generation &&
		  handle.pfn == again.pfn);
	cr_assert(frozenref_cache_try_get_handle(cache, handle) == object);
	cr_assert(!frozenref_cache_put(cache, object));
	cr_assert(!frozenref_cache_try_get_handle(cache, none));
	cr_assert(frozenref_cache_put(cache, object));
	cr_assert(!frozenref_cache_try_get_handle(cache, handle));
	cr_assert(alloc_live(cache) == object);
	cr_assert(!frozenref_cache_try_get_handle(cache, handle));
	next = frozenref_cache_handle(cache, object);
	cr_assert(next.generation != handle.generation);
	cr_assert(frozenref_cache_put(cache, object));
	cr_assert(frozenref_cache_trim(cache) > 0);
	object = alloc_live(cache);
	cr_assert(!frozenref_cache_try_get_handle(cache, handle));
	cr_assert(!frozenref_cache_try_get_handle(cache, next));
	next.pfn = UINT64_MAX;
	cr_assert(!frozenref_cache_try_get_handle(cache, next));
	cr_assert(frozenref_cache_put(cache, object));
	assert_destroys(cache);
}

Test(cache, peeks)
{
	struct frozenref_cache_config config = default_config();
	struct frozenref_cache *cache;
	struct object *object;
	struct object copy = { .key = 0 };
	char bytes[3];

	config.flags = FROZENREF_CACHE_PEEKABLE;
	cache = make_cache(&config);
	object = alloc_object(cache);
	object->key = 7;
	strcpy(object->payload, "peekable");
	cr_assert(!frozenref_cache_peek(cache, object, 0, &copy, sizeof(copy)));
	frozenref_unfreeze(&object->ref, 1);
	cr_assert(frozenref_cache_peek(cache, object, 0, &copy, sizeof(copy)));
	cr_assert(copy.key == 7 && strcmp(copy.payload, "peekable") == 0);
	cr_assert(frozenref_cache_peek(cache, object, offsetof(struct object, payload) + 4, bytes,
				       3));
	cr_assert(memcmp(bytes, "abl", 3) == 0);
	cr_assert(!frozenref_cache_peek(cache, object, sizeof(*object) - 2, bytes, 3));
	cr_assert(!frozenref_cache_peek(cache, object, SIZE_MAX, bytes, 3));
	cr_assert(!frozenref_cache_peek(cache, object, 3, bytes, SIZE_MAX));
	cr_assert(!frozenref_cache_peek(cache, (char *)object + 8, 0, bytes, 3));
	cr_assert(!frozenref_cache_peek(cache, NULL, 0, bytes, 3));
	cr_assert(!frozenref_cache_freeze(cache, object, 2));
	cr_assert(frozenref_cache_freeze(cache, object, 1));
	cr_assert(!frozenref_cache_peek(cache, object, 0, &copy, sizeof(copy)));
	frozenref_cache_unfreeze(cache, object, 1);
	cr_assert(frozenref_cache_peek(cache, object, 0, &copy, sizeof(copy)));
	cr_assert(frozenref_cache_put(cache, object));
	cr_assert(!frozenref_cache_peek(cache, object, 0, &copy, sizeof(copy)));
	assert_destroys(cache);
}

Test(cache, peeks_only_if_it_may)
{
	struct frozenref_cache *cache = make_default_cache();
	struct object *object = alloc_live(cache);
	char byte;

	cr_assert(!frozenref_cache_peek(cache, object, 0, &byte, 1));
	cr_assert(frozenref_cache_put(cache, object));
	assert_destroys(cache);
}

/* ---------------------------------------------------------------------------------------- walks */

static unsigned visits[2];

static void count_visit(void *object, enum frozenref_state state, void *arg)
{
	cr_assert(object && arg == visits);
	cr_assert(state == FROZENREF_LIVE || state == FROZENREF_FROZEN);
	visits[state == FROZENREF_FROZEN]++;
}

Test(cache, walks_see_each_object_once)
{
	struct frozenref_cache *cache = make_default_cache();
	enum { N = 3000 };
	static struct object *objects[N];
	struct object *object = NULL;
	unsigned live = 0;

	cr_assert(!frozenref_cache_next(cache, NULL));
	for (unsigned i = 0; i < N; i++) {
		objects[i] = alloc_object(cache);
		objects[i]->key = 0;
		if (i % 3)
			frozenref_unfreeze(&objects[i]->ref, 1);
	}
	while ((object = frozenref_cache_next(cache, object))) {
		cr_assert(object->key++ == 0);
		cr_assert(!frozenref_cache_put(cache, object));
		live++;
	}
	cr_assert(live == 2 * N / 3, "%u live", live);
	frozenref_cache_for_each(cache, count_visit, visits);
	cr_assert(visits[0] == 2 * N / 3 && visits[1] == N / 3);
	for (unsigned i = 0; i < N; i++) {
		if (i % 3)
			cr_assert(frozenref_cache_put(cache, objects[i]));
		else
			frozenref_cache_free(cache, objects[i]);
	}
	frozenref_cache_for_each(cache, count_visit, visits);
	cr_assert(visits[0] == 2 * N / 3 && visits[1] == N / 3);
	assert_destroys(cache);
}

/* --------------------------------------------------------------------------------------- misuse */

Test(cache, reports_bad_frees)
{
	struct frozenref_cache *cache = make_default_cache();
	struct object *object = alloc_live(cache);
	int foreign = 0;

	frozenref_cache_free(cache, object);
	cr_assert(misuse.times == 1 && misuse.kind == FROZENREF_MISUSE_FREE_LIVE);
	cr_assert(misuse.ref == &object->ref);
	misuse.times = 0;
	frozenref_cache_free(cache, &foreign);
	cr_assert(misuse.times == 1 && misuse.kind == FROZENREF_MISUSE_FREE_FOREIGN);
	misuse.times = 0;
	frozenref_cache_free(cache, &object->stable);
	cr_assert(misuse.times == 1 && misuse.kind == FROZENREF_MISUSE_FREE_FOREIGN);
	misuse.times = 0;
	cr_assert(*frozenref_misuse_subject() == '\0');
	cr_assert(frozenref_cache_put(cache, object));
	assert_destroys(cache);
}
