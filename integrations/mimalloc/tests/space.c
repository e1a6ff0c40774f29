/* SPDX-License-Identifier: MIT */
/*
 * Spaces: configurations, parking, how many there can be, and what they cost.
 *
 * Run by `make check` twice, like object.c.
 */
#include "fixture.h"
#include "process.h"

Test(mi_space, configurations)
{
	struct frozenref_mi_space_config config = default_config();
	struct frozenref_mi_space *space;

	cr_assert(frozenref_mi_space_create(NULL, &config) == -EINVAL);
	config.size--;
	cr_assert(frozenref_mi_space_create(&space, &config) == -EINVAL);
	config = default_config();
	config.flags = 4;
	cr_assert(frozenref_mi_space_create(&space, &config) == -EINVAL);
	config = default_config();
	config.granule_shift = 3;
	cr_assert(frozenref_mi_space_create(&space, &config) == -EINVAL);
	config.granule_shift = 13;
	cr_assert(frozenref_mi_space_create(&space, &config) == -EINVAL);
	config = default_config();
	config.bytes = SIZE_MAX;
	cr_assert(frozenref_mi_space_create(&space, &config) == -EINVAL);
	cr_assert(frozenref_mi_space_destroy(NULL) == -EINVAL);
}

Test(mi_space, the_default)
{
	const unsigned shift = SIZE_MAX > UINT32_MAX ? 31 : 26;
	struct frozenref_mi_space *space;

	misuse_watch();
	if (!may_have_addresses((uint64_t)2 << shift)) {
		cr_assert(frozenref_mi_space_create(&space, NULL) == -ENOMEM);
		cr_skip_test("not enough addresses, and create says so");
	}
	/* mimalloc, the stacks and this program want some as well. */
	if (!may_have_addresses((uint64_t)4 << shift))
		cr_skip_test("hardly enough addresses");
	space = make_space(NULL);
	cr_assert(space->zone_shift == shift);
	cr_assert(frozenref_mi_put(space, make_object(space, 1, 1)));
	assert_destroys(space);
}

Test(mi_space, more_than_there_are_addresses)
{
	struct frozenref_mi_space_config config = default_config();
	struct frozenref_mi_space *space;

	config.bytes = (size_t)1 << 46;
	cr_assert(frozenref_mi_space_create(&space, &config) == -ENOMEM);
	config = default_config();
	assert_destroys(make_space(&config));
}

Test(mi_space, busy_while_there_are_objects)
{
	static const size_t sizes[] = { 64, 100, 4096, 100000 };
	struct frozenref_mi_space *space = make_default_space();

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		void *object = frozenref_mi_malloc(space, sizes[i]);

		cr_assert(frozenref_mi_space_destroy(space) == -EBUSY, "frozen, %zu", sizes[i]);
		frozenref_mi_unfreeze(space, object, 1);
		cr_assert(frozenref_mi_space_destroy(space) == -EBUSY, "live, %zu", sizes[i]);
		cr_assert(frozenref_mi_try_get(space, object) == object);
		cr_assert(!frozenref_mi_put(space, object));
		cr_assert(frozenref_mi_put(space, object));
	}
	assert_destroys(space);
}

static void use_a_space(unsigned i)
{
	struct frozenref_mi_space_config config = default_config();
	struct frozenref_mi_space *space;
	void *objects[100];

	/* Of different sizes: a range goes to whoever is content with it. */
	config.bytes = (i % 2 ? 64 : 32) * MIB;
	config.granule_shift = 4 + i % 9;
	config.flags = i % 3 ? 0 : FROZENREF_MI_DEFER;
	space = make_space(&config);
	for (unsigned n = 0; n < 100; n++) {
		objects[n] = frozenref_mi_zalloc(space, n * 100);
		cr_assert(objects[n]);
		memset(objects[n], 1, n * 100);
		frozenref_mi_unfreeze(space, objects[n], 1);
	}
	for (unsigned n = 0; n < 100; n++)
		cr_assert(frozenref_mi_put(space, objects[n]));
	cr_assert(frozenref_mi_space_destroy(space) == 0);
}

Test(mi_space, a_thousand_one_after_another, .timeout = 600)
{
	size_t before;

	for (unsigned i = 0; i < 100; i++)
		use_a_space(i);
	before = resident_memory();
	for (unsigned i = 100; i < 1000; i++)
		use_a_space(i);
	cr_assert(!before || is_instrumented() || resident_memory() < before + 4 * MIB,
		  "%zu bytes, then %zu", before, resident_memory());
	assert_no_misuse();
}

/* mimalloc 2 has 64 arenas; however many there are, running out of them is said, and ends. */
Test(mi_space, as_many_as_there_are_arenas)
{
	enum { MANY = 200 };
	struct frozenref_mi_space_config config = default_config();
	struct frozenref_mi_space *spaces[MANY];
	unsigned n = 0;
	int err;

	if (!may_have_addresses((uint64_t)16384 * MIB))
		cr_skip_test("there are fewer addresses than arenas");
	while ((err = frozenref_mi_space_create(&spaces[n], &config)) == 0) {
		cr_assert(frozenref_mi_put(spaces[n], make_object(spaces[n], 64, 1)));
		if (++n == MANY)
			break;
	}
	cr_assert(err == -ENOMEM && n >= 31 && n <= 64, "%u spaces, then %d", n, err);
	/* What was parked is found again. */
	cr_assert(frozenref_mi_space_destroy(spaces[7]) == 0);
	spaces[7] = make_space(&config);
	while (n)
		assert_destroys(spaces[--n]);
}

Test(mi_space, trim_gives_tables_back)
{
	enum { COUNT = 100000 };
	struct frozenref_mi_space *space = make_default_space();
	static void *objects[COUNT];

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < COUNT; i++)
			objects[i] = make_object(space, 64, 1);
		/* Nothing is taken from where objects are. */
		cr_assert(frozenref_mi_trim(space) == 0);
		for (unsigned i = 0; i < COUNT; i++) {
			cr_assert(frozenref_mi_try_get(space, objects[i]) == objects[i]);
			cr_assert(!frozenref_mi_put(space, objects[i]));
			cr_assert(frozenref_mi_put(space, objects[i]));
		}
		cr_assert(frozenref_mi_trim(space) >= COUNT * 16);
		for (unsigned i = 0; i < COUNT; i += 100)
			cr_assert(!frozenref_mi_try_get(space, objects[i]));
	}
	assert_destroys(space);
}
