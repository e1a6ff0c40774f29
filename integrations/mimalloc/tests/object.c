/* SPDX-License-Identifier: MIT */
/*
 * Objects of a space: sizes, alignment, publishing, freezing, ending, and addresses of all kinds.
 *
 * Run by `make check` twice, with the inline functions and with the library's symbols.
 */
#include "fixture.h"
#include "process.h"

static const size_t sizes[] = { 0,     1,     15,    16,     64,   65,	       100,  128,
				1000,  1024,  2048,  2049,   4095, 4096,       4097, 8192,
				10000, 12288, 65536, 100000, MIB,  3 * MIB + 1 };
enum { N_SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static bool is_filled(const unsigned char *bytes, size_t size, unsigned char with)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != with)
			return false;
	}
	return true;
}

/* Every byte of it leads to the object, and those around it do not. */
static void assert_found(struct frozenref_mi_space *space, unsigned char *object, size_t size)
{
	size_t step = size > 10000 ? 997 : 1;

	for (size_t at = 0; at < size; at += step) {
		void *found = frozenref_mi_try_get(space, object + at);

		cr_assert(found == object, "%p leads to %p", (void *)(object + at), found);
		cr_assert(!frozenref_mi_put(space, found));
	}
	cr_assert(frozenref_mi_count(space, object) == 1);
}

Test(mi_object, every_size_is_found_by_every_byte)
{
	struct frozenref_mi_space *space = make_default_space();
	unsigned char *objects[N_SIZES];

	for (unsigned i = 0; i < N_SIZES; i++) {
		objects[i] = frozenref_mi_malloc(space, sizes[i]);
		cr_assert(objects[i], "%zu bytes", sizes[i]);
		cr_assert((uintptr_t)objects[i] % (sizes[i] > 2048 ? 4096 : 64) == 0);
		memset(objects[i], (int)i, sizes[i]);
		cr_assert(frozenref_mi_count(space, objects[i]) == 0);
		cr_assert(!frozenref_mi_try_get(space, objects[i]));
	}
	assert_holds(space, 0, N_SIZES);
	for (unsigned i = 0; i < N_SIZES; i++)
		frozenref_mi_unfreeze(space, objects[i], 1);
	assert_holds(space, N_SIZES, 0);
	for (unsigned i = 0; i < N_SIZES; i++) {
		assert_found(space, objects[i], sizes[i] ? sizes[i] : 1);
		cr_assert(is_filled(objects[i], sizes[i], (unsigned char)i), "%zu", sizes[i]);
	}
	for (unsigned i = 0; i < N_SIZES; i++) {
		ended.times = 0;
		cr_assert(frozenref_mi_put(space, objects[i]));
		cr_assert(ended.times == 1 && ended.object == objects[i] && ended.arg == &ended);
		cr_assert(!frozenref_mi_try_get(space, objects[i]));
		cr_assert(!frozenref_mi_try_get(space, objects[i] + sizes[i] / 2));
	}
	assert_destroys(space);
}

Test(mi_object, small_granules_of_every_size)
{
	for (unsigned shift = 4; shift <= 12; shift++) {
		struct frozenref_mi_space_config config = default_config();
		struct frozenref_mi_space *space;
		unsigned char *objects[N_SIZES];

		config.granule_shift = shift;
		space = make_space(&config);
		for (unsigned i = 0; i < N_SIZES; i++) {
			objects[i] = frozenref_mi_malloc(space, sizes[i]);
			cr_assert(objects[i], "%zu bytes in granules of %u", sizes[i], 1u << shift);
			cr_assert((uintptr_t)objects[i] % ((size_t)1 << shift) == 0);
			frozenref_mi_unfreeze(space, objects[i], 1);
		}
		for (unsigned i = 0; i < N_SIZES; i++)
			assert_found(space, objects[i], sizes[i] ? sizes[i] : 1);
		for (unsigned i = 0; i < N_SIZES; i++)
			cr_assert(frozenref_mi_put(space, objects[i]));
		assert_destroys(space);
	}
}

