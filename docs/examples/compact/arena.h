/* SPDX-License-Identifier: MIT */
/*
 * Cells of one size in page frames: which are in use, and giving frames back in which none is.
 *
 * Used by main.c to fill it and by compact.c to empty most of it. One thread allocates; any thread
 * frees. Relies on mmap() and madvise().
 */
#ifndef COMPACT_ARENA_H
#define COMPACT_ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define CELL_BYTES 256

struct arena {
	unsigned char *memory;
	size_t nframes;
	size_t frame_bytes; /* what the system maps and takes back: its page size */
	size_t ncells;
	_Atomic bool *used; /* for each cell */
};

/* 0 or -ENOMEM. */
int arena_init(struct arena *arena, size_t nframes);
void arena_exit(struct arena *arena);

size_t arena_cells_per_frame(const struct arena *arena);

/*
 * The first free cell at or after *cell and before `end`, now in use, or NULL; *cell moves to it.
 */
void *arena_alloc(struct arena *arena, size_t *cell, size_t end);

void arena_free(struct arena *arena, void *object);

/* The number of an object's cell. */
size_t arena_cell(const struct arena *arena, const void *object);

/* Gives back the frames without a cell in use. Returns how many have one. */
size_t arena_give_back(struct arena *arena);

#endif /* COMPACT_ARENA_H */
