/* SPDX-License-Identifier: MIT */
/*
 * Alloc and free: each thread has two magazines of free objects for each cache that it uses, and
 * exchanges whole ones with the cache's depot, as in Bonwick's and Adams' "Magazines and Vmem".
 *
 * Called by programs and by cache.c. Relies on cache_slab.c for objects that are in no magazine. A
 * thread finds its magazines by the cache's place in a table of its own; four caches that it used
 * last are nearer. Two locks: the global one, for what relates threads and caches to each other,
 * and within it the cache's. Neither is held while a callback runs; the thread that forks holds all
 * of them, so that the child finds everything in order.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "cache.h"
#include "thread_local.h"

/*
 * Objects in a new cache's magazines; they grow where threads wait for each other, or come often.
 */
#define ROUNDS_FIRST 16
#define ROUNDS_MAX   256
#define MAGAZINE_MAX (1u << 16) /* bytes of objects in one magazine, unless it is a single one */
#define CALM_MAX     64		/* exchanges until magazines grow even if nobody has to wait */
#define RECENT	     4
#define TABLE_MIN    16

/* A thread's way from a cache to its magazines; the serial tells dead caches from live ones. */
struct place {
	uint64_t serial;
	struct thread_cache *magazines;
};

struct thread {
	struct place *table; /* by cache.id */
	uint32_t nr_places;
	struct thread_cache *caches; /* under the global lock, as the links of threads */
	struct thread *next;
	struct thread *prev;
};

/* What a thread has of its own; the model checker has one for each of its threads. */
struct own {
	struct place recent[RECENT];
	struct thread *thread;
	uint32_t is_exiting; /* its destructor has run: no more magazines */
};

#ifndef FROZENREF__OWN
static FROZENREF__THREAD_LOCAL struct own own;
# define FROZENREF__OWN (&own)
#endif

/* --------------------------------------------------------------------------------- all caches */

/* A cache's place among all: its id. Places that are free are chained. */
union registration {
	struct cache *cache;
	uintptr_t next_free; /* odd: twice the next free id, and 1; or 1 at the end */
};

static struct {
	pthread_mutex_t lock;
	union registration *place;
	uint32_t nr_places;
	uint32_t room;
	uintptr_t free; /* as next_free */
	uint64_t serial;
	struct thread *threads;
	pthread_key_t key;
	int key_error;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER, .free = 1 };

static struct cache *cache_at(uint32_t id)
{
	return all.place[id].next_free & 1 ? NULL : all.place[id].cache;
}

