/* SPDX-License-Identifier: MIT */
/*
 * The default backend: anonymous private memory from mmap(2), and what only the system knows of it.
 *
 * Called through struct frozenref_backend and by backend.c; on Windows backend_win32.c is compiled
 * instead. Relies on mmap, mprotect, madvise and mincore. Reserved memory is inaccessible, counts
 * against no overcommit limit, and stays out of core dumps until it is committed.
 */
#include <config.h>

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend.h"

#ifndef MAP_ANONYMOUS
# define MAP_ANONYMOUS MAP_ANON
#endif
#ifndef MAP_NORESERVE
# define MAP_NORESERVE 0
#endif

/* As most systems with pages of 4 KiB have them. */
#define HUGE_PAGE ((size_t)1 << 21)

/*
 * Cuts a mapping down to the aligned part in its middle. Unmapping at an end cannot run out of
 * maps.
 */
static void *cut(char *mapped, size_t mapped_size, size_t size, size_t align)
{
	size_t before = (size_t)(-(uintptr_t)mapped & (align - 1));
	size_t after = mapped_size - before - size;

	if (before)
		munmap(mapped, before);
	if (after)
		munmap(mapped + before + size, after);
	return mapped + before;
}

static int reserve(void *context, size_t size, size_t align, void **address)
{
	size_t page = frozenref__page_size();
	size_t slack = align > page ? align - page : 0;
	void *mapped;

	(void)context;
	size = frozenref__backend_rounded(size);
	if (size > SIZE_MAX - slack)
		return -ENOMEM;
	mapped = mmap(NULL, size + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		      -1, 0);
	if (mapped == MAP_FAILED)
		return -ENOMEM;
	*address = cut(mapped, size + slack, size, align);
#ifdef MADV_DONTDUMP
	/* Walking a large empty range makes a core dump slow; a refusal costs nothing else. */
	(void)madvise(*address, size, MADV_DONTDUMP);
#endif
	return 0;
}

static int make_writable(void *address, size_t size)
{
	/*
	 * After mlockall(MCL_FUTURE) the range is locked, and becoming writable would populate all
	 * of it. Where nothing is locked this changes nothing.
	 */
	(void)munlock(address, size);
	if (mprotect(address, size, PROT_READ | PROT_WRITE) != 0)
		return -ENOMEM;
#ifdef MADV_DODUMP
	(void)madvise(address, size, MADV_DODUMP);
#endif
	return 0;
}

static int commit(void *context, void *address, size_t size)
{
	int err;

	(void)context;
	size = frozenref__backend_rounded(size);
	err = make_writable(address, size);
#ifdef MADV_NOHUGEPAGE
	/* Or the first slot in use would take 2 MiB, where huge pages are always on. */
	if (!err)
		(void)madvise(address, size, MADV_NOHUGEPAGE);
#endif
	return err;
}

static int commit_huge(void *context, void *address, size_t size)
{
	int err;

	(void)context;
	size = frozenref__backend_rounded(size);
	err = make_writable(address, size);
#ifdef MADV_HUGEPAGE
	if (!err)
		(void)madvise(address, size, MADV_HUGEPAGE);
#endif
	return err;
}

static int purge(void *context, void *address, size_t size)
{
	(void)context;
	return madvise(address, frozenref__backend_rounded(size), MADV_DONTNEED) == 0 ? 0 : -errno;
}

static int release(void *context, void *address, size_t size)
{
	(void)context;
	return munmap(address, frozenref__backend_rounded(size)) == 0 ? 0 : -errno;
}

const struct frozenref_backend *frozenref_mmap_backend(void)
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

const struct frozenref_backend *frozenref_mmap_hugepage_backend(void)
{
	static const struct frozenref_backend backend = {
		.size = sizeof(backend),
		.reserve = reserve,
		.commit = commit_huge,
		.purge = purge,
		.release = release,
	};

	return &backend;
}

/* ------------------------------------------------------------------------------ for lib/ itself */

size_t frozenref__page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

size_t frozenref__backend_granule(const struct frozenref_backend *backend)
{
	size_t page = frozenref__page_size();
	/* Where addresses are scarce small pages have to do at the edges. */
	bool huge = backend == frozenref_mmap_hugepage_backend() && sizeof(void *) > 4;

	return huge && page < HUGE_PAGE ? HUGE_PAGE : page;
}

/*
 * The stack is near the end of the address space, unless it is one of a program's own making; what
 * the C library has mapped for the thread is not far from it either.
 */
static uint64_t highest_known(void)
{
	uintptr_t stack = (uintptr_t)__builtin_frame_address(0);
	uintptr_t mapped = (uintptr_t)&errno;

	return stack > mapped ? stack : mapped;
}

uint64_t frozenref__address_space(bool *limited)
{
	uint64_t most = highest_known();
	struct rlimit limit;

	*limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
		   limit.rlim_cur < most;
	return *limited ? limit.rlim_cur : most;
}

size_t frozenref__backend_resident(void *address, size_t size)
{
	unsigned char in_memory[256];
	size_t page = frozenref__page_size();
	size_t resident = 0;
	size_t end = frozenref__backend_rounded(size);

	for (size_t at = 0; at < end; at += sizeof(in_memory) * page) {
		size_t length =
			end - at < sizeof(in_memory) * page ? end - at : sizeof(in_memory) * page;

		if (mincore((char *)address + at, length, in_memory) != 0)
			return resident;
		for (size_t i = 0; i < length / page; i++)
			resident += (in_memory[i] & 1) * page;
	}
	return resident;
}
