/* SPDX-License-Identifier: MIT */
/*
 * Where the memory of registries and caches comes from: four functions and their context.
 *
 * Implemented by lib/backend_mmap.c, or by lib/backend_win32.c, which is the default, and by
 * allocators that want to host that memory in address ranges of their own. Called by lib/table.c,
 * lib/cache_slab.c and lib/index_resize.c from any thread.
 *
 * What the library builds on: an address range, once reserved, stays the library's until release();
 * committed memory reads as zero at first; purged memory stays readable and writable, and reads as
 * zero or as what it held.
 */
#ifndef FROZENREF_BACKEND_H
#define FROZENREF_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include <frozenref/compiler.h>

FROZENREF__BEGIN_DECLS

/*
 * Each function returns 0 or a negative errno, and on failure has changed nothing. Sizes in bytes.
 */
struct frozenref_backend {
	uint32_t size; /* sizeof(struct frozenref_backend) */
	void *context; /* handed to each function */

	/* Takes a range of addresses that begins at a multiple of `align`, a power of two. */
	int (*reserve)(void *context, size_t size, size_t align, void **address);
	/*
	 * Makes reserved memory readable and writable, and zero. Called for caches and indexes
	 * under locks that forks take, so it must not fork, nor call the library.
	 */
	int (*commit)(void *context, void *address, size_t size);
	/*
	 * Gives committed memory back to the system; the range stays committed. Called under locks
	 * that trims and forks take, so it must not fork, nor call the library.
	 */
	int (*purge)(void *context, void *address, size_t size);
	/* Gives a whole range back, as it was reserved. */
	int (*release)(void *context, void *address, size_t size);
};

/*
 * Anonymous private memory from mmap(2), or from VirtualAlloc on Windows: what a NULL backend in a
 * configuration means.
 */
FROZENREF__API const struct frozenref_backend *frozenref_mmap_backend(void);

/*
 * The same on huge pages, where the system has them: for large, densely used registries, caches and
 * indexes, which then miss the TLB less. They take 2 MiB at their first use, and grow by as much.
 * On Windows the same as above.
 */
FROZENREF__API const struct frozenref_backend *frozenref_mmap_hugepage_backend(void);

FROZENREF__END_DECLS

#endif /* FROZENREF_BACKEND_H */
