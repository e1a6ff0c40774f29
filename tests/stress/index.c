/* SPDX-License-Identifier: MIT */
/*
 * Threads over a few keys of an index, which grows and shrinks and is walked and trimmed meanwhile:
 * what they found must be possible, key by key.
 *
 * Run by `make check` for a second and by `make stress`. Objects come from a cache, so their memory
 * is that of others right after they end; each has a version of its own, and every hit and miss
 * goes into a history (history.h). Some keys are there all the time: each must come in each walk,
 * once.
 */
#include <errno.h>
#include <stddef.h>

#include <frozenref/atomic.h>
#include <frozenref/index.h>

#include "history.h"
#include "stress.h"

enum {
	OPERATIONS,
	INSERTS,
	REFUSED_INSERTS,
	HITS,
	MISSES,
	ERASES,
	EVICTIONS,
	WALKS,
	TRIMS,
	PASSING,
	ROUNDS,
};

static const char *const names[] = { "operations", "inserts",	 "refused inserts", "hits",
				     "misses",	   "erases",	 "evictions",	    "walks",
				     "trims",	   "passing by", "rounds",	    NULL };

/*
 * Keys that threads fight for; keys that stay; and each thread's own, which come and go in numbers
 * that make the table grow and shrink.
 */
enum { STAYING = 40, FIRST_STAYING = HISTORY_KEYS, PASSING_AT_ONCE = 3000 };

#define FIRST_PASSING UINT64_C(1000)

struct item {
	frozenref_t ref;
	uint32_t version;
	uint64_t key;
	struct stress_payload payload;
	struct frozenref_index_node node;
};

static struct frozenref_cache *cache;
static struct frozenref_index *items;

static _Thread_local struct stress_thread *self;
/* What this thread has released last. */
static _Thread_local struct {
	uint64_t key;
	uint32_t version;
} released;
/* Where this thread met an object last; it may have gone. */
static _Thread_local void *met;

/* So that lookups of the keys in dispute stop at many objects on their way. */
static uint64_t hash_of(uint64_t key)
{
	return key < HISTORY_KEYS ? key % 2 : key;
}

static bool has_key(const void *object, const void *key, void *arg)
{
	(void)arg;
	(void)stress_read(&((const struct item *)object)->payload);
	/* In the middle of a chain, while others change it. */
	if (self)
		stress_linger(self);
	return ((const struct item *)object)->key == *(const uint64_t *)key;
}

static void on_release(void *object, void *arg)
{
	struct item *item = object;

	(void)arg;
	(void)stress_read(&item->payload);
	stress_poison(&item->payload);
	released.key = item->key;
	released.version = item->version;
}

static struct item *new_item(uint64_t key, uint32_t version)
{
	struct item *item = frozenref_cache_alloc(cache);

	stress_check(item);
	item->key = key;
	item->version = version;
	stress_write(&item->payload, key << 32 | version);
	frozenref_unfreeze(&item->ref, 1);
	return item;
}

static void put(struct item *item)
{
	(void)frozenref_cache_put(cache, item);
}

/* ------------------------------------------------------------------------- the keys in dispute */

/* Notes which version this was; the caller holds it. */
static void note_hit(struct item *item, uint64_t key, uint32_t begin, uint32_t end)
{
	stress_check(item->key == key);
	stress_check(stress_read(&item->payload) == (key << 32 | item->version));
	(void)history_note((uint32_t)key, item->version, begin, end);
	met = item;
}

static struct item *look_up(struct stress_thread *thread, uint64_t key)
{
	uint32_t begin = history_now();
	struct item *item = frozenref_index_try_get(items, hash_of(key), &key);
	uint32_t end = history_now();

	thread->counts[item ? HITS : MISSES]++;
	if (item)
		note_hit(item, key, begin, end);
	else
		(void)history_note((uint32_t)key, HISTORY_NONE, begin, end);
	return item;
}

