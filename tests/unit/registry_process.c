/* SPDX-License-Identifier: MIT */
/*
 * The registry and its process: memory that misses cost, little address space, locked memory, fork.
 *
 * Run by `make check` twice, like registry.c. What the kernel knows is read from /proc.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <frozenref/atomic.h>

#include "child.h"
#include "registry_fixture.h"

static char objects[4];

Test(registry_process, misses_cost_no_memory)
{
	struct frozenref_registry_config config = default_config();
	uint64_t last = (UINT64_C(1) << 52) - 1;
	struct frozenref_registry *reg;
	uint64_t random = 1;
	size_t resident;
	long tables;

	if (kib_of("VmPTE") < 0 || !resident_memory())
		cr_skip_test("memory cannot be measured here");
	config.pfn_bits = 52;
	reg = make_registry(&config);
	cr_assert(frozenref_registry_insert(reg, last, objects) == 0);
	cr_assert(frozenref_registry_insert(reg, 0, objects) == 0);
	tables = kib_of("VmPTE");
	resident = resident_memory();
	for (int i = 0; i < 10000000; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		/* From the whole range, and from the span of a leaf that is there. */
		cr_assert(!frozenref_registry_try_get(reg, (random >> 13) % (last - LEAF) + LEAF));
	}
	tables = kib_of("VmPTE") - tables;
	cr_assert(is_instrumented() || tables <= 64, "page tables grew by %ld KiB", tables);
	cr_assert(is_instrumented() || resident_memory() <= resident + (1 << 20),
		  "%zu bytes, then %zu", resident, resident_memory());
	cr_assert(frozenref_registry_erase(reg, last) == 0);
	cr_assert(frozenref_registry_erase(reg, 0) == 0);
	assert_destroys(reg);
}

enum { SKIPPED = 77 };

/* Fills it until it refuses, and takes everything out again. */
static int fill_little_address_space(void *arg)
{
	const rlim_t bytes = 256 << 20;
	struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };
	struct frozenref_registry *reg;
	uint64_t leaves = 0;

	(void)arg;
	if (kib_of("VmSize") > 128 << 10 || setrlimit(RLIMIT_AS, &limit) != 0)
		return SKIPPED;
	/* An emulator says yes and limits nothing. */
	if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur != bytes)
		return SKIPPED;
	if (frozenref_registry_create(&reg, NULL) != 0)
		return 1;
	while (leaves < 1000 && frozenref_registry_insert(reg, leaves * LEAF, objects) == 0)
		leaves++;
	if (leaves < 16 || leaves == 1000)
		return 2;
	if (frozenref_registry_insert(reg, leaves * LEAF, objects) != -ENOMEM)
		return 3;
	while (leaves--) {
		if (frozenref_registry_erase(reg, leaves * LEAF) != 0)
			return 4;
	}
	return frozenref_registry_destroy(reg) == 0 ? 0 : 5;
}

Test(registry_process, works_in_little_address_space)
{
	int result = run_in_child(fill_little_address_space, NULL);

	if (result == SKIPPED)
		cr_skip_test("the address space cannot be limited here");
	cr_assert(result == 0, "result %d", result);
}

static int insert_under_mlockall(void *arg)
{
	const struct frozenref_backend *backend = frozenref_mmap_backend();
	const size_t enough = 64 << 20;
	struct frozenref_registry *reg;
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;
	void *probe;

	(void)arg;
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		return SKIPPED;
	/* Addresses count as well, where a limit is set. */
	if (backend->reserve(backend->context, enough, 1, &probe) != 0 ||
	    backend->release(backend->context, probe, enough) != 0)
		return SKIPPED;
	if (frozenref_registry_create(&reg, NULL) != 0)
		return 1;
	for (uint64_t leaf = 0; leaf < 8; leaf++) {
		if (frozenref_registry_insert(reg, leaf * LEAF, objects) != 0)
			return 2;
	}
	/* Eight leaves of 2 MiB each, of which a page or two are in use. */
	frozenref_registry_stats(reg, &stats);
	if (stats.bytes_resident > 64 * (uint64_t)sysconf(_SC_PAGESIZE))
		return 3;
	for (uint64_t leaf = 0; leaf < 8; leaf++) {
		if (frozenref_registry_erase(reg, leaf * LEAF) != 0)
			return 4;
	}
	return frozenref_registry_destroy(reg) == 0 ? 0 : 5;
}

