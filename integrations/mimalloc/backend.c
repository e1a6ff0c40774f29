/* SPDX-License-Identifier: MIT */
/*
 * A backend whose memory is mimalloc's: for registries and caches that shall live in its heaps.
 *
 * Called by lib/table.c and whoever else takes a backend. Relies on mimalloc to leave an allocated
 * block alone, wherever it lies: that is what makes its addresses stay. mimalloc has nothing that
 * is reserved and not allocated, so a range is allocated when it is reserved; but for systems that
 * count what they promise, memory is taken page by page at the first write all the same.
 *
 * Zeroing and purging go through madvise(2), which makes pages of private anonymous memory read as
 * zero. Not all of mimalloc's memory need be that: a program may have given it an arena of shared
 * memory, where the bytes stay, or of huge or locked pages, where the call fails. The first is as
 * good for a purge, but not for new memory, and the second is reported.
 */
#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "space.h"

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Whole pages, so that nothing of another block is ever purged. 0: too large. */
static size_t rounded(size_t size)
{
	return (size + page_size() - 1) & ~(page_size() - 1);
}

static int reserve(void *context, size_t size, size_t align, void **address)
{
	void *block;

	(void)context;
	if (!size || size > rounded(size))
		return -ENOMEM;
	if (align < page_size())
		align = page_size();
	block = mi_malloc_aligned(rounded(size), align);
	if (!block)
		return -ENOMEM;
	*address = block;
	return 0;
}

static int purge(void *context, void *address, size_t size)
{
	(void)context;
#ifdef MADV_DONTNEED
	return madvise(address, rounded(size), MADV_DONTNEED) == 0 ? 0 : -errno;
#else
	return -ENOTSUP;
#endif
}

/*
 * A block lies in one mapping, so what becomes of its first page tells what becomes of all. Where
 * it is not zero the rest is written, which takes all of its memory at once.
 */
static int commit(void *context, void *address, size_t size)
{
	volatile unsigned char *first = address;

	*first = 1;
	if (purge(context, address, size) != 0 || *first)
		memset(address, 0, size);
	return 0;
}

static int release(void *context, void *address, size_t size)
{
	(void)context;
	(void)size;
	mi_free(address);
	return 0;
}

const struct frozenref_backend *frozenref_mimalloc_backend(void)
{
	static const struct frozenref_backend backend = {
		.size = sizeof(backend),
		.reserve = reserve,
		.commit = commit,
		.purge = purge,
		.release = release,
	};

	return &backend;
}
