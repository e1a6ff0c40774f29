/* SPDX-License-Identifier: MIT */
/*
 * What lib/ adds to the backends' interface: mapping in one step, and asking how much is resident.
 *
 * Used by table.c; the functions are in backend.c, and those that ask the system in backend_mmap.c
 * or backend_win32.c. All of them work with any backend.
 */
#ifndef FROZENREF_LIB_BACKEND_H
#define FROZENREF_LIB_BACKEND_H

#include <stdbool.h>

#include <frozenref/backend.h>

/* Complete, and of a size that this library knows. */
int frozenref__backend_is_valid(const struct frozenref_backend *backend);

/* Reserves and commits; 0 or a negative errno, and then nothing is left behind. */
int frozenref__backend_map(const struct frozenref_backend *backend, size_t size, size_t align,
			   void **address);
void frozenref__backend_unmap(const struct frozenref_backend *backend, void *address, size_t size);

/* The least that the system gives or takes back, in bytes. */
size_t frozenref__page_size(void);

/* How many bytes of addresses the process may have, and whether that is a limit put on it. */
uint64_t frozenref__address_space(bool *limited);

/*
 * In multiples of how many bytes, at addresses that are multiples of it as well, to commit what
 * grows: a huge page is had where all of it is there when the first byte is touched. A page with
 * any other backend.
 */
size_t frozenref__backend_granule(const struct frozenref_backend *backend);

/* A size as the system counts it, in whole pages. */
size_t frozenref__backend_rounded(size_t size);

/* How many bytes of the range are in memory now; the range begins at a page. */
size_t frozenref__backend_resident(void *address, size_t size);

#endif /* FROZENREF_LIB_BACKEND_H */