/* Locked: an id that is free. */
static int take_id(uint32_t *id)
{
	if (all.free != 1) {
		*id = (uint32_t)(all.free >> 1);
		all.free = all.place[*id].next_free;
		return 0;
	}
	if (all.nr_places == all.room) {
		uint32_t room = all.room ? 2 * all.room : 64;
		union registration *grown = realloc(all.place, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		all.place = grown;
		all.room = room;
	}
	*id = all.nr_places++;
	return 0;
}

static void give_id(uint32_t id)
{
	all.place[id].next_free = all.free;
	all.free = (uintptr_t)id << 1 | 1;
}

/* ----------------------------------------------------------------------------------- magazines */

static struct magazine *make_magazine(uint32_t capacity)
{
	struct magazine *magazine =
		malloc(sizeof(*magazine) + capacity * sizeof(magazine->round[0]));

	if (!magazine)
		return NULL;
	magazine->next = NULL;
	magazine->capacity = capacity;
	magazine->count = 0;
	return magazine;
}

static void load(struct thread_cache *own_cache, struct magazine *magazine)
{
	own_cache->loaded = magazine;
	own_cache->round = magazine->round;
	frozenref__store32(&own_cache->capacity, magazine->capacity, relaxed);
	/* Release: pairs with a fork, whose child must not find a count without its objects. */
	frozenref__store32(&own_cache->count, magazine->count, release);
}

static struct magazine *unload(struct thread_cache *own_cache)
{
	own_cache->loaded->count = own_cache->count;
	return own_cache->loaded;
}

static void set_previous(struct thread_cache *own_cache, struct magazine *magazine)
{
	own_cache->previous = magazine;
	frozenref__store32(&own_cache->previous_count, magazine->count, relaxed);
}

static void swap_magazines(struct thread_cache *own_cache)
{
	struct magazine *previous = unload(own_cache);

	load(own_cache, own_cache->previous);
	set_previous(own_cache, previous);
}

/* -- the depot: with the cache's lock -- */

/*
 * Larger magazines where threads meet at the lock; and, more slowly, wherever they are exchanged.
 */
static void lock_depot(struct cache *cache)
{
	bool waited = pthread_mutex_trylock(&cache->lock) != 0;

	if (waited) {
		pthread_mutex_lock(&cache->lock);
		cache->contended++;
	}
	cache->exchanges++;
	if (!waited && ++cache->calm < CALM_MAX)
		return;
	cache->calm = 0;
	/* Relaxed: others read it without the lock, and any size of the past will do. */
	if (2 * cache->magazine_size <= cache->magazine_max)
		frozenref__store32(&cache->magazine_size, 2 * cache->magazine_size, relaxed);
}

static uint32_t magazine_size(const struct cache *cache)
{
	/* Relaxed: as above. */
	return frozenref__load32(&cache->magazine_size, relaxed);
}

static void push_full(struct depot *depot, struct magazine *magazine)
{
	magazine->next = depot->full;
	depot->full = magazine;
	depot->nr_full++;
	depot->rounds += magazine->count;
}

static struct magazine *pop_full(struct depot *depot)
{
	struct magazine *magazine = depot->full;

	if (!magazine)
		return NULL;
	depot->full = magazine->next;
	depot->nr_full--;
	depot->rounds -= magazine->count;
	return magazine;
}

/* Returns the magazine if it is not wanted: too small by now, or there are enough. */
static struct magazine *push_empty(struct cache *cache, struct magazine *magazine)
{
	struct depot *depot = &cache->depot;

	if (!magazine || magazine->capacity < cache->magazine_size ||
	    depot->nr_empty > 2 * cache->nr_threads)
		return magazine;
	magazine->next = depot->empty;
	depot->empty = magazine;
	depot->nr_empty++;
	return NULL;
}

static struct magazine *pop_empty(struct depot *depot)
{
	struct magazine *magazine = depot->empty;

	if (!magazine)
		return NULL;
	depot->empty = magazine->next;
	depot->nr_empty--;
	return magazine;
}

static void empty_into_slabs(struct cache *cache, struct magazine *magazine)
{
	frozenref__slabs_give(cache, magazine->round, magazine->count);
	magazine->count = 0;
}

/*
 * ------------------------------------------------------------------------- threads and their end
 */

/* Gives back what a thread has: the calling one, or one that is not running. */
static void drain(struct thread_cache *gone)
{
	struct cache *cache = gone->cache;

	pthread_mutex_lock(&cache->lock);
	empty_into_slabs(cache, unload(gone));
	if (gone->previous)
		empty_into_slabs(cache, gone->previous);
	pthread_mutex_unlock(&cache->lock);
	load(gone, gone->loaded);
	if (gone->previous)
		set_previous(gone, gone->previous);
}

static void unlink_from_cache(struct thread_cache *gone)
{
	struct thread_cache **link = &gone->cache->threads;

	while (*link != gone)
		link = &(*link)->next_of_cache;
	*link = gone->next_of_cache;
	gone->cache->nr_threads--;
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
	free(gone->loaded);
	free(gone->previous);
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
	for (uint32_t id = 0; id < all.nr_places; id++) {
		if (cache_at(id))
			pthread_mutex_lock(&cache_at(id)->lock);
	}
}

static void after_fork(void)
{
	for (uint32_t id = all.nr_places; id-- > 0;) {
		if (cache_at(id))
			pthread_mutex_unlock(&cache_at(id)->lock);
	}
	pthread_mutex_unlock(&all.lock);
}

/* In the child there is one thread: the others' free objects go back. */
static void after_fork_in_child(void)
{
	const struct thread *mine = FROZENREF__OWN->thread;
	struct thread *next;

	for (uint32_t id = all.nr_places; id-- > 0;) {
		if (cache_at(id))
			pthread_mutex_unlock(&cache_at(id)->lock);
	}
	for (struct thread *thread = all.threads; thread; thread = next) {
		next = thread->next;
		if (thread != mine)
			bury(thread);
	}
	pthread_mutex_unlock(&all.lock);
}

static void set_up(void)
{
	all.key_error = pthread_key_create(&all.key, on_thread_exit);
	if (!all.key_error)
		all.key_error = pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ----------------------------------------------------------------------- a thread's magazines */

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
	struct place *grown;

	if (id < thread->nr_places)
		return &thread->table[id];
	while (n <= id)
		n *= 2;
	grown = realloc(thread->table, n * sizeof(*grown));
	if (!grown)
		return NULL;
	for (uint32_t i = thread->nr_places; i < n; i++)
		grown[i] = (struct place){ 0, NULL };
	thread->table = grown;
	thread->nr_places = n;
	return &thread->table[id];
}

static struct thread_cache *make_thread_cache(struct thread *thread, struct cache *cache)
{
	struct thread_cache *made = calloc(1, sizeof(*made));
	struct magazine *magazine = made ? make_magazine(magazine_size(cache)) : NULL;

	if (!magazine) {
		free(made);
		return NULL;
	}
	load(made, magazine);
	made->cache = cache;
	made->thread = thread;
	pthread_mutex_lock(&all.lock);
	made->next_of_cache = cache->threads;
	cache->threads = made;
	cache->nr_threads++;
	made->next_of_thread = thread->caches;
	thread->caches = made;
	pthread_mutex_unlock(&all.lock);
	return made;
}

/* The thread's magazines of the cache, made if need be; NULL: it must do without. */
static struct thread_cache *find_or_make(struct cache *cache)
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
	FROZENREF__OWN->recent[cache->id % RECENT] = *place;
	return place->magazines;
}