Test(registry_process, mlockall_does_not_fill_it)
{
	int result = run_in_child(insert_under_mlockall, NULL);

	if (result == SKIPPED)
		cr_skip_test("mlockall is not permitted");
	cr_assert(result == 0, "result %d", result);
}

static struct frozenref_registry *reg;
static struct frozenref_slot *held;

static int go_on_in_child(void *arg)
{
	(void)arg;
	/* The reference that the parent took counts here, too. */
	if (frozenref_slot_count(held) != 2 || frozenref_registry_erase(reg, 1) != 0)
		return 1;
	if (frozenref_registry_state(reg, 1) != FROZENREF_ERASED || !frozenref_slot_put(reg, held))
		return 2;
	if (frozenref_registry_insert(reg, 1, objects + 1) != 0 ||
	    frozenref_registry_insert(reg, 100 * LEAF, objects + 1) != 0)
		return 3;
	if (frozenref_registry_erase(reg, 1) != 0 || frozenref_registry_erase(reg, 100 * LEAF) != 0)
		return 4;
	return frozenref_registry_destroy(reg) == 0 ? 0 : 5;
}

Test(registry_process, parent_and_child_go_on_after_fork)
{
	int result;

	reg = make_default_registry();
	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	held = frozenref_registry_try_get(reg, 1);
	cr_assert(held);
	result = run_in_child(go_on_in_child, NULL);
	cr_assert(result == 0, "result %d", result);
	cr_assert(frozenref_slot_count(held) == 2);
	cr_assert(frozenref_slot_object(held) == objects);
	cr_assert(!frozenref_slot_put(reg, held));
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_released(objects, 1, 1);
	assert_destroys(reg);
}

static uint32_t stop;

static void *replace_all_the_time(void *arg)
{
	struct frozenref_slot *slot = frozenref_registry_slot(reg, 1);

	(void)arg;
	for (unsigned i = 0; !frozenref__load32(&stop, relaxed); i++) {
		int err = frozenref_slot_replace(reg, slot, 1, objects + i % 2, NULL);

		cr_assert(err == 0 || err == -EBUSY);
	}
	return NULL;
}

enum { MISSED = 99 };

/*
 * Nobody is left to finish a replace that was going on: a lookup finds it frozen, and must end, and
 * so must an erase.
 */
static int look_up_and_erase_in_child(void *arg)
{
	struct frozenref_slot *slot;
	int err;

	(void)arg;
	slot = frozenref_registry_try_get(reg, 1);
	if (!slot && frozenref_registry_state(reg, 1) != FROZENREF_FROZEN)
		return 1;
	if (slot && frozenref_slot_put(reg, slot))
		return 2;
	err = frozenref_registry_erase(reg, 1);
	if (slot)
		return err ? 3 : 0;
	return err == -EBUSY ? MISSED : 4;
}

Test(registry_process, calls_in_a_child_end_though_a_replace_does_not)
{
	pthread_t thread;
	unsigned missed = 0;

	reg = make_default_registry();
	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	cr_assert(pthread_create(&thread, NULL, replace_all_the_time, NULL) == 0);
	/* Each that misses takes a while. */
	for (unsigned i = 0; i < 50 && missed < 2; i++) {
		int result = run_in_child(look_up_and_erase_in_child, NULL);

		cr_assert(result == 0 || result == MISSED, "result %d", result);
		missed += result == MISSED;
	}
	frozenref__store32(&stop, 1, relaxed);
	pthread_join(thread, NULL);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_destroys(reg);
}

