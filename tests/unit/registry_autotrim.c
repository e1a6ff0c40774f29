/* SPDX-License-Identifier: MIT */
/*
 * Giving memory back by itself: what counts as idle, who trims and when, and that it does not do so
 * all the time.
 *
 * Run by `make check` twice, like registry.c. The backend tells of each purge.
 */
#include <pthread.h>
#include <sched.h>

#include <frozenref/atomic.h>

#include "child.h"
#include "failing_backend.h"
#include "registry_fixture.h"

/* What is counted at a time: so many slots, and their bytes. */
#define PIECE	    UINT64_C(128)
#define PIECE_BYTES ((size_t)PIECE * sizeof(struct frozenref_slot))

static char objects[8];
static uint32_t purges;
static int purge_error;

static int count_purge(void *context, void *address, size_t size)
{
	(void)frozenref__add32(&purges, 1, relaxed);
	if (purge_error)
		return purge_error;
	return frozenref_mmap_backend()->purge(context, address, size);
}

static struct frozenref_backend counting_backend(void)
{
	struct frozenref_backend backend = *frozenref_mmap_backend();

	purges = 0;
	purge_error = 0;
	backend.purge = count_purge;
	return backend;
}

static struct frozenref_backend backend;

static struct frozenref_registry *make_trimming(size_t above, unsigned flags)
{
	struct frozenref_registry_config config = default_config();

	backend = counting_backend();
	config.backend = &backend;
	config.trim_above = above;
	config.flags = flags;
	return make_registry(&config);
}

static uint64_t resident(struct frozenref_registry *reg)
{
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;

	frozenref_registry_stats(reg, &stats);
	return stats.bytes_resident;
}

static void insert(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages)
{
	cr_assert(frozenref_registry_insert_range(reg, pfn, npages, objects) == 0);
}

static void erase(struct frozenref_registry *reg, uint64_t pfn)
{
	cr_assert(frozenref_registry_erase(reg, pfn) == 0);
}

static void come_and_go(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages)
{
	insert(reg, pfn, npages);
	erase(reg, pfn);
}

/* ------------------------------------------------------------------------------ what is counted */

Test(registry_autotrim, is_not_the_default)
{
	struct frozenref_registry *reg = make_trimming(0, 0);

	for (uint64_t leaf = 0; leaf < 4; leaf++) {
		come_and_go(reg, leaf * LEAF, LEAF);
	}
	cr_assert(purges == 0);
	cr_assert(resident(reg) >= 4 * LEAF * sizeof(struct frozenref_slot));
	assert_destroys(reg);
}

/* Up to the limit nothing is given back, and above it everything that is not in use. */
static void gives_back_above(size_t pieces, unsigned flags, size_t piece_bytes)
{
	struct frozenref_registry *reg = make_trimming(pieces * piece_bytes, flags);
	uint64_t full;

	insert(reg, 3 * LEAF, 1);
	for (size_t i = 0; i < pieces; i++) {
		insert(reg, (i % 2) * LEAF + i * PIECE, 1);
		cr_assert(purges == 0);
	}
	for (size_t i = 0; i < pieces; i++) {
		erase(reg, (i % 2) * LEAF + i * PIECE);
		cr_assert(purges == 0, "after %zu of %zu", i, pieces);
	}
	full = resident(reg);
	insert(reg, 2 * LEAF, 1);
	cr_assert(purges == 0);
	erase(reg, 2 * LEAF);
	cr_assert(purges == 3, "%u", purges);
	/* A page of each piece was in memory, or two pieces share one. */
	cr_assert(is_instrumented() || full - resident(reg) >= pieces * PIECE_BYTES / 2,
		  "%zu bytes", (size_t)(full - resident(reg)));
	assert_state(reg, 3 * LEAF, FROZENREF_LIVE);
	erase(reg, 3 * LEAF);
	cr_assert(purges == 3);
	assert_destroys(reg);
}

Test(registry_autotrim, gives_all_back_above_the_limit)
{
	gives_back_above(64, 0, PIECE_BYTES);
}

Test(registry_autotrim, counts_padded_slots_by_their_size)
{
	gives_back_above(64, FROZENREF_REGISTRY_PADDED, 2 * PIECE_BYTES);
}

