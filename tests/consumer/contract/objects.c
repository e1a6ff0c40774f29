/* SPDX-License-Identifier: MIT */
/*
 * A foreign program that holds caches and indexes to their interface: each function on free, frozen
 * and live objects, on addresses of every kind, and configurations that make no sense.
 *
 * Run by tests/consumer/test-contract.sh, as C and as C++.
 */
#include "check.h"

struct thing {
	frozenref_t ref;
	uint32_t key;
	struct frozenref_index_node node;
	char text[20];
};

static unsigned constructed;
static unsigned destructed;
static unsigned released;

static struct thing *thing_of(void *object)
{
#ifdef __cplusplus
	return static_cast<struct thing *>(object);
#else
	return object;
#endif
}

static int construct(void *object, void *arg)
{
	CHECK(arg == &constructed);
	memcpy(thing_of(object)->text, "constructed", 12);
	constructed++;
	return 0;
}

static void destruct(void *object, void *arg)
{
	CHECK(arg == &constructed && object);
	destructed++;
}

static void release(void *object, void *arg)
{
	CHECK(arg == &constructed && frozenref_is_frozen(&thing_of(object)->ref));
	released++;
}

static bool is_thing(const void *object, const void *key, void *arg)
{
	struct thing thing;

	CHECK(arg == &released);
	memcpy(&thing, object, sizeof(thing));
	return memcmp(&thing.key, key, sizeof(thing.key)) == 0;
}

static struct frozenref_cache_config cache_config(void)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;

	config.name = "things";
	config.object_size = sizeof(struct thing);
	config.ref_offset = offsetof(struct thing, ref);
	config.stable_offset = offsetof(struct thing, node);
	config.stable_size = sizeof(struct frozenref_index_node);
	config.ctor = construct;
	config.dtor = destruct;
	config.release = release;
	config.arg = &constructed;
	return config;
}

/* --------------------------------------------------------------------------------------- caches */

static void visit(void *object, enum frozenref_state state, void *arg)
{
	unsigned counts[2];

	CHECK(object && (state == FROZENREF_LIVE || state == FROZENREF_FROZEN));
	memcpy(counts, arg, sizeof(counts));
	counts[state == FROZENREF_LIVE]++;
	memcpy(arg, counts, sizeof(counts));
}

static void check_addresses(struct frozenref_cache *cache, struct thing *thing)
{
	const char *first = &thing->text[0] - offsetof(struct thing, text);
	const struct thing *outside = NULL;

	for (size_t i = 0; i < sizeof(*thing); i++) {
		CHECK(frozenref_cache_try_get(cache, first + i) == thing);
		CHECK(!frozenref_cache_put(cache, thing));
	}
	CHECK(!frozenref_cache_try_get(cache, NULL) && !frozenref_cache_try_get(cache, &outside));
}

static void check_one(struct frozenref_cache *cache, bool peekable)
{
	struct thing *thing = thing_of(frozenref_cache_alloc(cache));
	struct frozenref_handle nothing = { 0, 0 };
	struct frozenref_handle handle;
	char text[20] = "";

	CHECK(thing && frozenref_is_frozen(&thing->ref) && !strcmp(thing->text, "constructed"));
	CHECK(!frozenref_cache_try_get(cache, thing) && !frozenref_cache_next(cache, NULL));
	CHECK(frozenref_cache_destroy(cache) == -EBUSY);
	frozenref_cache_unfreeze(cache, thing, 1);
	check_addresses(cache, thing);
	handle = frozenref_cache_handle(cache, thing);
	CHECK(handle.generation && frozenref_cache_try_get_handle(cache, handle) == thing);
	CHECK(!frozenref_cache_try_get_handle(cache, nothing));
	CHECK(!frozenref_cache_freeze(cache, thing, 1) && frozenref_cache_freeze(cache, thing, 2));
	CHECK(!frozenref_cache_try_get_handle(cache, handle));
	frozenref_cache_unfreeze(cache, thing, 1);
	CHECK(frozenref_cache_next(cache, NULL) == thing && !frozenref_cache_next(cache, thing));
	CHECK(!frozenref_cache_put(cache, thing));
	CHECK(frozenref_cache_peek(cache, thing, offsetof(struct thing, text), text, 12) ==
	      peekable);
	CHECK(!strcmp(text, peekable ? "constructed" : ""));
	CHECK(!frozenref_cache_peek(cache, thing, sizeof(*thing), text, 1));
	released = 0;
	CHECK(frozenref_cache_put(cache, thing) && released == 1);
	CHECK(!frozenref_cache_try_get(cache, thing));
	CHECK(!frozenref_cache_try_get_handle(cache, handle));
	CHECK(frozenref_cache_trim(cache) > 0 && constructed == destructed);
	CHECK(!frozenref_cache_try_get(cache, thing));
	CHECK(!frozenref_cache_try_get_handle(cache, handle));
}

