/* SPDX-License-Identifier: MIT */
/*
 * What lib/ does with any backend, wherever its memory comes from.
 *
 * Called by whatever has memory of a backend. Relies on the system's page size, from
 * backend_mmap.c or backend_win32.c.
 */
#include "backend.h"

int frozenref__backend_is_valid(const struct frozenref_backend *backend)
{
	return backend->size == sizeof(*backend) && backend->reserve && backend->commit &&
	       backend->purge && backend->release;
}

int frozenref__backend_map(const struct frozenref_backend *backend, size_t size, size_t align,
			   void **address)
{
	int err = backend->reserve(backend->context, size, align, address);

	if (err)
		return err;
	err = backend->commit(backend->context, *address, size);
	if (err)
		frozenref__backend_unmap(backend, *address, size);
	return err;
}

void frozenref__backend_unmap(const struct frozenref_backend *backend, void *address, size_t size)
{
	/*
	 * A backend that refuses keeps the range; there is nothing that could be done about it
	 * here.
	 */
	(void)backend->release(backend->context, address, size);
}

size_t frozenref__backend_rounded(size_t size)
{
	size_t page = frozenref__page_size();

	return (size + page - 1) & ~(page - 1);
}