/* The same, if the thread has used the cache lately. */
static inline struct thread_cache *find_recent(const struct cache *cache)
{
	const struct place *place = &FROZENREF__OWN->recent[cache->id % RECENT];

	return FROZENREF__LIKELY(place->serial == cache->serial) ? place->magazines : NULL;
}

/* --------------------------------------------------------------------------------------- alloc */

/* Other than in a magazine: from the slabs, one at a time. */
static void *take_one(struct cache *cache)
{
	void *object;

	do {
		uint32_t n;

		pthread_mutex_lock(&cache->lock);
		n = frozenref__slabs_take(cache, &object, 1);
		pthread_mutex_unlock(&cache->lock);
		if (n)
			return object;
	} while (frozenref__slabs_populate(cache) == 0);
	return NULL;
}

/* A larger magazine in place of one that is empty, if they have grown since it was made. */
static void renew(struct cache *cache, struct thread_cache *own_cache)
{
	uint32_t size = magazine_size(cache);
	struct magazine *larger;

	if (own_cache->loaded->capacity >= size)
		return;
	larger = make_magazine(size);
	if (!larger)
		return;
	free(own_cache->loaded);
	load(own_cache, larger);
}

/* Gets objects into the magazine that ran empty; false if there are none left anywhere. */
static bool reload(struct cache *cache, struct thread_cache *own_cache)
{
	struct magazine *full;
	struct magazine *unwanted = NULL;

	if (own_cache->previous && own_cache->previous->count) {
		swap_magazines(own_cache);
		return true;
	}
	renew(cache, own_cache);
	lock_depot(cache);
	full = pop_full(&cache->depot);
	if (full) {
		unwanted = push_empty(cache, own_cache->previous);
		set_previous(own_cache, unload(own_cache));
		load(own_cache, full);
	} else {
		own_cache->loaded->count =
			frozenref__slabs_take(cache, own_cache->round, own_cache->loaded->capacity);
		load(own_cache, own_cache->loaded);
	}
	pthread_mutex_unlock(&cache->lock);
	free(unwanted);
	return own_cache->count != 0 || frozenref__slabs_populate(cache) == 0;
}

