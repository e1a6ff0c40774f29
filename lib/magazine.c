/* SPDX-License-Identifier: MIT */
/*
 * Alloc and free: each thread has two magazines of free objects for each cache that it uses, and
 * exchanges whole ones with the cache's depot, as in Bonwick's and Adams' "Magazines and Vmem".
 *
 * Called by programs and by cache.c. Relies on cache_slab.c for objects that are in no magazine. A
 * thread finds its magazines by the cache's place in a table of its own; four caches that it used
 * last are nearer. Two locks: the global one, for what relates threads and caches to each other,
 * and within it the cache's, which is one of a few that caches share: so that a thread that forks
 * can hold all of them, and the child finds everything in order. (ThreadSanitizer wants a thread to
 * hold less than 64.) Neither is held while a callback runs.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "cache.h"
#include "fork.h"
#include "thread_local.h"

/*
 * Objects in a new cache's magazines; they grow where threads wait for each other, or come often.
 */
#define ROUNDS_FIRST 16
#define ROUNDS_MAX   256
#define MAGAZINE_MAX (1u << 18) /* bytes of objects in one magazine, unless it is a single one */
#define CALM_MAX     64		/* exchanges until magazines grow even if nobody has to wait */
#define RECENT	     4
#define TABLE_MIN    16
#define NR_LOCKS     32

/* A thread's way from a cache to its magazines; the serial tells dead caches from live ones. */
struct place {
	uint64_t serial;
	struct thread_cache *magazines;
};

struct recent {
	uint64_t serial;
	struct magazine *loaded;
};

struct thread {
	struct place *table; /* by cache.id; replaced under the global lock */
	uint32_t nr_places;
	struct thread_cache *caches; /* under the global lock, as the links of threads */
	struct thread *next;
	struct thread *prev;
};

/* What a thread has of its own; the model checker has one for each of its threads. */
struct own {
	struct recent recent[RECENT];
	struct thread *thread;
	uint32_t is_exiting; /* its destructor has run: no more magazines */
};

#ifndef FROZENREF__OWN
static FROZENREF__THREAD_LOCAL struct own own;
# define FROZENREF__OWN (&own)
#endif

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

/* ------------------------------------------------------------------------------------ magazines */

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

static struct magazine *loaded(const struct thread_cache *own_cache)
{
	return own_cache->magazine[own_cache->loaded];
}

static struct magazine *previous(const struct thread_cache *own_cache)
{
	return own_cache->magazine[!own_cache->loaded];
}

static void swap_magazines(struct thread_cache *own_cache)
{
	own_cache->loaded = !own_cache->loaded;
}

static void set_count(struct magazine *magazine, uint32_t count)
{
	/* Release: pairs with a fork, whose child must not find a count without its objects. */
	frozenref__store32(&magazine->count, count, release);
}

/* -- the depot: with the cache's lock -- */

/*
 * Larger magazines where threads meet at the lock; and, more slowly, wherever they are exchanged.
 */
