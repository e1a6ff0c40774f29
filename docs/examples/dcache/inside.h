/* SPDX-License-Identifier: MIT */
/*
 * The inside of the dentry cache: what a dentry is, and what its sources share.
 *
 * Used by dcache.c, dentry.c, lookup.c, change.c and shrink.c.
 *
 * A dentry's key is its parent and its name, and neither ever changes: what is renamed gets a new
 * dentry. Each dentry holds a reference on its parent, so a parent's address names that directory
 * as long as a child remembers it; and whoever holds a dentry may follow it up to the root. What is
 * below a dentry that was dropped cannot be reached any more: that is how a subtree is invalidated
 * at once; its dentries are evicted when somebody walks by.
 *
 * The hash of a dentry is that of its whole path. So a path can be looked up at its end, and proved
 * right from there upwards, as well as component by component.
 */
#ifndef DCACHE_INSIDE_H
#define DCACHE_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include <frozenref/cache.h>
#include <frozenref/index.h>

#include "dcache.h"

#define LOCKS	      64
#define EVICT_AT_ONCE 32

/* Not an errno: a directory on the way was dropped, so walk there again. */
#define WALK_AGAIN 1

#define NAME_INLINE 64

/* Two cache lines; what is looked at on a way, of a dentry with a short name, is in the first. */
struct dentry {
	struct frozenref_index_node node; /* stable bytes */
	frozenref_t ref;
	_Atomic uint16_t flags; /* DENTRY_* */
	uint16_t length;	/* of the name */
	struct dentry *parent;	/* referenced; NULL for the root */
	uint64_t hash;		/* of the path */
	union {
		char room[NAME_INLINE];
		char *long_name; /* from malloc(), if there is no room */
	};
	struct dcache_answer answer;
};

#define DENTRY_REFERENCED 1u /* used since the hand came by */
#define DENTRY_DROPPED	  2u /* taken out: what is below it is unreachable */
#define DENTRY_NEGATIVE	  4u /* known to be absent: answer.found, in the first cache line */

/* A name in a directory, which somebody holds; or else the name is a path, from the root. */
struct key {
	struct dentry *parent;
	const char *name;
	size_t length;
	uint64_t hash;
};

struct dcache {
	struct frozenref_cache *dentries;
	struct frozenref_index *index;
	struct dentry *root;
	uint64_t limit;
	int root_fd;
	pthread_mutex_t lock[LOCKS]; /* of directories, by their addresses */
	const void *hand;	     /* of the shrinker: an address */
	pthread_mutex_t shrinking;
	pthread_mutex_t renaming; /* held over all that drops dentries, one at a time */
	/* Odd while a rename is under way: the kernel's rename_lock. Read by every walk. */
	_Alignas(64) atomic_uint renames;
	/* Dentries, reachable or not: written whenever one comes or goes. */
	_Alignas(64) atomic_ullong n;
};

/* ----------------------------------------------------------------------------------- dentry.c */

const char *name_of(const struct dentry *dentry);
/* The hash of a name in a directory that has this one. */
uint64_t hash_below(uint64_t hash, const char *name, size_t length);
/* For the index: whether a dentry has the key. */
bool is_called(const void *object, const void *key, void *arg);

/* Live, with one reference; NULL if there is no memory. */
struct dentry *make_dentry(struct dcache *dcache, const struct key *key,
			   const struct dcache_answer *answer);
/* For the cache: the end of a dentry. */
void release_dentry(void *object, void *dcache);

static inline struct dentry *dget(struct dentry *dentry)
{
	frozenref_get(&dentry->ref);
	return dentry;
}

static inline void dput(struct dcache *dcache, struct dentry *dentry)
{
	frozenref_cache_put(dcache->dentries, dentry);
}

static inline bool is_dropped(const struct dentry *dentry)
{
	return atomic_load(&dentry->flags) & DENTRY_DROPPED;
}

/* Whether a dentry that somebody holds was dropped, or a directory on the way to it. */
bool is_unreachable(const struct dentry *dentry);

/* ----------------------------------------------------------------------------------- lookup.c */

/* The next component of a path, after any slashes; its length is 0 at the end. */
struct key component(struct dentry *parent, const char *path);
/* From the root to the path's dentry, referenced; or to the first that is absent. */
int resolve(struct dcache *dcache, const char *path, struct dentry **found,
	    struct dcache_stats *stats);

static inline pthread_mutex_t *lock_of(struct dcache *dcache, const struct dentry *directory)
{
	return &dcache->lock[((uintptr_t)directory >> 7) % LOCKS];
}

#endif /* DCACHE_INSIDE_H */
