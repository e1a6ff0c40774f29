/* SPDX-License-Identifier: MIT */
/*
 * The cache itself. See dcache.h.
 *
 * A dentry's key is its parent and its name, and neither ever changes: what is renamed gets a new
 * dentry. Each dentry holds a reference on its parent, so a parent's address names that directory
 * as long as a child remembers it. What is below a dentry that was dropped cannot be reached any
 * more: that is how a subtree is invalidated at once; its dentries are evicted when somebody walks
 * by.
 */
#include "dcache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <frozenref/cache.h>
#include <frozenref/index.h>

#define LOCKS	      64
#define EVICT_AT_ONCE 32
#define TRIM_AFTER    4096 /* evictions: then there are empty slabs */
#define WALKS_MAX     16   /* without a lock: the kernel falls back to rename_lock as well */

/* Not an errno: a directory on the way was dropped, so walk there again. */
#define WALK_AGAIN 1

/* Two cache lines; what a walk needs of a directory with a name of usual length is in the first. */
struct dentry {
	struct frozenref_index_node node; /* stable bytes */
	frozenref_t ref;
	_Atomic uint16_t flags; /* DENTRY_* */
	uint16_t length;	/* of the name */
	struct dentry *parent;	/* referenced; NULL for the root */
	char room[DNAME_INLINE];
	char *long_name; /* from malloc(); NULL if there is room inside */
	struct dcache_answer answer;
};

#define DENTRY_REFERENCED 1u /* used since the hand came by */
#define DENTRY_DROPPED	  2u /* taken out: what is below it is unreachable */
#define DENTRY_NEGATIVE	  4u /* known to be absent: answer.found, in the first cache line */

struct key {
	const struct dentry *parent;
	const char *name;
	size_t length;
};

struct dcache {
	struct frozenref_cache *dentries;
	struct frozenref_index *index;
	struct dentry *root;
	uint64_t limit;
	atomic_ulong n; /* dentries, reachable or not */
	int root_fd;
	pthread_mutex_t renaming;    /* held over all that drops dentries, one at a time */
	atomic_uint renames;	     /* odd while one is under way: the kernel's rename_lock */
	pthread_mutex_t lock[LOCKS]; /* of directories, by their addresses */
	pthread_mutex_t shrinking;
	uint64_t hand;
};

/* ------------------------------------------------------------------------------------- dentries */

static const char *name_of(const struct dentry *dentry)
{
	return dentry->length < DNAME_INLINE ? dentry->room : dentry->long_name;
}

static bool is_called(const void *object, const void *wanted, void *arg)
{
	const struct dentry *dentry = object;
	const struct key *key = wanted;

	(void)arg;
	return dentry->parent == key->parent && dentry->length == key->length &&
	       !memcmp(name_of(dentry), key->name, key->length);
}

static uint64_t read_bytes(const char *from, size_t n)
{
	uint64_t bytes = 0;

	memcpy(&bytes, from, n);
	return bytes;
}

/* The last up to 8 bytes of a name, some of them twice rather than one by one. */
static uint64_t read_tail(const char *name, size_t length)
{
	if (length >= 8)
		return read_bytes(name + length - 8, 8);
	if (length >= 4)
		return read_bytes(name, 4) << 32 | read_bytes(name + length - 4, 4);
	if (!length)
		return 0;
	return (uint64_t)(unsigned char)name[0] << 16 |
	       (uint64_t)(unsigned char)name[length / 2] << 8 | (unsigned char)name[length - 1];
}

