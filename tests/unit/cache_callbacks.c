/* SPDX-License-Identifier: MIT */
/*
 * When constructors, destructors and release() of a cache are run, and what they may do: use the
 * cache that called them.
 *
 * Run by `make check` twice, like cache.c.
 */
#include "cache_fixture.h"

/* Objects of a cache, as far as a test has to know them all. */
static struct {
	struct frozenref_cache *cache;
	unsigned constructed;
	unsigned destructed;
	unsigned fail_at; /* the constructor's call that fails; 0: none */
} seen;

static void forget_all(void)
{
	memset(&seen, 0, sizeof(seen));
}

/* An object is constructed out of zeros, and only once. */
static int construct(void *object, void *arg)
{
	struct object *made = object;

	cr_assert(arg == &seen);
	if (seen.fail_at && --seen.fail_at == 0)
		return -1;
	cr_assert(made->constructed == 0, "constructed twice");
	made->constructed = 1;
	strcpy(made->payload, "made");
	seen.constructed++;
	return 0;
}

static void destruct(void *object, void *arg)
{
	struct object *made = object;

	cr_assert(arg == &seen);
	cr_assert(made->constructed == 1, "never constructed, or destructed twice");
	cr_assert(strcmp(made->payload, "made") == 0);
	made->constructed = 0;
	seen.destructed++;
}

static struct frozenref_cache *make_constructing(unsigned flags)
{
	struct frozenref_cache_config config = default_config();

	forget_all();
	config.flags = flags;
	config.ctor = construct;
	config.dtor = destruct;
	config.arg = &seen;
	return make_cache(&config);
}

/* ----------------------------------------------------------------------------------- life times */

/* One construction serves for many lifetimes; a trim destructs, and what comes then is new. */
static void check_lives(unsigned flags)
{
	struct frozenref_cache *cache = make_constructing(flags);
	unsigned per_slab;

	cr_assert(seen.constructed == 0);
	for (unsigned round = 0; round < 3; round++) {
		struct object *object = alloc_live(cache);

		cr_assert(object->constructed == 1 && strcmp(object->payload, "made") == 0);
		cr_assert(frozenref_cache_put(cache, object));
	}
	per_slab = seen.constructed;
	cr_assert(per_slab > 0 && seen.destructed == 0);
	for (unsigned round = 2; round < 5; round++) {
		struct object *object;

		cr_assert(frozenref_cache_trim(cache) > 0);
		cr_assert(seen.destructed == (round - 1) * per_slab);
		object = alloc_live(cache);
		cr_assert(object->constructed == 1);
		cr_assert(seen.constructed == round * per_slab);
		cr_assert(frozenref_cache_trim(cache) == 0, "an object is in use");
		cr_assert(frozenref_cache_put(cache, object));
	}
	assert_destroys(cache);
	cr_assert(seen.destructed == seen.constructed);
}

Test(cache_callbacks, constructors_run_once_for_many_lifetimes)
{
	check_lives(0);
	check_lives(FROZENREF_CACHE_PEEKABLE);
	check_lives(FROZENREF_CACHE_DEBUG);
}

/* Each constructor of a slab fails in its turn: those before it are undone, and nothing is lost. */
Test(cache_callbacks, a_failing_constructor_undoes_its_slab)
{
	struct frozenref_cache *cache = make_constructing(0);
	struct object *object = alloc_object(cache);
	unsigned per_slab = seen.constructed;

	frozenref_cache_free(cache, object);
	cr_assert(frozenref_cache_trim(cache) > 0);
	for (unsigned call = 1; call <= per_slab; call++) {
		unsigned constructed = seen.constructed;
		unsigned destructed = seen.destructed;

		seen.fail_at = call;
		errno = 0;
		cr_assert(!frozenref_cache_alloc(cache));
		cr_assert(errno == ENOMEM);
		cr_assert(seen.constructed - constructed == call - 1);
		cr_assert(seen.destructed - destructed == call - 1);
		cr_assert(stats_of(cache).slabs == 0 && stats_of(cache).objects == 0);
		cr_assert(!frozenref_cache_next(cache, NULL));
	}
	/* The same slab, at the second try. */
	cr_assert(alloc_object(cache) == object);
	cr_assert(object->constructed == 1);
	frozenref_cache_free(cache, object);
	assert_destroys(cache);
	cr_assert(seen.destructed == seen.constructed);
}

/* ----------------------------------------------------------------------------------- reentrance */

