/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of replace and freeze: that they own what they take, and that no lookup or erase fails
 * because of one that is only being tried.
 *
 * Run by main.c, on the registry of objects.c. A lookup may miss only if, after the execution, it
 * is known who took the object away.
 */
#include <errno.h>

#include "objects.h"

static void erase_0(void)
{
	objects.result[0] = model_calls.erase(reg, 0);
}

static void look_up_1(void)
{
	look_up(1, 0);
}

/* Puts object 1 in the place of object 0, if nobody holds that, and ends object 0. */
static void replace_2(void)
{
	struct frozenref_slot *slot = frozenref_registry_slot(reg, 0);
	void *old;

	if (!slot)
		return;
	model_write(object(1), ALIVE);
	if (frozenref_slot_replace(reg, slot, 1, object(1), &old)) {
		model_write(object(1), DEAD);
		return;
	}
	model_witness();
	model_assert(old == object(0));
	end_object((int *)old);
	objects.ended[0][2]++;
	objects.inserted[1]++;
}

/* The clock hand: takes out what nobody holds. */
static void hand_0(void)
{
	struct frozenref_slot *slot = frozenref_registry_slot(reg, 0);

	if (!slot || !model_calls.slot_freeze(reg, slot, 1))
		return;
	objects.result[0] = 1;
	evict(0, slot);
}

/* In vain: somebody holds it all the time. */
static void freeze_in_vain_2(void)
{
	model_assert(!model_calls.slot_freeze(reg, slots, 1));
	model_assert(frozenref_slot_replace(reg, slots, 1, object(1), NULL) == -EBUSY);
}

/* Whoever erases hands over what it did before, even if a freezer drops the reference for it. */
static void write_and_erase_0(void)
{
	model_write(&objects.aside, 1);
	erase_0();
}

/* Freezes, counting the registry's reference and the one it holds, and leaves. */
static void freeze_held_2(void)
{
	if (model_calls.slot_freeze(reg, slots, 2)) {
		model_witness();
		frozenref_slot_unfreeze(reg, slots, 2);
	}
	(void)frozenref_slot_put(reg, slots);
}

/* Counts the registry's reference and the one it holds; what it owns then nobody has erased. */
static void evict_held_2(void)
{
	if (!model_calls.slot_freeze(reg, slots, 2)) {
		(void)frozenref_slot_put(reg, slots);
		return;
	}
	model_witness();
	objects.result[2] = 1;
	model_assert(!frozenref_slot_is_erased(slots));
	evict(2, slots);
}

/* The same from outside, on whatever is there. */
static void evict_2(void)
{
	struct frozenref_slot *slot = frozenref_registry_slot(reg, 0);

	if (!slot || !model_calls.slot_freeze(reg, slot, 1))
		return;
	model_witness();
	objects.result[2] = 1;
	model_assert(!frozenref_slot_is_erased(slot));
	evict(2, slot);
}

/* In the middle of a freeze. */
static void setup_being_frozen(void)
{
	setup_one();
	slots->flags |= FROZENREF__SLOT_BUSY;
}

/* Ends it in vain, and tries the same with the next object, whose count is less than it says. */
static void freeze_two_in_vain_2(void)
{
	uint32_t flags = frozenref__and32(&slots->flags, ~FROZENREF__SLOT_BUSY, acq_rel);

	if (flags & FROZENREF__SLOT_ERASED)
		(void)frozenref_slot_put(reg, slots);
	objects.result[2] = frozenref_registry_erase(reg, 0);
	if (objects.result[2] || insert_new(1, 0, 1))
		return;
	model_witness();
	model_assert(!model_calls.slot_freeze(reg, slots, 3));
}

static void erase_1(void)
{
	objects.result[1] = model_calls.erase(reg, 0);
}

static void insert_1(void)
{
	model_assert(insert_new(1, 0, 1) == 0);
}

/* A hand that goes from slot to slot: what it sees in use, it can take. */
static void hand_at_slot_0(void)
{
	/* Relaxed: freeze() must do with that. */
	if (!frozenref__slot_is_plain(frozenref__load32(&slots->flags, relaxed)))
		return;
	model_witness();
	model_assert(model_calls.slot_freeze(reg, slots, 1));
	evict(0, slots);
}

/* Takes the pfn of what it erases, and gives it up without ever publishing it. */
static void erase_and_take_2(void)
{
	struct frozenref_slot *slot;

	objects.result[2] = model_calls.erase(reg, 0);
	if (frozenref_registry_insert_frozen(reg, 0, 1, object(1), &slot))
		return;
	model_witness();
	model_assert(frozenref_slot_erase_frozen(reg, slot) == object(1));
}

/* Only object 0 could be erased. */
static void check_one_erase(void)
{
	check_quiet();
	model_assert((objects.result[0] == 0) + (objects.result[2] == 0) == 1);
}

