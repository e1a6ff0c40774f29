/* SPDX-License-Identifier: MIT */
/* Makes and unmakes what the registry's benchmark measures; see registry.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "registry.h"

void bench_check(const char *what, int err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	exit(EXIT_FAILURE);
}

void *bench_map(size_t bytes)
{
	void *address =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (address == MAP_FAILED)
		bench_check("mmap", -errno);
	return address;
}

void bench_unmap(void *address, size_t bytes)
{
	munmap(address, bytes);
}

void bench_use_huge_pages(void *address, size_t bytes)
{
#ifdef MADV_HUGEPAGE
	/* A hint: without it, or where it is refused, the pages are small for all contenders. */
	(void)madvise(address, bytes, MADV_HUGEPAGE);
#else
	(void)address;
	(void)bytes;
#endif
}

struct frozenref_registry *bench_registry_make(const struct frozenref_registry_config *config,
					       uint64_t n, uint64_t npages, void *payload,
					       size_t stride)
{
	struct frozenref_registry *registry;

	bench_check("frozenref_registry_create", frozenref_registry_create(&registry, config));
	for (uint64_t pfn = 0; pfn + npages <= n; pfn += npages)
		bench_check("frozenref_registry_insert_range",
			    frozenref_registry_insert_range(registry, pfn, npages,
							    (char *)payload + stride * pfn));
	return registry;
}

void bench_registry_free(struct frozenref_registry *registry, uint64_t n)
{
	frozenref_registry_erase_range(registry, 0, n - 1, NULL);
	bench_check("frozenref_registry_destroy", frozenref_registry_destroy(registry));
}