static void check_many(struct frozenref_cache *cache)
{
	struct frozenref_cache_stats stats = FROZENREF_CACHE_STATS_INIT;
	struct thing *things[100];
	unsigned counts[2] = { 0, 0 };
	unsigned walked = 0;

	for (unsigned i = 0; i < 100; i++) {
		things[i] = thing_of(frozenref_cache_alloc(cache));
		CHECK(things[i]);
		if (i % 2)
			frozenref_cache_unfreeze(cache, things[i], 1);
	}
	for (void *next = NULL; (next = frozenref_cache_next(cache, next)); walked++)
		CHECK(!frozenref_cache_put(cache, next));
	frozenref_cache_for_each(cache, visit, counts);
	CHECK(walked == 50 && counts[0] == 50 && counts[1] == 50);
	for (unsigned i = 0; i < 100; i++) {
		if (i % 2)
			CHECK(frozenref_cache_put(cache, things[i]));
		else
			frozenref_cache_free(cache, things[i]);
	}
	frozenref_cache_free(cache, NULL);
	frozenref_cache_stats(cache, &stats);
	CHECK(stats.size == sizeof(stats));
}

static void check_misuses(struct frozenref_cache *cache)
{
	struct misuse misuse = { FROZENREF_MISUSE_PUT_FROZEN, NULL, 0, 0 };
	struct thing *thing = thing_of(frozenref_cache_alloc(cache));

	CHECK(thing);
	(void)frozenref_set_misuse_handler(note_misuse, &misuse, NULL);
	CHECK_MISUSE(&misuse, FROZENREF_MISUSE_PUT_FROZEN,
		     CHECK(!frozenref_cache_put(cache, thing)));
	CHECK(misuse.ref == &thing->ref);
	CHECK_MISUSE(&misuse, FROZENREF_MISUSE_BAD_COUNT,
		     frozenref_cache_unfreeze(cache, thing, 0));
	CHECK_MISUSE(&misuse, FROZENREF_MISUSE_BAD_COUNT,
		     CHECK(!frozenref_cache_freeze(cache, thing, 0)));
	(void)frozenref_set_misuse_handler(NULL, NULL, NULL);
	frozenref_cache_free(cache, thing);
}

static void check_cache(unsigned flags)
{
	struct frozenref_cache_config config = cache_config();
	struct frozenref_cache *cache;

	config.flags = flags;
	CHECK(frozenref_cache_create(&cache, &config) == 0);
	check_one(cache, flags & FROZENREF_CACHE_PEEKABLE);
	check_many(cache);
	check_misuses(cache);
	CHECK(frozenref_cache_destroy(cache) == 0 && constructed == destructed);
}

