/* SPDX-License-Identifier: MIT */
/*
 * Threads and caches: which magazines a thread has of which cache, what becomes of them when either
 * ends, or the process forks, and what they hold together.
 *
 * Called by magazine.c when a thread comes to a cache, by cache.c and cache_lookup.c. Relies on
 * magazine_depot.c, and on a pthread key to hear of threads' ends. A thread finds its magazines by
 * the cache's place in a table of its own; those of four caches that it used last are nearer. The
 * locks are described in magazine.h.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "fork.h"
#include "magazine.h"

#define TABLE_MIN 16
#define NR_LOCKS  32 /* ThreadSanitizer wants a thread to hold less than 64 */

/* A thread's way from a cache to its magazines; the serial tells dead caches from live ones. */
struct place {
	uint64_t serial;
	struct thread_cache *magazines;
};

struct thread {
	struct place *table; /* by cache.id; replaced under the global lock */
	uint32_t nr_places;
	struct thread_cache *caches; /* under the global lock, as the links of threads */
	struct thread *next;
	struct thread *prev;
};

FROZENREF__THREAD_LOCAL struct own frozenref__own;

/* ----------------------------------------------------------------------------------- all caches */

static struct {
	pthread_mutex_t lock;
	uint32_t *free_ids; /* a stack, with room for all */
	uint32_t nr_free_ids;
	uint32_t nr_ids;
	uint64_t serial;
	struct thread *threads;
	pthread_key_t key;
	bool has_key;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct {
	pthread_mutex_t lock;
	char room[64]; /* waiting for one is not to disturb the others */
} depot_lock[NR_LOCKS] = { [0 ... NR_LOCKS - 1] = { .lock = PTHREAD_MUTEX_INITIALIZER } };

/* Locked: an id that was given back, or the next one. */
static int take_id(uint32_t *id)
{
	uint32_t *grown;

	if (all.nr_free_ids) {
		*id = all.free_ids[--all.nr_free_ids];
		return 0;
	}
	grown = realloc(all.free_ids, (all.nr_ids + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	all.free_ids = grown;
	*id = all.nr_ids++;
	return 0;
}

static void give_id(uint32_t id)
{
	all.free_ids[all.nr_free_ids++] = id;
}

/* ------------------------------------------------------------------------ threads and their end */

/* Gives back what a thread has: the calling one, or one that is not running. */
static void drain(struct thread_cache *drained)
{
	pthread_mutex_lock(drained->cache->lock);
	for (unsigned i = 0; i < 2; i++) {
		if (drained->magazine[i])
			frozenref__magazine_empty(drained->cache, drained->magazine[i]);
	}
	pthread_mutex_unlock(drained->cache->lock);
}

static void count_threads(struct cache *cache, uint32_t more)
{
	/* Relaxed: for frozenref__depot_push_empty(), which has not the global lock. */
	frozenref__store32(&cache->nr_threads, cache->nr_threads + more, relaxed);
}

static void unlink_from_cache(struct thread_cache *gone)
{
	struct thread_cache **link = &gone->cache->threads;

	while (*link != gone)
		link = &(*link)->next_of_cache;
	*link = gone->next_of_cache;
	count_threads(gone->cache, UINT32_MAX);
}

static void unlink_from_thread(struct thread_cache *gone)
{
	struct thread_cache **link = &gone->thread->caches;

	while (*link != gone)
		link = &(*link)->next_of_thread;
	*link = gone->next_of_thread;
}

static void free_thread_cache(struct thread_cache *gone)
{
	free(gone->magazine[0]);
	free(gone->magazine[1]);
	free(gone);
}

/* Locked: a thread that is no more. */
static void bury(struct thread *thread)
{
	while (thread->caches) {
		struct thread_cache *gone = thread->caches;

		drain(gone);
		unlink_from_cache(gone);
		thread->caches = gone->next_of_thread;
		free_thread_cache(gone);
	}
	if (thread->next)
		thread->next->prev = thread->prev;
	if (thread->prev)
		thread->prev->next = thread->next;
	else
		all.threads = thread->next;
	free(thread->table);
	free(thread);
}

/* The key's destructor. Destructors that come later find no magazines, and do without. */
static void on_thread_exit(void *value)
{
	struct own *mine = FROZENREF__OWN;

	for (unsigned i = 0; i < RECENT; i++)
		mine->recent[i].serial = 0;
	mine->thread = NULL;
	mine->is_exiting = 1;
	pthread_mutex_lock(&all.lock);
	bury(value);
	pthread_mutex_unlock(&all.lock);
}

static void before_fork(void)
{
	pthread_mutex_lock(&all.lock);
	for (unsigned i = 0; i < NR_LOCKS; i++)
		pthread_mutex_lock(&depot_lock[i].lock);
}

static void unlock_depots(void)
{
	for (unsigned i = NR_LOCKS; i-- > 0;)
		pthread_mutex_unlock(&depot_lock[i].lock);
}

static void after_fork(void)
{
	unlock_depots();
	pthread_mutex_unlock(&all.lock);
}

/* In the child there is one thread: the others' free objects go back. */
static void after_fork_in_child(void)
{
	const struct thread *mine = FROZENREF__OWN->thread;
	struct thread *next;

	unlock_depots();
	for (struct thread *thread = all.threads; thread; thread = next) {
		next = thread->next;
		if (thread != mine)
			bury(thread);
	}
	pthread_mutex_unlock(&all.lock);
}

/* Locked: the key whose destructor is run when a thread exits. */
static int make_key(void)
{
	int err = all.has_key ? 0 : pthread_key_create(&all.key, on_thread_exit);

	all.has_key = !err;
	return -err;
}

/* ------------------------------------------------------------------------- a thread's magazines */

/* The calling thread, or NULL: it is about to exit, or there is no memory. */
static struct thread *this_thread(void)
{
	struct own *mine = FROZENREF__OWN;
	struct thread *thread = mine->thread;

	if (thread || mine->is_exiting)
		return thread;
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		return NULL;
	if (pthread_setspecific(all.key, thread) != 0) {
		free(thread);
		return NULL;
	}
	pthread_mutex_lock(&all.lock);
	thread->next = all.threads;
	if (all.threads)
		all.threads->prev = thread;
	all.threads = thread;
	pthread_mutex_unlock(&all.lock);
	mine->thread = thread;
	return thread;
}

static struct place *place_of(struct thread *thread, uint32_t id)
{
	uint32_t n = thread->nr_places ? thread->nr_places : TABLE_MIN;
	struct place *old = thread->table;
	struct place *grown;

	if (id < thread->nr_places)
		return &thread->table[id];
	while (n <= id)
		n *= 2;
	grown = calloc(n, sizeof(*grown));
	if (!grown)
		return NULL;
	for (uint32_t i = 0; i < thread->nr_places; i++)
		grown[i] = old[i];
	/* Not by realloc(): the child of a fork frees the table that it finds here. */
	pthread_mutex_lock(&all.lock);
	thread->table = grown;
	thread->nr_places = n;
	pthread_mutex_unlock(&all.lock);
	free(old);
	return &grown[id];
}

static struct thread_cache *make_thread_cache(struct thread *thread, struct cache *cache)
{
	struct thread_cache *made = calloc(1, sizeof(*made));
	struct magazine *magazine = made ? frozenref__magazine_make(magazine_size(cache)) : NULL;

	if (!magazine) {
		free(made);
		return NULL;
	}
	made->magazine[0] = magazine;
	made->cache = cache;
	made->thread = thread;
	pthread_mutex_lock(&all.lock);
	made->next_of_cache = cache->threads;
	cache->threads = made;
	count_threads(cache, 1);
	made->next_of_thread = thread->caches;
	thread->caches = made;
	pthread_mutex_unlock(&all.lock);
	return made;
}

struct thread_cache *frozenref__thread_cache(struct cache *cache)
{
	struct thread *thread = this_thread();
	struct place *place = thread ? place_of(thread, cache->id) : NULL;

	if (!place)
		return NULL;
	if (place->serial != cache->serial) {
		place->magazines = make_thread_cache(thread, cache);
		if (!place->magazines)
			return NULL;
		place->serial = cache->serial;
	}
	return place->magazines;
}

/* -------------------------------------------------------------------------- flushes, statistics */

void frozenref__magazines_flush(struct cache *cache)
{
	const struct thread *thread = FROZENREF__OWN->thread;

	if (thread && cache->id < thread->nr_places &&
	    thread->table[cache->id].serial == cache->serial)
		drain(thread->table[cache->id].magazines);
	frozenref__depot_flush(cache);
}

void frozenref__magazines_flush_all(struct cache *cache)
{
	pthread_mutex_lock(&all.lock);
	for (struct thread_cache *other = cache->threads; other; other = other->next_of_cache)
		drain(other);
	pthread_mutex_unlock(&all.lock);
	frozenref__depot_flush(cache);
}

/* The count of another thread's magazine, or of the caller's. */
static uint32_t count_of(const struct magazine *magazine)
{
	/* Relaxed: others go on; the sum is a snapshot. */
	return magazine ? frozenref__load32(&magazine->count, relaxed) : 0;
}

struct magazine_usage frozenref__magazines_usage(struct cache *cache)
{
	struct magazine_usage usage = { 0, 0 };

	pthread_mutex_lock(&all.lock);
	/* Or the magazines could be exchanged, and freed. */
	pthread_mutex_lock(cache->lock);
	for (const struct thread_cache *other = cache->threads; other;
	     other = other->next_of_cache) {
		usage.rounds += count_of(other->magazine[0]) + count_of(other->magazine[1]);
		usage.threads++;
	}
	pthread_mutex_unlock(cache->lock);
	pthread_mutex_unlock(&all.lock);
	return usage;
}

/* --------------------------------------------------------------------------- create and destroy */

int frozenref__magazines_create(struct cache *cache)
{
	static const struct fork_steps steps = { before_fork, after_fork, after_fork_in_child };
	/* Before there is anything to lock. */
	int err = frozenref__watch_forks(FORK_CACHE, &steps);

	if (err)
		return err;
	frozenref__depot_set_sizes(cache);
	pthread_mutex_lock(&all.lock);
	err = make_key();
	if (!err)
		err = take_id(&cache->id);
	if (!err) {
		cache->serial = ++all.serial;
		cache->lock = &depot_lock[cache->id % NR_LOCKS].lock;
	}
	pthread_mutex_unlock(&all.lock);
	return err;
}

void frozenref__magazines_destroy(struct cache *cache)
{
	pthread_mutex_lock(&all.lock);
	while (cache->threads) {
		struct thread_cache *gone = cache->threads;

		cache->threads = gone->next_of_cache;
		unlink_from_thread(gone);
		free_thread_cache(gone);
	}
	give_id(cache->id);
	pthread_mutex_unlock(&all.lock);
}
