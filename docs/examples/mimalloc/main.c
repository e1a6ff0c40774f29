/* SPDX-License-Identifier: MIT */
/*
 * Gives mimalloc's memory back although a few objects are left on every page of it: moves those from
 * sparse pages into a second space, while other threads look them up and verify what they read.
 *
 * README.md tells what it shows. Names of objects are pfns of a registry, the directory, whose slots
 * lead to objects of a space; each slot holds one reference on its object. A mover copies an object
 * and replaces it in the directory, which succeeds only if nobody holds the slot but the registry
 * and the mover: the old object is dropped then, and a reader sees the old one or the new one.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <frozenref/mimalloc.h>
#include <frozenref/registry.h>

enum { READERS = 2, OBJECT_BYTES = 256, WORDS = OBJECT_BYTES / 8 };

/* mimalloc's small pages. */
#define PAGE_SHIFT 16

struct object {
	uint64_t words[WORDS]; /* all of them its name */
};

static struct frozenref_registry *directory;
static struct frozenref_mi_space *spaces[2]; /* where all were at first, and where they go */
static uint64_t n_objects = 200000;
static uint64_t keep_one_in = 16;
static uint32_t stop;

static void check(const char *what, bool good)
{
	if (good)
		return;
	(void)fprintf(stderr, "mimalloc: %s failed\n", what);
	exit(2);
}

/* Which of the spaces an object is in. */
static struct frozenref_mi_space *space_of(const void *object)
{
	struct frozenref_mi_space *first = spaces[0];

	return (uintptr_t)object - first->first < (uintptr_t)2 << first->zone_shift ? first
										    : spaces[1];
}

/* The directory's release(): the name is gone, and its reference with it. */
static void drop(void *object, uint64_t name, uint64_t npages, void *arg)
{
	(void)name;
	(void)npages;
	(void)arg;
	frozenref_mi_put(space_of(object), object);
}

static struct object *make_object(struct frozenref_mi_space *space, const struct object *from,
				  uint64_t name)
{
	struct object *object = frozenref_mi_malloc(space, sizeof(*object));

	check("frozenref_mi_malloc", object != NULL);
	for (unsigned i = 0; i < WORDS; i++)
		object->words[i] = from ? from->words[i] : name;
	frozenref_mi_unfreeze(space, object, 1);
	return object;
}

/* -------------------------------------------------------------------------------------- readers */

struct reader {
	pthread_t thread;
	uint64_t random;
	uint64_t found;
	uint64_t mismatches;
};

static void *read_all_the_time(void *arg)
{
	struct reader *reader = arg;

	while (!frozenref__load32(&stop, relaxed)) {
		uint64_t name;
		struct frozenref_slot *slot;
		const struct object *object;

		reader->random = reader->random * UINT64_C(6364136223846793005) + 1;
		name = (reader->random >> 33) % n_objects;
		slot = frozenref_registry_try_get(directory, name);
		if (!slot)
			continue;
		reader->found++;
		object = frozenref_slot_object(slot);
		for (unsigned i = 0; i < WORDS; i++)
			reader->mismatches += object->words[i] != name;
		frozenref_slot_put(directory, slot);
	}
	return NULL;
}

/* --------------------------------------------------------------------------------------- moving */

/* Objects on each of mimalloc's pages in the first space. */
static uint16_t *count_by_page(uint64_t *pages)
{
	uintptr_t first = spaces[0]->first;
	uint16_t *counts = calloc((size_t)1 << (spaces[0]->zone_shift - PAGE_SHIFT), 2);
	uint64_t name = 0;
	struct frozenref_slot *slot;

	check("calloc", counts != NULL);
	*pages = 0;
	while ((slot = frozenref_registry_next(directory, &name, n_objects - 1))) {
		uintptr_t object = (uintptr_t)frozenref_slot_object(slot);

		if (space_of((void *)object) == spaces[0])
			*pages += !counts[(object - first) >> PAGE_SHIFT]++;
		frozenref_slot_put(directory, slot);
	}
	return counts;
}

/* Moves the object on a slot that the caller holds; false: others hold it as well. */
static bool move(struct frozenref_slot *slot)
{
	struct object *object = frozenref_slot_object(slot);
	struct object *copy = make_object(spaces[1], object, 0);
	void *old;

	if (frozenref_slot_replace(directory, slot, 2, copy, &old) == 0) {
		frozenref_mi_put(spaces[0], old);
		return true;
	}
	frozenref_mi_put(spaces[1], copy);
	return false;
}

