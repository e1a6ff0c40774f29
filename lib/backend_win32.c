/* SPDX-License-Identifier: MIT */
/*
 * The default backend on Windows: private memory from VirtualAlloc, and what only the system knows
 * of it.
 *
 * Called through struct frozenref_backend and by backend.c, in place of backend_mmap.c. Reserved
 * memory is addresses only. Committed memory is promised, a page at a time, by the system's commit
 * limit, whether it is used or not: there is nothing like MAP_NORESERVE.
 */
#include <config.h>

#include <errno.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>
/* After windows.h, which it needs. */
#include <psapi.h>

#include "backend.h"

static SYSTEM_INFO system_info(void)
{
	SYSTEM_INFO info;

	GetSystemInfo(&info);
	return info;
}

static void *reserve_at(void *address, size_t size)
{
	return VirtualAlloc(address, size, MEM_RESERVE, PAGE_NOACCESS);
}

/*
 * Unlike a mapping, a reservation cannot be cut. One that is too large shows where there is room;
 * then that is given up and its aligned part is taken, unless another thread was faster.
 */
static void *reserve_aligned(size_t size, size_t align)
{
	enum { TRIES = 1000 };

	for (unsigned i = 0; i < TRIES; i++) {
		char *room = reserve_at(NULL, size + align);
		void *aligned;

		if (!room)
			return NULL;
		aligned = room + (-(uintptr_t)room & (align - 1));
		(void)VirtualFree(room, 0, MEM_RELEASE);
		if (reserve_at(aligned, size))
			return aligned;
	}
	return NULL;
}

static int reserve(void *context, size_t size, size_t align, void **address)
{
	(void)context;
	if (size > SIZE_MAX / 2 || align > SIZE_MAX / 2)
		return -ENOMEM;
	size = frozenref__backend_rounded(size);
	if (align <= system_info().dwAllocationGranularity)
		*address = reserve_at(NULL, size);
	else
		*address = reserve_aligned(size, align);
	return *address ? 0 : -ENOMEM;
}

static int commit(void *context, void *address, size_t size)
{
	(void)context;
	return VirtualAlloc(address, frozenref__backend_rounded(size), MEM_COMMIT, PAGE_READWRITE)
		       ? 0
		       : -ENOMEM;
}

/*
 * The pages keep what they hold until the system wants them, and read as zero from then on. A write
 * makes a page stay as it is. That unlocking fails is right: for pages that are not locked it takes
 * them out of the working set, so that they count no more.
 */
static int purge(void *context, void *address, size_t size)
{
	(void)context;
	size = frozenref__backend_rounded(size);
	if (!VirtualAlloc(address, size, MEM_RESET, PAGE_READWRITE))
		return -EINVAL;
	(void)VirtualUnlock(address, size);
	return 0;
}

static int release(void *context, void *address, size_t size)
{
	(void)context;
	(void)size;
	return VirtualFree(address, 0, MEM_RELEASE) ? 0 : -EINVAL;
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

/* Large pages take a privilege there, and cannot be reserved without being committed. */
const struct frozenref_backend *frozenref_mmap_hugepage_backend(void)
{
	return frozenref_mmap_backend();
}

/* ------------------------------------------------------------------------------ for lib/ itself */

size_t frozenref__page_size(void)
{
	return system_info().dwPageSize;
}

size_t frozenref__backend_granule(const struct frozenref_backend *backend)
{
	(void)backend;
	return frozenref__page_size();
}

uint64_t frozenref__address_space(bool *limited)
{
	*limited = false;
	return (uintptr_t)system_info().lpMaximumApplicationAddress;
}

size_t frozenref__backend_resident(void *address, size_t size)
{
	PSAPI_WORKING_SET_EX_INFORMATION pages[128];
	const size_t page = frozenref__page_size();
	const size_t count = frozenref__backend_rounded(size) / page;
	size_t resident = 0;

	for (size_t first = 0; first < count; first += 128) {
		DWORD n = count - first < 128 ? (DWORD)(count - first) : 128;

		for (DWORD i = 0; i < n; i++)
			pages[i].VirtualAddress = (char *)address + (first + i) * page;
		if (!QueryWorkingSetEx(GetCurrentProcess(), pages, n * (DWORD)sizeof(pages[0])))
			return resident;
		for (DWORD i = 0; i < n; i++)
			resident += pages[i].VirtualAttributes.Valid ? page : 0;
	}
	return resident;
}