/* Either the eraser has taken the object out, or the freezer; and one was refused by the other. */
static void check_erased_or_evicted(void)
{
	check_quiet();
	model_assert((objects.result[0] == 0) + objects.result[2] == 1);
	model_assert(!is_there(0));
}

/* The same of two erasers, of whom only an owner refuses one. */
static void check_one_took_it(void)
{
	check_quiet();
	model_assert((objects.result[0] == 0) + (objects.result[1] == 0) + objects.result[2] == 1);
	model_assert(objects.result[2] ||
		     (objects.result[0] != -EBUSY && objects.result[1] != -EBUSY));
	model_assert(!is_there(0));
}

/* -EBUSY is the answer of an owner alone, and here was none. */
static void check_not_refused(void)
{
	check_quiet();
	model_assert(objects.result[0] == 0 || objects.result[0] == -ENOENT);
	model_assert(objects.result[0] == 0 || objects.result[2] == 0);
}

/* The holder leaves when all is over. */
static void check_held(void)
{
	(void)frozenref_slot_put(reg, slots);
	check_quiet();
}

/* Nobody takes the object away, whichever it is. */
static void check_hit(void)
{
	check_quiet();
	model_assert(objects.hits[1] == 1);
	model_assert(is_there(0) || is_there(1));
}

static void check_in_vain(void)
{
	check_held();
	model_assert(objects.hits[1] == 1);
}

/* A replace refuses no erase: whichever object it is, it goes. */
static void check_erased(void)
{
	check_quiet();
	model_assert(objects.result[0] == 0);
	model_assert(!is_there(0) && !is_there(1));
}

static void check_erased_in_vain(void)
{
	check_held();
	model_assert(objects.result[0] == 0);
	model_assert(!is_there(0));
}

static void check_hand(void)
{
	check_quiet();
	model_assert(objects.hits[1] == 1 || objects.result[0] == 1);
	model_assert((objects.result[0] == 1) == !(is_there(0) || is_there(1)));
}

/* clang-format off */
const struct model_scenario model_scenarios_freeze[] = {
	{ .name = "reg-replace", .about = "replace against lookup, which must hit",
	  .setup = setup_one, .thread = { look_up_1, replace_2 }, .check = check_hit,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-replace-erase", .about = "replace against erase, which must succeed",
	  .setup = setup_one, .thread = { erase_0, replace_2 },
	  .check = check_erased, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-replace-hand", .about = "replace against lookup and a clock hand",
	  .setup = setup_one, .thread = { hand_0, look_up_1, replace_2 }, .check = check_hand,
	  .teardown = teardown, .witnessed = 1 },
	{ .name = "reg-freeze-in-vain", .about = "freezes that fail against lookup, which must hit",
	  .setup = setup_held, .thread = { freeze_in_vain_2, look_up_1 }, .check = check_in_vain,
	  .teardown = teardown, .quick = 1 },
	{ .name = "reg-freeze-in-vain-erase", .about = "freezes that fail against erase, which must not",
	  .setup = setup_held, .thread = { erase_0, freeze_in_vain_2 },
	  .check = check_erased_in_vain, .teardown = teardown, .quick = 1 },
	{ .name = "reg-erase-aside", .about = "what an eraser did, and a freezer that drops for it",
	  .setup = setup_held, .thread = { write_and_erase_0, freeze_held_2 },
	  .check = check_quiet, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-erase-or-freeze", .about = "erase against freeze: one of them fails",
	  .setup = setup_held, .thread = { erase_0, evict_held_2 },
	  .check = check_erased_or_evicted, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-erase-or-freeze-get", .about = "the same, and a lookup",
	  .setup = setup_held, .thread = { erase_0, look_up_1, evict_held_2 },
	  .check = check_erased_or_evicted, .teardown = teardown, .witnessed = 1 },
	{ .name = "reg-erase-or-hand", .about = "erase against erase against a clock hand",
	  .setup = setup_one, .thread = { erase_0, erase_1, evict_2 },
	  .check = check_one_took_it, .teardown = teardown, .witnessed = 1 },
	{ .name = "reg-erase-in-vain", .about = "erase against freezes in vain of one object and the next",
	  .setup = setup_being_frozen, .thread = { erase_0, freeze_two_in_vain_2 },
	  .check = check_not_refused, .teardown = teardown, .witnessed = 1 },
	{ .name = "reg-hand-fresh", .about = "a hand at the slot of an object just inserted",
	  .setup = setup_empty, .thread = { hand_at_slot_0, insert_1 },
	  .check = check_quiet, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = "reg-take-erase", .about = "erase against what is inserted frozen on a used pfn",
	  .setup = setup_one, .thread = { erase_0, erase_and_take_2 },
	  .check = check_one_erase, .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = NULL },
};
/* clang-format on */