static uint64_t mix(uint64_t hash, uint64_t bytes)
{
	hash = (hash ^ bytes) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

/* Eight bytes at a time: of a byte at a time a walk would do little else. */
static uint64_t hash_of(const struct key *key)
{
	uint64_t hash = mix((uintptr_t)key->parent, key->length);
	size_t at = 0;

	for (; at + 8 < key->length; at += 8)
		hash = mix(hash, read_bytes(key->name + at, 8));
	return mix(hash, read_tail(key->name, key->length));
}

/* The last reference is gone: so is the dentry's own, on its parent. */
static void release_dentry(void *object, void *arg)
{
	struct dentry *dentry = object;
	struct dcache *dcache = arg;

	free(dentry->long_name);
	if (dentry->parent)
		frozenref_cache_put(dcache->dentries, dentry->parent);
	atomic_fetch_sub_explicit(&dcache->n, 1, memory_order_relaxed);
}

static void dput(struct dcache *dcache, struct dentry *dentry)
{
	frozenref_cache_put(dcache->dentries, dentry);
}

static struct dentry *dget(struct dentry *dentry)
{
	frozenref_get(&dentry->ref);
	return dentry;
}

/* Live, with one reference; NULL if there is no memory. */
static struct dentry *make_dentry(struct dcache *dcache, const struct key *key,
				  const struct dcache_answer *answer)
{
	struct dentry *dentry = frozenref_cache_alloc(dcache->dentries);
	char *name;

	if (!dentry)
		return NULL;
	dentry->long_name = key->length < DNAME_INLINE ? NULL : malloc(key->length);
	name = key->length < DNAME_INLINE ? dentry->room : dentry->long_name;
	if (!name) {
		frozenref_cache_free(dcache->dentries, dentry);
		return NULL;
	}
	memcpy(name, key->name, key->length);
	dentry->length = (uint16_t)key->length;
	dentry->parent = key->parent ? dget((struct dentry *)(uintptr_t)key->parent) : NULL;
	dentry->answer = *answer;
	atomic_store_explicit(&dentry->flags, answer->found ? 0 : DENTRY_NEGATIVE,
			      memory_order_relaxed);
	atomic_fetch_add_explicit(&dcache->n, 1, memory_order_relaxed);
	frozenref_unfreeze(&dentry->ref, 1);
	return dentry;
}

/* ------------------------------------------------------------------------------ the file system */

static pthread_mutex_t *lock_of(struct dcache *dcache, const struct dentry *directory)
{
	return &dcache->lock[((uintptr_t)directory >> 7) % LOCKS];
}

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

/* -------------------------------------------------------------------------------------- lookups */

static struct dentry *find(struct dcache *dcache, const struct key *key, uint64_t hash)
{
	struct dentry *dentry = frozenref_index_try_get(dcache->index, hash, key);

	/* A look before: a bit that is set already is not written, and its line stays shared. */
	if (dentry &&
	    !(atomic_load_explicit(&dentry->flags, memory_order_relaxed) & DENTRY_REFERENCED))
		atomic_fetch_or_explicit(&dentry->flags, DENTRY_REFERENCED, memory_order_relaxed);
	return dentry;
}

/* Locked: makes a dentry of what the file system says. */
static int ask_and_insert(struct dcache *dcache, const struct key *key, uint64_t hash,
			  struct dentry **found)
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
	*found = frozenref_index_get_or_insert(dcache->index, hash, key, made);
	err = *found ? 0 : -errno;
	dput(dcache, made);
	return err;
}

static bool is_dropped(const struct dentry *dentry)
{
	return atomic_load(&dentry->flags) & DENTRY_DROPPED;
}

/* Asks the file system, and remembers the answer, positive or negative. */
static int find_out(struct dcache *dcache, const struct key *key, uint64_t hash,
		    struct dentry **found, struct dcache_stats *stats)
{
	int err = WALK_AGAIN;

	/* Nobody may rename or unlink between the answer and its dentry. */
	pthread_mutex_lock(lock_of(dcache, key->parent));
	/* Below a directory that was dropped nobody would drop it. */
	if (!is_dropped(key->parent))
		err = ask_and_insert(dcache, key, hash, found);
	pthread_mutex_unlock(lock_of(dcache, key->parent));
	if (++stats->misses % EVICT_AT_ONCE == 0)
		dcache_shrink(dcache, dcache->limit, stats);
	return err;
}

