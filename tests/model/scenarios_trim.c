/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of trim: inserts, late puts and lookups while a leaf is being purged, or unmapped.
 *
 * Run by main.c, on the registry of objects.c, whose backend purges a word at a time.
 */
#include "../../lib/table.h"
#include "objects.h"

static struct frozenref_handle handle;

/* On a slot never used before: were its generations forgotten, they would begin again with this. */
static void setup_second(void)
{
	setup_empty();
	insert_at_setup(1, 1);
	handle = frozenref_slot_handle(reg, &slots[1]);
}

/* As far as any other slot: what the trim remembers of those is not enough. */
static void setup_second_erased(void)
{
	setup_second();
	model_assert(frozenref_registry_erase(reg, 1) == 0);
	objects.inserted[0] = 0;
	objects.ended[0][0] = 0;
}

static void trim_0(void)
{
	if (frozenref_registry_trim(reg))
		model_witness();
}

static void insert_1(void)
{
	objects.result[1] = insert_new(1, 0, 1);
}

static void erase_1(void)
{
	objects.result[1] = model_calls.erase(reg, 0);
}

static void look_up_2(void)
{
	look_up(2, 0);
}

static void get_2(void)
{
	struct frozenref_slot *slot = model_calls.try_get_handle(reg, handle);

	if (!slot)
		return;
	model_assert(frozenref_slot_object(slot) == object(0));
	model_assert(model_read(object(0)) == ALIVE);
	(void)frozenref_slot_put(reg, slot);
}

/* A handle never names the object that comes after its own. */
static void reinsert_and_get_1(void)
{
	model_assert(model_calls.erase(reg, 1) == 0);
	model_assert(insert_new(1, 1, 1) == 0);
	model_assert(!model_calls.try_get_handle(reg, handle));
}

/* The trim must remember a generation that another thread has just made. */
static void insert_twice_1(void)
{
	struct frozenref_handle first;

	model_assert(insert_new(1, 1, 1) == 0);
	first = frozenref_slot_handle(reg, &slots[1]);
	model_assert(model_calls.erase(reg, 1) == 0);
	model_assert(insert_new(2, 1, 1) == 0);
	model_assert(!model_calls.try_get_handle(reg, first));
}

static void trim_and_reinsert_0(void)
{
	model_assert(model_calls.erase(reg, 1) == 0);
	trim_0();
	(void)insert_new(1, 1, 1);
}

static void put_held_2(void)
{
	model_assert(model_read(object(0)) == ALIVE);
	(void)frozenref_slot_put(reg, slots);
}

/* Whoever ends the last object trims by itself. */
static void setup_trimming_one(void)
{
	setup_trimming();
	insert_at_setup(0, 1);
}

static void setup_trimming_held(void)
{
	setup_trimming_one();
	frozenref_slot_get(reg, slots);
}

/* Beside what the other one ends. */
static void insert_beside_1(void)
{
	objects.result[1] = insert_new(1, 1, 1);
}

static void insert_and_erase_1(void)
{
	insert_beside_1();
	model_assert(model_calls.erase(reg, 1) == 0);
}

static void insert_0(void)
{
	model_assert(insert_new(0, 0, 1) == 0);
}

static void insert_and_erase_0(void)
{
	insert_0();
	objects.result[0] = model_calls.erase(reg, 0);
}

static void erase_0(void)
{
	objects.result[0] = model_calls.erase(reg, 0);
}

/* What destroy does with a leaf: nobody may still be using it. */
static void unmap_2(void)
{
	if (!leaf_is_idle(slot_leaf(&reg->table, slots)))
		return;
	model_witness();
	model_free(slots);
}

static void check_ended(void)
{
	model_assert(objects.result[1] == 0 && objects.ended[0][0] == 1);
}

static void check_inserted(void)
{
	check_quiet();
	model_assert(objects.result[1] == 0 && is_there(1));
}