/* Where one chunk of addresses ends and the next one has slots of its own. */
Test(mi_object, across_chunks_of_every_granule)
{
	enum { COUNT = 12000, KINDS = 2 * 9 };
	static unsigned char *objects[COUNT];

	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct frozenref_mi_space_config config = default_config();
		struct frozenref_mi_space *space;
		uintptr_t first = UINTPTR_MAX;
		uintptr_t last = 0;

		config.bytes = 256 * MIB;
		config.granule_shift = 4 + kind / 2;
		space = kind % 2 ? make_peekable_space(&config) : make_space(&config);
		if (!space)
			continue;
		for (unsigned i = 0; i < COUNT; i++) {
			uintptr_t at;

			objects[i] = make_object(space, i % 1000 ? i % 500 + 1 : 30000, 2);
			at = (uintptr_t)objects[i];
			if (i % 1000 && at < first)
				first = at;
			if (i % 1000 && at > last)
				last = at;
		}
		cr_assert(last - first > MIB);
		for (unsigned i = 0; i < COUNT; i++) {
			unsigned char *end = objects[i] + (i % 1000 ? i % 500 : 29999);

			cr_assert(frozenref_mi_try_get(space, end) == objects[i]);
			cr_assert(frozenref_mi_count(space, objects[i]) == 3);
			cr_assert(!frozenref_mi_put(space, objects[i]));
			cr_assert(!frozenref_mi_put(space, objects[i]));
			cr_assert(frozenref_mi_put(space, objects[i]));
		}
		assert_destroys(space);
	}
}

#if SIZE_MAX > UINT32_MAX

/* A leaf of slots has 256 MiB of the large zone, so this object's tails are in several. */
Test(mi_object, across_leaves)
{
	struct frozenref_mi_space_config config = default_config();
	const size_t size = (size_t)600 * MIB;
	struct frozenref_mi_space *space;
	unsigned char *object;

	if (is_mimalloc_3_0_or_3_1())
		cr_skip_test("mimalloc 3.0 and 3.1 have no blocks of more than 32 MiB in arenas");
	if (!may_have_addresses((uint64_t)16384 * MIB))
		cr_skip_test("not enough addresses");
	config.bytes = (size_t)4096 * MIB;
	space = make_space(&config);
	object = make_object(space, size, 2);
	for (size_t at = 0; at < size; at += MIB)
		cr_assert(frozenref_mi_try_get(space, object + at) == object, "%zu MiB", at / MIB);
	cr_assert(frozenref_mi_try_get(space, object + size - 1) == object);
	cr_assert(!frozenref_mi_try_get(space, object + size));
	cr_assert(frozenref_mi_count(space, object) == 2 + size / MIB + 1);
	for (size_t at = 0; at <= size; at += MIB)
		cr_assert(!frozenref_mi_put(space, object));
	cr_assert(!frozenref_mi_put(space, object));
	cr_assert(frozenref_mi_put(space, object));
	for (size_t at = 0; at < size; at += MIB)
		cr_assert(!frozenref_mi_try_get(space, object + at), "%zu MiB", at / MIB);
	assert_destroys(space);
}

/* More granules than the window of a registry shows: the space knows its slots by itself. */
Test(mi_object, large_zones)
{
	enum { COUNT = 10000 };
	struct frozenref_mi_space_config config = default_config();
	static unsigned char *objects[COUNT];
	struct frozenref_mi_space *space;
	uint64_t random = 3;

	if (!may_have_addresses((uint64_t)32768 * MIB))
		cr_skip_test("not enough addresses");
	config.bytes = (size_t)8192 * MIB;
	config.granule_shift = 4;
	space = make_space(&config);
	for (unsigned i = 0; i < COUNT; i++)
		objects[i] = make_object(space, i % 16 ? 16 : 5000, 1);
	for (unsigned i = 0; i < COUNT; i++)
		assert_found(space, objects[i], i % 16 ? 16 : 5000);
	for (unsigned i = 0; i < COUNT; i++)
		cr_assert(frozenref_mi_put(space, objects[i]));
	for (int i = 0; i < 1000000; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		cr_assert(!frozenref_mi_try_get(space, (void *)(space->first +
								(random >> 13) % space->bytes)));
	}
	assert_destroys(space);
}

#endif