Test(registry_autotrim, counts_compact_slots_by_their_size)
{
	struct frozenref_registry *reg =
		make_trimming(2 * (PIECE_BYTES / 2), FROZENREF_REGISTRY_COMPACT);

	for (uint64_t pfn = 1; pfn < 3 * PIECE; pfn += PIECE)
		cr_assert(frozenref_registry_insert(reg, pfn, (void *)(uintptr_t)(pfn << 12)) == 0);
	for (uint64_t pfn = 1; pfn < 3 * PIECE; pfn += PIECE) {
		cr_assert(purges == 0);
		erase(reg, pfn);
	}
	cr_assert(purges == 1);
	assert_destroys(reg);
}

/* The same slots again are no more memory, and a table in use is none that lies idle. */
Test(registry_autotrim, counts_what_is_idle_and_only_that)
{
	struct frozenref_registry *reg = make_trimming(2 * PIECE_BYTES, 0);

	for (unsigned i = 0; i < 100; i++) {
		insert(reg, i % PIECE, 1);
		insert(reg, LEAF + i % PIECE, 1);
		erase(reg, i % PIECE);
		erase(reg, LEAF + i % PIECE);
	}
	insert(reg, 5, 1);
	come_and_go(reg, 2 * LEAF, 1);
	come_and_go(reg, PIECE, 100 * PIECE);
	cr_assert(purges == 0);
	/* All three are idle now, and the first is large. */
	erase(reg, 5);
	cr_assert(purges == 3, "%u", purges);
	assert_destroys(reg);
}

Test(registry_autotrim, knows_what_was_trimmed_by_hand)
{
	struct frozenref_registry *reg = make_trimming(3 * PIECE_BYTES, 0);

	for (unsigned i = 0; i < 10; i++) {
		come_and_go(reg, 0, 3 * PIECE);
		cr_assert(frozenref_registry_trim(reg) > 0);
		cr_assert(purges == i + 1);
	}
	insert(reg, 0, 3 * PIECE);
	come_and_go(reg, LEAF, 1);
	cr_assert(frozenref_registry_trim(reg) > 0);
	cr_assert(purges == 11);
	erase(reg, 0);
	cr_assert(purges == 11);
	come_and_go(reg, LEAF, 1);
	cr_assert(purges == 13);
	assert_destroys(reg);
}

/* A limit that nothing can reach must not wrap. */
Test(registry_autotrim, takes_any_limit)
{
	static const size_t limits[] = { SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1, 1 };

	for (unsigned i = 0; i < 4; i++) {
		struct frozenref_registry *reg = make_trimming(limits[i], 0);

		come_and_go(reg, 0, 2 * LEAF);
		cr_assert(purges == (i == 3 ? 2 : 0), "limit %zx, %u purges", limits[i], purges);
		assert_destroys(reg);
	}
}

/* An allocator's registry is trimmed when the allocator says that nobody inserts. */
Test(registry_autotrim, leaves_owned_registries_alone)
{
	struct frozenref_registry *reg = make_trimming(1, 0);

	frozenref__registry_make_owned(reg);
	for (uint64_t pfn = 0; pfn < 4 * PIECE; pfn += PIECE) {
		struct frozenref_slot *slot;

		cr_assert(frozenref__registry_own(reg, pfn, 1, objects) == 0);
		slot = frozenref_registry_slot(reg, pfn);
		frozenref_slot_unfreeze(reg, slot, 1);
		cr_assert(frozenref_slot_freeze(reg, slot, 1));
		frozenref__registry_disown(reg, slot);
	}
	cr_assert(purges == 0);
	cr_assert(frozenref__registry_trim_owned(reg) > 0);
	cr_assert(purges == 1);
	assert_destroys(reg);
}

/* ------------------------------------------------------------------------------- not every time */

Test(registry_autotrim, does_not_trim_at_each_end)
{
	struct frozenref_registry *reg = make_trimming(16 * PIECE_BYTES, 0);

	/* A table that was full, and all but one of its pfns are free. */
	insert(reg, 1, LEAF - 1);
	insert(reg, 0, 1);
	erase(reg, 1);
	cr_assert(purges == 0);
	for (unsigned i = 0; i < 1000; i++) {
		erase(reg, 0);
		cr_assert(purges == 1, "%u purges in round %u", purges, i);
		insert(reg, 0, 1);
	}
	/* As much again as before has to lie idle first. */
	for (uint64_t i = 1; i <= 16; i++) {
		come_and_go(reg, i * LEAF, 1);
		cr_assert(purges == 1);
	}
	erase(reg, 0);
	cr_assert(purges == 18, "%u", purges);
	assert_destroys(reg);
}