static int step(struct dcache *dcache, const struct key *key, struct dentry **found,
		struct dcache_stats *stats)
{
	uint64_t hash = hash_of(key);

	stats->components++;
	*found = find(dcache, key, hash);
	return *found ? 0 : find_out(dcache, key, hash, found, stats);
}

/* The next component, after any slashes; its length is 0 at the end. */
static struct key component(const struct dentry *parent, const char *path)
{
	while (*path == '/')
		path++;
	return (struct key){ parent, path, (size_t)(strchrnul(path, '/') - path) };
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
	*err = walk(dcache, path, found, stats);
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
static int resolve(struct dcache *dcache, const char *path, struct dentry **found,
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

/* ----------------------------------------------------------------------------- renames, unlinks */

/* Takes a dentry out: lookups miss it, and whatever they knew below it. */
static void drop(struct dcache *dcache, struct dentry *dentry)
{
	atomic_fetch_or(&dentry->flags, DENTRY_DROPPED);
	(void)frozenref_index_erase(dcache->index, dentry);
}

/* Locked: forgets a name, if it is known. */
static void drop_name(struct dcache *dcache, const struct key *key)
{
	struct dentry *dentry = frozenref_index_try_get(dcache->index, hash_of(key), key);

	if (!dentry)
		return;
	drop(dcache, dentry);
	dput(dcache, dentry);
}

/* The directory of a path, referenced, and its last component. */
static int resolve_parent(struct dcache *dcache, const char *path, struct key *key,
			  struct dcache_stats *stats)
{
	const char *slash = strrchr(path, '/');
	struct dentry *parent;
	char *directory;
	int err;

	*key = component(NULL, slash ? slash + 1 : path);
	if (!key->length)
		return -EINVAL;
	directory = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
	if (!directory)
		return -ENOMEM;
	err = resolve(dcache, directory, &parent, stats);
	free(directory);
	if (err)
		return err;
	key->parent = parent;
	if (parent->answer.found)
		return 0;
	dput(dcache, parent);
	return -ENOENT;
}

static void put_parent(struct dcache *dcache, const struct key *key)
{
	dput(dcache, (struct dentry *)(uintptr_t)key->parent);
}

/* Whether a dentry that somebody holds was dropped, or a directory on the way to it. */
static bool is_unreachable(const struct dentry *dentry)
{
	for (; dentry; dentry = dentry->parent) {
		if (is_dropped(dentry))
			return true;
	}
	return false;
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

/* ------------------------------------------------------------------- invalidation, the shrinker */

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

/* One step of the hand: a dentry that was used since gets another round. */
static bool evict_next(struct dcache *dcache)
{
	struct dentry *dentry = frozenref_index_next(dcache->index, &dcache->hand);
	unsigned flags;

	if (!dentry) {
		dcache->hand = 0;
		return false;
	}
	flags = atomic_fetch_and_explicit(&dentry->flags, (uint16_t)~DENTRY_REFERENCED,
					  memory_order_relaxed);
	dput(dcache, dentry);
	/* Only if nobody holds it now: neither a lookup, nor a child. */
	return !(flags & DENTRY_REFERENCED) &&
	       frozenref_index_erase_if_unused(dcache->index, dentry);
}

void dcache_shrink(struct dcache *dcache, uint64_t limit, struct dcache_stats *stats)
{
	uint64_t dentries = atomic_load_explicit(&dcache->n, memory_order_relaxed);
	uint64_t evicted = 0;

	/* One thread is enough; the others go on. */
	if (dentries <= limit || pthread_mutex_trylock(&dcache->shrinking))
		return;
	for (uint64_t steps = 8 * (dentries - limit) + EVICT_AT_ONCE; steps && dentries > limit;
	     steps--) {
		if (evict_next(dcache)) {
			evicted++;
			dentries--;
		}
	}
	stats->evictions += evicted;
	if (evicted >= TRIM_AFTER)
		(void)frozenref_cache_trim(dcache->dentries);
	pthread_mutex_unlock(&dcache->shrinking);
}

void dcache_usage(struct dcache *dcache, struct dcache_usage *usage)
{
	struct frozenref_cache_stats dentries = FROZENREF_CACHE_STATS_INIT;
	struct frozenref_index_stats index = FROZENREF_INDEX_STATS_INIT;

	frozenref_cache_stats(dcache->dentries, &dentries);
	frozenref_index_stats(dcache->index, &index);
	usage->dentries = index.objects;
	usage->resident = dentries.bytes_resident + index.bytes_resident;
}

/* --------------------------------------------------------------------------- create and destroy */

static int make_tables(struct dcache *dcache)
{
	struct frozenref_cache_config cache = FROZENREF_CACHE_CONFIG_INIT;
	struct frozenref_index_config index = FROZENREF_INDEX_CONFIG_INIT;
	int err;

	cache.name = "dentry";
	cache.object_size = sizeof(struct dentry);
	cache.ref_offset = offsetof(struct dentry, ref);
	cache.stable_offset = offsetof(struct dentry, node);
	cache.stable_size = sizeof(struct frozenref_index_node);
	cache.release = release_dentry;
	cache.arg = dcache;
	cache.flags = FROZENREF_CACHE_PADDED;
	/* As the kernel's slabs are: dentries are read at random, and the TLB is small. */
	cache.backend = frozenref_mmap_hugepage_backend();
	err = frozenref_cache_create(&dcache->dentries, &cache);
	if (err)
		return err;
	index.cache = dcache->dentries;
	index.node_offset = offsetof(struct dentry, node);
	index.equal = is_called;
	index.backend = frozenref_mmap_hugepage_backend();
	err = frozenref_index_create(&dcache->index, &index);
	if (err)
		err = frozenref_cache_destroy(dcache->dentries) ? -EBUSY : err;
	return err;
}

static int make_root(struct dcache *dcache, const char *path)
{
	const struct key key = { NULL, "", 0 };
	struct dcache_answer answer = { .found = true };
	struct stat status;

	dcache->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dcache->root_fd < 0 || fstat(dcache->root_fd, &status))
		return -errno;
	answer = (struct dcache_answer){ true, status.st_mode, status.st_dev, status.st_ino };
	dcache->root = make_dentry(dcache, &key, &answer);
	return dcache->root ? 0 : -ENOMEM;
}

int dcache_create(struct dcache **dcachep, const char *root, uint64_t limit)
{
	struct dcache *dcache = calloc(1, sizeof(*dcache));
	int err;

	if (!dcache)
		return -ENOMEM;
	dcache->limit = limit;
	dcache->root_fd = -1;
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_mutex_init(&dcache->lock[i], NULL);
	pthread_mutex_init(&dcache->shrinking, NULL);
	pthread_mutex_init(&dcache->renaming, NULL);
	err = make_tables(dcache);
	if (err) {
		free(dcache);
		return err;
	}
	err = make_root(dcache, root);
	if (err) {
		(void)dcache_destroy(dcache);
		return err;
	}
	*dcachep = dcache;
	return 0;
}

int dcache_destroy(struct dcache *dcache)
{
	struct dentry *dentry;
	uint64_t hand = 0;

	while ((dentry = frozenref_index_next(dcache->index, &hand))) {
		drop(dcache, dentry);
		dput(dcache, dentry);
	}
	if (dcache->root)
		dput(dcache, dcache->root);
	dcache->root = NULL;
	if (frozenref_index_destroy(dcache->index) || frozenref_cache_destroy(dcache->dentries))
		return -EBUSY;
	if (dcache->root_fd >= 0)
		close(dcache->root_fd);
	free(dcache);
	return 0;
}