static inline void *pop(struct thread_cache *own_cache, uint32_t count)
{
	void *object = own_cache->round[count - 1];

	/* Relaxed: only this thread goes by it. */
	frozenref__store32(&own_cache->count, count - 1, relaxed);
	return object;
}

static FROZENREF__COLD void *alloc_slow(struct cache *cache)
{
	struct thread_cache *own_cache = find_or_make(cache);
	void *object = NULL;

	if (!own_cache) {
		object = take_one(cache);
	} else {
		while (!own_cache->count) {
			if (!reload(cache, own_cache))
				break;
		}
		if (own_cache->count)
			object = pop(own_cache, own_cache->count);
	}
	if (!object)
		errno = ENOMEM;
	else if (cache->on_alloc)
		frozenref__cache_allocated(cache, object);
	return object;
}

void *frozenref_cache_alloc(struct frozenref_cache *head)
{
	struct cache *cache = cache_of(head);
	struct thread_cache *own_cache = find_recent(cache);
	uint32_t count;
	void *object;

	if (FROZENREF__UNLIKELY(!own_cache))
		return alloc_slow(cache);
	/* Relaxed: this thread's own. */
	count = frozenref__load32(&own_cache->count, relaxed);
	if (FROZENREF__UNLIKELY(!count))
		return alloc_slow(cache);
	object = pop(own_cache, count);
	if (FROZENREF__UNLIKELY(cache->on_alloc))
		frozenref__cache_allocated(cache, object);
	return object;
}

/* ---------------------------------------------------------------------------------------- free */

static void give_one(struct cache *cache, void *object)
{
	pthread_mutex_lock(&cache->lock);
	frozenref__slabs_give(cache, &object, 1);
	pthread_mutex_unlock(&cache->lock);
}

/* Locked, but not all the while: an empty magazine, or NULL if there is no memory. */
static struct magazine *find_empty(struct cache *cache)
{
	struct magazine *magazine = pop_empty(&cache->depot);

	if (magazine)
		return magazine;
	pthread_mutex_unlock(&cache->lock);
	magazine = make_magazine(magazine_size(cache));
	pthread_mutex_lock(&cache->lock);
	return magazine;
}

/* Makes room in the magazine that ran full. */
static void turn_over(struct cache *cache, struct thread_cache *own_cache)
{
	struct magazine *full = own_cache->previous;
	struct magazine *empty;

	if (full && !full->count) {
		swap_magazines(own_cache);
		return;
	}
	lock_depot(cache);
	empty = find_empty(cache);
	if (!empty) {
		empty_into_slabs(cache, unload(own_cache));
		load(own_cache, own_cache->loaded);
	} else {
		if (full)
			push_full(&cache->depot, full);
		set_previous(own_cache, unload(own_cache));
		load(own_cache, empty);
	}
	pthread_mutex_unlock(&cache->lock);
}

static inline void push(struct thread_cache *own_cache, uint32_t count, void *object)
{
	own_cache->round[count] = object;
	/* Release: pairs with a fork, whose child must not find a count without its object. */
	frozenref__store32(&own_cache->count, count + 1, release);
}

static FROZENREF__COLD void free_slow(struct cache *cache, void *object)
{
	struct thread_cache *own_cache = find_or_make(cache);

	if (!own_cache) {
		give_one(cache, object);
		return;
	}
	if (own_cache->count == own_cache->capacity)
		turn_over(cache, own_cache);
	push(own_cache, own_cache->count, object);
}

/* What would make two owners of one object, or hand out what is none. */
static inline bool may_be_freed(const struct cache *cache, const void *object)
{
	return object &&
	       frozenref__cache_find(&cache->head, (uintptr_t)object) == (uintptr_t)object &&
	       frozenref_is_frozen(frozenref__cache_ref(&cache->head, (uintptr_t)object));
}

