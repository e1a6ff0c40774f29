/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of what goes through many pfns: whatever comes and goes meanwhile, a walk must find
 * what was there all the time, and a search what was free all the time.
 *
 * Run by main.c, on the registry of objects.c.
 */
#include <errno.h>

#include "objects.h"

/* Object 0 on pfn 2, and object 1, which stays until the walk comes, on pfn 3. */
static void setup_two(void)
{
	setup_empty();
	insert_at_setup(2, 1);
	objects.payload[1] = ALIVE;
	objects.inserted[1] = 1;
	model_assert(frozenref_registry_insert(reg, 3, object(1)) == 0);
}

/* Object 0 on pfn 2, and nothing else. */
static void setup_third(void)
{
	setup_empty();
	insert_at_setup(2, 1);
}

/* ------------------------------------------------------------------------------ what threads do */

static void erase_range_0(void)
{
	uint64_t skipped;

	objects.result[0] = (int)frozenref_registry_erase_range(reg, 2, 3, &skipped);
	model_assert(!skipped);
}

static void walk_0(void)
{
	struct frozenref_slot *slot;
	uint64_t pfn = 0;

	while ((slot = frozenref_registry_next(reg, &pfn, SLOTS - 1))) {
		int *payload = (int *)frozenref_slot_object(slot);

		model_assert(is_object(payload));
		model_assert(model_read(payload) == ALIVE);
		objects.hits[0] += payload == object(1);
		(void)frozenref_slot_put(reg, slot);
	}
	model_assert(pfn == SLOTS);
}

static void allocate_0(uint64_t first, uint64_t last)
{
	struct frozenref_slot *slot;

	objects.result[0] = frozenref_registry_alloc_frozen(reg, first, last, 1, object(1), &slot);
	if (objects.result[0])
		return;
	objects.inserted[1]++;
	model_write(object(1), ALIVE);
	frozenref_slot_unfreeze(reg, slot, 1);
}

static void allocate_behind_0(void)
{
	allocate_0(2, 3);
}

static void allocate_before_0(void)
{
	allocate_0(1, 1);
}

/* Where a single was there is the last tail of a range, which is as far as that behind its head. */
static void replace_by_range_1(void)
{
	int err = model_calls.erase(reg, 2);

	model_assert(err == 0 || err == -ENOENT);
	if (insert_new(2, 0, 3) == 0)
		model_witness();
}

/* The single is in its way, and it gives up what it has claimed until then. */
static void insert_in_vain_1(void)
{
	objects.result[1] = insert_new(2, 1, 3);
}

/* ---------------------------------------------------------------------------------------- check */

/* Of what was there, or came to where the walk had not been, nothing is left; nothing ends twice. */
static void check_erased(void)
{
	check_quiet();
	model_assert(!is_there(0) && !is_there(1));
	model_assert(objects.result[0] >= 1 && objects.result[0] <= 3);
}

static void check_walked(void)
{
	check_quiet();
	model_assert(objects.hits[0] == 1);
}

static void check_allocated(void)
{
	check_quiet();
	model_assert(objects.result[0] == 0 && is_there(1));
}

static void check_allocated_before(void)
{
	check_allocated();
	model_assert(objects.result[1] == -EEXIST);
}

/* clang-format off */
const struct model_scenario model_scenarios_walk[] = {
	{ .name = "walk-erase", .about = "erase_range against a range in a single's place",
	  .setup = setup_two, .thread = { erase_range_0, replace_by_range_1 },
	  .check = check_erased, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "walk-next", .about = "a walk against the same",
	  .setup = setup_two, .thread = { walk_0, replace_by_range_1 },
	  .check = check_walked, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "walk-alloc", .about = "alloc_frozen against the same",
	  .setup = setup_third, .thread = { allocate_behind_0, replace_by_range_1 },
	  .check = check_allocated, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "walk-alloc-claimed", .about = "alloc_frozen against a range that is refused",
	  .setup = setup_third, .thread = { allocate_before_0, insert_in_vain_1 },
	  .check = check_allocated_before, .teardown = teardown, .quick = 1 },
	{ .name = NULL },
};
/* clang-format on */