/* What the backend refuses to purge is left to trims by hand. */
Test(registry_autotrim, does_not_insist_on_a_purge_that_fails)
{
	struct frozenref_registry *reg = make_trimming(2 * PIECE_BYTES, 0);
	struct frozenref_handle handle;

	purge_error = -EINVAL;
	insert(reg, 0, 3 * PIECE);
	handle = frozenref_slot_handle(reg, frozenref_registry_slot(reg, 0));
	erase(reg, 0);
	cr_assert(purges == 1);
	for (unsigned i = 0; i < 100; i++) {
		come_and_go(reg, LEAF, 1);
		come_and_go(reg, 2, 1);
	}
	cr_assert(purges == 1, "%u", purges);
	come_and_go(reg, 2 * LEAF, 2 * PIECE);
	cr_assert(purges == 3, "%u", purges);
	purge_error = 0;
	come_and_go(reg, 3 * LEAF, 3 * PIECE);
	cr_assert(purges == 4, "%u", purges);
	cr_assert(frozenref_registry_trim(reg) >= 6 * PIECE_BYTES);
	cr_assert(purges == 7, "%u", purges);
	/* Now it is counted again. */
	come_and_go(reg, 0, 3 * PIECE);
	cr_assert(purges == 8, "%u", purges);
	cr_assert(!frozenref_registry_try_get_handle(reg, handle));
	assert_destroys(reg);
}

/* Each call of the backend fails once, purges among them. */
static bool use_with_failure(unsigned call)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;

	config.backend = &failing_backend;
	config.trim_above = 1;
	failing_begin(call, true);
	reg = make_registry(&config);
	for (uint64_t pfn = 0; pfn < 3 * LEAF; pfn += LEAF / 2) {
		int err = frozenref_registry_insert_range(reg, pfn, LEAF, objects);

		cr_assert(err == 0 || (err == -ENOMEM && failing.failed));
		if (err)
			insert(reg, pfn, LEAF);
		erase(reg, pfn + 7);
		assert_released(objects, pfn, LEAF);
	}
	assert_destroys(reg);
	cr_assert(failing.ranges == 0 && failing.bytes == 0);
	return failing.failed;
}

Test(registry_autotrim, survives_a_backend_that_fails)
{
	unsigned call = 0;

	while (use_with_failure(call))
		call++;
	cr_assert(call > 15, "only %u calls could fail", call);
}

/* ----------------------------------------------------------------------------- by whom, and when */

/* However an object ends, whoever ends it trims. */
Test(registry_autotrim, is_done_by_whoever_ends_an_object)
{
	struct frozenref_registry *reg = make_trimming(1, 0);
	struct frozenref_slot *slot;
	uint32_t left;

	come_and_go(reg, 0, 1);
	cr_assert(purges == 1);

	insert(reg, 0, 1);
	slot = frozenref_registry_try_get(reg, 0);
	erase(reg, 0);
	cr_assert(purges == 1);
	cr_assert(frozenref_slot_put(reg, slot));
	cr_assert(purges == 2);

	insert(reg, 0, 1);
	slot = frozenref_registry_try_get(reg, 0);
	erase(reg, 0);
	cr_assert(frozenref_slot_put_left(reg, slot, &left));
	cr_assert(purges == 3);

	insert(reg, 0, 1);
	cr_assert(frozenref_slot_freeze(reg, slot, 1));
	cr_assert(frozenref_slot_erase_frozen(reg, slot) == objects);
	cr_assert(purges == 4);

	insert(reg, 0, 1);
	cr_assert(frozenref_registry_erase_range(reg, 0, LEAF, NULL) == 1);
	cr_assert(purges == 5);

	/* A lookup that found the object just before its erase. */
	insert(reg, 0, 1);
	slot = frozenref_registry_try_get(reg, 0);
	erase(reg, 0);
	cr_assert(!frozenref__registry_settle(reg, slot));
	cr_assert(purges == 6);

	/* Not an insert that is refused, though its table lies idle then. */
	insert(reg, LEAF, 1);
	cr_assert(frozenref_registry_insert_range(reg, LEAF - 2, 3, objects) == -EEXIST);
	cr_assert(purges == 6);
	erase(reg, LEAF);
	cr_assert(purges == 8);
	assert_destroys(reg);
}