enum { STASHED = 300 };

/* Objects that callbacks allocate and free; a free one has key 0, and no two have the same. */
static struct {
	struct frozenref_cache *cache;
	struct object *objects[STASHED];
	unsigned n;
	unsigned depth;
	unsigned wanted;
	uint64_t random;
	uint64_t key;
} stash;

static uint64_t next_random(void)
{
	stash.random = stash.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return stash.random >> 33;
}

static struct object *take_key(struct frozenref_cache *cache)
{
	struct object *object = alloc_object(cache);

	cr_assert(object->key == 0, "an object with two owners");
	object->key = ++stash.key;
	return object;
}

static void drop_key(struct frozenref_cache *cache, struct object *object)
{
	cr_assert(object->key != 0);
	object->key = 0;
	frozenref_cache_free(cache, object);
}

/* A step towards as many stashed objects as are wanted just now; now and then a trim. */
static void move_stash(void)
{
	if (stash.n < stash.wanted)
		stash.objects[stash.n++] = take_key(stash.cache);
	else if (stash.n > stash.wanted)
		drop_key(stash.cache, stash.objects[--stash.n]);
	else
		stash.wanted = (unsigned)(next_random() % STASHED);
	if (next_random() % 512 == 0)
		(void)frozenref_cache_trim(stash.cache);
}

/* Within a callback that move_stash() causes nothing more is done, or it would never end. */
static void use_cache(void)
{
	if (stash.depth++ == 0 && stash.cache) {
		for (uint64_t n = next_random() % 4; n; n--)
			move_stash();
	}
	stash.depth--;
}

static int use_at_construction(void *object, void *arg)
{
	(void)arg;
	((struct object *)object)->key = 0;
	use_cache();
	return 0;
}

static void use_at_destruction(void *object, void *arg)
{
	(void)arg;
	cr_assert(((struct object *)object)->key == 0);
	/* At destroy no other call may be under way. */
	use_cache();
}

static void use_at_release(void *object, void *arg)
{
	(void)arg;
	((struct object *)object)->key = 0;
	use_cache();
	(void)frozenref_cache_trim(stash.cache);
}

/* Takes n objects, and drops them again in one way or the other. */
static void take_and_drop(unsigned n)
{
	static struct object *objects[3000];

	for (unsigned i = 0; i < n; i++)
		objects[i] = take_key(stash.cache);
	for (unsigned i = 0; i < n; i++) {
		/* A trim in each release() would take its time. */
		if (next_random() % 64) {
			drop_key(stash.cache, objects[i]);
			continue;
		}
		frozenref_unfreeze(&objects[i]->ref, 1);
		cr_assert(frozenref_cache_put(stash.cache, objects[i]));
	}
	(void)frozenref_cache_trim(stash.cache);
}

/* Of large objects a slab has so few that magazines often grow and slabs are populated at once. */
static void check_reentrance(size_t object_size, unsigned rounds, unsigned seed)
{
	struct frozenref_cache_config config = default_config();
	struct frozenref_cache *cache;

	memset(&stash, 0, sizeof(stash));
	stash.random = seed;
	config.object_size = object_size;
	config.ctor = use_at_construction;
	config.dtor = use_at_destruction;
	config.release = use_at_release;
	cache = stash.cache = make_cache(&config);
	for (unsigned round = 0; round < rounds; round++)
		take_and_drop(1 + (unsigned)(next_random() % 3000));
	while (stash.n)
		drop_key(cache, stash.objects[--stash.n]);
	cr_assert(stats_of(cache).objects == 0);
	stash.cache = NULL;
	assert_destroys(cache);
}

Test(cache_callbacks, callbacks_may_use_the_cache)
{
	check_reentrance(sizeof(struct object), 8, 1);
	for (unsigned seed = 1; seed <= 20; seed++)
		check_reentrance(2048, 1, seed);
}

/* ---------------------------------------------------------------------------------------- errno */

/* As after free(3): whoever gives up because of an error may put what it has before it reports. */
Test(cache_callbacks, puts_leave_errno_alone)
{
	struct frozenref_cache *cache = make_constructing(0);
	static struct object *objects[2000];

	for (unsigned i = 0; i < 2000; i++)
		objects[i] = alloc_live(cache);
	errno = 4711;
	for (unsigned i = 0; i < 2000; i++)
		cr_assert(frozenref_cache_put(cache, objects[i]));
	cr_assert(errno == 4711);
	assert_destroys(cache);
}
