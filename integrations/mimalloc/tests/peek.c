/* SPDX-License-Identifier: MIT */
/*
 * Spaces whose objects may be read without a reference.
 *
 * Run by `make check` twice, like object.c.
 */
#include "fixture.h"

static struct frozenref_mi_space *peekable_space(void)
{
	struct frozenref_mi_space_config config = default_config();
	struct frozenref_mi_space *space = make_peekable_space(&config);

	if (!space)
		cr_skip_test("not on this machine, or with this build of mimalloc");
	return space;
}

Test(mi_peek, reads_what_is_live_and_nothing_else)
{
	static const size_t sizes[] = { 64, 200, 2000, 4096, 50000 };
	struct frozenref_mi_space *space = peekable_space();
	unsigned char *objects[5];
	unsigned char buffer[64];

	for (unsigned i = 0; i < 5; i++) {
		objects[i] = frozenref_mi_malloc(space, sizes[i]);
		memset(objects[i], (int)i + 1, sizes[i]);
		cr_assert(!frozenref_mi_peek(space, objects[i], buffer, 64));
		frozenref_mi_unfreeze(space, objects[i], 1);
	}
	for (unsigned i = 0; i < 5; i++) {
		cr_assert(frozenref_mi_peek(space, objects[i] + sizes[i] - 60, buffer, 60));
		cr_assert(buffer[0] == i + 1 && buffer[59] == i + 1);
		cr_assert(!frozenref_mi_peek(space, objects[i], buffer, SIZE_MAX));
		cr_assert(frozenref_mi_freeze(space, objects[i], 1));
		cr_assert(!frozenref_mi_peek(space, objects[i], buffer, 8));
		memset(objects[i], (int)i + 100, sizes[i]);
		frozenref_mi_unfreeze(space, objects[i], 1);
		cr_assert(frozenref_mi_peek(space, objects[i], buffer, 8) && buffer[7] == i + 100);
	}
	cr_assert(!frozenref_mi_peek(space, buffer, buffer, 8));
	for (unsigned i = 0; i < 5; i++) {
		cr_assert(frozenref_mi_try_get(space, objects[i] + 63) == objects[i]);
		cr_assert(!frozenref_mi_put(space, objects[i]));
		cr_assert(frozenref_mi_put(space, objects[i]));
		cr_assert(!frozenref_mi_peek(space, objects[i], buffer, 8));
	}
	assert_destroys(space);
}

/* Memory that mimalloc has given back stays readable: a peek misses there, and does not fault. */
Test(mi_peek, freed_memory_does_not_fault)
{
	enum { COUNT = 20000 };
	struct frozenref_mi_space *space = peekable_space();
	static void *objects[COUNT];
	unsigned char buffer[8];

	for (unsigned i = 0; i < COUNT; i++) {
		objects[i] = make_object(space, 1024, 1);
		memset(objects[i], 1, 1024);
	}
	for (unsigned i = 0; i < COUNT; i++)
		cr_assert(frozenref_mi_put(space, objects[i]));
	(void)frozenref_mi_trim(space);
	for (unsigned i = 0; i < COUNT; i++) {
		cr_assert(!frozenref_mi_peek(space, objects[i], buffer, 8));
		cr_assert(*(volatile unsigned char *)objects[i] <= UINT8_MAX);
	}
	assert_destroys(space);
}

Test(mi_peek, not_without_the_flag)
{
	struct frozenref_mi_space *space = make_default_space();
	void *object = make_object(space, 64, 1);
	unsigned char buffer[8];

	cr_assert(!frozenref_mi_peek(space, object, buffer, 8));
	cr_assert(frozenref_mi_put(space, object));
	assert_destroys(space);
}