static struct frozenref_registry *nested;
static unsigned depth;

/* Ends another object, and puts a new one on its own pfns. */
static void release_more(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	uint32_t before = purges;

	remember_release(object, pfn, npages, arg);
	if (depth == 4)
		return;
	depth++;
	cr_assert(frozenref_registry_destroy(nested) == -EBUSY);
	insert(nested, pfn, npages);
	insert(nested, pfn + LEAF, npages);
	erase(nested, pfn + LEAF);
	/* Nothing but what is in use was left of it. */
	cr_assert(purges > before);
	cr_assert(frozenref_registry_destroy(nested) == -EBUSY);
	erase(nested, pfn);
	(void)frozenref_registry_trim(nested);
}

Test(registry_autotrim, comes_after_release_and_in_it)
{
	struct frozenref_registry_config config = default_config();

	backend = counting_backend();
	config.backend = &backend;
	config.trim_above = 1;
	config.release = release_more;
	nested = make_registry(&config);
	depth = 0;
	insert(nested, 0, 3);
	erase(nested, 1);
	cr_assert(depth == 4);
	for (uint64_t leaf = 0; leaf < 6; leaf++)
		assert_state(nested, leaf * LEAF, FROZENREF_EMPTY);
	assert_destroys(nested);
}

Test(registry_autotrim, does_not_restart_generations)
{
	struct frozenref_registry *reg = make_trimming(1, 0);
	struct frozenref_handle old = { 0, 0 };

	for (unsigned i = 0; i < 1000; i++) {
		struct frozenref_handle handle;

		insert(reg, 3, 1);
		handle = frozenref_slot_handle(reg, frozenref_registry_slot(reg, 3));
		cr_assert(handle.generation > old.generation);
		cr_assert(frozenref_registry_handle_state(reg, old) == FROZENREF_EMPTY);
		old = handle;
		erase(reg, 3);
		cr_assert(purges == i + 1);
	}
	cr_assert(!frozenref_registry_try_get_handle(reg, old));
	assert_destroys(reg);
}

/* -------------------------------------------------------------------------------- with threads */

static uint32_t purging, go_on;

static int purge_until_told(void *context, void *address, size_t size)
{
	(void)frozenref__add32(&purges, 1, relaxed);
	frozenref__store32(&purging, 1, release);
	while (!frozenref__load32(&go_on, acquire))
		sched_yield();
	return frozenref_mmap_backend()->purge(context, address, size);
}

static void *end_first(void *reg)
{
	erase(reg, 0);
	return NULL;
}

/* While one thread trims, others neither wait for it nor do the same. */
Test(registry_autotrim, is_done_by_one_and_nobody_waits)
{
	struct frozenref_registry *reg = make_trimming(1, 0);
	struct frozenref_registry *other = make_trimming(1, 0);
	pthread_t thread;

	backend.purge = purge_until_told;
	insert(reg, 0, 1);
	for (uint64_t leaf = 1; leaf < 5; leaf++)
		insert(reg, leaf * LEAF, 1);
	insert(other, 0, 1);
	cr_assert(pthread_create(&thread, NULL, end_first, reg) == 0);
	while (!frozenref__load32(&purging, acquire))
		sched_yield();
	for (uint64_t leaf = 1; leaf < 4; leaf++)
		erase(reg, leaf * LEAF);
	erase(other, 0);
	cr_assert(purges == 1);
	/* It goes on to where the others have ended meanwhile. */
	frozenref__store32(&go_on, 1, release);
	pthread_join(thread, NULL);
	cr_assert(purges == 4, "%u", purges);
	insert(other, 1, 1);
	erase(other, 1);
	cr_assert(purges == 5);
	erase(reg, 4 * LEAF);
	cr_assert(purges == 6);
	assert_destroys(reg);
	assert_destroys(other);
}

static uint32_t stop;

/* On pfns of its own, in tables that others use, too. */
static void *insert_and_erase(void *reg)
{
	static uint32_t numbers;
	uint64_t pfn = UINT64_C(1000) * (1 + frozenref__add32(&numbers, 1, relaxed));

	for (uint64_t i = 0; !frozenref__load32(&stop, relaxed); i++) {
		struct frozenref_slot *slot;

		insert(reg, pfn + i % 3 * LEAF, 1 + i % 200);
		slot = frozenref_registry_try_get(reg, pfn + i % 3 * LEAF);
		cr_assert(slot && frozenref_slot_object(slot) == objects);
		erase(reg, pfn + i % 3 * LEAF);
		cr_assert(frozenref_slot_put(reg, slot));
	}
	return NULL;
}

