/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of the registry: the real lib/registry.c and lib/table.c on memory of their own.
 *
 * Run by main.c. Each object has a payload that holders read, and that whoever ends the object, or
 * owns it frozen, writes; after each execution every slot must be empty, or live with the registry's
 * reference alone, and every object that was inserted must have ended once, or be there still.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/table.h"
#include "scenario.h"

enum { SLOTS = 4, OBJECTS = 3, DEAD = 0, ALIVE = 1 };

static struct frozenref_registry *reg;
static struct frozenref_slot *slots;

static struct {
	int payload[OBJECTS];
	unsigned inserted[OBJECTS]; /* by one thread each */
	unsigned ended[OBJECTS][MODEL_THREADS_MAX];
	int result[MODEL_THREADS_MAX];
	unsigned hits[MODEL_THREADS_MAX];
} s;

/* ------------------------------------------------------------------------------------ the objects */

static int *object(unsigned i)
{
	return &s.payload[i];
}

static unsigned number(const int *payload)
{
	return (unsigned)(payload - s.payload);
}

static bool is_object(const int *payload)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (payload == object(i))
			return true;
	}
	return false;
}

/* The calling thread ends it. */
static void end(int *payload)
{
	model_assert(is_object(payload));
	model_assert(model_read(payload) == ALIVE);
	model_write(payload, DEAD);
}

/* An object is ended by one thread, so the counter needs no more care than the payload. */
static void on_release(void *ended, uint64_t pfn, uint64_t npages, void *arg)
{
	(void)arg;
	model_assert(pfn < SLOTS && npages && npages <= SLOTS - pfn);
	end((int *)ended);
	s.ended[number((int *)ended)][0]++;
}

/* ---------------------------------------------------------------------------------------- setup */

static void label_slots(void)
{
	static char names[SLOTS][6][24];
	static const char *const words[] = { "word",	   "flags",  "sequence",
					     "generation", "object", "user" };

	for (unsigned i = 0; i < SLOTS; i++) {
		const void *at[] = { &slots[i].ref,	 &slots[i].flags,
				     &slots[i].sequence, &slots[i].generation_low,
				     &slots[i].object,	 &slots[i].user };

		for (unsigned w = 0; w < 6; w++) {
			snprintf(names[i][w], sizeof(names[i][w]), "%s[%u]", words[w], i);
			model_label(at[w], names[i][w]);
		}
	}
}

/* A registry whose first leaf exists, and is empty. */
static void setup_empty(void)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;

	memset(&s, 0, sizeof(s));
	config.backend = &model_backend;
	config.release = on_release;
	model_assert(frozenref_registry_create(&reg, &config) == 0);
	s.payload[0] = ALIVE;
	model_assert(frozenref_registry_insert(reg, 0, object(0)) == 0);
	slots = frozenref_registry_slot(reg, 0);
	model_assert(frozenref_registry_erase(reg, 0) == 0);
	memset(&s, 0, sizeof(s));
	model_region(slots, SLOTS * sizeof(*slots), "slots");
	model_region(&s, sizeof(s), "objects");
	model_label(&slot_leaf(&reg->table, slots)->used, "used");
	label_slots();
}

static void insert_at_setup(uint64_t pfn, uint64_t npages)
{
	s.payload[0] = ALIVE;
	s.inserted[0] = 1;
	model_assert(frozenref_registry_insert_range(reg, pfn, npages, object(0)) == 0);
}

static void setup_one(void)
{
	setup_empty();
	insert_at_setup(0, 1);
}

/* A thread has a reference already. */
static void setup_held(void)
{
	setup_one();
	frozenref_slot_get(reg, slots);
}

static void setup_range(void)
{
	setup_empty();
	insert_at_setup(0, 2);
}

static void teardown(void)
{
	for (uint64_t pfn = 0; pfn < SLOTS; pfn++)
		(void)frozenref_registry_erase(reg, pfn);
	while (slots->ref.word >= FROZENREF__ONE)
		(void)frozenref_slot_put(reg, slots);
	model_assert(frozenref_registry_destroy(reg) == 0);
}

/* ---------------------------------------------------------------------------------------- check */

static bool is_there(unsigned i)
{
	for (unsigned pfn = 0; pfn < SLOTS; pfn++) {
		if (slots[pfn].flags & FROZENREF__SLOT_USED &&
		    slots[pfn].object.address == (uintptr_t)object(i))
			return true;
	}
	return false;
}

static void check_slot(unsigned pfn, unsigned *used)
{
	enum frozenref_state state = frozenref_registry_state(reg, pfn);

	if (state == FROZENREF_EMPTY) {
		model_assert(slots[pfn].flags == 0);
		model_assert(frozenref_is_frozen(&slots[pfn].ref));
		return;
	}
	++*used;
	model_assert(state == FROZENREF_LIVE);
	model_assert(frozenref_slot_count(frozenref_registry_slot(reg, pfn)) == 1);
}

