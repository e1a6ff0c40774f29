/* SPDX-License-Identifier: MIT */
/*
 * What the debugging checks of a cache find, and what their reports say.
 *
 * Run by `make check` twice, like cache.c. Writes to memory that is not the writer's are left out
 * where a sanitizer or Valgrind would find them first; tests/tools has those.
 */
#include <signal.h>
#include <stdio.h>

#include "cache_fixture.h"
#include "child.h"
#include "process.h"

/* The last report, as the handler saw it. */
static struct {
	unsigned times;
	enum frozenref_misuse kind;
	const frozenref_t *ref;
	char subject[200];
} heard;

static void hear(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word, void *arg)
{
	cr_assert(arg == &heard);
	(void)word;
	heard.times++;
	heard.kind = kind;
	heard.ref = ref;
	snprintf(heard.subject, sizeof(heard.subject), "%s", frozenref_misuse_subject());
}

/* One report since the last look; it names the cache and the object. */
#define assert_heard(expected, cache_name, object)                                            \
 do {                                                                                         \
  char address[40];                                                                           \
                                                                                              \
  snprintf(address, sizeof(address), "%#zx", (size_t)(uintptr_t)(object));                    \
  cr_assert(heard.times == 1, "%u reports", heard.times);                                     \
  cr_assert(heard.kind == (expected), "kind %d", (int)heard.kind);                            \
  cr_assert(strstr(heard.subject, cache_name) != NULL, "no name in '%s'", heard.subject);     \
  cr_assert(strstr(heard.subject, address) != NULL, "no %s in '%s'", address, heard.subject); \
  cr_assert(*frozenref_misuse_subject() == '\0', "a subject after the report");               \
  heard.times = 0;                                                                            \
 } while (0)

static struct frozenref_cache_config debug_config(const char *name)
{
	struct frozenref_cache_config config = default_config();

	config.flags = FROZENREF_CACHE_DEBUG;
	config.name = name;
	config.stable_offset = offsetof(struct object, stable);
	config.stable_size = sizeof(uint64_t);
	(void)frozenref_set_misuse_handler(hear, &heard, NULL);
	return config;
}

static struct frozenref_cache *make_debug_cache(const char *name)
{
	struct frozenref_cache_config config = debug_config(name);

	return make_cache(&config);
}

static void assert_quiet_end(struct frozenref_cache *cache)
{
	cr_assert(frozenref_cache_destroy(cache) == 0);
	cr_assert(heard.times == 0, "kind %d", (int)heard.kind);
}

/* ---------------------------------------------------------------------------------------- frees */

Test(cache_debug, finds_what_is_freed_twice)
{
	struct frozenref_cache *cache = make_debug_cache("twice");
	struct object *object = alloc_object(cache);
	struct object *others[100];

	frozenref_cache_free(cache, object);
	frozenref_cache_free(cache, object);
	assert_heard(FROZENREF_MISUSE_FREE_TWICE, "twice", object);
	cr_assert(heard.ref == &object->ref);
	/* As after a put: the last one freed it. */
	object = alloc_live(cache);
	cr_assert(frozenref_cache_put(cache, object));
	frozenref_cache_free(cache, object);
	assert_heard(FROZENREF_MISUSE_FREE_TWICE, "twice", object);
	/* It is not in the cache twice. */
	for (unsigned i = 0; i < 100; i++) {
		others[i] = alloc_object(cache);
		others[i]->key = i;
	}
	for (unsigned i = 0; i < 100; i++) {
		cr_assert(others[i]->key == i);
		frozenref_cache_free(cache, others[i]);
	}
	/* Nor is one that was purged. */
	cr_assert(frozenref_cache_trim(cache) > 0);
	frozenref_cache_free(cache, object);
	assert_heard(FROZENREF_MISUSE_FREE_TWICE, "twice", object);
	assert_quiet_end(cache);
}

