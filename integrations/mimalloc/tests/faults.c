/* SPDX-License-Identifier: MIT */
/*
 * Memory that is refused: reservations, tables of slots, mimalloc's own. Nothing is leaked.
 *
 * Run by `make check` twice, like object.c. This program's mmap() comes before the C library's for
 * all libraries in the process, and refuses when told to.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

/* How many mappings still succeed; negative: all do. */
static int mappings_left = -1;
static unsigned refused;

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
	if (mappings_left == 0) {
		refused++;
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if (mappings_left > 0)
		mappings_left--;
	return (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);
}

/*
 * One more mapping each time, until a space with an object in each zone can be had. The objects of
 * mimalloc 3 are another matter: it follows a null pointer where its own map of pages cannot grow.
 */
Test(mi_faults, any_mapping_of_a_new_space_may_fail)
{
	struct frozenref_mi_space_config config = default_config();
	unsigned at_least = is_mimalloc_3() ? 2 : 4;
	unsigned failures = 0;

	config.flags = FROZENREF_MI_DEFER;
	for (int n = 0;; n++) {
		struct frozenref_mi_space *space = NULL;
		void *small = NULL;
		void *large = NULL;
		int err;

		mappings_left = n;
		err = frozenref_mi_space_create(&space, &config);
		if (is_mimalloc_3())
			mappings_left = -1;
		if (!err) {
			small = frozenref_mi_malloc(space, 64);
			large = frozenref_mi_malloc(space, 5000);
		}
		mappings_left = -1;
		cr_assert(err == 0 || err == -ENOMEM, "%d", err);
		if (err) {
			failures++;
			continue;
		}
		assert_holds(space, 0, (unsigned)!!small + !!large);
		frozenref_mi_free(space, small);
		frozenref_mi_free(space, large);
		assert_destroys(space);
		if (small && large)
			break;
		failures++;
	}
	cr_assert(failures >= at_least && refused >= at_least, "%u failures, %u refused", failures,
		  refused);
}

/* Tables of slots cannot grow: NULL, and what mimalloc had given goes back to it. */
Test(mi_faults, registry_cannot_grow)
{
	struct frozenref_mi_space *space = make_default_space();
	void *objects[5000];
	unsigned n = 0;

	/* The first object makes the heap; a leaf has slots for 4 MiB. */
	objects[n++] = frozenref_mi_malloc(space, 1024);
	mappings_left = 0;
	errno = 0;
	while (n < 5000 && (objects[n] = frozenref_mi_malloc(space, 1024)))
		n++;
	mappings_left = -1;
	cr_assert(n > 1000 && n < 5000 && errno == ENOMEM, "%u objects", n);
	cr_assert(refused > 0);
	assert_holds(space, 0, n);
	objects[n] = frozenref_mi_malloc(space, 1024);
	cr_assert(objects[n]);
	for (unsigned i = 0; i <= n; i++)
		frozenref_mi_free(space, objects[i]);
	assert_destroys(space);
}
