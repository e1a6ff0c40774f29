/* SPDX-License-Identifier: MIT */
/*
 * A cache of path components in the manner of the kernel's dcache: who is called what in which
 * directory, and which names are known to be absent.
 *
 * Used by workers.c and scratch.c. Relies on libfrozenref's cache for the dentries, and on its
 * index to find them, by (parent, name) or by the whole path. Lookups take no lock. Whoever misses
 * takes the lock of the directory while asking the file system, and so do those who rename and
 * unlink.
 */
#ifndef DCACHE_H
#define DCACHE_H

#include <stdbool.h>
#include <stdint.h>

struct dcache;
struct dentry;

/* What a lookup tells of a file. */
struct dcache_answer {
	bool found; /* else the name is known to be absent */
	uint32_t mode;
	uint64_t dev;
	uint64_t ino;
};

struct dcache_stats {
	uint64_t steps;	   /* paths that were known as a whole, and names on the way to others */
	uint64_t misses;   /* of these, those that asked the file system */
	uint64_t restarts; /* of walks, since a directory was renamed meanwhile */
	uint64_t evictions;
};

struct dcache_usage {
	uint64_t dentries;
	uint64_t resident; /* bytes, of dentries and of the index */
};

/* `root` is an absolute path; about `limit` dentries are kept. 0 or a negative errno. */
int dcache_create(struct dcache **dcache, const char *root, uint64_t limit);
/* -EBUSY if a dentry is still held. */
int dcache_destroy(struct dcache *dcache);

/*
 * Resolves a path relative to the root. 0, or a negative errno. Adds to the stats. Links are found
 * and are not followed: -ELOOP if one is on the way; and -EINVAL for `.` and `..`.
 */
int dcache_lookup(struct dcache *dcache, const char *path, struct dcache_answer *answer,
		  struct dcache_stats *stats);

/* rename(2) and unlink(2) of paths relative to the root, whose dentries follow. */
int dcache_rename(struct dcache *dcache, const char *from, const char *to,
		  struct dcache_stats *stats);
int dcache_unlink(struct dcache *dcache, const char *path, struct dcache_stats *stats);

/* Forgets all that is known below a path, itself included; returns how many dentries went. */
uint64_t dcache_invalidate(struct dcache *dcache, const char *path, struct dcache_stats *stats);

/* Makes the answer of a path wrong, to show that it is noticed; while no other thread looks. */
bool dcache_spoil(struct dcache *dcache, const char *path);

/* Evicts dentries that nobody uses until at most so many are left; and gives memory back. */
void dcache_shrink(struct dcache *dcache, uint64_t limit, struct dcache_stats *stats);

void dcache_usage(struct dcache *dcache, struct dcache_usage *usage);

#endif /* DCACHE_H */
