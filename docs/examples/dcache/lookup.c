/* SPDX-License-Identifier: MIT */
/*
 * Lookups: to a path's dentry, by the index or, for what it does not know, by the file system.
 *
 * Called by programs, and by change.c. Most lookups go to the end of the path at once. For what is
 * not found there is the walk from the root, which holds each dentry until it has the next, as the
 * kernel's ref-walk does.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "inside.h"

#define WALKS_MAX 16 /* without a lock: the kernel falls back to rename_lock as well */

static const char *next_name(const char *path, size_t *length)
{
	while (*path == '/')
		path++;
	*length = (size_t)(strchrnul(path, '/') - path);
	return path;
}

struct key component(struct dentry *parent, const char *path)
{
	size_t length;
	const char *name = next_name(path, &length);

	return (struct key){ parent, name, length, hash_below(parent->hash, name, length) };
}

static struct dentry *find(struct dcache *dcache, const struct key *key)
{
	struct dentry *dentry = frozenref_index_try_get(dcache->index, key->hash, key);

	/* A look before: a bit that is set already is not written, and its line stays shared. */
	if (dentry &&
	    !(atomic_load_explicit(&dentry->flags, memory_order_relaxed) & DENTRY_REFERENCED))
		atomic_fetch_or_explicit(&dentry->flags, DENTRY_REFERENCED, memory_order_relaxed);
	return dentry;
}

/* --------------------------------------------------------------------------- at the path's end */

/* All of a path, but for slashes at its end; its length is 0 if it is the root's. */
static struct key whole(const struct dcache *dcache, const char *path)
{
	struct key key = { NULL, path, 0, dcache->root->hash };

	for (;;) {
		size_t length;
		const char *name = next_name(path, &length);

		if (!length)
			return key;
		key.hash = hash_below(key.hash, name, length);
		path = name + length;
		key.length = (size_t)(path - key.name);
	}
}

/*
 * The path's dentry, referenced, if it is in the cache. No counter is touched but its own: it holds
 * its parents, and those of /usr and /usr/share would be what all threads wait for. If nothing
 * above it has been dropped now, nothing had been when it was found in the index.
 */
static struct dentry *find_whole(struct dcache *dcache, const char *path,
				 struct dcache_stats *stats)
{
	struct key key = whole(dcache, path);
	struct dentry *found = key.length ? find(dcache, &key) : NULL;

	if (found && is_unreachable(found->parent)) {
		dput(dcache, found);
		return NULL;
	}
	stats->steps += found != NULL;
	return found;
}

/* ------------------------------------------------------------------------------ the file system */

/* The path of a name in a directory, from the root; false if it is too long. */
static bool path_of(const struct key *key, char path[PATH_MAX])
{
	size_t at = PATH_MAX - 1;
	const char *name = key->name;
	size_t length = key->length;

	path[at] = '\0';
	for (const struct dentry *dentry = key->parent;; dentry = dentry->parent) {
		if (length + 1 > at)
			return false;
		at -= length;
		memcpy(path + at, name, length);
		if (!dentry || !dentry->parent)
			break;
		path[--at] = '/';
		name = name_of(dentry);
		length = dentry->length;
	}
	memmove(path, path + at, PATH_MAX - at);
	return true;
}

