/* SPDX-License-Identifier: MIT */
/*
 * Collects the paths of a tree. See tree.h.
 */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATHS_MAX ((size_t)1 << 20)

int tree_ask(const struct tree *tree, const char *path, struct dcache_answer *answer)
{
	struct stat status;

	memset(answer, 0, sizeof(*answer));
	if (fstatat(tree->root_fd, path, &status, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	*answer = (struct dcache_answer){ true, status.st_mode, status.st_dev, status.st_ino };
	return 0;
}

bool answers_agree(const struct dcache_answer *a, const struct dcache_answer *b)
{
	return a->found == b->found && a->dev == b->dev && a->ino == b->ino && a->mode == b->mode;
}

static int add_path(struct tree *tree, const char *path)
{
	struct tree_path *grown = tree->paths;
	struct tree_path *added;

	if ((tree->n & (tree->n - 1)) == 0) {
		grown = realloc(tree->paths, (tree->n ? 2 * tree->n : 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		tree->paths = grown;
	}
	added = &grown[tree->n];
	added->path = strdup(path);
	if (!added->path)
		return -ENOMEM;
	if (tree_ask(tree, path, &added->answer) || !added->answer.found)
		free(added->path);
	else
		tree->n++;
	return 0;
}

static int collect(struct tree *tree, FTS *walk)
{
	size_t prefix = strlen(tree->root);
	FTSENT *entry;

	while (tree->n < PATHS_MAX && (entry = fts_read(walk))) {
		int err;

		if (entry->fts_info == FTS_DP || entry->fts_level == 0)
			continue;
		err = add_path(tree, entry->fts_path + prefix + 1);
		if (err)
			return err;
	}
	return tree->n ? 0 : -ENOENT;
}

int tree_collect(struct tree *tree, const char *root)
{
	char *const roots[] = { (char *)(uintptr_t)root, NULL };
	FTS *walk;
	int err;

	*tree = (struct tree){ .root = root };
	tree->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree->root_fd < 0)
		return -errno;
	walk = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	err = walk ? collect(tree, walk) : -errno;
	if (walk)
		fts_close(walk);
	return err;
}

void tree_free(struct tree *tree)
{
	for (size_t i = 0; i < tree->n; i++)
		free(tree->paths[i].path);
	free(tree->paths);
	if (tree->root_fd >= 0)
		close(tree->root_fd);
}
