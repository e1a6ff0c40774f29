/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of handles: they name one object, whatever happens on its pfn afterwards.
 *
 * Run by main.c, on the registry of objects.c.
 */
#include "../../lib/table.h"
#include "objects.h"

static struct frozenref_handle handle;

/* A slot that has been in use before, so that generations of several slots meet. */
static void setup_second(void)
{
	setup_empty();
	insert_at_setup(1, 1);
	model_assert(frozenref_registry_erase(reg, 1) == 0);
	objects.ended[0][0] = 0;
	insert_at_setup(1, 1);
	handle = frozenref_slot_handle(reg, &slots[1]);
	model_assert(handle.generation == slot_generation(&reg->table, slots) + 1);
}

static void setup_first(void)
{
	setup_one();
	handle = frozenref_slot_handle(reg, slots);
}

/* The next generation has another upper half, and a lower one that makes a handle with this one. */
static void setup_torn(void)
{
	setup_empty();
	slots[0].generation_low = UINT32_MAX - 1;
	slots[0].generation_high = 1;
	insert_at_setup(0, 1);
	handle = (struct frozenref_handle){ 0, UINT64_C(1) << 32 };
}

static void get_1(void)
{
	struct frozenref_slot *slot = model_calls.try_get_handle(reg, handle);

	if (!slot)
		return;
	model_witness();
	model_assert(frozenref_slot_object(slot) == object(0));
	model_assert(model_read(object(0)) == ALIVE);
	(void)frozenref_slot_put(reg, slot);
}

/* The object of that handle went long ago. */
static void state_1(void)
{
	model_assert(model_calls.handle_state(reg, handle) == FROZENREF_EMPTY);
}

static void erase_and_reinsert_0(void)
{
	model_assert(model_calls.erase(reg, 0) == 0);
	if (insert_new(1, 0, 1) == 0)
		model_witness();
}

static void erase_and_insert_before_0(void)
{
	model_assert(model_calls.erase(reg, 1) == 0);
	if (insert_new(1, 0, 2) == 0)
		model_witness();
}

/* An object keeps its handle while it is frozen and published again. */
static void migrate_0(void)
{
	if (!model_calls.slot_freeze(reg, slots, 1))
		return;
	model_write(object(0), DEAD);
	model_write(object(0), ALIVE);
	frozenref_slot_unfreeze(reg, slots, 1);
}

static void state_of_first_1(void)
{
	enum frozenref_state state = model_calls.handle_state(reg, handle);

	model_assert(state == FROZENREF_LIVE || state == FROZENREF_FROZEN);
	if (state == FROZENREF_LIVE)
		model_witness();
}

/* clang-format off */
const struct model_scenario model_scenarios_handles[] = {
	{ .name = "handle-reinsert", .about = "a handle against erase, and insert on the same pfn",
	  .setup = setup_first, .thread = { erase_and_reinsert_0, get_1 }, .check = check_quiet,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "handle-range", .about = "the same with a range whose head precedes the pfn",
	  .setup = setup_second, .thread = { erase_and_insert_before_0, get_1 },
	  .check = check_quiet, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "handle-state", .about = "handle_state against an insert that carries",
	  .setup = setup_torn, .thread = { erase_and_reinsert_0, state_1 },
	  .check = check_quiet, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "handle-migrate", .about = "handle_state against migration",
	  .setup = setup_first, .thread = { migrate_0, state_of_first_1 },
	  .check = check_quiet, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = NULL },
};
/* clang-format on */