Test(cache_debug, finds_what_was_never_allocated)
{
	struct frozenref_cache *cache = make_debug_cache("never");
	struct object *object = alloc_object(cache);
	size_t stride = (size_t)((uintptr_t)alloc_object(cache) - (uintptr_t)object);
	struct object *beyond = (struct object *)((uintptr_t)object + 100 * stride);

	frozenref_cache_free(cache, beyond);
	assert_heard(FROZENREF_MISUSE_FREE_TWICE, "never", beyond);
	frozenref_cache_free(cache, object);
	frozenref_cache_free(cache, (void *)((uintptr_t)object + stride));
	assert_quiet_end(cache);
}

Test(cache_debug, finds_frees_of_live_objects)
{
	struct frozenref_cache *cache = make_debug_cache("live");
	struct object *object = alloc_live(cache);

	frozenref_cache_free(cache, object);
	assert_heard(FROZENREF_MISUSE_FREE_LIVE, "live", object);
	cr_assert(heard.ref == &object->ref);
	/* Nothing has happened to it. */
	cr_assert(frozenref_cache_try_get(cache, object) == object);
	cr_assert(!frozenref_cache_put(cache, object));
	cr_assert(frozenref_cache_put(cache, object));
	assert_quiet_end(cache);
}

Test(cache_debug, finds_what_is_not_the_caches)
{
	struct frozenref_cache *cache = make_debug_cache("mine");
	struct frozenref_cache *other = make_debug_cache("other");
	struct object *object = alloc_object(cache);
	char *interior = object->payload;
	int local = 0;

	frozenref_cache_free(other, object);
	assert_heard(FROZENREF_MISUSE_FREE_FOREIGN, "other", object);
	frozenref_cache_free(cache, interior);
	assert_heard(FROZENREF_MISUSE_FREE_FOREIGN, "mine", interior);
	frozenref_cache_free(cache, &local);
	assert_heard(FROZENREF_MISUSE_FREE_FOREIGN, "mine", &local);
	frozenref_cache_free(cache, object + 1);
	assert_heard(FROZENREF_MISUSE_FREE_FOREIGN, "mine", object + 1);
	frozenref_cache_free(cache, object);
	assert_quiet_end(cache);
	assert_quiet_end(other);
}

/* --------------------------------------------------------------------------------------- writes */

static int construct(void *object, void *arg)
{
	(void)arg;
	strcpy(((struct object *)object)->payload, "made");
	return 0;
}

/* A write to a byte of a free object is found when the object is allocated again, and only then. */
static void check_write_to_free(struct frozenref_cache_config config, size_t offset, bool found)
{
	struct frozenref_cache *cache = make_cache(&config);
	struct object *object = alloc_object(cache);

	frozenref_cache_free(cache, object);
	((char *)object)[offset] ^= 1;
	cr_assert(heard.times == 0);
	cr_assert(alloc_object(cache) == object);
	if (found)
		assert_heard(FROZENREF_MISUSE_WRITE_FREE, "written", object);
	cr_assert(heard.times == 0, "a report for byte %zu", offset);
	/* What is written by its owner is its owner's business. */
	object->key++;
	frozenref_cache_free(cache, object);
	cr_assert(alloc_object(cache) == object);
	cr_assert(heard.times == 0);
	frozenref_cache_free(cache, object);
	assert_quiet_end(cache);
}

Test(cache_debug, finds_writes_to_free_objects)
{
	struct frozenref_cache_config config = debug_config("written");

	if (is_instrumented())
		cr_skip_test("the tool finds these writes itself");
	for (unsigned variant = 0; variant < 3; variant++) {
		config.ctor = variant == 1 ? construct : NULL;
		config.flags =
			FROZENREF_CACHE_DEBUG | (variant == 2 ? FROZENREF_CACHE_PEEKABLE : 0u);
		check_write_to_free(config, 0, true);
		check_write_to_free(config, sizeof(uint64_t) - 1, true);
		check_write_to_free(config, offsetof(struct object, payload), true);
		check_write_to_free(config, sizeof(struct object) - 1, true);
		check_write_to_free(config, offsetof(struct object, stable), false);
		check_write_to_free(config, offsetof(struct object, stable) + 7, false);
	}
}