static void lock_depot(struct cache *cache)
{
	bool waited = pthread_mutex_trylock(cache->lock) != 0;

	if (waited) {
		pthread_mutex_lock(cache->lock);
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

/*
 * Returns the magazine if it is not wanted: too small by now, or there are enough. (Relaxed: the
 * number of threads changes under another lock, and any of late will do.)
 */
static struct magazine *push_empty(struct cache *cache, struct magazine *magazine)
{
	struct depot *depot = &cache->depot;

	if (!magazine || magazine->capacity < cache->magazine_size ||
	    depot->nr_empty > 2 * frozenref__load32(&cache->nr_threads, relaxed))
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
	set_count(magazine, 0);
}

/* ------------------------------------------------------------------------ threads and their end */

/* Gives back what a thread has: the calling one, or one that is not running. */
static void drain(struct thread_cache *drained)
{
	pthread_mutex_lock(drained->cache->lock);
	for (unsigned i = 0; i < 2; i++) {
		if (drained->magazine[i])
			empty_into_slabs(drained->cache, drained->magazine[i]);
	}
	pthread_mutex_unlock(drained->cache->lock);
}

static void count_threads(struct cache *cache, uint32_t more)
{
	/* Relaxed: for push_empty(), which has not the global lock. */
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
	struct magazine *magazine = made ? make_magazine(magazine_size(cache)) : NULL;

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
	return place->magazines;
}

/* The magazine that the thread has loaded, if it has used the cache lately. */
static inline struct magazine *find_recent(const struct cache *cache)
{
	const struct recent *recent = &FROZENREF__OWN->recent[cache->id % RECENT];

	return FROZENREF__LIKELY(recent->serial == cache->serial) ? recent->loaded : NULL;
}

static void remember(const struct cache *cache, struct magazine *magazine)
{
	FROZENREF__OWN->recent[cache->id % RECENT] = (struct recent){ cache->serial, magazine };
}

/* Other than in a magazine: from the slabs, one at a time. */
static void *take_one(struct cache *cache)
{
	uint32_t number = 0;

	do {
		void *object;
		uint32_t n;

		pthread_mutex_lock(cache->lock);
		if (number)
			frozenref__slabs_add(cache, number);
		n = frozenref__slabs_take(cache, &object, 1);
		pthread_mutex_unlock(cache->lock);
		if (n)
			return object;
		number = frozenref__slabs_construct(cache);
	} while (number);
	return NULL;
}

/* A larger magazine than this one, if they have grown since it was made. */
static struct magazine *make_larger(const struct cache *cache, const struct magazine *magazine)
{
	uint32_t size = magazine_size(cache);

	return magazine->capacity < size ? make_magazine(size) : NULL;
}

/* Locked: fills the loaded magazine, or the larger one in its place; returns the one not needed. */
static struct magazine *fill(struct cache *cache, struct thread_cache *own_cache,
			     struct magazine *larger)
{
	struct magazine *unwanted = NULL;
	struct magazine *filled;

	if (larger) {
		unwanted = loaded(own_cache);
		own_cache->magazine[own_cache->loaded] = larger;
	}
	filled = loaded(own_cache);
	set_count(filled, frozenref__slabs_take(cache, filled->round, filled->capacity));
	return unwanted;
}

/* Gets free objects that are there already, into the thread's magazines, which are empty. */
static void reload(struct cache *cache, struct thread_cache *own_cache)
{
	struct magazine *larger = make_larger(cache, loaded(own_cache));
	struct magazine *unwanted;
	struct magazine *full;

	lock_depot(cache);
	full = pop_full(&cache->depot);
	if (full) {
		unwanted = push_empty(cache, previous(own_cache));
		own_cache->magazine[!own_cache->loaded] = full;
		swap_magazines(own_cache);
	} else {
		unwanted = fill(cache, own_cache, larger);
		larger = NULL;
	}
	pthread_mutex_unlock(cache->lock);
	/* Before anything else is called: the magazine that was loaded may be the unwanted one. */
	remember(cache, loaded(own_cache));
	free(unwanted);
	free(larger);
}

/*
 * A slab more, and objects of it: before anybody else can have them, or a trim in a loop could take
 * each away. Its constructors may have used the cache, and the magazines are no more as they were.
 */
static bool populate(struct cache *cache, struct thread_cache *own_cache)
{
	uint32_t number = frozenref__slabs_construct(cache);

	if (!number)
		return false;
	pthread_mutex_lock(cache->lock);
	frozenref__slabs_add(cache, number);
	if (!loaded(own_cache)->count)
		(void)fill(cache, own_cache, NULL);
	pthread_mutex_unlock(cache->lock);
	return true;
}

static inline void *pop(struct magazine *magazine, uint32_t count)
{
	void *object = magazine->round[count - 1];

	/* Relaxed: what a fork finds counted is there, and nobody else goes by it. */
	frozenref__store32(&magazine->count, count - 1, relaxed);
	return object;
}

static void *pop_loaded(struct cache *cache, struct thread_cache *own_cache)
{
	if (!loaded(own_cache)->count && previous(own_cache) && previous(own_cache)->count)
		swap_magazines(own_cache);
	if (!loaded(own_cache)->count)
		reload(cache, own_cache);
	if (!loaded(own_cache)->count && !populate(cache, own_cache))
		return NULL;
	remember(cache, loaded(own_cache));
	return pop(loaded(own_cache), loaded(own_cache)->count);
}

static FROZENREF__COLD void *alloc_slow(struct cache *cache)
{
	struct thread_cache *own_cache = find_or_make(cache);
	void *object = own_cache ? pop_loaded(cache, own_cache) : take_one(cache);

	if (!object)
		errno = ENOMEM;
	return object && cache->on_alloc ? frozenref__cache_allocated(cache, object) : object;
}

void *frozenref_cache_alloc(struct frozenref_cache *head)
{
	struct cache *cache = cache_of(head);
	struct magazine *magazine = find_recent(cache);
	uint32_t count;
	void *object;

	if (FROZENREF__UNLIKELY(!magazine))
		return alloc_slow(cache);
	/* Relaxed: this thread's own. */
	count = frozenref__load32(&magazine->count, relaxed);
	if (FROZENREF__UNLIKELY(!count))
		return alloc_slow(cache);
	object = pop(magazine, count);
	if (FROZENREF__UNLIKELY(cache->on_alloc))
		return frozenref__cache_allocated(cache, object);
	return object;
}

/* ---------------------------------------------------------------------------------------- free */

static void give_one(struct cache *cache, void *object)
{
	pthread_mutex_lock(cache->lock);
	frozenref__slabs_give(cache, &object, 1);
	pthread_mutex_unlock(cache->lock);
}

/* Locked, but not all the while: an empty magazine, or NULL if there is no memory. */
static struct magazine *find_empty(struct cache *cache)
{
	struct magazine *magazine = pop_empty(&cache->depot);

	if (magazine)
		return magazine;
	pthread_mutex_unlock(cache->lock);
	magazine = make_magazine(magazine_size(cache));
	pthread_mutex_lock(cache->lock);
	return magazine;
}

/* Makes room where both magazines are full. */
static void turn_over(struct cache *cache, struct thread_cache *own_cache)
{
	struct magazine *empty;

	lock_depot(cache);
	empty = find_empty(cache);
	if (!empty) {
		empty_into_slabs(cache, loaded(own_cache));
	} else {
		if (previous(own_cache))
			push_full(&cache->depot, previous(own_cache));
		own_cache->magazine[!own_cache->loaded] = empty;
		swap_magazines(own_cache);
	}
	pthread_mutex_unlock(cache->lock);
}

static inline void push(struct magazine *magazine, uint32_t count, void *object)
{
	magazine->round[count] = object;
	set_count(magazine, count + 1);
}

static bool is_full(const struct magazine *magazine)
{
	return magazine->count == magazine->capacity;
}

static void give_to_magazine(struct cache *cache, struct thread_cache *own_cache, void *object)
{
	if (is_full(loaded(own_cache)) && previous(own_cache) && !is_full(previous(own_cache)))
		swap_magazines(own_cache);
	if (is_full(loaded(own_cache)))
		turn_over(cache, own_cache);
	remember(cache, loaded(own_cache));
	push(loaded(own_cache), loaded(own_cache)->count, object);
}

/* As free(3) does, it leaves errno alone: puts are part of how errors are handled. */
static FROZENREF__COLD void free_slow(struct cache *cache, void *object)
{
	int saved_errno = errno;
	struct thread_cache *own_cache = find_or_make(cache);

	if (own_cache)
		give_to_magazine(cache, own_cache, object);
	else
		give_one(cache, object);
	errno = saved_errno;
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
	struct magazine *magazine;
	uint32_t count;

	if (FROZENREF__UNLIKELY(!may_be_freed(cache, object))) {
		frozenref__cache_bad_free(cache, object);
		return;
	}
	/* Relaxed: ON_HANDLES was set by a holder of this object, or is of no importance to it. */
	if (FROZENREF__UNLIKELY(frozenref__load32(&cache->on_free, relaxed)) &&
	    !frozenref__cache_freeing(cache, object))
		return;
	magazine = find_recent(cache);
	if (FROZENREF__LIKELY(magazine)) {
		/* Relaxed: this thread's own. */
		count = frozenref__load32(&magazine->count, relaxed);
		if (FROZENREF__LIKELY(count != magazine->capacity)) {
			push(magazine, count, object);
			return;
		}
	}
	free_slow(cache, object);
}

/* -------------------------------------------------------------------------- flushes, statistics */

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

	pthread_mutex_lock(cache->lock);
	full = cache->depot.full;
	empty = cache->depot.empty;
	cache->depot = (struct depot){ NULL, NULL, 0, 0, 0 };
	for (struct magazine *magazine = full; magazine; magazine = magazine->next)
		empty_into_slabs(cache, magazine);
	pthread_mutex_unlock(cache->lock);
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
	static const struct fork_steps steps = { before_fork, after_fork, after_fork_in_child };
	/* Before there is anything to lock. */
	int err = frozenref__watch_forks(FORK_CACHE, &steps);

	if (err)
		return err;
	cache->magazine_max = magazine_max(cache);
	cache->magazine_size =
		cache->magazine_max < ROUNDS_FIRST ? cache->magazine_max : ROUNDS_FIRST;
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
