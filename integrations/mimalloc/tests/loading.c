/* SPDX-License-Identifier: MIT */
/*
 * Loads libfrozenref-mimalloc, uses a space, closes the library, and exits: by loading.sh.
 *
 * Not linked with it, nor with mimalloc: everything is found by dlsym(). Threads that used a space
 * are still there when the library is closed, and end after it.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <frozenref/mimalloc.h>

#define NEED(condition) ((condition) ? (void)0 : fail(#condition))

static void fail(const char *what)
{
	const char *error = dlerror();

	(void)fprintf(stderr, "loading: not true: %s %s\n", what, error ? error : "");
	exit(EXIT_FAILURE);
}

/* ISO C has no conversion from what dlsym() returns to a function. */
static void find(void *library, const char *name, void *function)
{
	void *symbol = dlsym(library, name);

	NEED(symbol);
	memcpy(function, &symbol, sizeof(symbol));
}

static struct frozenref_mi_space *space;
static int (*create)(struct frozenref_mi_space **, const struct frozenref_mi_space_config *);
static int (*destroy)(struct frozenref_mi_space *);
static void *(*allocate)(struct frozenref_mi_space *, size_t);
static void (*unfreeze)(struct frozenref_mi_space *, void *, uint32_t);
static void *(*try_get)(struct frozenref_mi_space *, const void *);
static bool (*put)(struct frozenref_mi_space *, void *);
static pthread_barrier_t barrier;

static void use_space(void)
{
	for (size_t size = 1; size < 100000; size *= 3) {
		void *object = allocate(space, size);

		NEED(object);
		unfreeze(space, object, 1);
		NEED(try_get(space, object) == object);
		NEED(!put(space, object));
		NEED(put(space, object));
		NEED(!try_get(space, object));
	}
}

static void *run(void *arg)
{
	(void)arg;
	use_space();
	(void)pthread_barrier_wait(&barrier);
	/* The library is closed here. */
	(void)pthread_barrier_wait(&barrier);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	NEED(argc == 2);
	NEED(pthread_barrier_init(&barrier, NULL, 2) == 0);
	for (unsigned i = 0; i < 3; i++) {
		void *library = dlopen(argv[1], RTLD_NOW);

		NEED(library);
		find(library, "frozenref_mi_space_create", &create);
		find(library, "frozenref_mi_space_destroy", &destroy);
		find(library, "frozenref_mi_malloc", &allocate);
		find(library, "frozenref_mi_unfreeze", &unfreeze);
		find(library, "frozenref_mi_try_get", &try_get);
		find(library, "frozenref_mi_put", &put);
		NEED(create(&space, NULL) == 0);
		use_space();
		NEED(pthread_create(&thread, NULL, run, NULL) == 0);
		(void)pthread_barrier_wait(&barrier);
		NEED(destroy(space) == 0);
		NEED(dlclose(library) == 0);
		(void)pthread_barrier_wait(&barrier);
		NEED(pthread_join(thread, NULL) == 0);
	}
	puts("loaded, used and closed three times");
	return EXIT_SUCCESS;
}