void frozenref_cache_free(struct frozenref_cache *head, void *object)
{
	struct cache *cache = cache_of(head);
	struct thread_cache *own_cache;
	uint32_t count;

	if (FROZENREF__UNLIKELY(!may_be_freed(cache, object))) {
		frozenref__cache_bad_free(cache, object);
		return;
	}
	/* Relaxed: ON_HANDLES was set by a holder of this object, or is of no importance to it. */
	if (FROZENREF__UNLIKELY(frozenref__load32(&cache->on_free, relaxed)) &&
	    !frozenref__cache_freeing(cache, object))
		return;
	own_cache = find_recent(cache);
	if (FROZENREF__LIKELY(own_cache)) {
		/* Relaxed, both: this thread's own. */
		count = frozenref__load32(&own_cache->count, relaxed);
		if (FROZENREF__LIKELY(count != frozenref__load32(&own_cache->capacity, relaxed))) {
			push(own_cache, count, object);
			return;
		}
	}
	free_slow(cache, object);
}

/*
 * ----------------------------------------------------------------------------- flushes, statistics
 */

static void free_magazines(struct magazine *list)
{
	while (list) {
		struct magazine *next = list->next;

		free(list);
		list = next;
	}
}

static void flush_depot(struct cache *cache)
{
	struct magazine *empty;
	struct magazine *full;

	pthread_mutex_lock(&cache->lock);
	full = cache->depot.full;
	empty = cache->depot.empty;
	cache->depot = (struct depot){ NULL, NULL, 0, 0, 0 };
	for (struct magazine *magazine = full; magazine; magazine = magazine->next)
		empty_into_slabs(cache, magazine);
	pthread_mutex_unlock(&cache->lock);
	free_magazines(full);
	free_magazines(empty);
}

void frozenref__magazines_flush(struct cache *cache)
{
	const struct thread *thread = FROZENREF__OWN->thread;

	if (thread && cache->id < thread->nr_places &&
	    thread->table[cache->id].serial == cache->serial)
		drain(thread->table[cache->id].magazines);
	flush_depot(cache);
}

void frozenref__magazines_flush_all(struct cache *cache)
{
	pthread_mutex_lock(&all.lock);
	for (struct thread_cache *other = cache->threads; other; other = other->next_of_cache)
		drain(other);
	pthread_mutex_unlock(&all.lock);
	flush_depot(cache);
}

struct magazine_usage frozenref__magazines_usage(struct cache *cache)
{
	struct magazine_usage usage = { 0, 0 };

	pthread_mutex_lock(&all.lock);
	for (struct thread_cache *other = cache->threads; other; other = other->next_of_cache) {
		/* Relaxed: others go on; the sum is a snapshot. */
		usage.rounds += frozenref__load32(&other->count, relaxed) +
				frozenref__load32(&other->previous_count, relaxed);
		usage.threads++;
	}
	pthread_mutex_unlock(&all.lock);
	return usage;
}

/* --------------------------------------------------------------------------- create and destroy */

static uint32_t magazine_max(const struct cache *cache)
{
	uint32_t max = MAGAZINE_MAX / cache->head.stride;
	uint64_t objects = (uint64_t)cache->max_slabs * cache->head.per_slab;

	/* Where there are few objects, threads must not sit on many of them. */
	if (max > objects / 64)
		max = (uint32_t)(objects / 64);
	if (max > ROUNDS_MAX)
		max = ROUNDS_MAX;
	return max ? max : 1;
}

int frozenref__magazines_create(struct cache *cache)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int err;

	/* Before there is anything to lock: a fork that has begun knows no new handlers. */
	pthread_once(&once, set_up);
	if (all.key_error)
		return -all.key_error;
	cache->magazine_max = magazine_max(cache);
	cache->magazine_size =
		cache->magazine_max < ROUNDS_FIRST ? cache->magazine_max : ROUNDS_FIRST;
	pthread_mutex_lock(&all.lock);
	err = take_id(&cache->id);
	if (!err) {
		all.place[cache->id].cache = cache;
		cache->serial = ++all.serial;
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
