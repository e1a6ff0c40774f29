/* SPDX-License-Identifier: MIT */
/*
 * Whether this mimalloc leaves freed memory readable, as peeks need it.
 *
 * Called by space.c. mimalloc does not say how it was built, but it can be seen. Built for
 * debugging or hardening it makes the memory that it gives back inaccessible, and it encodes the
 * links of free blocks then, too; or it pads blocks to notice writes beyond them, or puts guard
 * pages there.
 */
#include <config.h>

#include <errno.h>
#include <stdint.h>

#include "space.h"

/* Blocks of this size are on pages of 64 KiB with others, so links between them are shorter. */
#define BLOCK_BYTES  64
#define DISTANCE_MAX ((uintptr_t)1 << 16)

static bool has_guard_pages(void)
{
#if HAVE_DECL_MI_OPTION_GUARDED_SAMPLE_RATE
	/* Zero, unless it was built with them or somebody has asked for them. */
	return mi_option_get(mi_option_guarded_sample_rate) != 0;
#else
	return false;
#endif
}

/* A block has more than it was asked for, unless that is filled. */
static bool is_padded(const void *block)
{
	return mi_usable_size(block) < BLOCK_BYTES;
}

/* Of a block that has just been freed: its first word leads to another one of the page, or none. */
static bool is_encoded(const volatile uintptr_t *freed)
{
	uintptr_t next = *freed;

	return next && next - (uintptr_t)freed + DISTANCE_MAX > 2 * DISTANCE_MAX;
}

int frozenref__mi_is_readable(void)
{
	void *block = mi_malloc(BLOCK_BYTES - 1);
	/* Or a page with nothing else on it could be given back with the block. */
	void *other = mi_malloc(BLOCK_BYTES - 1);
	bool readable = block && other && !has_guard_pages() && !is_padded(block);

	mi_free(block);
	if (readable)
		readable = !is_encoded(block);
	mi_free(other);
	if (!block || !other)
		return -ENOMEM;
	return readable ? 0 : -ENOTSUP;
}