static void check_quiet(void)
{
	unsigned used = 0;

	for (unsigned pfn = 0; pfn < SLOTS; pfn++)
		check_slot(pfn, &used);
	model_assert(slot_leaf(&reg->table, slots)->used == used);
	for (unsigned i = 0; i < OBJECTS; i++) {
		unsigned ended = 0;

		for (int t = 0; t < MODEL_THREADS_MAX; t++)
			ended += s.ended[i][t];
		model_assert(ended + is_there(i) == s.inserted[i]);
		model_assert(s.payload[i] == (is_there(i) ? ALIVE : DEAD));
	}
}

/* ------------------------------------------------------------------------------- what threads do */

/* Looks a pfn up and uses what is there. */
static void look_up(int me, uint64_t pfn)
{
	struct frozenref_slot *slot = frozenref_registry_try_get(reg, pfn);
	uint64_t head;
	int *payload;

	if (!slot)
		return;
	s.hits[me]++;
	head = frozenref_slot_pfn(reg, slot);
	model_assert(pfn - head < frozenref_slot_npages(reg, slot));
	payload = (int *)frozenref_slot_object(slot);
	model_assert(is_object(payload));
	model_assert(model_read(payload) == ALIVE);
	(void)frozenref_slot_put(reg, slot);
}

/* Inserts a new object over the pfns, if they are empty. */
static int insert_new(unsigned i, uint64_t pfn, uint64_t npages)
{
	int err;

	model_write(object(i), ALIVE);
	err = npages == 1 ? model_calls.insert(reg, pfn, object(i))
			  : frozenref_registry_insert_range(reg, pfn, npages, object(i));
	if (err)
		model_write(object(i), DEAD);
	else
		s.inserted[i]++;
	return err;
}

/* Takes out what it owns frozen. */
static void evict(int me, struct frozenref_slot *slot)
{
	int *evicted = (int *)frozenref_slot_object(slot);

	end(evicted);
	model_assert(frozenref_slot_erase_frozen(reg, slot) == evicted);
	s.ended[number(evicted)][me]++;
}

static void erase_0(void)
{
	s.result[0] = model_calls.erase(reg, 0);
}

static void erase_1(void)
{
	s.result[1] = model_calls.erase(reg, 0);
}

static void erase_2(void)
{
	s.result[2] = model_calls.erase(reg, 0);
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

/* ----------------------------------------------------------------------------------- the scenarios */

static void check_erased(void)
{
	check_quiet();
	model_assert(s.result[0] == 0);
	model_assert(!is_there(0));
}

static void check_one_eraser(void)
{
	check_quiet();
	model_assert((s.result[0] == 0) + (s.result[1] == 0) == 1);
	model_assert(s.result[0] == -ENOENT || s.result[1] == -ENOENT);
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
	model_assert(s.result[0] == 0 || s.result[0] == -EBUSY);
	model_assert(is_there(0) == (s.result[0] == -EBUSY));
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
	s.result[1] = insert_new(1, 0, 1);
	if (!s.result[1])
		model_witness();
}

static void insert_2(void)
{
	s.result[2] = insert_new(2, 0, 1);
}

static void check_one_insert(void)
{
	check_quiet();
	model_assert((s.result[1] == 0) + (s.result[2] == 0) == 1);
	model_assert(s.result[1] == -EEXIST || s.result[2] == -EEXIST);
}

/* Takes the pfn, fills the object in, publishes it with a reference of its own, drops that. */
static void insert_frozen_1(void)
{
	struct frozenref_slot *slot;

	if (frozenref_registry_insert_frozen(reg, 0, 1, object(1), &slot))
		model_fail("the pfn is taken");
	s.inserted[1]++;
	model_write(object(1), ALIVE);
	frozenref_slot_unfreeze(reg, slot, 2);
	model_assert(model_read(object(1)) == ALIVE);
	(void)frozenref_slot_put(reg, slot);
}

static void check_insert_frozen(void)
{
	check_quiet();
	model_assert(s.result[0] == 0 || s.result[0] == -ENOENT || s.result[0] == -EBUSY);
	model_assert(is_there(1) == (s.result[0] != 0));
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
	s.result[0] = insert_new(0, 0, 2);
}

static void insert_second_1(void)
{
	s.result[1] = insert_new(1, 1, 1);
}

static void check_overlap(void)
{
	check_quiet();
	model_assert(s.result[0] == 0 || s.result[1] == 0);
	model_assert(s.result[0] != 0 || s.result[1] != 0);
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
	{ .name = "reg-erase-freeze-get", .about = "the same, and a lookup",
	  .setup = setup_held, .thread = { erase_0, look_up_1, freeze_held_2 },
	  .check = check_frozen_or_erased, .teardown = teardown, .witnessed = 1 },
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
	  .setup = setup_empty, .thread = { erase_0, insert_frozen_1, look_up_2 },
	  .check = check_insert_frozen, .teardown = teardown, .quick = 1 },
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
	{ .name = "reg-alone", .about = "a holder that has erased, and finds itself alone",
	  .setup = setup_held, .thread = { erase_alone_0, look_up_1 }, .check = check_erased,
	  .teardown = teardown, .quick = 1, .witnessed = 1, .tiny = 1 },
	{ .name = NULL },
};
/* clang-format on */
