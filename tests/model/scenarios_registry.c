/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of the registry: the real lib/registry.c and lib/table.c on memory of their own.
 *
 * Run by main.c, on the registry of objects.c. After each execution every slot must be empty, or
 * live with the registry's reference alone, and every object that was inserted must have ended
 * once, or be there still.
 */
#include <errno.h>

#include "objects.h"

/* ------------------------------------------------------------------------------ what threads do */

static void erase_0(void)
{
	objects.result[0] = model_calls.erase(reg, 0);
}

static void erase_1(void)
{
	objects.result[1] = model_calls.erase(reg, 0);
}

static void erase_2(void)
{
	objects.result[2] = model_calls.erase(reg, 0);
}

static void look_up_0(void)
{
	look_up(0, 0);
}

static void look_up_1(void)
{
	look_up(1, 0);
}

static void look_up_2(void)
{
	look_up(2, 0);
}

static void look_up_tail_1(void)
{
	look_up(1, 1);
}

static void look_up_new_tail_1(void)
{
	look_up(1, 2);
}

static void look_up_tail_2(void)
{
	look_up(2, 1);
}

static void put_held_2(void)
{
	model_assert(model_read(object(0)) == ALIVE);
	(void)frozenref_slot_put(reg, slots);
}

/* -------------------------------------------------------------------------------- the scenarios */

static void check_erased(void)
{
	check_quiet();
	model_assert(objects.result[0] == 0);
	model_assert(!is_there(0));
}

static void check_one_eraser(void)
{
	check_quiet();
	model_assert((objects.result[0] == 0) + (objects.result[1] == 0) == 1);
	model_assert(objects.result[0] == -ENOENT || objects.result[1] == -ENOENT);
}

/* Freezes, counting the registry's reference and the one it holds; writes; publishes again. */
static void freeze_held_2(void)
{
	if (model_calls.slot_freeze(reg, slots, 2)) {
		model_witness();
		model_write(object(0), DEAD);
		model_write(object(0), ALIVE);
		frozenref_slot_unfreeze(reg, slots, 2);
	}
	put_held_2();
}

/* An erase may only be refused by an owner. */
static void check_frozen_or_erased(void)
{
	check_quiet();
	model_assert(objects.result[0] == 0 || objects.result[0] == -EBUSY);
	model_assert(is_there(0) == (objects.result[0] == -EBUSY));
}

/* The clock hand: takes out what nobody holds. */
static void hand(int me)
{
	struct frozenref_slot *slot = frozenref_registry_slot(reg, 0);

	if (!slot || !model_calls.slot_freeze(reg, slot, 1))
		return;
	model_witness();
	evict(me, slot);
}

static void hand_0(void)
{
	hand(0);
}

static void hand_2(void)
{
	hand(2);
}

/* A migration: freezes what nobody holds, writes, publishes again. */
static void migrate_0(void)
{
	struct frozenref_slot *slot = frozenref_registry_slot(reg, 0);
	int *payload;

	if (!slot || !model_calls.slot_freeze(reg, slot, 1))
		return;
	model_witness();
	payload = (int *)frozenref_slot_object(slot);
	model_write(payload, DEAD);
	model_write(payload, ALIVE);
	frozenref_slot_unfreeze(reg, slot, 1);
}

static void insert_1(void)
{
	objects.result[1] = insert_new(1, 0, 1);
	if (!objects.result[1])
		model_witness();
}

static void insert_2(void)
{
	objects.result[2] = insert_new(2, 0, 1);
}

static void check_one_insert(void)
{
	check_quiet();
	model_assert((objects.result[1] == 0) + (objects.result[2] == 0) == 1);
	model_assert(objects.result[1] == -EEXIST || objects.result[2] == -EEXIST);
}

