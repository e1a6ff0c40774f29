/* SPDX-License-Identifier: MIT */
/*
 * Renames, unlinks and invalidations: dentries that are dropped, and no answers in between.
 *
 * Called by programs. Relies on lookup.c, which asks the file system under the lock of the
 * directory: so whoever changes a directory holds that as well, over the system call and the drop.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inside.h"

/* Two directories, which may share a lock. */
static void lock_both(struct dcache *dcache, const struct dentry *a, const struct dentry *b)
{
	pthread_mutex_t *first = lock_of(dcache, a);
	pthread_mutex_t *second = lock_of(dcache, b);

	if (first > second) {
		first = second;
		second = lock_of(dcache, a);
	}
	pthread_mutex_lock(first);
	if (second != first)
		pthread_mutex_lock(second);
}

static void unlock_both(struct dcache *dcache, const struct dentry *a, const struct dentry *b)
{
	if (lock_of(dcache, a) != lock_of(dcache, b))
		pthread_mutex_unlock(lock_of(dcache, b));
	pthread_mutex_unlock(lock_of(dcache, a));
}

/* Takes a dentry out: lookups miss it, and whatever they knew below it. */
static void drop(struct dcache *dcache, struct dentry *dentry)
{
	atomic_fetch_or(&dentry->flags, DENTRY_DROPPED);
	(void)frozenref_index_erase(dcache->index, dentry);
}

/* Locked: forgets a name, if it is known. */
static void drop_name(struct dcache *dcache, const struct key *key)
{
	struct dentry *dentry = frozenref_index_try_get(dcache->index, key->hash, key);

	if (!dentry)
		return;
	drop(dcache, dentry);
	dput(dcache, dentry);
}

/* The directory of a path, referenced. */
static int resolve_directory(struct dcache *dcache, const char *path, struct dentry **directory,
			     struct dcache_stats *stats)
{
	const char *slash = strrchr(path, '/');
	char *above = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
	int err;

	if (!above)
		return -ENOMEM;
	err = resolve(dcache, above, directory, stats);
	free(above);
	if (err || (*directory)->answer.found)
		return err;
	dput(dcache, *directory);
	return -ENOENT;
}

/* The same, and the last component. */
static int resolve_parent(struct dcache *dcache, const char *path, struct key *key,
			  struct dcache_stats *stats)
{
	const char *slash = strrchr(path, '/');
	struct dentry *parent;
	int err = resolve_directory(dcache, path, &parent, stats);

	if (err)
		return err;
	*key = component(parent, slash ? slash + 1 : path);
	if (key->length)
		return 0;
	dput(dcache, parent);
	return -EINVAL;
}

static void put_parent(struct dcache *dcache, const struct key *key)
{
	dput(dcache, key->parent);
}

/*
 * Whoever drops holds `renaming`: a directory that is found to be reachable stays so, and is the
 * only dentry of its path. Else there may be a second one below which the names would stay.
 */
static int rename_known(struct dcache *dcache, const struct key *from, const char *from_path,
			const struct key *to, const char *to_path)
{
	int err = WALK_AGAIN;

	pthread_mutex_lock(&dcache->renaming);
	if (!is_unreachable(from->parent) && !is_unreachable(to->parent)) {
		atomic_fetch_add(&dcache->renames, 1);
		lock_both(dcache, from->parent, to->parent);
		err = renameat(dcache->root_fd, from_path, dcache->root_fd, to_path) ? -errno : 0;
		drop_name(dcache, from);
		drop_name(dcache, to);
		unlock_both(dcache, from->parent, to->parent);
		atomic_fetch_add(&dcache->renames, 1);
	}
	pthread_mutex_unlock(&dcache->renaming);
	return err;
}

int dcache_rename(struct dcache *dcache, const char *from, const char *to,
		  struct dcache_stats *stats)
{
	struct key from_key, to_key;
	int err;

	do {
		err = resolve_parent(dcache, from, &from_key, stats);
		if (err)
			return err;
		err = resolve_parent(dcache, to, &to_key, stats);
		if (!err) {
			err = rename_known(dcache, &from_key, from, &to_key, to);
			put_parent(dcache, &to_key);
		}
		put_parent(dcache, &from_key);
	} while (err == WALK_AGAIN);
	return err;
}

static int unlink_known(struct dcache *dcache, const struct key *key, const char *path)
{
	int err = WALK_AGAIN;

	pthread_mutex_lock(&dcache->renaming);
	if (!is_unreachable(key->parent)) {
		pthread_mutex_lock(lock_of(dcache, key->parent));
		err = unlinkat(dcache->root_fd, path, 0) ? -errno : 0;
		drop_name(dcache, key);
		pthread_mutex_unlock(lock_of(dcache, key->parent));
	}
	pthread_mutex_unlock(&dcache->renaming);
	return err;
}

int dcache_unlink(struct dcache *dcache, const char *path, struct dcache_stats *stats)
{
	struct key key;
	int err;

	do {
		err = resolve_parent(dcache, path, &key, stats);
		if (err)
			return err;
		err = unlink_known(dcache, &key, path);
		put_parent(dcache, &key);
	} while (err == WALK_AGAIN);
	return err;
}

/* -------------------------------------------------------------------------------- invalidation */

/* Takes out what cannot be reached and nobody holds: leaves first, so it takes several walks. */
static uint64_t prune(struct dcache *dcache)
{
	uint64_t pruned = 0;
	uint64_t hand = 0;
	struct dentry *dentry;

	while ((dentry = frozenref_index_next(dcache->index, &hand))) {
		bool unreachable = is_unreachable(dentry);

		dput(dcache, dentry);
		if (unreachable)
			pruned += frozenref_index_erase_if_unused(dcache->index, dentry);
	}
	return pruned;
}

bool dcache_spoil(struct dcache *dcache, const char *path)
{
	struct dcache_stats stats = { 0 };
	struct dentry *dentry;

	if (resolve(dcache, path, &dentry, &stats))
		return false;
	dentry->answer.mode ^= 0777;
	dput(dcache, dentry);
	return true;
}

uint64_t dcache_invalidate(struct dcache *dcache, const char *path, struct dcache_stats *stats)
{
	struct dentry *dentry;
	uint64_t dropped = 1;
	uint64_t pruned;

	if (resolve(dcache, path, &dentry, stats))
		return 0;
	if (dentry->parent) {
		pthread_mutex_lock(&dcache->renaming);
		drop(dcache, dentry);
		pthread_mutex_unlock(&dcache->renaming);
	}
	dput(dcache, dentry);
	while ((pruned = prune(dcache)))
		dropped += pruned;
	return dropped;
}