/* In the threads' tables, on pfns that they leave alone. */
static int use_in_child(void *arg)
{
	struct frozenref_registry *reg = arg;

	for (uint64_t pfn = LEAF / 2; pfn < 4 * LEAF; pfn += LEAF / 16) {
		int wrong = pfn % LEAF < LEAF / 2 ? 0 : live_once(reg, pfn, objects);

		if (wrong)
			return wrong;
	}
	/* Where none of them were. A thread that was counting may have left less than nothing. */
	purges = 0;
	for (uint64_t pfn = 9 * LEAF; pfn < 99 * LEAF && !purges; pfn += LEAF) {
		if (frozenref_registry_insert(reg, pfn, objects) != 0)
			return 4;
		if (frozenref_registry_erase(reg, pfn) != 0)
			return 5;
	}
	return purges ? 0 : 6;
}

/* Whatever the threads were at when the process forked, the child goes on, and trims. */
Test(registry_autotrim, goes_on_in_forked_children, .timeout = 600)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;
	pthread_t threads[2];

	backend = counting_backend();
	config.backend = &backend;
	config.release = NULL;
	config.trim_above = 1;
	reg = make_registry(&config);
	for (int i = 0; i < 2; i++)
		cr_assert(pthread_create(&threads[i], NULL, insert_and_erase, reg) == 0);
	for (unsigned i = 0; i < 50; i++) {
		int result = run_in_child(use_in_child, reg);

		cr_assert(result == 0, "result %d", result);
	}
	frozenref__store32(&stop, 1, relaxed);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	/* All of it is idle now, and whatever is left goes with the next object that ends. */
	purges = 0;
	come_and_go(reg, 0, 1);
	cr_assert(purges >= 1 && purges <= 3, "%u", purges);
	come_and_go(reg, 0, 1);
	cr_assert(purges >= 2 && purges <= 4, "%u", purges);
	assert_destroys(reg);
}

#ifndef FROZENREF_NO_INLINE

# include "../../lib/registry.h"

/*
 * A thread that was counting when the process forked, and is not in the child: the sum and what is
 * counted of each table differ for good. They are made to differ by hand.
 */
static void tear(struct frozenref_registry *reg, uint64_t pfn, uint32_t idle)
{
	((struct registry *)reg)->idle.forks--;
	slot_leaf(&reg->table, frozenref__table_slot(&reg->table, pfn))->idle = idle;
}

Test(registry_autotrim, copes_with_a_sum_that_is_too_large)
{
	struct frozenref_registry *reg = make_trimming(2 * PIECE_BYTES, 0);

	come_and_go(reg, 0, 2 * PIECE);
	cr_assert(purges == 0);
	tear(reg, 0, 0);
	for (unsigned i = 0; i < 100; i++) {
		come_and_go(reg, LEAF, 1);
	}
	cr_assert(purges == 1, "%u", purges);
	come_and_go(reg, 2 * LEAF, 1);
	cr_assert(purges == 1, "%u", purges);
	come_and_go(reg, 3 * LEAF, 1);
	cr_assert(purges == 4, "%u", purges);
	assert_destroys(reg);
}

Test(registry_autotrim, copes_with_a_sum_that_is_too_small)
{
	struct frozenref_registry *reg = make_trimming(2 * PIECE_BYTES, 0);

	come_and_go(reg, 0, 2 * PIECE);
	tear(reg, 0, 12 * PIECE_BYTES);
	insert(reg, 0, 1);
	/* 10 pieces less than none. */
	for (uint64_t i = 0; i < 12; i++) {
		come_and_go(reg, (1 + i) * LEAF, 1);
		cr_assert(purges == 0);
	}
	come_and_go(reg, 13 * LEAF, 1);
	cr_assert(purges == 13, "%u", purges);
	/* That has mended it. */
	come_and_go(reg, LEAF, 2 * PIECE);
	cr_assert(purges == 13);
	come_and_go(reg, 2 * LEAF, 1);
	cr_assert(purges == 15, "%u", purges);
	erase(reg, 0);
	assert_destroys(reg);
}

#endif