static void assert_alignment(struct frozenref_mi_space *space, size_t size, size_t alignment)
{
	unsigned char *object = frozenref_mi_malloc_aligned(space, size, alignment);

	cr_assert(object, "%zu bytes at %zu", size, alignment);
	cr_assert((uintptr_t)object % alignment == 0, "%zu bytes at %zu: %p", size, alignment,
		  (void *)object);
	memset(object, 1, size);
	frozenref_mi_unfreeze(space, object, 1);
	assert_found(space, object, size ? size : 1);
	cr_assert(frozenref_mi_put(space, object));
}

Test(mi_object, aligned)
{
	struct frozenref_mi_space *space = make_default_space();

	for (size_t alignment = 1; alignment <= 65536; alignment *= 2) {
		for (unsigned i = 0; i < N_SIZES; i++)
			assert_alignment(space, sizes[i], alignment);
	}
	errno = 0;
	cr_assert(!frozenref_mi_malloc_aligned(space, 64, 0) && errno == EINVAL);
	errno = 0;
	cr_assert(!frozenref_mi_malloc_aligned(space, 64, 48) && errno == EINVAL);
	assert_destroys(space);
}

Test(mi_object, aligned_to_more_than_64_kib)
{
	struct frozenref_mi_space *space = make_default_space();

	for (size_t alignment = 2 * 65536; alignment <= MIB; alignment *= 2) {
		for (unsigned i = 0; i < N_SIZES; i++) {
			if (!is_mimalloc_3()) {
				assert_alignment(space, sizes[i], alignment);
				continue;
			}
			errno = 0;
			cr_assert(!frozenref_mi_malloc_aligned(space, sizes[i], alignment));
			cr_assert(errno == ENOMEM);
		}
	}
	assert_destroys(space);
	if (is_mimalloc_3())
		cr_skip_test("mimalloc 3 aligns no block of an arena to more than 64 KiB");
}

Test(mi_object, zeroed)
{
	struct frozenref_mi_space *space = make_default_space();

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < N_SIZES; i++) {
			unsigned char *object = frozenref_mi_zalloc(space, sizes[i]);

			cr_assert(object && is_filled(object, sizes[i], 0), "%zu", sizes[i]);
			memset(object, 0xff, sizes[i]);
			frozenref_mi_free(space, object);
		}
	}
	assert_destroys(space);
}

/* Objects of many granules side by side: none of them is found through another's. */
Test(mi_object, neighbours_do_not_overlap)
{
	enum { COUNT = 3000 };
	struct frozenref_mi_space *space = make_default_space();
	static unsigned char *objects[COUNT];
	static size_t bytes[COUNT];

	for (unsigned i = 0; i < COUNT; i++) {
		bytes[i] = i * 7919 % 9000 + 1;
		objects[i] = make_object(space, bytes[i], 1);
		memset(objects[i], (int)(i % 251), bytes[i]);
	}
	for (unsigned i = 0; i < COUNT; i += 2)
		cr_assert(frozenref_mi_put(space, objects[i]));
	for (unsigned i = 0; i < COUNT; i++) {
		void *first = frozenref_mi_try_get(space, objects[i]);
		void *last = frozenref_mi_try_get(space, objects[i] + bytes[i] - 1);

		cr_assert(first == (i % 2 ? objects[i] : NULL));
		cr_assert(last == first);
		if (!first)
			continue;
		cr_assert(is_filled(objects[i], bytes[i], (unsigned char)(i % 251)));
		cr_assert(!frozenref_mi_put(space, first) && !frozenref_mi_put(space, last));
		cr_assert(frozenref_mi_put(space, first));
	}
	assert_destroys(space);
}

Test(mi_object, counts)
{
	struct frozenref_mi_space *space = make_default_space();
	void *object = make_object(space, 64, 2);

	frozenref_mi_get(space, object);
	cr_assert(frozenref_mi_count(space, object) == 3);
	cr_assert(!frozenref_mi_freeze(space, object, 2));
	cr_assert(frozenref_mi_freeze(space, object, 3));
	cr_assert(frozenref_mi_count(space, object) == 0);
	cr_assert(!frozenref_mi_try_get(space, object));
	assert_holds(space, 0, 1);
	frozenref_mi_unfreeze(space, object, 1);
	cr_assert(frozenref_mi_try_get(space, object) == object);
	cr_assert(!frozenref_mi_put(space, object));
	cr_assert(ended.times == 0);
	cr_assert(frozenref_mi_put(space, object));
	cr_assert(ended.times == 1);
	object = frozenref_mi_malloc(space, 64);
	frozenref_mi_free(space, object);
	frozenref_mi_free(space, NULL);
	cr_assert(ended.times == 1, "free does not run release()");
	assert_destroys(space);
}

