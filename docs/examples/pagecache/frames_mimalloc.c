/* SPDX-License-Identifier: MIT */
/*
 * Page frames from mimalloc: objects of a space of libfrozenref-mimalloc, which stay frozen.
 *
 * Used through frames_mimalloc, see frames.h. The library is loaded when it is wanted, and is not
 * linked: where libmimalloc replaces malloc(), as Debian's does, all allocators would be mimalloc
 * otherwise. A space keeps its addresses, and those with FROZENREF_MI_PEEKABLE refuse a mimalloc
 * that makes freed memory unreadable.
 */
#include "frames.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

#define LIBRARY "libfrozenref-mimalloc.so.0"

#if __has_include(<frozenref/mimalloc.h>)

/* Declarations only: nothing of the library may be linked. */
# define FROZENREF_NO_INLINE
# include <frozenref/mimalloc.h>

# define MIB ((size_t)1 << 20)

/* mimalloc gives each thread so much of the space at a time. */
# define SEGMENT_BYTES (32 * MIB)

struct loaded {
	__typeof__(frozenref_mi_space_create) *create;
	__typeof__(frozenref_mi_space_destroy) *destroy;
	__typeof__(frozenref_mi_malloc) *alloc;
	__typeof__(frozenref_mi_free) *free;
	__typeof__(frozenref_mi_trim) *trim;
	struct frozenref_mi_space *space;
};

/* Stays loaded, as threads that have been in it may outlive this. */
static void *load_library(void)
{
	void *library = NULL;

# ifdef PAGECACHE_MIMALLOC_LIBRARY
	library = dlopen(PAGECACHE_MIMALLOC_LIBRARY, RTLD_NOW | RTLD_LOCAL);
# endif
	return library ? library : dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
}

/* A pointer to a function is no pointer to an object in C, but both have one size in POSIX. */
static bool find(void *library, const char *name, void *function)
{
	void *address = dlsym(library, name);

	memcpy(function, &address, sizeof(address));
	return address != NULL;
}

static bool load(struct loaded *loaded)
{
	void *library = load_library();

	return library && find(library, "frozenref_mi_space_create", &loaded->create) &&
	       find(library, "frozenref_mi_space_destroy", &loaded->destroy) &&
	       find(library, "frozenref_mi_malloc", &loaded->alloc) &&
	       find(library, "frozenref_mi_free", &loaded->free) &&
	       find(library, "frozenref_mi_trim", &loaded->trim);
}

static int make_space(struct loaded *loaded, const struct frames_config *config)
{
	struct frozenref_mi_space_config space = FROZENREF_MI_SPACE_CONFIG_INIT;

	/* Addresses: each thread has pieces of its own, and room for them among others'. */
	space.bytes = 4 * ((size_t)config->limit << PAGE_SHIFT) +
		      2 * ((size_t)config->threads + 1) * SEGMENT_BYTES;
	if (config->peeked)
		space.flags = FROZENREF_MI_PEEKABLE;
	return loaded->create(&loaded->space, &space);
}

static int space_create(void **arena, const struct frames_config *config)
{
	struct loaded *loaded = calloc(1, sizeof(*loaded));
	int err;

	if (!loaded)
		return -ENOMEM;
	if (!load(loaded)) {
		say("--allocator=mimalloc needs libfrozenref-mimalloc: %s", dlerror());
		free(loaded);
		return -ENOENT;
	}
	err = make_space(loaded, config);
	if (err) {
		free(loaded);
		return err;
	}
	*arena = loaded;
	return 0;
}

static void space_destroy(void *arena)
{
	struct loaded *loaded = arena;

	/* Everything was freed, so this cannot be refused. */
	if (loaded->destroy(loaded->space) != 0)
		abort();
	free(loaded);
}

static void *space_alloc(void *arena, uint64_t npages)
{
	const struct loaded *loaded = arena;

	return loaded->alloc(loaded->space, (size_t)npages << PAGE_SHIFT);
}

static void space_free(void *arena, void *memory, uint64_t npages)
{
	const struct loaded *loaded = arena;

	(void)npages;
	loaded->free(loaded->space, memory);
}

/*
 * A thread that exits leaves its pages behind, for any heap of the space to take over; and a thread
 * has a heap once it has allocated.
 */
static void space_collect(void *arena)
{
	const struct loaded *loaded = arena;

	space_free(arena, space_alloc(arena, 1), 1);
	(void)loaded->trim(loaded->space);
}

#else

static int space_create(void **arena, const struct frames_config *config)
{
	(void)arena;
	(void)config;
	say("--allocator=mimalloc: this program was compiled without <frozenref/mimalloc.h>");
	return -ENOTSUP;
}

# define space_destroy NULL
# define space_alloc   NULL
# define space_free    NULL
# define space_collect NULL

#endif

const struct frames_ops frames_mimalloc = {
	.name = "mimalloc",
	.piece_max = FRAMES_PIECE_MAX,
	.create = space_create,
	.destroy = space_destroy,
	.alloc = space_alloc,
	.free = space_free,
	.collect = space_collect,
};
