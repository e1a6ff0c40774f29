/* SPDX-License-Identifier: MIT */
/*
 * Making the cache, and ending it.
 *
 * Called by programs. See dcache.h, and inside.h for how it works.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"

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
	/* Half as many as there are buckets: each other one on the way is a cache miss. */
	index.load = 50;
	index.backend = frozenref_mmap_hugepage_backend();
	err = frozenref_index_create(&dcache->index, &index);
	if (err)
		err = frozenref_cache_destroy(dcache->dentries) ? -EBUSY : err;
	return err;
}

static int make_root(struct dcache *dcache, const char *path)
{
	const struct key key = { NULL, "", 0, 0 };
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
	struct dcache *dcache = aligned_alloc(_Alignof(struct dcache), sizeof(*dcache));
	int err;

	if (!dcache)
		return -ENOMEM;
	memset(dcache, 0, sizeof(*dcache));
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
		(void)frozenref_index_erase(dcache->index, dentry);
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
