/* SPDX-License-Identifier: MIT */
/*
 * What alloc and free, the depot, and threads' shares of caches know of each other.
 *
 * Used by magazine.c, magazine_depot.c and magazine_thread.c. Two locks: the global one, for what
 * relates threads and caches to each other, and within it the cache's, for its slabs and its depot,
 * which is one of a few that caches share: so that a thread that forks can hold all of them, and
 * the child finds everything in order. Neither is held while a callback runs.
 */
#ifndef FROZENREF_LIB_MAGAZINE_H
#define FROZENREF_LIB_MAGAZINE_H

#include "cache.h"
#include "thread_local.h"

/* -- magazines: each is one thread's, or is in the depot -- */

static inline struct magazine *loaded(const struct thread_cache *own_cache)
{
	return own_cache->magazine[own_cache->loaded];
}

static inline struct magazine *previous(const struct thread_cache *own_cache)
{
	return own_cache->magazine[!own_cache->loaded];
}

static inline void set_count(struct magazine *magazine, uint32_t count)
{
	/* Release: pairs with a fork, whose child must not find a count without its objects. */
	frozenref__store32(&magazine->count, count, release);
}

/* -- magazine_depot.c; with the cache's lock held where it says so -- */

/* How many objects a new magazine of the cache is to have room for. */
static inline uint32_t magazine_size(const struct cache *cache)
{
	/* Relaxed: it changes under the cache's lock, and any size of the past will do. */
	return frozenref__load32(&cache->magazine_size, relaxed);
}

/* An empty one, or NULL. */
struct magazine *frozenref__magazine_make(uint32_t capacity);

/* Locked: its objects go back to their slabs. */
void frozenref__magazine_empty(struct cache *cache, struct magazine *magazine);

/* When the cache is made: how large its magazines are, and may become. */
void frozenref__depot_set_sizes(struct cache *cache);

/* Takes the cache's lock in order to exchange a magazine; how often, decides how large they are. */
void frozenref__depot_lock(struct cache *cache);

/* Locked: one with objects goes into the depot, or comes from it; NULL if there is none. */
void frozenref__depot_push_full(struct cache *cache, struct magazine *magazine);
struct magazine *frozenref__depot_pop_full(struct cache *cache);

/* Locked: takes an empty one, or NULL, and returns it if the depot does not want it. */
struct magazine *frozenref__depot_push_empty(struct cache *cache, struct magazine *magazine);
/* Locked, but not all the while: an empty one, new if need be; NULL if there is no memory. */
struct magazine *frozenref__depot_find_empty(struct cache *cache);

/* All objects in the depot go back to their slabs, and its magazines are freed. */
void frozenref__depot_flush(struct cache *cache);

/* -- magazine_thread.c -- */

/* The calling thread's magazines of the cache, made if need be; NULL: it must do without. */
struct thread_cache *frozenref__thread_cache(struct cache *cache);

#define RECENT 4

/* The magazine that a thread has loaded, of a cache that it used lately. */
struct recent {
	uint64_t serial;
	struct magazine *loaded;
};

/* What a thread has of its own; the model checker has one for each of its threads. */
struct own {
	struct recent recent[RECENT];
	struct thread *thread;
	uint32_t is_exiting; /* its destructor has run: no more magazines */
};

extern FROZENREF__THREAD_LOCAL struct own frozenref__own;

#ifndef FROZENREF__OWN
# define FROZENREF__OWN (&frozenref__own)
#endif

#endif /* FROZENREF_LIB_MAGAZINE_H */
