/* SPDX-License-Identifier: MIT */
/*
 * Loads the allocators that caches are compared with. See allocators.h.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocators.h"

void bench_allocators_prepare(char **argv)
{
	static const char name[] = "GLIBC_TUNABLES";

	if (getenv(name))
		return;
	/* jemalloc's do not fit into what is kept free for libraries that are loaded later. */
	if (setenv(name, "glibc.rtld.optional_static_tls=16384", 1) == 0)
		(void)execv("/proc/self/exe", argv);
}

/* A function pointer cannot be cast from a data pointer in ISO C. */
static void find_symbol(void *library, const char *name, void *function, size_t size)
{
	void *symbol = dlsym(library, name);

	memcpy(function, &symbol, size);
}

static size_t load(struct allocator *allocator, const char *name, const char *library,
		   const char *alloc_name, const char *free_name)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	if (!handle) {
		printf("%s is left out: %s\n", name, dlerror());
		return 0;
	}
	allocator->name = name;
	allocator->cache = NULL;
	find_symbol(handle, alloc_name, &allocator->alloc, sizeof(allocator->alloc));
	find_symbol(handle, free_name, &allocator->free, sizeof(allocator->free));
	return allocator->alloc && allocator->free;
}

size_t bench_allocators(struct allocator allocators[ALLOCATORS_MAX])
{
	size_t n = 0;

	n += load(&allocators[n], "mimalloc", "libmimalloc.so.2", "mi_malloc", "mi_free");
	n += load(&allocators[n], "jemalloc", "libjemalloc.so.2", "malloc", "free");
	allocators[n++] = (struct allocator){ "malloc", malloc, free, NULL };
	return n;
}