/* Takes the pfn, fills the object in, publishes it with a reference of its own, drops that. */
static void insert_frozen_1(void)
{
	struct frozenref_slot *slot;

	if (frozenref_registry_insert_frozen(reg, 0, 1, object(1), &slot))
		model_fail("the pfn is taken");
	objects.inserted[1]++;
	model_write(object(1), ALIVE);
	frozenref_slot_unfreeze(reg, slot, 2);
	model_assert(model_read(object(1)) == ALIVE);
	(void)frozenref_slot_put(reg, slot);
}

static void check_insert_frozen(void)
{
	check_quiet();
	model_assert(objects.result[0] == 0 || objects.result[0] == -ENOENT ||
		     objects.result[0] == -EBUSY);
	model_assert(is_there(1) == (objects.result[0] != 0));
}

/* The range goes, and singles or another range take its pfns. */
static void erase_and_insert_single_0(void)
{
	model_assert(model_calls.erase(reg, 1) == 0);
	if (insert_new(1, 0, 1) == 0)
		model_witness();
}

static void erase_and_insert_at_tail_0(void)
{
	model_assert(model_calls.erase(reg, 0) == 0);
	if (insert_new(1, 1, 2) == 0)
		model_witness();
}

static void insert_range_0(void)
{
	objects.result[0] = insert_new(0, 0, 2);
}

static void insert_second_1(void)
{
	objects.result[1] = insert_new(1, 1, 1);
}

static void check_overlap(void)
{
	check_quiet();
	model_assert(objects.result[0] == 0 || objects.result[1] == 0);
	model_assert(objects.result[0] != 0 || objects.result[1] != 0);
}

/* What the range finds taken, it gives up; the single is in nobody's way. */
static void setup_second(void)
{
	setup_empty();
	insert_at_setup(1, 1);
}

static void insert_range_1(void)
{
	objects.result[0] = insert_new(1, 0, 2);
}

static void insert_first_2(void)
{
	objects.result[1] = insert_new(2, 0, 1);
}

static void check_only_range_refused(void)
{
	check_quiet();
	model_assert(objects.result[0] == -EEXIST);
	model_assert(objects.result[1] == 0);
}

static void insert_longer_range_1(void)
{
	objects.result[1] = insert_new(1, 1, 3);
}

static void insert_longer_range_0(void)
{
	objects.result[0] = insert_new(0, 0, 3);
}

/* A holder that has erased the object and then leaves nobody else with a reference is alone. */
static void erase_alone_0(void)
{
	uint32_t left;

	model_assert(model_calls.erase(reg, 0) == 0);
	/* One more for its own use, so that the put tells how many the others hold. */
	frozenref_slot_get(reg, slots);
	model_assert(!frozenref_slot_put_left(reg, slots, &left));
	if (left == 1) {
		model_witness();
		/* Acquire: pairs with the releases of the puts that left only this one. */
		model_assert(frozenref__load32(&slots->ref.word, acquire) >= FROZENREF__ONE);
		model_write(object(0), DEAD);
		model_write(object(0), ALIVE);
	}
	(void)frozenref_slot_put(reg, slots);
}

/* Leaves, and is told how many stay. */
static void look_up_and_leave_1(void)
{
	struct frozenref_slot *slot = frozenref_registry_try_get(reg, 0);
	uint32_t left;

	if (!slot)
		return;
	model_assert(model_read(object(0)) == ALIVE);
	(void)frozenref_slot_put_left(reg, slot, &left);
}