/* Lookups add to the counters of free objects: that is as it should be. */
Test(cache_debug, leaves_counters_of_free_objects_alone)
{
	struct frozenref_cache *cache = make_debug_cache("residue");
	struct object *object = alloc_live(cache);

	cr_assert(frozenref_cache_put(cache, object));
	for (unsigned i = 0; i < 1000; i++)
		cr_assert(!frozenref_cache_try_get(cache, object));
	cr_assert(alloc_live(cache) == object);
	cr_assert(frozenref_count(&object->ref) == 1);
	cr_assert(frozenref_cache_put(cache, object));
	assert_quiet_end(cache);
}

Test(cache_debug, finds_writes_behind_an_object)
{
	if (is_instrumented())
		cr_skip_test("the tool finds these writes itself");
	for (size_t size = sizeof(struct object); size <= sizeof(struct object) + 17; size++) {
		struct frozenref_cache_config config = debug_config("beyond");
		struct frozenref_cache *cache;
		struct object *object;

		config.object_size = size;
		cache = make_cache(&config);
		for (size_t behind = 0; behind < 16; behind++) {
			object = alloc_object(cache);
			((char *)object)[size + behind] ^= 1;
			frozenref_cache_free(cache, object);
			assert_heard(FROZENREF_MISUSE_WRITE_BEYOND, "beyond", object);
		}
		/* Its last byte is its own. */
		object = alloc_object(cache);
		((char *)object)[size - 1] ^= 1;
		frozenref_cache_free(cache, object);
		assert_quiet_end(cache);
	}
}

/* --------------------------------------------------------------------- environment and default */

/* Without checks nobody notices, and what was written to a free object is still there. */
Test(cache_debug, the_environment_sets_it_for_all)
{
	static const struct {
		const char *value;
		bool checks;
	} tried[] = { { "1", true }, { "yes", true }, { "0", false }, { "", false } };

	if (is_instrumented())
		cr_skip_test("the tool finds these writes itself");
	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		struct frozenref_cache_config config = debug_config("written");

		config.flags = 0;
		cr_assert(setenv("FROZENREF_CACHE_DEBUG", tried[i].value, 1) == 0);
		check_write_to_free(config, 0, tried[i].checks);
	}
}

struct freed {
	struct frozenref_cache *cache;
	struct object *object;
};

static void free_twice(void *arg)
{
	const struct freed *freed = arg;

	(void)frozenref_set_misuse_handler(NULL, NULL, NULL);
	(void)signal(SIGABRT, SIG_DFL);
	frozenref_cache_free(freed->cache, freed->object);
	frozenref_cache_free(freed->cache, freed->object);
}

Test(cache_debug, the_default_handler_says_it_and_aborts)
{
	struct frozenref_cache *cache = make_debug_cache("a cache of things");
	struct freed freed = { cache, alloc_object(cache) };
	struct outcome outcome = listen_to_child(free_twice, &freed);
	const char *said = outcome.text;
	const char *end = strchr(said, '\n');
	char address[40];

	snprintf(address, sizeof(address), "%#zx", (size_t)(uintptr_t)freed.object);
	cr_assert(WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == SIGABRT,
		  "status %#x, said '%s'", (unsigned)outcome.status, said);
	cr_assert(strncmp(said, "frozenref: ", 11) == 0, "'%s'", said);
	cr_assert(strstr(said, "FREE_TWICE") != NULL, "'%s'", said);
	cr_assert(strstr(said, "a cache of things") != NULL, "'%s'", said);
	cr_assert(strstr(said, address) != NULL, "no %s in '%s'", address, said);
	/* One line, behind which an emulator may add what it thinks of the signal. */
	cr_assert(end && (end[1] == '\0' || is_emulated()), "'%s'", said);
	frozenref_cache_free(cache, freed.object);
	assert_quiet_end(cache);
}
