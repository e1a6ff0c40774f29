/* SPDX-License-Identifier: MIT */
/*
 * One mapping, and a flag for each cell in it. See arena.h.
 */
#include "arena.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int arena_init(struct arena *arena, size_t nframes)
{
	long page = sysconf(_SC_PAGESIZE);

	arena->frame_bytes = page > CELL_BYTES ? (size_t)page : 4096;
	arena->nframes = nframes;
	if (nframes > SIZE_MAX / arena->frame_bytes)
		return -ENOMEM;
	arena->ncells = nframes * arena_cells_per_frame(arena);
	arena->used = calloc(arena->ncells, sizeof(*arena->used));
	if (!arena->used)
		return -ENOMEM;
	arena->memory = mmap(NULL, nframes * arena->frame_bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena->memory != MAP_FAILED)
		return 0;
	free(arena->used);
	return -ENOMEM;
}

void arena_exit(struct arena *arena)
{
	munmap(arena->memory, arena->nframes * arena->frame_bytes);
	free(arena->used);
}

size_t arena_cells_per_frame(const struct arena *arena)
{
	return arena->frame_bytes / CELL_BYTES;
}

void *arena_alloc(struct arena *arena, size_t *cell, size_t end)
{
	for (; *cell < end; ++*cell) {
		/* Acquire: pairs with arena_free(), before which the last holder has read. */
		if (atomic_load_explicit(&arena->used[*cell], memory_order_acquire))
			continue;
		/* Relaxed: nobody else allocates, and who gives frames back is the same thread. */
		atomic_store_explicit(&arena->used[*cell], true, memory_order_relaxed);
		return arena->memory + *cell * CELL_BYTES;
	}
	return NULL;
}

void arena_free(struct arena *arena, void *object)
{
	/* Release: whatever was read in the cell comes before it is used or given back. */
	atomic_store_explicit(&arena->used[arena_cell(arena, object)], false, memory_order_release);
}

size_t arena_cell(const struct arena *arena, const void *object)
{
	return (size_t)((const unsigned char *)object - arena->memory) / CELL_BYTES;
}

static bool frame_is_empty(const struct arena *arena, size_t frame)
{
	size_t cells = arena_cells_per_frame(arena);

	for (size_t cell = frame * cells; cell < (frame + 1) * cells; cell++) {
		/* Acquire: pairs with arena_free(). */
		if (atomic_load_explicit(&arena->used[cell], memory_order_acquire))
			return false;
	}
	return true;
}

size_t arena_give_back(struct arena *arena)
{
	size_t in_use = 0;
	size_t end;

	for (size_t frame = 0; frame < arena->nframes; frame = end) {
		for (end = frame; end < arena->nframes && frame_is_empty(arena, end); end++)
			;
		/* A run of them in one call. They stay mapped, and read as zeros from now on. */
		if (end > frame)
			(void)madvise(arena->memory + frame * arena->frame_bytes,
				      (end - frame) * arena->frame_bytes, MADV_DONTNEED);
		if (end < arena->nframes) {
			in_use++;
			end++;
		}
	}
	return in_use;
}