/* The least objects, as few as are asked for. */
static void check_limits(void)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;
	struct frozenref_cache *cache;
	void *objects[3];

	config.object_size = sizeof(frozenref_t);
	config.max_objects = 3;
	CHECK(frozenref_cache_create(&cache, &config) == 0);
	for (unsigned i = 0; i < 3; i++) {
		objects[i] = frozenref_cache_alloc(cache);
		CHECK(objects[i]);
	}
	errno = 0;
	CHECK(!frozenref_cache_alloc(cache) && errno == ENOMEM);
	for (unsigned i = 0; i < 3; i++)
		frozenref_cache_free(cache, objects[i]);
	CHECK(frozenref_cache_destroy(cache) == 0);
}

static void check_cache_refused(struct frozenref_cache_config config)
{
	struct frozenref_cache *cache = NULL;

	CHECK(frozenref_cache_create(&cache, &config) == -EINVAL && !cache);
}

#define CHECK_CACHE_REFUSED(member, value)                \
 do {                                                     \
  struct frozenref_cache_config changed = cache_config(); \
  changed.member = value;                                 \
  check_cache_refused(changed);                           \
 } while (0)

static void check_cache_configs(void)
{
	const struct frozenref_cache_config config = cache_config();

	CHECK(frozenref_cache_create(NULL, &config) == -EINVAL);
	CHECK(frozenref_cache_destroy(NULL) == -EINVAL);
	CHECK_CACHE_REFUSED(size, 0);
	CHECK_CACHE_REFUSED(size, UINT32_MAX);
	CHECK_CACHE_REFUSED(flags, 1u << 31);
	CHECK_CACHE_REFUSED(object_size, 0);
	CHECK_CACHE_REFUSED(object_size, SIZE_MAX);
	CHECK_CACHE_REFUSED(align, 3);
	CHECK_CACHE_REFUSED(ref_offset, 2);
	CHECK_CACHE_REFUSED(ref_offset, sizeof(struct thing));
	CHECK_CACHE_REFUSED(ref_offset, SIZE_MAX - 3);
	CHECK_CACHE_REFUSED(stable_offset, SIZE_MAX);
	CHECK_CACHE_REFUSED(stable_size, sizeof(struct thing));
}

/* -------------------------------------------------------------------------------------- indexes */

/* Keys share hashes, as they may. */
static uint64_t hash_of(uint32_t key)
{
	return key % 2 ? UINT64_MAX : key * UINT64_C(0x9e3779b97f4a7c15);
}

static struct thing *make_thing(struct frozenref_cache *cache, uint32_t key)
{
	struct thing *thing = thing_of(frozenref_cache_alloc(cache));

	CHECK(thing);
	thing->key = key;
	frozenref_unfreeze(&thing->ref, 1);
	return thing;
}

static void check_key(struct frozenref_cache *cache, struct frozenref_index *index, uint32_t key)
{
	struct thing *thing = make_thing(cache, key);
	struct thing *other = make_thing(cache, key);
	uint64_t hash = hash_of(key);

	CHECK(!frozenref_index_try_get(index, hash, &key));
	CHECK(frozenref_index_erase(index, thing) == -ENOENT);
	CHECK(!frozenref_index_erase_if_unused(index, thing));
	CHECK(frozenref_index_insert(index, hash, &key, thing) == 0);
	CHECK(frozenref_count(&thing->ref) == 2);
	CHECK(frozenref_index_insert(index, hash, &key, other) == -EEXIST);
	CHECK(frozenref_index_get_or_insert(index, hash, &key, other) == thing);
	CHECK(frozenref_count(&thing->ref) == 3 && frozenref_count(&other->ref) == 1);
	CHECK(frozenref_cache_put(cache, other) && !frozenref_cache_put(cache, thing));
	CHECK(frozenref_index_try_get(index, hash, &key) == thing);
	CHECK(!frozenref_cache_put(cache, thing));
	CHECK(!frozenref_index_erase_if_unused(index, thing));
	CHECK(frozenref_index_destroy(index) == -EBUSY);
	CHECK(frozenref_index_erase(index, thing) == 0 && frozenref_count(&thing->ref) == 1);
	CHECK(frozenref_index_erase(index, thing) == -ENOENT);
	CHECK(frozenref_index_get_or_insert(index, hash, &key, thing) == thing);
	CHECK(!frozenref_cache_put(cache, thing) && !frozenref_cache_put(cache, thing));
	released = 0;
	CHECK(frozenref_index_erase_if_unused(index, thing) && released == 1);
	CHECK(!frozenref_index_try_get(index, hash, &key));
}