/* clang-format off */
const struct model_scenario model_scenarios_registry[] = {
	{ .name = "reg-lookup-erase", .about = "lookup against erase",
	  .setup = setup_one, .thread = { erase_0, look_up_1 }, .check = check_erased,
	  .teardown = teardown, .quick = 1, .tiny = 1 },
	{ .name = "reg-lookup-erase-put", .about = "lookup against erase against a last put",
	  .setup = setup_held, .thread = { erase_0, look_up_1, put_held_2 }, .check = check_erased,
	  .teardown = teardown, .quick = 1 },
	{ .name = "reg-erase-erase", .about = "two erasers and a holder",
	  .setup = setup_held, .thread = { erase_0, erase_1, put_held_2 },
	  .check = check_one_eraser, .teardown = teardown, .quick = 1 },
	{ .name = "reg-erase-freeze", .about = "erase against a freezer that counts the registry",
	  .setup = setup_held, .thread = { erase_0, freeze_held_2 },
	  .check = check_frozen_or_erased, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-insert-emptying", .about = "insert against a slot that is being emptied",
	  .setup = setup_one, .thread = { erase_0, insert_1, look_up_2 }, .check = check_quiet,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-insert-erase", .about = "insert against erase",
	  .setup = setup_empty, .thread = { erase_0, insert_1, look_up_2 }, .check = check_quiet,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-reinsert", .about = "insert against a slot that is being emptied, no lookup",
	  .setup = setup_one, .thread = { erase_0, insert_1 }, .check = check_quiet,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-insert-insert", .about = "two inserts on one pfn, and a lookup",
	  .setup = setup_empty, .thread = { look_up_0, insert_1, insert_2 },
	  .check = check_one_insert, .teardown = teardown, .quick = 1 },
	{ .name = "reg-insert-frozen", .about = "publishing what was taken frozen against erase",
	  .setup = setup_empty, .thread = { erase_0, insert_frozen_1 },
	  .check = check_insert_frozen, .teardown = teardown, .quick = 1 },
	{ .name = "reg-insert-frozen-get", .about = "the same, and a lookup",
	  .setup = setup_empty, .thread = { erase_0, insert_frozen_1, look_up_2 },
	  .check = check_insert_frozen, .teardown = teardown },
	{ .name = "reg-evict", .about = "erase_frozen against lookup and erase",
	  .setup = setup_one, .thread = { hand_0, look_up_1, erase_2 }, .check = check_quiet,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-hands", .about = "migration against lookup against a clock hand",
	  .setup = setup_one, .thread = { migrate_0, look_up_1, hand_2 }, .check = check_quiet,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-evict-insert", .about = "eviction against insert and lookup",
	  .setup = setup_one, .thread = { hand_0, insert_1, look_up_2 }, .check = check_quiet,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-tail-single", .about = "lookup of a tail whose range makes room for singles",
	  .setup = setup_range, .thread = { erase_and_insert_single_0, look_up_tail_1 },
	  .check = check_quiet, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-tail-range", .about = "lookup of a tail that becomes another range's head",
	  .setup = setup_range,
	  .thread = { erase_and_insert_at_tail_0, look_up_tail_1 },
	  .check = check_quiet, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-tail-new", .about = "lookup of the tail that the other range brings",
	  .setup = setup_range,
	  .thread = { erase_and_insert_at_tail_0, look_up_new_tail_1 },
	  .check = check_quiet, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-overlap", .about = "a range and a single that overlap, and a lookup",
	  .setup = setup_empty, .thread = { insert_range_0, insert_second_1, look_up_tail_2 },
	  .check = check_overlap, .teardown = teardown, .quick = 1 },
	{ .name = "reg-overlap-refused", .about = "a range that is refused, and a single that is not",
	  .setup = setup_second, .thread = { insert_range_1, insert_first_2 },
	  .check = check_only_range_refused, .teardown = teardown, .quick = 1 },
	{ .name = "reg-overlap-ranges", .about = "two ranges that overlap: one of them gets in",
	  .setup = setup_empty, .thread = { insert_longer_range_0, insert_longer_range_1 },
	  .check = check_overlap, .teardown = teardown, .quick = 1 },
	{ .name = "reg-alone", .about = "a holder that has erased, and finds itself alone",
	  .setup = setup_held, .thread = { erase_alone_0, look_up_1 }, .check = check_erased,
	  .teardown = teardown, .quick = 1, .witnessed = 1, .tiny = 1 },
	{ .name = "reg-alone-left", .about = "the same, and a holder that asks what it leaves",
	  .setup = setup_held, .thread = { erase_alone_0, look_up_and_leave_1 },
	  .check = check_erased, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = NULL },
};
/* clang-format on */