static void insert(struct stress_thread *thread, uint64_t key)
{
	uint32_t version = history_version();
	struct item *item;
	uint32_t begin;
	int err;

	if (version == HISTORY_NONE)
		return;
	item = new_item(key, version);
	begin = history_now();
	err = frozenref_index_insert(items, hash_of(key), &key, item);
	if (!err)
		note_hit(item, key, begin, history_now());
	stress_check(!err || err == -EEXIST);
	thread->counts[err ? REFUSED_INSERTS : INSERTS]++;
	put(item);
}

static void get_or_insert(struct stress_thread *thread, uint64_t key)
{
	uint32_t version = history_version();
	struct item *item;
	struct item *winner;
	uint32_t begin;

	if (version == HISTORY_NONE)
		return;
	item = new_item(key, version);
	begin = history_now();
	winner = frozenref_index_get_or_insert(items, hash_of(key), &key, item);
	stress_check(winner);
	note_hit(winner, key, begin, history_now());
	thread->counts[winner == item ? INSERTS : HITS]++;
	put(winner);
	put(item);
}

static void erase(struct stress_thread *thread, uint64_t key)
{
	struct item *item = look_up(thread, key);
	uint32_t begin;
	int err;

	if (!item)
		return;
	stress_linger(thread);
	begin = history_now();
	err = frozenref_index_erase(items, item);
	if (!err)
		note_hit(item, key, begin, history_now());
	stress_check(!err || err == -ENOENT);
	thread->counts[ERASES] += !err;
	put(item);
}

/*
 * Whatever is there now: an object whose key is in dispute, or that somebody holds; those that stay
 * never leave their memory to others.
 */
static void evict(struct stress_thread *thread)
{
	uint32_t begin = history_now();

	if (!met || !frozenref_index_erase_if_unused(items, met))
		return;
	stress_check(released.key < HISTORY_KEYS);
	(void)history_note((uint32_t)released.key, released.version, begin, history_now());
	thread->counts[EVICTIONS]++;
}

/* --------------------------------------------------------------------------------- and the rest */

/* Keys of the thread's own are there exactly while it says so. */
static void pass_by(struct stress_thread *thread)
{
	static uint32_t threads;
	static _Thread_local uint64_t first;
	struct item *passing[PASSING_AT_ONCE];
	/* Few, most of the time; many fill slabs of their own, which can be purged afterwards. */
	uint64_t most = stress_random(thread) % 8 ? PASSING_AT_ONCE / 10 : PASSING_AT_ONCE;
	uint64_t n = stress_random(thread) % most;

	if (!first)
		first = FIRST_PASSING +
			frozenref__add32(&threads, 1, relaxed) * (uint64_t)PASSING_AT_ONCE;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t key = first + i;

		passing[i] = new_item(key, HISTORY_NONE);
		stress_check(!frozenref_index_insert(items, hash_of(key), &key, passing[i]));
	}
	for (uint64_t i = 0; i < n; i++) {
		uint64_t key = first + i;
		struct item *found = frozenref_index_try_get(items, hash_of(key), &key);

		stress_check(found == passing[i]);
		put(found);
		stress_check(frozenref_index_erase(items, found) == 0);
		stress_check(!frozenref_index_try_get(items, hash_of(key), &key));
		put(found);
	}
	thread->counts[PASSING] += n;
}

static void walk(struct stress_thread *thread)
{
	unsigned seen[STAYING] = { 0 };
	uint64_t cursor = 0;
	struct item *item;

	while ((item = frozenref_index_next(items, &cursor))) {
		uint64_t which = item->key - FIRST_STAYING;

		if (which < STAYING)
			seen[which]++;
		put(item);
	}
	for (unsigned i = 0; i < STAYING; i++)
		stress_check(seen[i] == 1);
	thread->counts[WALKS]++;
}

static void look_for_staying(struct stress_thread *thread)
{
	uint64_t key = FIRST_STAYING + stress_random(thread) % STAYING;
	struct item *item = frozenref_index_try_get(items, hash_of(key), &key);

	stress_check(item && item->key == key);
	put(item);
	thread->counts[HITS]++;
}