/* A last put that does not see that it is the last before it is: through the general path. */
Test(mi_object, ends_after_a_freeze_of_many_granules)
{
	struct frozenref_mi_space *space = make_default_space();
	unsigned char *object = make_object(space, 20000, 1);

	cr_assert(frozenref_mi_freeze(space, object, 1));
	cr_assert(!frozenref_mi_try_get(space, object + 19999));
	frozenref_mi_free(space, object);
	cr_assert(!frozenref_mi_try_get(space, object + 19999));
	assert_destroys(space);
}

Test(mi_object, foreign_addresses)
{
	struct frozenref_mi_space *space = make_default_space();
	struct frozenref_mi_space *other = make_default_space();
	void *object = make_object(other, 64, 1);
	void *plain = mi_malloc(64);
	uint64_t random = 1;

	cr_assert(!frozenref_mi_try_get(space, NULL));
	cr_assert(!frozenref_mi_try_get(space, &space));
	cr_assert(!frozenref_mi_try_get(space, plain));
	cr_assert(!frozenref_mi_try_get(space, object));
	cr_assert(!frozenref_mi_try_get(space, space));
	cr_assert(!frozenref_mi_try_get(space, (void *)UINTPTR_MAX));
	cr_assert(!frozenref_mi_try_get(space, (void *)(space->first - 1)));
	cr_assert(!frozenref_mi_try_get(space, (void *)(space->first +
							((uintptr_t)2 << space->zone_shift))));
	for (int i = 0; i < 1000000; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		cr_assert(!frozenref_mi_try_get(space, (void *)(uintptr_t)(random ^ random >> 33)));
		/* In the space, where nothing ever was. */
		cr_assert(!frozenref_mi_try_get(
			space, (void *)(space->first +
					(random >> 13) % ((uintptr_t)2 << space->zone_shift))));
	}
	cr_assert(frozenref_mi_count(space, plain) == 0);
	mi_free(plain);
	cr_assert(frozenref_mi_put(other, object));
	assert_destroys(other);
	assert_destroys(space);
}

/* Ten million addresses of what was, is, and never was there. */
Test(mi_object, ten_million_stale_addresses, .timeout = 600)
{
	enum { COUNT = 20000 };
	struct frozenref_mi_space *space = make_default_space();
	static unsigned char *objects[COUNT];
	uint64_t random = 2;
	uint64_t hits = 0;

	for (unsigned i = 0; i < COUNT; i++)
		objects[i] = make_object(space, i % 16 ? 64 : 5000, 1);
	for (unsigned i = 0; i < COUNT; i++) {
		if (i % 2)
			cr_assert(frozenref_mi_put(space, objects[i]));
	}
	for (int i = 0; i < 10000000; i++) {
		unsigned which;
		void *found;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		which = (unsigned)(random >> 33) % COUNT;
		found = frozenref_mi_try_get(space, objects[which] + (random >> 13) % 64);
		cr_assert(found == (which % 2 ? NULL : objects[which]));
		if (!found)
			continue;
		hits++;
		cr_assert(!frozenref_mi_put(space, found));
	}
	cr_assert(hits > 4000000 && hits < 6000000);
	for (unsigned i = 0; i < COUNT; i += 2)
		cr_assert(frozenref_mi_put(space, objects[i]));
	assert_destroys(space);
}

/* ------------------------------------------------------------------------------------- failing */

Test(mi_object, too_large)
{
	struct frozenref_mi_space *space = make_default_space();
	static const size_t too_large[] = { 65 * MIB, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX - 4095,
					    PTRDIFF_MAX };

	for (unsigned i = 0; i < sizeof(too_large) / sizeof(too_large[0]); i++) {
		errno = 0;
		cr_assert(!frozenref_mi_malloc(space, too_large[i]) && errno == ENOMEM);
		errno = 0;
		cr_assert(!frozenref_mi_zalloc(space, too_large[i]) && errno == ENOMEM);
		errno = 0;
		cr_assert(!frozenref_mi_malloc_aligned(space, too_large[i], 4096));
		cr_assert(errno == ENOMEM);
	}
	errno = 0;
	cr_assert(!frozenref_mi_malloc_aligned(space, 64, (size_t)1 << 40) && errno == ENOMEM);
	assert_destroys(space);
}

