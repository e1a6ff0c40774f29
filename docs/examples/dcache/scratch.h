/* SPDX-License-Identifier: MIT */
/*
 * A tree in which files and directories are renamed, removed and made anew all the time, through
 * the dcache; and what is known of each file at any moment.
 *
 * Used by main.c and workers.c. Relies on dcache.c.
 *
 * Each file has a version, which is odd while it is being changed. Whoever looks a file up reads
 * the version before and after: if it is even and the same, the file was in one place all the
 * while, and the answer must be right.
 */
#ifndef DCACHE_SCRATCH_H
#define DCACHE_SCRATCH_H

#include "dcache.h"

struct scratch;

/* Makes the tree in a new folder under $TMPDIR. 0 or a negative errno. */
int scratch_create(struct scratch **scratch, uint64_t limit);
/* Removes it. -EBUSY if a dentry is still held. */
int scratch_destroy(struct scratch *scratch);

struct scratch_tally {
	uint64_t changes;    /* renames, unlinks, invalidations */
	uint64_t checked;    /* lookups of which it is known what they must say */
	uint64_t unsettled;  /* lookups during which the file was changed */
	uint64_t mismatches; /* wrong answers */
	struct dcache_stats stats;
};

/* One random change; one random lookup, checked. Each thread has a seed of its own. */
void scratch_change(struct scratch *scratch, uint64_t *seed, struct scratch_tally *tally);
void scratch_look(struct scratch *scratch, uint64_t *seed, struct scratch_tally *tally);

#endif /* DCACHE_SCRATCH_H */
