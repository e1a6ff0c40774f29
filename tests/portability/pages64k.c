/* SPDX-License-Identifier: MIT */
/*
 * A kernel with pages of 64 KiB, as arm64 and ppc64el have them, on one with smaller ones: what the
 * library asks of the system goes through here first, and is refused where such a kernel would.
 *
 * Linked into the unit tests by check-portability.sh, with the linker's --wrap. What the C library
 * does for itself does not come through here.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)64 << 10)

long __real_sysconf(int name);
void *__real_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
int __real_munmap(void *address, size_t size);
int __real_mprotect(void *address, size_t size, int protection);
int __real_madvise(void *address, size_t size, int advice);
int __real_munlock(const void *address, size_t size);
int __real_mincore(void *address, size_t size, unsigned char *in_memory);

long __wrap_sysconf(int name);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
int __wrap_munmap(void *address, size_t size);
int __wrap_mprotect(void *address, size_t size, int protection);
int __wrap_madvise(void *address, size_t size, int advice);
int __wrap_munlock(const void *address, size_t size);
int __wrap_mincore(void *address, size_t size, unsigned char *in_memory);

static size_t rounded(size_t size)
{
	return (size + PAGE - 1) & ~(PAGE - 1);
}

/* Whether an address begins a page; otherwise errno is what the system calls make of it. */
static int begins_page(const void *address)
{
	if (!((uintptr_t)address % PAGE))
		return 1;
	errno = EINVAL;
	return 0;
}

long __wrap_sysconf(int name)
{
	return name == _SC_PAGESIZE ? (long)PAGE : __real_sysconf(name);
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
	char *mapped;
	size_t before;

	if (!size || !begins_page(address))
		return MAP_FAILED;
	if (flags & MAP_FIXED || !(flags & MAP_ANONYMOUS))
		return __real_mmap(address, rounded(size), protection, flags, file, offset);
	size = rounded(size);
	mapped = __real_mmap(NULL, size + PAGE, protection, flags, file, offset);
	if (mapped == MAP_FAILED)
		return MAP_FAILED;
	before = -(uintptr_t)mapped % PAGE;
	if (before)
		(void)__real_munmap(mapped, before);
	(void)__real_munmap(mapped + before + size, PAGE - before);
	return mapped + before;
}

int __wrap_munmap(void *address, size_t size)
{
	return begins_page(address) ? __real_munmap(address, rounded(size)) : -1;
}

int __wrap_mprotect(void *address, size_t size, int protection)
{
	return begins_page(address) ? __real_mprotect(address, rounded(size), protection) : -1;
}

int __wrap_madvise(void *address, size_t size, int advice)
{
	return begins_page(address) ? __real_madvise(address, rounded(size), advice) : -1;
}

int __wrap_munlock(const void *address, size_t size)
{
	return begins_page(address) ? __real_munlock(address, rounded(size)) : -1;
}

/* A page is in memory if any part of it is. */
int __wrap_mincore(void *address, size_t size, unsigned char *in_memory)
{
	const size_t real_page = (size_t)__real_sysconf(_SC_PAGESIZE);
	unsigned char parts[PAGE / 4096];

	if (!begins_page(address))
		return -1;
	for (size_t at = 0; at < size; at += PAGE) {
		memset(parts, 0, sizeof(parts));
		if (__real_mincore((char *)address + at, PAGE, parts) != 0)
			return -1;
		in_memory[at / PAGE] = 0;
		for (size_t i = 0; i < PAGE / real_page; i++)
			in_memory[at / PAGE] |= parts[i] & 1;
	}
	return 0;
}
