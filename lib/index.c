/* SPDX-License-Identifier: MIT */
/*
 * Making and ending an index, what it says of itself, and what happens at a fork.
 *
 * Called by programs. Relies on index_resize.c for the table and on the cache's inside for which
 * bytes of an object are stable.
 */
#include "index.h"

#include <errno.h>
#include <stdlib.h>

#include "backend.h"
#include "cache.h"
#include "config_struct.h"
#include "fork.h"

#define STRIPES_DEFAULT 256
#define STRIPES_MAX	4096
#define LOAD_DEFAULT	100
#define LOAD_MIN	25
#define LOAD_MAX	1000
#define BUCKETS_MAX	(UINT64_C(1) << 31)

/* ---------------------------------------------------------------------------------- all of them */

/*
 * In the child of a fork no stripe may be in the middle of a change that nobody ever finishes. So a
 * fork shuts a gate, and passes through every stripe's lock: who was inside has left then, and who
 * comes later finds the gate shut and waits behind list_lock. It does not hold those locks at the
 * same time, since they may be thousands.
 *
 * list_lock comes before any other, a stripe's before grow_lock, and no lock of a cache is taken
 * with one of these held.
 */
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct frozenref_index *first_index;
static uint32_t last_number;

uint32_t frozenref__index_forking;

void frozenref__index_wait_for_fork(struct stripe *stripe)
{
	do {
		pthread_mutex_unlock(&stripe->lock);
		pthread_mutex_lock(&list_lock);
		pthread_mutex_unlock(&list_lock);
		pthread_mutex_lock(&stripe->lock);
		/* Relaxed: ordered by the lock, as in lock_stripe(). */
	} while (frozenref__load32(&frozenref__index_forking, relaxed));
}

static void before_fork(void)
{
	pthread_mutex_lock(&list_lock);
	/* Relaxed: ordered by the locks below. */
	frozenref__store32(&frozenref__index_forking, 1, relaxed);
	for (struct frozenref_index *index = first_index; index; index = index->next) {
		for (uint32_t i = 0; i <= index->stripe_mask; i++) {
			pthread_mutex_lock(&index->stripes[i].lock);
			pthread_mutex_unlock(&index->stripes[i].lock);
		}
	}
}

static void after_fork(void)
{
	/* Relaxed: whoever waits for it takes list_lock before it looks again. */
	frozenref__store32(&frozenref__index_forking, 0, relaxed);
	pthread_mutex_unlock(&list_lock);
}

/* A thread that is not here may have held a lock for the moment in which it found the gate shut. */
static void after_fork_in_child(void)
{
	for (struct frozenref_index *index = first_index; index; index = index->next) {
		for (uint32_t i = 0; i <= index->stripe_mask; i++)
			pthread_mutex_init(&index->stripes[i].lock, NULL);
		pthread_mutex_init(&index->grow_lock, NULL);
	}
	after_fork();
}

static bool number_is_taken(uint32_t number)
{
	if (!number || number == INDEX_CHANGING)
		return true;
	for (const struct frozenref_index *index = first_index; index; index = index->next) {
		if (index->number == number)
			return true;
	}
	return false;
}

/* From now on a fork waits for its writers, and no other index has its number. */
static void enlist(struct frozenref_index *index)
{
	pthread_mutex_lock(&list_lock);
	do
		last_number++;
	while (number_is_taken(last_number));
	index->number = last_number;
	index->next = first_index;
	index->link = &first_index;
	if (first_index)
		first_index->link = &index->next;
	first_index = index;
	pthread_mutex_unlock(&list_lock);
}

static void delist(struct frozenref_index *index)
{
	pthread_mutex_lock(&list_lock);
	*index->link = index->next;
	if (index->next)
		index->next->link = index->link;
	pthread_mutex_unlock(&list_lock);
}

/* --------------------------------------------------------------------------------------- create */

static bool overlap(size_t offset, size_t size, size_t other, size_t other_size)
{
	return offset < other + other_size && other < offset + size;
}

/* Whether the node is where the cache never writes, and walks may read a free object. */
static bool node_is_stable(const struct cache *cache, size_t offset)
{
	const size_t size = sizeof(struct frozenref_index_node);

	if (offset % _Alignof(struct frozenref_index_node) || offset > cache->head.object_size ||
	    size > cache->head.object_size - offset)
		return false;
	if (overlap(offset, size, cache->head.ref_offset, sizeof(frozenref_t)))
		return false;
	for (uint32_t i = 0; i < cache->nr_pieces; i++) {
		if (overlap(offset, size, cache->piece[i].offset, cache->piece[i].size))
			return false;
	}
	return true;
}

/* Fills in the defaults of what is checked here. */
static int check_config(struct frozenref_index_config *config)
{
	if (!config->cache || !config->equal || config->flags)
		return -EINVAL;
	if (!node_is_stable(cache_of(config->cache), config->node_offset))
		return -EINVAL;
	if (config->backend && !frozenref__backend_is_valid(config->backend))
		return -EINVAL;
	if (!config->load)
		config->load = LOAD_DEFAULT;
	if (!config->stripes)
		config->stripes = STRIPES_DEFAULT;
	if (config->load < LOAD_MIN || config->load > LOAD_MAX)
		return -EINVAL;
	if (config->stripes > STRIPES_MAX || config->stripes & (config->stripes - 1))
		return -EINVAL;
	if (config->initial_buckets > BUCKETS_MAX || config->max_buckets > BUCKETS_MAX)
		return -EINVAL;
	if (config->max_buckets && config->max_buckets < config->initial_buckets)
		return -EINVAL;
	/* Walks number the objects in 32 bits. */
	if (objects_max(cache_of(config->cache)) >= UINT32_MAX)
		return -EINVAL;
	return 0;
}