/* Nothing is idle any more. */
static void check_taken(void)
{
	check_inserted();
	check_idle();
	model_assert(!slot_leaf(&reg->table, slots)->idle);
}

/* A purge took what the first object had of the slots, or an insert has come before it. */
static void check_trimmed(void)
{
	check_inserted();
	check_idle();
	model_assert(objects.result[0] == 0 && !is_there(0));
	model_assert(slot_leaf(&reg->table, slots)->ntouched);
	if (!slots->sequence)
		model_witness();
}

static void check_all_counted(void)
{
	check_quiet();
	check_idle();
	model_assert(slot_leaf(&reg->table, slots)->idle);
}

static void check_all_gone(void)
{
	check_quiet();
	check_idle();
	model_assert(objects.result[0] == 0 && !is_there(0) && !is_there(1));
	if (!slot_leaf(&reg->table, slots)->ntouched)
		model_witness();
}

static void check_erased(void)
{
	check_quiet();
	model_assert(objects.result[1] == 0 && !is_there(0));
}

/* clang-format off */
const struct model_scenario model_scenarios_trim[] = {
	{ .name = "trim-insert", .about = "trim against insert",
	  .setup = setup_empty, .thread = { trim_0, insert_1 }, .check = check_inserted,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "trim-insert-get", .about = "trim against insert and lookup",
	  .setup = setup_empty, .thread = { trim_0, insert_1, look_up_2 },
	  .check = check_inserted, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "trim-put", .about = "trim against two puts",
	  .setup = setup_held, .thread = { trim_0, erase_1, put_held_2 }, .check = check_erased,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "trim-get", .about = "trim against lookup and a put, which may be late",
	  .setup = setup_one, .thread = { trim_0, erase_1, look_up_2 }, .check = check_erased,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "trim-reinsert", .about = "trim against erase and insert, and an old handle",
	  .setup = setup_second, .thread = { trim_0, reinsert_and_get_1 },
	  .check = check_quiet, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "trim-insert-twice", .about = "trim between two objects that it has not seen",
	  .setup = setup_second_erased, .thread = { trim_0, insert_twice_1 },
	  .check = check_quiet, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "autotrim-taken", .about = "two inserts where something lies idle",
	  .setup = setup_counting, .thread = { insert_0, insert_beside_1 },
	  .check = check_taken, .teardown = teardown, .quick = 1 },
	{ .name = "autotrim-emptied", .about = "two objects come and go, and their memory is counted",
	  .setup = setup_counting_none, .thread = { insert_and_erase_0, insert_and_erase_1 },
	  .check = check_all_counted, .teardown = teardown, .quick = 1 },
	{ .name = "autotrim-insert", .about = "automatic trim against insert",
	  .setup = setup_trimming_one, .thread = { erase_0, insert_beside_1 },
	  .check = check_trimmed, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "autotrim-insert-get", .about = "the same, and a lookup",
	  .setup = setup_trimming_one, .thread = { erase_0, insert_beside_1, look_up_2 },
	  .check = check_trimmed, .teardown = teardown, .witnessed = 1 },
	{ .name = "autotrim-put", .about = "automatic trim against a put, which may be late",
	  .setup = setup_trimming_held, .thread = { erase_0, put_held_2, look_up_2 },
	  .check = check_all_gone, .teardown = teardown, .witnessed = 1 },
	{ .name = "autotrim-erase", .about = "two automatic trims, of objects that come and go",
	  .setup = setup_trimming_one, .thread = { erase_0, insert_and_erase_1 },
	  .check = check_all_gone, .teardown = teardown, .witnessed = 1 },
	{ .name = "end-destroy", .about = "the last put against destroy",
	  .setup = setup_one, .thread = { erase_1, unmap_2 }, .check = check_ended,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "trim-handle", .about = "a handle against erase, trim and insert in a row",
	  .setup = setup_second, .thread = { trim_and_reinsert_0, get_2 },
	  .check = check_quiet, .teardown = teardown, .witnessed = 1 },
	{ .name = NULL },
};
/* clang-format on */
