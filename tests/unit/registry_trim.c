/* SPDX-License-Identifier: MIT */
/*
 * Giving memory back: trim, what it may not forget, and forks in the middle of it.
 *
 * Run by `make check` twice, like registry.c. Where there is a /proc/self/smaps_rollup, the system
 * is asked how much memory is in use; elsewhere only the library.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <frozenref/atomic.h>

#include "child.h"
#include "registry_fixture.h"

static char objects[8];

Test(registry_trim, gives_memory_back)
{
	struct frozenref_registry *reg = make_default_registry();
	const uint64_t pages = 1 << 20;
	size_t full;
	size_t purged;

	cr_assert(frozenref_registry_trim(reg) == 0);
	cr_assert(frozenref_registry_insert_range(reg, 0, pages, objects) == 0);
	cr_assert(frozenref_registry_insert(reg, 40 * LEAF, objects) == 0);
	full = resident_memory();
	cr_assert(frozenref_registry_trim(reg) == 0);
	cr_assert(frozenref_registry_erase(reg, 0) == 0);
	purged = frozenref_registry_trim(reg);
	cr_assert(purged == pages * sizeof(struct frozenref_slot), "%zu bytes", purged);
	cr_assert(!full || is_instrumented() || resident_memory() < full - purged / 10 * 9,
		  "%zu of %zu", resident_memory(), full);
	assert_state(reg, 40 * LEAF, FROZENREF_LIVE);
	cr_assert(frozenref_registry_trim(reg) == 0);

	/* A failed lookup's add may bring a page back; the next trim takes it again. */
	cr_assert(frozenref_registry_insert(reg, 5, objects) == 0);
	cr_assert(frozenref_registry_erase(reg, 5) == 0);
	cr_assert(frozenref_registry_trim(reg) == (size_t)sysconf(_SC_PAGESIZE));
	cr_assert(frozenref_registry_erase(reg, 40 * LEAF) == 0);
	assert_destroys(reg);
}

Test(registry_trim, does_not_restart_generations)
{
	struct frozenref_registry *reg = make_default_registry();
	struct frozenref_handle old;
	struct frozenref_handle other;

	for (unsigned i = 0; i < 5; i++) {
		cr_assert(frozenref_registry_insert(reg, 3, objects) == 0);
		old = frozenref_slot_handle(reg, frozenref_registry_slot(reg, 3));
		cr_assert(frozenref_registry_erase(reg, 3) == 0);
	}
	cr_assert(frozenref_registry_trim(reg) > 0);
	cr_assert(frozenref_registry_insert(reg, 3, objects) == 0);
	cr_assert(frozenref_registry_insert(reg, 4, objects) == 0);
	other = frozenref_slot_handle(reg, frozenref_registry_slot(reg, 3));
	cr_assert(other.generation > old.generation);
	cr_assert(frozenref_registry_handle_state(reg, old) == FROZENREF_EMPTY);
	cr_assert(!frozenref_registry_try_get_handle(reg, old));
	cr_assert(frozenref_registry_erase_range(reg, 3, 4, NULL) == 2);
	assert_destroys(reg);
}

/*
 * Numbers that go round, beyond the half where they look negative; slots that never had any lie in
 * the same chunk.
 */
Test(registry_trim, does_not_restart_numbers_that_go_round)
{
	static const uint32_t numbers[] = { 0x80000010, 0xffffff00 };
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;
	struct frozenref_slot *slot;

	config.flags = FROZENREF_REGISTRY_COMPACT;
	reg = make_registry(&config);
	for (unsigned i = 0; i < 2; i++) {
		cr_assert(frozenref_registry_insert(reg, 3, (void *)0x3000) == 0);
		slot = frozenref_registry_slot(reg, 3);
		cr_assert(frozenref_registry_erase(reg, 3) == 0);
		frozenref__store32(&slot->generation_low, numbers[i], relaxed);
		frozenref__store32(&slot->sequence, numbers[i], relaxed);
		for (unsigned trims = 1; trims <= 2; trims++) {
			cr_assert(frozenref_registry_trim(reg) > 0);
			cr_assert(frozenref_registry_insert(reg, 3, (void *)0x3000) == 0);
			cr_assert(slot->generation_low == numbers[i] + trims);
			cr_assert(slot->sequence == numbers[i] + trims);
			cr_assert(frozenref_registry_erase(reg, 3) == 0);
		}
	}
	assert_destroys(reg);
}

static int failing_purge(void *context, void *address, size_t size)
{
	(void)context;
	(void)address;
	(void)size;
	return -ENOMEM;
}