/* One walk over everything; pages that are at least half full stay as they are. */
static void evacuate(uint64_t *moved, uint64_t *refused)
{
	const uint16_t half = (1u << PAGE_SHIFT) / OBJECT_BYTES / 2;
	uint64_t pages;
	uint16_t *counts = count_by_page(&pages);
	uint64_t name = 0;
	struct frozenref_slot *slot;

	*moved = 0;
	*refused = 0;
	while ((slot = frozenref_registry_next(directory, &name, n_objects - 1))) {
		uintptr_t object = (uintptr_t)frozenref_slot_object(slot);

		if (space_of((void *)object) == spaces[0] &&
		    counts[(object - spaces[0]->first) >> PAGE_SHIFT] < half) {
			bool did = move(slot);

			*moved += did;
			*refused += !did;
		}
		frozenref_slot_put(directory, slot);
	}
	free(counts);
}

/* ------------------------------------------------------------------------------------- reporting */

static double resident_mib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (file) {
		if (fscanf(file, "%*d %ld", &pages) != 1)
			pages = 0;
		(void)fclose(file);
	}
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void show(const char *what)
{
	uint64_t pages;

	free(count_by_page(&pages));
	printf("%-28s %7.1f MiB resident, %6llu sparse or full pages in the first space\n", what,
	       resident_mib(), (unsigned long long)pages);
}

/* ------------------------------------------------------------------------------------------ main */

static void fill(void)
{
	for (uint64_t name = 0; name < n_objects; name++)
		check("frozenref_registry_insert",
		      frozenref_registry_insert(directory, name,
						make_object(spaces[0], NULL, name)) == 0);
	show("full");
}

/* Scattered over all pages, as the survivors of a long run are. */
static void thin_out(void)
{
	for (uint64_t name = 0; name < n_objects; name++) {
		if (name % keep_one_in)
			check("frozenref_registry_erase",
			      frozenref_registry_erase(directory, name) == 0);
	}
	(void)frozenref_mi_trim(spaces[0]);
	show("a few left on every page");
}

static void compact(void)
{
	uint64_t moved = 0;
	uint64_t refused = 0;
	unsigned walks = 0;
	uint64_t all = 0;

	do {
		evacuate(&moved, &refused);
		all += moved;
		walks++;
	} while (refused);
	(void)frozenref_mi_trim(spaces[0]);
	show("moved together");
	printf("moved %llu objects in %u walks\n", (unsigned long long)all, walks);
}

static void start(struct reader readers[READERS])
{
	for (unsigned i = 0; i < READERS; i++) {
		readers[i] = (struct reader){ .random = i + 1 };
		check("pthread_create", pthread_create(&readers[i].thread, NULL, read_all_the_time,
						       &readers[i]) == 0);
	}
}

static uint64_t finish(struct reader readers[READERS])
{
	uint64_t mismatches = 0;
	uint64_t found = 0;

	frozenref__store32(&stop, 1, relaxed);
	for (unsigned i = 0; i < READERS; i++) {
		check("pthread_join", pthread_join(readers[i].thread, NULL) == 0);
		found += readers[i].found;
		mismatches += readers[i].mismatches;
	}
	printf("verified %llu reads meanwhile, %llu mismatches\n", (unsigned long long)found,
	       (unsigned long long)mismatches);
	return mismatches;
}

/* The first space, which is empty by then, and the second with what is left. */
static void take_down(void)
{
	uint64_t skipped;

	check("destroy of the first space", frozenref_mi_space_destroy(spaces[0]) == 0);
	/* From here on everything is in the second. */
	spaces[0] = spaces[1];
	(void)frozenref_registry_erase_range(directory, 0, n_objects - 1, &skipped);
	check("frozenref_registry_destroy", frozenref_registry_destroy(directory) == 0);
	check("destroy of the second space", frozenref_mi_space_destroy(spaces[1]) == 0);
}

int main(int argc, char **argv)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct reader readers[READERS];
	uint64_t mismatches;

	if (argc > 2 || (argc == 2 && (n_objects = strtoull(argv[1], NULL, 10)) < 1000)) {
		(void)fprintf(stderr, "usage: mimalloc [OBJECTS]    1000 or more\n");
		return 2;
	}
	config.release = drop;
	check("frozenref_registry_create", frozenref_registry_create(&directory, &config) == 0);
	for (unsigned i = 0; i < 2; i++)
		check("frozenref_mi_space_create",
		      frozenref_mi_space_create(&spaces[i], NULL) == 0);
	fill();
	start(readers);
	thin_out();
	compact();
	mismatches = finish(readers);
	take_down();
	return mismatches ? 1 : 0;
}