/* Of each stripe; linear hashing begins with two. */
static uint32_t buckets_of_stripe(uint64_t buckets, uint32_t stripes)
{
	uint64_t each = (buckets + stripes - 1) / stripes;

	return each < 2 ? 2 : (uint32_t)each;
}

static uint64_t default_max_buckets(const struct frozenref_index_config *config)
{
	uint64_t buckets = objects_max(cache_of(config->cache)) * 100 / config->load + 1;

	return buckets < BUCKETS_MAX ? buckets : BUCKETS_MAX;
}

static void set_sizes(struct frozenref_index *index, const struct frozenref_index_config *config)
{
	uint64_t max = config->max_buckets ? config->max_buckets : default_max_buckets(config);

	index->stripe_mask = config->stripes - 1;
	index->stripe_shift = (uint32_t)__builtin_ctz(config->stripes);
	index->min_buckets = buckets_of_stripe(config->initial_buckets, config->stripes);
	index->max_buckets = buckets_of_stripe(max, config->stripes);
	if (index->max_buckets < index->min_buckets)
		index->max_buckets = index->min_buckets;
}

static int make_stripes(struct frozenref_index *index)
{
	const uintptr_t align = _Alignof(struct stripe);

	/* One more, for the alignment: what aligns by itself is not the same everywhere. */
	index->stripes_memory = calloc(index->stripe_mask + 2, sizeof(struct stripe));
	if (!index->stripes_memory)
		return -ENOMEM;
	index->stripes =
		(struct stripe *)(((uintptr_t)index->stripes_memory + align - 1) & ~(align - 1));
	for (uint32_t i = 0; i <= index->stripe_mask; i++)
		pthread_mutex_init(&index->stripes[i].lock, NULL);
	pthread_mutex_init(&index->grow_lock, NULL);
	return 0;
}

static void free_stripes(struct frozenref_index *index)
{
	for (uint32_t i = 0; i <= index->stripe_mask; i++)
		pthread_mutex_destroy(&index->stripes[i].lock);
	pthread_mutex_destroy(&index->grow_lock);
	free(index->stripes_memory);
}

static struct frozenref_index *make_index(const struct frozenref_index_config *config, int *err)
{
	struct frozenref_index *index = calloc(1, sizeof(*index));

	*err = -ENOMEM;
	if (!index)
		return NULL;
	index->cache = config->cache;
	index->node_offset = (uint32_t)config->node_offset;
	index->ref_offset = config->cache->ref_offset;
	index->equal = config->equal;
	index->arg = config->arg;
	index->load = config->load;
	index->backend = config->backend ? config->backend : frozenref_mmap_backend();
	set_sizes(index, config);
	*err = make_stripes(index);
	if (*err) {
		free(index);
		return NULL;
	}
	*err = frozenref__index_make_table(index, !config->max_buckets);
	if (*err) {
		free_stripes(index);
		free(index);
		return NULL;
	}
	return index;
}

int frozenref_index_create(struct frozenref_index **indexp,
			   const struct frozenref_index_config *user_config)
{
	static const struct fork_steps steps = { before_fork, after_fork, after_fork_in_child };
	struct frozenref_index_config config = FROZENREF_INDEX_CONFIG_INIT;
	struct frozenref_index *index;
	int err;

	if (!indexp)
		return -EINVAL;
	err = frozenref__config_read(&config, sizeof(config), user_config);
	if (!err)
		err = check_config(&config);
	if (err)
		return err;
	/* Before there is anything to lock. */
	err = frozenref__watch_forks(FORK_INDEX, &steps);
	if (err)
		return err;
	index = make_index(&config, &err);
	if (!index)
		return err;
	enlist(index);
	*indexp = index;
	return 0;
}

int frozenref_index_destroy(struct frozenref_index *index)
{
	if (!index)
		return -EINVAL;
	for (uint32_t i = 0; i <= index->stripe_mask; i++) {
		if (index->stripes[i].objects)
			return -EBUSY;
	}
	delist(index);
	frozenref__index_free_table(index);
	free_stripes(index);
	free(index);
	return 0;
}

/* ---------------------------------------------------------------------------------------- stats */

static void add_stripe(struct frozenref_index_stats *stats, struct stripe *stripe)
{
	lock_stripe(stripe);
	stats->objects += stripe->objects;
	stats->buckets += stripe->buckets;
	stats->splits += stripe->splits;
	stats->merges += stripe->merges;
	stats->grow_failures += stripe->grow_failures;
	unlock_stripe(stripe);
	/* Relaxed, both: numbers that lookups add up. */
	stats->restarts += frozenref__load32(&stripe->restarts, relaxed);
	stats->locked += frozenref__load32(&stripe->locked, relaxed);
}

void frozenref_index_stats(struct frozenref_index *index, struct frozenref_index_stats *stats)
{
	struct frozenref_index_stats known = FROZENREF_INDEX_STATS_INIT;
	size_t stripes = (index->stripe_mask + 1) * sizeof(struct stripe);
	size_t table = frozenref__index_table_bytes(index);
	size_t committed;

	known.stripes = index->stripe_mask + 1;
	for (uint32_t i = 0; i < known.stripes; i++)
		add_stripe(&known, &index->stripes[i]);
	pthread_mutex_lock(&index->grow_lock);
	committed = index->committed * index->chunk_bytes;
	pthread_mutex_unlock(&index->grow_lock);
	known.buckets_max = (uint64_t)index->max_buckets << index->stripe_shift;
	known.bytes_reserved = frozenref__backend_rounded(table);
	known.bytes_resident =
		stripes + sizeof(*index) +
		frozenref__backend_resident(index->table, committed < table ? committed : table);
	frozenref__stats_write(stats, &known, sizeof(known));
}