Test(registry_trim, survives_a_purge_that_fails)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_backend backend = *frozenref_mmap_backend();
	struct frozenref_registry *reg;

	backend.purge = failing_purge;
	config.backend = &backend;
	reg = make_registry(&config);
	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	cr_assert(frozenref_registry_trim(reg) == 0);
	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_destroys(reg);
}

/*
 * A purge may leave what was there: all of it, or what has not been needed elsewhere yet. The
 * second kind takes every other page.
 */
static unsigned lazy_purges;

static int purge_nothing(void *context, void *address, size_t size)
{
	(void)context;
	(void)address;
	(void)size;
	lazy_purges++;
	return 0;
}

static int purge_every_other_page(void *context, void *address, size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)context;
	for (size_t at = page * (lazy_purges % 2); at < size; at += 2 * page)
		memset((char *)address + at, 0, page);
	lazy_purges++;
	return 0;
}

/* Slots in three pages, with a reference that came too late in some, and a handle to each. */
static void reuse_after_lazy_purges(int (*purge)(void *, void *, size_t))
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_backend backend = *frozenref_mmap_backend();
	const uint64_t apart = (uint64_t)sysconf(_SC_PAGESIZE) / sizeof(struct frozenref_slot);
	struct frozenref_registry *reg;

	backend.purge = purge;
	config.backend = &backend;
	reg = make_registry(&config);
	lazy_purges = 0;
	for (unsigned round = 0; round < 6; round++) {
		struct frozenref_handle handles[3];

		for (uint64_t i = 0; i < 3; i++) {
			cr_assert(frozenref_registry_insert(reg, i * apart, objects + i) == 0);
			handles[i] =
				frozenref_slot_handle(reg, frozenref_registry_slot(reg, i * apart));
		}
		cr_assert(frozenref_registry_erase_range(reg, 0, 3 * apart, NULL) == 3);
		cr_assert(frozenref_registry_trim(reg) > 0);
		cr_assert(lazy_purges == round + 1);
		for (uint64_t i = 0; i < 3; i++) {
			struct frozenref_slot *slot;

			assert_state(reg, i * apart, FROZENREF_EMPTY);
			cr_assert(!frozenref_registry_try_get(reg, i * apart));
			cr_assert(!frozenref_registry_try_get_handle(reg, handles[i]));
			cr_assert(frozenref_registry_insert(reg, i * apart, objects + i) == 0);
			cr_assert(!frozenref_registry_try_get_handle(reg, handles[i]));
			slot = frozenref_registry_try_get(reg, i * apart);
			cr_assert(slot && frozenref_slot_object(slot) == objects + i);
			cr_assert(frozenref_slot_handle(reg, slot).generation >
				  handles[i].generation);
			cr_assert(!frozenref_slot_put(reg, slot));
			cr_assert(frozenref_registry_erase(reg, i * apart) == 0);
		}
	}
	assert_destroys(reg);
}

Test(registry_trim, copes_with_a_purge_that_leaves_everything)
{
	reuse_after_lazy_purges(purge_nothing);
}

Test(registry_trim, copes_with_a_purge_that_leaves_every_other_page)
{
	reuse_after_lazy_purges(purge_every_other_page);
}

/* ------------------------------------------------------------------------------- with threads */

struct trimmer {
	struct frozenref_registry *reg;
	uint32_t stop;
};

static void *trim_all_the_time(void *arg)
{
	struct trimmer *trimmer = arg;

	/* Relaxed: only when it stops depends on it. */
	while (!frozenref__load32(&trimmer->stop, relaxed))
		(void)frozenref_registry_trim(trimmer->reg);
	return NULL;
}

/* Inserts, looks up and erases in a child that was forked while another thread was trimming. */
static int use_in_child(void *arg)
{
	struct frozenref_registry *reg = arg;

	for (uint64_t pfn = 0; pfn < 100; pfn++) {
		int wrong = live_once(reg, pfn, objects);

		if (wrong)
			return wrong;
	}
	(void)frozenref_registry_trim(reg);
	return frozenref_registry_destroy(reg) == 0 ? 0 : 4;
}

Test(registry_trim, goes_on_in_a_forked_child, .timeout = 600)
{
	struct trimmer trimmer = { .reg = make_default_registry() };
	pthread_t thread;

	cr_assert(pthread_create(&thread, NULL, trim_all_the_time, &trimmer) == 0);
	for (unsigned i = 0; i < 200; i++) {
		int result;

		cr_assert(frozenref_registry_insert(trimmer.reg, i % 64, objects) == 0);
		cr_assert(frozenref_registry_erase(trimmer.reg, i % 64) == 0);
		result = run_in_child(use_in_child, trimmer.reg);
		cr_assert(result == 0, "result %d", result);
	}
	frozenref__store32(&trimmer.stop, 1, relaxed);
	pthread_join(thread, NULL);
	assert_destroys(trimmer.reg);
}
