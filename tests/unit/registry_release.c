/* SPDX-License-Identifier: MIT */
/*
 * What release() may do while it runs, and what it finds.
 *
 * Run by `make check` twice, like registry.c.
 */
#include "registry_fixture.h"

static char objects[8];

static struct frozenref_registry *reg;
static unsigned rounds;

static struct frozenref_registry *make_releasing(void (*release)(void *, uint64_t, uint64_t,
								 void *))
{
	struct frozenref_registry_config config = default_config();

	config.release = release;
	config.arg = objects;
	return make_registry(&config);
}

static void check_arguments(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	remember_release(object, pfn, npages, arg);
	cr_assert(arg == objects);
	/* Empty already, head and tails, and nobody can find it. */
	for (uint64_t i = 0; i < npages; i++) {
		assert_state(reg, pfn + i, FROZENREF_EMPTY);
		cr_assert(!frozenref_registry_try_get(reg, pfn + i));
	}
}

Test(registry_release, comes_after_the_slots_are_empty)
{
	struct frozenref_slot *slot;

	reg = make_releasing(check_arguments);
	cr_assert(frozenref_registry_insert_range(reg, LEAF - 3, 7, objects + 2) == 0);
	slot = frozenref_registry_try_get(reg, LEAF);
	cr_assert(frozenref_registry_erase(reg, LEAF + 1) == 0);
	cr_assert(released.times == 0);
	cr_assert(frozenref_slot_put(reg, slot));
	assert_released(objects + 2, LEAF - 3, 7);
	assert_destroys(reg);
}

static void insert_again(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	(void)arg;
	cr_assert(object == objects + rounds);
	if (rounds == 5)
		return;
	rounds++;
	cr_assert(frozenref_registry_insert_range(reg, pfn, npages, objects + rounds) == 0);
	/* From inside release(), too, an object may end. */
	if (rounds < 4)
		cr_assert(frozenref_registry_erase(reg, pfn) == 0);
}

Test(registry_release, may_insert_and_end_objects_on_the_same_pfns)
{
	reg = make_releasing(insert_again);
	rounds = 0;
	cr_assert(frozenref_registry_insert_range(reg, LEAF - 1, 2, objects) == 0);
	cr_assert(frozenref_registry_erase(reg, LEAF - 1) == 0);
	cr_assert(rounds == 4);
	assert_state(reg, LEAF, FROZENREF_LIVE);
	cr_assert(frozenref_slot_object(frozenref_registry_slot(reg, LEAF)) == objects + 4);
	cr_assert(frozenref_registry_erase(reg, LEAF) == 0);
	cr_assert(rounds == 5);
	cr_assert(frozenref_registry_destroy(reg) == -EBUSY);
	cr_assert(frozenref_registry_erase(reg, LEAF) == 0);
	assert_destroys(reg);
}

static void destroy_it(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	remember_release(object, pfn, npages, arg);
	cr_assert(frozenref_registry_destroy(reg) == -EBUSY);
	/* Nothing was freed. */
	cr_assert(frozenref_registry_insert(reg, pfn, object) == 0);
	cr_assert(frozenref_slot_freeze(reg, frozenref_registry_slot(reg, pfn), 1));
	(void)frozenref_slot_erase_frozen(reg, frozenref_registry_slot(reg, pfn));
	cr_assert(frozenref_registry_destroy(reg) == -EBUSY);
}

Test(registry_release, keeps_the_registry_from_being_destroyed)
{
	reg = make_releasing(destroy_it);
	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_released(objects, 1, 1);
	assert_destroys(reg);
}

static void unfreeze_it(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	struct frozenref_slot *slot = arg ? *(struct frozenref_slot **)arg : NULL;

	remember_release(object, pfn, npages, arg);
	frozenref_slot_unfreeze(reg, slot, 1);
	assert_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &slot->ref, 0);
	cr_assert(!frozenref_slot_erase_frozen(reg, slot));
	assert_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, &slot->ref, 0);
}

Test(registry_release, cannot_revive_its_object)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_slot *slot;

	config.release = unfreeze_it;
	config.arg = &slot;
	reg = make_registry(&config);
	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	slot = frozenref_registry_slot(reg, 1);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	assert_released(objects, 1, 1);
	cr_assert(!frozenref_registry_try_get(reg, 1));
	assert_state(reg, 1, FROZENREF_EMPTY);
	assert_destroys(reg);
}

/* A lookup that found the object just before its erase holds the last reference, and ends it. */
Test(registry_release, is_run_by_a_lookup_that_came_too_late)
{
	struct frozenref_slot *slot;

	reg = make_releasing(check_arguments);
	cr_assert(frozenref_registry_insert(reg, 1, objects) == 0);
	slot = frozenref_registry_try_get(reg, 1);
	cr_assert(frozenref_registry_erase(reg, 1) == 0);
	cr_assert(!frozenref__registry_settle(reg, slot));
	assert_released(objects, 1, 1);
	assert_destroys(reg);
}

/* ----------------------------------------------------------------------------- lists of objects */

/* Deep enough to have filled a counter that shared a word with another one. */
enum { CHAIN = 10000 };

static struct frozenref_registry *chain;

/* Each object is the only holder of the next one. */
static void release_chain(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	(void)object;
	(void)npages;
	(void)arg;
	if (pfn + 1 < CHAIN)
		cr_assert(frozenref_registry_erase(chain, pfn + 1) == 0);
	else if (pfn + 1 == CHAIN)
		cr_assert(frozenref_registry_insert(chain, CHAIN, &chain) == 0);
}

Test(registry_release, may_go_on_and_on_from_inside_itself)
{
	struct frozenref_registry_config config = default_config();

	config.release = release_chain;
	chain = make_registry(&config);
	for (uint64_t pfn = 0; pfn < CHAIN; pfn++)
		cr_assert(frozenref_registry_insert(chain, pfn, &chain) == 0);
	cr_assert(frozenref_registry_erase(chain, 0) == 0);
	for (uint64_t pfn = 0; pfn < CHAIN; pfn++)
		assert_state(chain, pfn, FROZENREF_EMPTY);
	assert_state(chain, CHAIN, FROZENREF_LIVE);
	cr_assert(frozenref_registry_destroy(chain) == -EBUSY);
	cr_assert(frozenref_registry_erase(chain, CHAIN) == 0);
	assert_destroys(chain);
}
