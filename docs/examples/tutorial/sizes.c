/* SPDX-License-Identifier: MIT */
/*
 * The program of docs/tutorial.md: remembers the sizes of files, for many threads at once.
 *
 * Run as `sizes FILE...`; each thread asks for all of them again and again. Relies on a cache for
 * the entries, and on an index that finds them by name.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <frozenref/cache.h>
#include <frozenref/index.h>

/* step 1: an entry */

struct entry {
	struct frozenref_index_node node; /* the index's links: stable bytes */
	frozenref_t ref;		  /* the counter */
	int64_t size;			  /* what we remember, or -errno */
	char name[232];			  /* the key */
};

/* step 2: where entries live, and how they are found */

static struct frozenref_cache *entries;
static struct frozenref_index *by_name;

static bool has_name(const void *object, const void *name, void *arg)
{
	const struct entry *entry = object;

	(void)arg;
	return strcmp(entry->name, name) == 0;
}

static int set_up(void)
{
	struct frozenref_cache_config cache = FROZENREF_CACHE_CONFIG_INIT;
	struct frozenref_index_config index = FROZENREF_INDEX_CONFIG_INIT;
	int err;

	cache.name = "file sizes";
	cache.object_size = sizeof(struct entry);
	cache.ref_offset = offsetof(struct entry, ref);
	cache.stable_offset = offsetof(struct entry, node);
	cache.stable_size = sizeof(struct frozenref_index_node);
	err = frozenref_cache_create(&entries, &cache);
	if (err)
		return err;
	index.cache = entries;
	index.node_offset = offsetof(struct entry, node);
	index.equal = has_name;
	return frozenref_index_create(&by_name, &index);
}

/* FNV-1a; any good hash of the key will do. */
static uint64_t hash_of(const char *name)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return hash;
}

/* step 3: look up, or else find out and insert */

static struct entry *make_entry(const char *name)
{
	struct entry *entry;
	struct stat status;

	if (strlen(name) >= sizeof(entry->name))
		return NULL; /* cut off, it would be another name */
	entry = frozenref_cache_alloc(entries);
	if (!entry)
		return NULL;
	/* Frozen, and ours alone: no lookup sees what we write. */
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	entry->size = stat(name, &status) == 0 ? (int64_t)status.st_size : -errno;
	frozenref_unfreeze(&entry->ref, 1); /* live, with one reference: ours */
	return entry;
}

/* A reference on the entry for this file; NULL if there is no memory, or its name is too long. */
static struct entry *get_entry(const char *name)
{
	uint64_t hash = hash_of(name);
	struct entry *found = frozenref_index_try_get(by_name, hash, name);
	struct entry *made;

	if (found)
		return found;
	made = make_entry(name);
	if (!made)
		return NULL;
	/* If another thread was faster we get its entry, and ours is freed by the put. */
	found = frozenref_index_get_or_insert(by_name, hash, name, made);
	frozenref_cache_put(entries, made);
	return found;
}

/* step 4: forget what nobody uses */

static unsigned evict(unsigned n)
{
	static _Thread_local uint64_t hand;
	unsigned evicted = 0;

	for (unsigned looked = 0; evicted < n && looked < 4 * n; looked++) {
		struct entry *entry = frozenref_index_next(by_name, &hand);

		if (!entry) {
			hand = 0;
			continue;
		}
		/* The walk's own reference goes first; nobody else's may be there. */
		frozenref_cache_put(entries, entry);
		evicted += frozenref_index_erase_if_unused(by_name, entry);
	}
	return evicted;
}

static void keep_below(uint64_t limit)
{
	struct frozenref_index_stats stats = FROZENREF_INDEX_STATS_INIT;

	frozenref_index_stats(by_name, &stats);
	if (stats.objects > limit)
		evict((unsigned)(stats.objects - limit));
}

/* step 5: many threads, no lock */

struct work {
	char **names;
	int n;
	int64_t sum;
};

static void *work(void *arg)
{
	struct work *work = arg;

	for (int i = 0; i < 200 * work->n; i++) {
		struct entry *entry = get_entry(work->names[i % work->n]);

		if (!entry)
			continue;
		if (entry->size > 0)
			work->sum += entry->size;
		frozenref_cache_put(entries, entry);
		if (i % 100 == 0)
			keep_below(64);
	}
	return NULL;
}

/* step 6: the end */

static int tear_down(void)
{
	struct entry *entry;
	uint64_t hand = 0;

	while ((entry = frozenref_index_next(by_name, &hand))) {
		frozenref_index_erase(by_name, entry);
		frozenref_cache_put(entries, entry);
	}
	if (frozenref_index_destroy(by_name) || frozenref_cache_destroy(entries))
		return -EBUSY; /* a reference was forgotten somewhere */
	return 0;
}

int main(int argc, char **argv)
{
	struct work works[4];
	pthread_t threads[4];

	if (argc < 2 || set_up())
		return EXIT_FAILURE;
	for (int i = 0; i < 4; i++) {
		works[i] = (struct work){ argv + 1, argc - 1, 0 };
		if (pthread_create(&threads[i], NULL, work, &works[i]))
			return EXIT_FAILURE;
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		printf("thread %d: %" PRId64 " bytes\n", i, works[i].sum / 200);
	}
	return tear_down() ? EXIT_FAILURE : EXIT_SUCCESS;
}