static void check_walk(struct frozenref_cache *cache, struct frozenref_index *index)
{
	struct frozenref_index_stats stats = FROZENREF_INDEX_STATS_INIT;
	unsigned char seen[200] = { 0 };
	struct thing *thing;
	uint64_t cursor = 0;

	for (uint32_t key = 0; key < 200; key++) {
		thing = make_thing(cache, key);
		CHECK(frozenref_index_insert(index, hash_of(key), &key, thing) == 0);
		CHECK(!frozenref_cache_put(cache, thing));
	}
	while ((thing = thing_of(frozenref_index_next(index, &cursor)))) {
		CHECK(seen[thing->key]++ == 0);
		CHECK(frozenref_index_erase(index, thing) == 0);
		CHECK(frozenref_cache_put(cache, thing));
	}
	CHECK(!memchr(seen, 0, sizeof(seen)) && !frozenref_index_next(index, &cursor));
	frozenref_index_stats(index, &stats);
	CHECK(stats.size == sizeof(stats));
}

static void check_index_refused(struct frozenref_index_config config)
{
	struct frozenref_index *index = NULL;

	CHECK(frozenref_index_create(&index, &config) == -EINVAL && !index);
}

#define CHECK_INDEX_REFUSED(config, member, value) \
 do {                                              \
  struct frozenref_index_config changed = config;  \
  changed.member = value;                          \
  check_index_refused(changed);                    \
 } while (0)

static void check_index(void)
{
	const struct frozenref_cache_config things = cache_config();
	struct frozenref_index_config config = FROZENREF_INDEX_CONFIG_INIT;
	struct frozenref_cache *cache;
	struct frozenref_index *index = NULL;

	CHECK(frozenref_cache_create(&cache, &things) == 0);
	config.cache = cache;
	config.node_offset = offsetof(struct thing, node);
	config.equal = is_thing;
	config.arg = &released;
	CHECK(frozenref_index_create(NULL, &config) == -EINVAL);
	CHECK(frozenref_index_create(&index, NULL) == -EINVAL && !index);
	CHECK(frozenref_index_destroy(NULL) == -EINVAL);
	CHECK_INDEX_REFUSED(config, size, 0);
	CHECK_INDEX_REFUSED(config, size, UINT32_MAX);
	CHECK_INDEX_REFUSED(config, cache, NULL);
	CHECK_INDEX_REFUSED(config, equal, NULL);
	CHECK_INDEX_REFUSED(config, flags, 1u << 31);
	CHECK_INDEX_REFUSED(config, node_offset, 0);
	CHECK_INDEX_REFUSED(config, node_offset, SIZE_MAX - 7);
	CHECK(frozenref_index_create(&index, &config) == 0);
	check_key(cache, index, 1);
	check_key(cache, index, 2);
	check_walk(cache, index);
	CHECK(frozenref_index_destroy(index) == 0 && frozenref_cache_destroy(cache) == 0);
}

int main(void)
{
	check_cache(0);
	check_cache(FROZENREF_CACHE_PADDED);
	check_cache(FROZENREF_CACHE_PEEKABLE);
	check_cache(FROZENREF_CACHE_DEBUG | FROZENREF_CACHE_PADDED | FROZENREF_CACHE_PEEKABLE);
	check_limits();
	check_cache_configs();
	check_index();
	puts("objects");
	return 0;
}