/* The same for sure: the mark of a replace is made by hand, on what nobody in the child owns. */
static int meet_a_replace_in_child(void *arg)
{
	uint64_t skipped = 0;

	(void)arg;
	if (frozenref_registry_try_get(reg, 1) || frozenref_registry_try_get(reg, 2))
		return 1;
	if (frozenref_registry_state(reg, 1) != FROZENREF_FROZEN)
		return 2;
	if (frozenref_registry_erase(reg, 2) != -EBUSY)
		return 3;
	if (frozenref_registry_erase_range(reg, 0, 9, &skipped) != 0 || skipped != 1)
		return 4;
	return frozenref_registry_insert(reg, 1, objects) == -EEXIST ? 0 : 5;
}

Test(registry_process, calls_in_a_child_give_up_a_replace)
{
	struct frozenref_slot *slot;
	int result;

	reg = make_default_registry();
	cr_assert(frozenref_registry_insert_range(reg, 1, 2, objects) == 0);
	slot = frozenref_registry_slot(reg, 1);
	cr_assert(frozenref_slot_freeze(reg, slot, 1));
	__atomic_fetch_or(&slot->flags, FROZENREF__SLOT_REPLACE, __ATOMIC_RELEASE);
	result = run_in_child(meet_a_replace_in_child, NULL);
	cr_assert(result == 0, "result %d", result);
	frozenref_slot_unfreeze(reg, slot, 1);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_destroys(reg);
}

/* The other leaves stay empty from time to time, so that there is something to trim. */
static void *insert_all_the_time(void *arg)
{
	(void)arg;
	for (uint64_t i = 0; !frozenref__load32(&stop, relaxed); i++) {
		uint64_t pfn = 2 + i % 3 * LEAF + i % 64;

		cr_assert(frozenref_registry_insert_range(reg, pfn, 1 + i % 5, objects) == 0);
		if (i % 8 == 0)
			(void)frozenref_registry_trim(reg);
		cr_assert(frozenref_registry_erase(reg, pfn) == 0);
	}
	return NULL;
}

/* In the leaves where the parent's threads were at work, on pfns that they leave alone. */
static int use_leaves_in_child(void *arg)
{
	(void)arg;
	for (uint64_t leaf = 0; leaf < 4; leaf++) {
		uint64_t pfn = leaf * LEAF + LEAF / 2;
		struct frozenref_slot *slot;

		if (frozenref_registry_insert_range(reg, pfn, 4, objects) != 0)
			return 1;
		slot = frozenref_registry_try_get(reg, pfn + 3);
		if (!slot || frozenref_slot_pfn(reg, slot) != pfn)
			return 2;
		if (frozenref_slot_replace(reg, slot, 2, objects + 1, NULL) != 0)
			return 3;
		if (frozenref_registry_erase(reg, pfn) != 0 || !frozenref_slot_put(reg, slot))
			return 4;
		(void)frozenref_registry_trim(reg);
		if (frozenref_registry_insert(reg, pfn + 1, objects) != 0)
			return 5;
	}
	return frozenref_registry_destroy(reg) == -EBUSY ? 0 : 6;
}

Test(registry_process, a_child_goes_on_where_threads_inserted_and_replaced, .timeout = 600)
{
	pthread_t inserter;
	pthread_t replacer;

	reg = make_default_registry();
	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	cr_assert(pthread_create(&inserter, NULL, insert_all_the_time, NULL) == 0);
	cr_assert(pthread_create(&replacer, NULL, replace_all_the_time, NULL) == 0);
	for (unsigned i = 0; i < 50; i++) {
		int result = run_in_child(use_leaves_in_child, NULL);

		cr_assert(result == 0, "result %d", result);
	}
	frozenref__store32(&stop, 1, relaxed);
	pthread_join(inserter, NULL);
	pthread_join(replacer, NULL);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_destroys(reg);
}