static void step(struct stress_thread *thread)
{
	uint64_t key = stress_random(thread) % HISTORY_KEYS;
	unsigned what = (unsigned)(stress_random(thread) % 1000);
	struct item *item;

	self = thread;
	thread->counts[OPERATIONS]++;
	if (what < 350) {
		item = look_up(thread, key);
		if (item) {
			stress_linger(thread);
			put(item);
		}
	} else if (what < 500) {
		look_for_staying(thread);
	} else if (what < 650) {
		insert(thread, key);
	} else if (what < 750) {
		get_or_insert(thread, key);
	} else if (what < 880) {
		erase(thread, key);
	} else if (what < 980) {
		evict(thread);
	} else if (what < 994) {
		pass_by(thread);
	} else if (what < 998) {
		walk(thread);
	} else {
		thread->counts[TRIMS] += frozenref_cache_trim(cache) > 0;
	}
}

/* --------------------------------------------------------------------------------------- set-up */

static void set_up(void)
{
	struct frozenref_cache_config cache_config = FROZENREF_CACHE_CONFIG_INIT;
	struct frozenref_index_config config = FROZENREF_INDEX_CONFIG_INIT;

	cache_config.object_size = sizeof(struct item);
	cache_config.ref_offset = offsetof(struct item, ref);
	cache_config.stable_offset = offsetof(struct item, node);
	cache_config.stable_size = sizeof(struct frozenref_index_node);
	cache_config.release = on_release;
	stress_check(frozenref_cache_create(&cache, &cache_config) == 0);
	config.cache = cache;
	config.node_offset = offsetof(struct item, node);
	config.equal = has_key;
	config.stripes = 2;
	stress_check(frozenref_index_create(&items, &config) == 0);
	for (uint64_t key = FIRST_STAYING; key < FIRST_STAYING + STAYING; key++) {
		struct item *item = new_item(key, HISTORY_NONE);

		stress_check(frozenref_index_insert(items, hash_of(key), &key, item) == 0);
		put(item);
	}
}

/* A round begins without the keys in dispute. */
static void take_out(uint64_t from, uint64_t to)
{
	for (uint64_t key = from; key < to; key++) {
		struct item *item = frozenref_index_try_get(items, hash_of(key), &key);

		if (!item)
			continue;
		stress_check(frozenref_index_erase(items, item) == 0);
		stress_check(frozenref_cache_put(cache, item));
	}
}

static bool enough(void)
{
	struct frozenref_index_stats stats = FROZENREF_INDEX_STATS_INIT;

	frozenref_index_stats(items, &stats);
	return stats.splits && stats.merges;
}

/* So many seconds more, where a busy machine has not let the table grow and shrink in time. */
#define PATIENCE_S 300

int main(int argc, char **argv)
{
	struct stress_options options = stress_parse(argc, argv, 1.5);
	struct frozenref_index_stats stats = FROZENREF_INDEX_STATS_INIT;
	struct stress_thread sums = { 0 };
	struct stress_options round = options;

	stress_check(options.threads <= HISTORY_THREADS);
	stress_check(history_works());
	set_up();
	round.seconds = 0.25;
	for (unsigned n = 0; n * round.seconds < options.seconds || !enough(); n++) {
		struct stress_thread counts = stress_run(&round, step, NULL);

		for (unsigned i = 0; i < STRESS_COUNTS; i++)
			sums.counts[i] += counts.counts[i];
		sums.counts[ROUNDS]++;
		round.seed++;
		stress_check(n * round.seconds < options.seconds + PATIENCE_S);
		stress_check(history_is_linearisable());
		take_out(0, HISTORY_KEYS);
	}
	frozenref_index_stats(items, &stats);
	stress_check(stats.objects == STAYING);
	take_out(FIRST_STAYING, FIRST_STAYING + STAYING);
	stress_check(frozenref_index_destroy(items) == 0);
	stress_check(frozenref_cache_destroy(cache) == 0);
	stress_report("index", &options, &sums, names);
	return 0;
}