/* Fills a zone with objects of a size, takes them all back, and fills it again. */
static void fill_twice(size_t size, size_t at_least)
{
	struct frozenref_mi_space_config config = default_config();
	struct frozenref_mi_space *space;
	size_t counts[2] = { 0, 0 };

	config.bytes = 32 * MIB;
	space = make_space(&config);
	for (unsigned round = 0; round < 2; round++) {
		void *last = NULL;
		void **object;

		errno = 0;
		while ((object = frozenref_mi_malloc(space, size))) {
			*object = last;
			last = object;
			frozenref_mi_unfreeze(space, object, 1);
			counts[round]++;
		}
		cr_assert(errno == ENOMEM);
		cr_assert(counts[round] * size >= at_least, "only %zu objects", counts[round]);
		assert_holds(space, counts[round], 0);
		while (last) {
			void *next = *(void **)last;

			cr_assert(frozenref_mi_put(space, last));
			last = next;
		}
		assert_holds(space, 0, 0);
	}
	cr_assert(counts[1] >= counts[0] - counts[0] / 10, "%zu, then %zu", counts[0], counts[1]);
	assert_destroys(space);
}

/* Blocks that are not on whole granules by themselves need room to be aligned. */
static size_t part_of_32_mib(bool is_aligned)
{
	return (is_aligned && !has_padded_blocks() ? 28 : 8) * MIB;
}

Test(mi_object, full_small_zone, .timeout = 600)
{
	fill_twice(64, part_of_32_mib(true));
}

Test(mi_object, full_large_zone, .timeout = 600)
{
	fill_twice(4096, part_of_32_mib(!is_mimalloc_3_0_or_3_1()));
}

Test(mi_object, misuse)
{
	struct frozenref_mi_space *space = make_default_space();
	void *object = make_object(space, 64, 1);
	void *outside = &space;

	frozenref_mi_unfreeze(space, object, 1);
	cr_assert(misuse.times == 1 && misuse.kind == FROZENREF_MISUSE_UNFREEZE_LIVE);
	frozenref_mi_free(space, object);
	cr_assert(misuse.times == 2 && misuse.kind == FROZENREF_MISUSE_UNFREEZE_LIVE);
	cr_assert(frozenref_mi_count(space, object) == 1, "a misused free freed it");
	cr_assert(!frozenref_mi_put(space, outside));
	cr_assert(misuse.times == 3 && misuse.kind == FROZENREF_MISUSE_PUT_FROZEN);
	cr_assert(misuse.ref == outside);
	frozenref_mi_get(space, outside);
	cr_assert(misuse.times == 4 && misuse.kind == FROZENREF_MISUSE_GET_FROZEN);
	frozenref_mi_unfreeze(space, outside, 1);
	frozenref_mi_free(space, outside);
	cr_assert(misuse.times == 6 && misuse.kind == FROZENREF_MISUSE_UNFREEZE_LIVE);
	cr_assert(!frozenref_mi_freeze(space, object, 0));
	cr_assert(misuse.times == 7 && misuse.kind == FROZENREF_MISUSE_BAD_COUNT);
	cr_assert(frozenref_mi_put(space, object));
	cr_assert(!frozenref_mi_put(space, object));
	cr_assert(misuse.times == 8 && misuse.kind == FROZENREF_MISUSE_PUT_FROZEN);
	cr_assert(ended.times == 1);
	object = frozenref_mi_malloc(space, 64);
	frozenref_mi_unfreeze(space, object, 0);
	frozenref_mi_unfreeze(space, object, FROZENREF_MAX + 1);
	cr_assert(misuse.times == 10 && misuse.kind == FROZENREF_MISUSE_BAD_COUNT);
	cr_assert(frozenref_mi_count(space, object) == 0);
	frozenref_mi_unfreeze(space, object, FROZENREF_MAX);
	cr_assert(frozenref_mi_freeze(space, object, FROZENREF_MAX));
	frozenref_mi_free(space, object);
	misuse.times = 0;
	assert_destroys(space);
}