/* Locked: what the file system says. -ENOENT is an answer, too. */
static int ask(const struct dcache *dcache, const struct key *key, struct dcache_answer *answer)
{
	char path[PATH_MAX];
	struct stat status;

	memset(answer, 0, sizeof(*answer));
	/* These are no names of their own: what is renamed would be dropped under another one. */
	if (key->name[0] == '.' && (key->length == 1 || (key->length == 2 && key->name[1] == '.')))
		return -EINVAL;
	if (S_ISLNK(key->parent->answer.mode))
		return -ELOOP;
	if (!path_of(key, path))
		return -ENAMETOOLONG;
	if (fstatat(dcache->root_fd, path, &status, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	*answer = (struct dcache_answer){ true, status.st_mode, status.st_dev, status.st_ino };
	return 0;
}

/* ------------------------------------------------------------------------- holding on the way */

/* Locked: makes a dentry of what the file system says. */
static int ask_and_insert(struct dcache *dcache, const struct key *key, struct dentry **found)
{
	struct dcache_answer answer;
	struct dentry *made;
	int err = ask(dcache, key, &answer);

	if (err)
		return err;
	made = make_dentry(dcache, key, &answer);
	if (!made)
		return -ENOMEM;
	/* Another thread may have been faster: then its dentry is returned, and as good. */
	*found = frozenref_index_get_or_insert(dcache->index, key->hash, key, made);
	err = *found ? 0 : -errno;
	dput(dcache, made);
	return err;
}

/* There is no memory for another dentry: some others must go. False: none could. */
static bool make_room(struct dcache *dcache, struct dcache_stats *stats)
{
	uint64_t dentries = atomic_load_explicit(&dcache->n, memory_order_relaxed);
	uint64_t before = stats->evictions;

	if (pthread_mutex_trylock(&dcache->shrinking)) {
		/* Somebody is about it. */
		pthread_mutex_lock(&dcache->shrinking);
		pthread_mutex_unlock(&dcache->shrinking);
		return true;
	}
	pthread_mutex_unlock(&dcache->shrinking);
	dcache_shrink(dcache, dentries > EVICT_AT_ONCE ? dentries - EVICT_AT_ONCE : 0, stats);
	return stats->evictions != before;
}

/* Asks the file system, and remembers the answer, positive or negative. */
static int find_out(struct dcache *dcache, const struct key *key, struct dentry **found,
		    struct dcache_stats *stats)
{
	int err = WALK_AGAIN;

	/* Nobody may rename or unlink between the answer and its dentry. */
	pthread_mutex_lock(lock_of(dcache, key->parent));
	/* Below a directory that was dropped nobody would drop it. */
	if (!is_dropped(key->parent))
		err = ask_and_insert(dcache, key, found);
	pthread_mutex_unlock(lock_of(dcache, key->parent));
	if (++stats->misses % EVICT_AT_ONCE == 0)
		dcache_shrink(dcache, dcache->limit, stats);
	if (err == -ENOMEM && make_room(dcache, stats))
		err = WALK_AGAIN;
	return err;
}

static int step(struct dcache *dcache, const struct key *key, struct dentry **found,
		struct dcache_stats *stats)
{
	stats->steps++;
	*found = find(dcache, key);
	return *found ? 0 : find_out(dcache, key, found, stats);
}

static bool is_negative(const struct dentry *dentry)
{
	return atomic_load_explicit(&dentry->flags, memory_order_relaxed) & DENTRY_NEGATIVE;
}

/* The root stays: all threads begin there, and would do little but count it. */
static void leave(struct dcache *dcache, struct dentry *at)
{
	if (at != dcache->root)
		dput(dcache, at);
}

/* From the root to the path's dentry, referenced; or to the first that is absent. */
static int walk(struct dcache *dcache, const char *path, struct dentry **found,
		struct dcache_stats *stats)
{
	struct dentry *at = dcache->root;

	for (;;) {
		struct key key = component(at, path);
		struct dentry *next;
		int err;

		if (!key.length || is_negative(at)) {
			*found = at == dcache->root ? dget(at) : at;
			return 0;
		}
		err = step(dcache, &key, &next, stats);
		leave(dcache, at);
		if (err)
			return err;
		at = next;
		path = key.name + key.length;
	}
}

/* True: no directory was dropped or renamed during the walk, and *err is what it came to. */
static bool try_walk(struct dcache *dcache, const char *path, struct dentry **found,
		     struct dcache_stats *stats, int *err)
{
	/* Seq_cst, and acquire at the least: pairs with the additions of rename_known(). */
	unsigned renames = atomic_load(&dcache->renames);

	if (renames & 1)
		return false;
	*found = find_whole(dcache, path, stats);
	*err = *found ? 0 : walk(dcache, path, found, stats);
	if (*err != WALK_AGAIN && atomic_load(&dcache->renames) == renames)
		return true;
	if (!*err)
		dput(dcache, *found);
	return false;
}

/*
 * Each step is right at its moment; the path is, if no directory was renamed between the first and
 * the last. So walks are begun again where one was; the last time under the lock, where nothing is
 * renamed or dropped.
 */
int resolve(struct dcache *dcache, const char *path, struct dentry **found,
	    struct dcache_stats *stats)
{
	int err;

	for (unsigned i = 0; i < WALKS_MAX; i++) {
		if (try_walk(dcache, path, found, stats, &err))
			return err;
		stats->restarts++;
		sched_yield();
	}
	pthread_mutex_lock(&dcache->renaming);
	err = walk(dcache, path, found, stats);
	pthread_mutex_unlock(&dcache->renaming);
	return err;
}

int dcache_lookup(struct dcache *dcache, const char *path, struct dcache_answer *answer,
		  struct dcache_stats *stats)
{
	struct dentry *found;
	int err = resolve(dcache, path, &found, stats);

	if (err)
		return err;
	*answer = found->answer;
	dput(dcache, found);
	return 0;
}
