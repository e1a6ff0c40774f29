/* SPDX-License-Identifier: MIT */
/*
 * A directory tree that stays as it is: its paths, and what the file system said of each.
 *
 * Used by main.c and workers.c.
 */
#ifndef DCACHE_TREE_H
#define DCACHE_TREE_H

#include <stddef.h>

#include "dcache.h"

struct tree_path {
	char *path; /* from the root of the tree */
	struct dcache_answer answer;
};

struct tree {
	const char *root;
	int root_fd;
	struct tree_path *paths;
	size_t n;
};

/* 0 or a negative errno. What cannot be read is left out. */
int tree_collect(struct tree *tree, const char *root);
void tree_free(struct tree *tree);

/* What the file system says of a path: fstatat(2). 0 or a negative errno. */
int tree_ask(const struct tree *tree, const char *path, struct dcache_answer *answer);

bool answers_agree(const struct dcache_answer *a, const struct dcache_answer *b);

#endif /* DCACHE_TREE_H */
