/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of peek: what it copies is of one object, the one on that pfn, or it says no.
 *
 * Run by main.c. Objects are a page of two words, in memory that outlives them; whoever owns that
 * writes both words with relaxed stores, as an allocator's or a user's plain ones might come out.
 */
#include <string.h>

#include "../../lib/owned.h"
#include "../../lib/table.h"
#include "objects.h"

enum { PAGES = 2, PIECES = 3, WORDS = 2 };

/* What the two words say: who wrote them. */
enum { FIRST = 1, SECOND, OTHER, GUARD, FREED };

static struct {
	uintptr_t memory[PIECES][PAGES][WORDS];
	uint32_t handed; /* memory that an object has left, for another thread */
	int result;
} p;

static bool hands_over;
static bool by_function; /* peeks call the library's own, not the inline one */

static void fill(uintptr_t *words, uintptr_t value)
{
	for (int i = 0; i < WORDS; i++)
		frozenref__storeptr(&words[i], value, relaxed);
}

/* The memory is somebody else's now, or is written to at once. */
static void on_release(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	(void)pfn;
	(void)arg;
	if (hands_over) {
		frozenref__store32(&p.handed, 1, release);
		return;
	}
	for (uint64_t page = 0; page < npages; page++)
		fill((uintptr_t *)object + page * WORDS, FREED);
}

static void setup_on(uint64_t pfn, uint64_t npages)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;

	memset(&p, 0, sizeof(p));
	hands_over = false;
	by_function = false;
	config.backend = purging_backend();
	config.release = on_release;
	config.flags = FROZENREF_REGISTRY_PEEKABLE;
	config.page_shift = sizeof(p.memory[0][0]) == 16 ? 4 : 3;
	model_assert(frozenref_registry_create(&reg, &config) == 0);
	fill(p.memory[0][0], FIRST);
	fill(p.memory[0][1], GUARD);
	model_assert(frozenref_registry_insert_range(reg, pfn, npages, p.memory[0]) == 0);
	slots = slot_before(&reg->table, frozenref_registry_slot(reg, pfn), pfn);
	model_region(slots, SLOTS * sizeof(*slots), "slots");
	model_region(slot_leaf(&reg->table, slots), sizeof(struct leaf), "leaf");
	model_region(&p, sizeof(p), "memory");
	model_label(&slots[0].ref, "word[0]");
	model_label(&slots[0].flags, "flags[0]");
	model_label(&slots[0].sequence, "sequence[0]");
	model_label(&slots[0].object, "object[0]");
}

static void setup_peekable(void)
{
	setup_on(0, 1);
}

static void setup_handing(void)
{
	setup_on(0, 1);
	hands_over = true;
}

/* Two pages, and what comes after them has one. */
static void setup_two_pages(void)
{
	setup_on(0, 2);
	fill(p.memory[0][1], FIRST);
	fill(p.memory[1][1], GUARD);
}

static void setup_function(void)
{
	setup_on(0, 1);
	by_function = true;
}

static void setup_function_handing(void)
{
	setup_handing();
	by_function = true;
}

/* And another object, whose pfn nobody peeks at. */
static void setup_two(void)
{
	setup_handing();
	fill(p.memory[1][0], OTHER);
	model_assert(frozenref_registry_insert(reg, 1, p.memory[1]) == 0);
}

static void setup_function_two(void)
{
	setup_two();
	by_function = true;
}

static void end_all(void)
{
	(void)frozenref_registry_erase(reg, 0);
	(void)frozenref_registry_erase(reg, 1);
	model_assert(frozenref_registry_destroy(reg) == 0);
}

/* ---------------------------------------------------------------------------------------- peeks */

/* The word that a peek found twice, or 0. */
static uintptr_t peek(uint64_t pfn, size_t offset)
{
	uintptr_t got[WORDS] = { 0 };
	bool is_there = by_function
				? frozenref__registry_peek_slow(reg, pfn, offset, got, sizeof(got))
				: model_calls.peek(reg, pfn, offset, got, sizeof(got));

	/* Beyond the object's end it may not even look. */
	model_assert(got[0] != GUARD && got[1] != GUARD);
	if (!is_there)
		return 0;
	model_assert(got[0] == got[1]);
	return got[0];
}

static void peek_first_0(void)
{
	uintptr_t found = peek(0, 0);

	model_assert(!found || found == FIRST);
}

static void peek_first_1(void)
{
	uintptr_t found = peek(1, 0);

	model_assert(!found || found == FIRST);
}

static void peek_any_1(void)
{
	uintptr_t found = peek(1, 0);

	model_assert(!found || found == FIRST || found == SECOND);
}

static void peek_any_0(void)
{
	uintptr_t found = peek(0, 0);

	model_assert(!found || found == FIRST || found == SECOND);
}

static void peek_second_page_0(void)
{
	uintptr_t found = peek(0, sizeof(p.memory[0][0]));

	model_assert(!found || found == SECOND);
}

/* --------------------------------------------------------------------------------------- owners */

static void erase_1(void)
{
	model_assert(model_calls.erase(reg, 0) == 0);
	model_witness();
}

static void insert_second(uint64_t npages)
{
	fill(p.memory[1][0], SECOND);
	fill(p.memory[1][1], SECOND);
	model_assert(frozenref_registry_insert_range(reg, 0, npages, p.memory[1]) == 0);
}

static void reinsert_1(void)
{
	erase_1();
	insert_second(1);
}

static void reinsert_longer_1(void)
{
	erase_1();
	insert_second(2);
}

static void reinsert_shorter_1(void)
{
	erase_1();
	fill(p.memory[1][0], SECOND);
	model_assert(frozenref_registry_insert(reg, 0, p.memory[1]) == 0);
}

static void reinsert_behind_1(void)
{
	erase_1();
	fill(p.memory[1][0], SECOND);
	model_assert(frozenref_registry_insert(reg, 1, p.memory[1]) == 0);
}

static void trim_and_reinsert_1(void)
{
	erase_1();
	model_assert(frozenref_registry_trim(reg) != 0);
	insert_second(1);
}

static void replace_1(void)
{
	void *old;

	fill(p.memory[1][0], SECOND);
	model_assert(frozenref_slot_replace(reg, slots, 1, p.memory[1], &old) == 0);
	fill((uintptr_t *)old, FREED);
	model_witness();
}

static void replace_both_1(void)
{
	void *old;

	fill(p.memory[1][0], SECOND);
	fill(p.memory[1][1], SECOND);
	model_assert(frozenref_slot_replace(reg, slots, 1, p.memory[1], &old) == 0);
	fill(p.memory[0][0], FREED);
	fill(p.memory[0][1], FREED);
	model_witness();
}

static void write_frozen_1(void)
{
	model_assert(model_calls.slot_freeze(reg, slots, 1));
	fill(p.memory[0][0], SECOND);
	if (frozenref_slot_npages(reg, slots) == 2)
		fill(p.memory[0][1], SECOND);
	frozenref_slot_unfreeze(reg, slots, 1);
	model_witness();
}

/* As any allocator must, for peeks' sake, before it gives out memory that was freed elsewhere. */
static bool take_handed(void)
{
	if (!frozenref__load32(&p.handed, acquire))
		return false;
	model_witness();
	if (model_fault != FAULT_NO_FENCE)
		frozenref__fence(release);
	return true;
}

static void reuse_2(void)
{
	if (!take_handed())
		return;
	fill(p.memory[0][0], OTHER);
	model_assert(frozenref_registry_insert(reg, 1, p.memory[0]) == 0);
}

/* Moves the object on pfn 1 to memory that becomes free only after it is frozen. */
static void move_2(void)
{
	model_assert(model_calls.slot_freeze(reg, &slots[1], 1));
	if (frozenref__load32(&p.handed, acquire)) {
		frozenref_slot_set_object(reg, &slots[1], p.memory[0]);
		fill(p.memory[0][0], OTHER);
		model_witness();
	}
	frozenref_slot_unfreeze(reg, &slots[1], 1);
}

/* In an owned registry the flags are plain until the winner of the last put clears them. */
static void setup_owned(void)
{
	struct frozenref_slot *slot;

	setup_on(0, 1);
	model_assert(frozenref_registry_erase(reg, 0) == 0);
	frozenref__registry_make_owned(reg);
	fill(p.memory[0][0], FIRST);
	model_assert(frozenref__registry_own(reg, 0, 1, p.memory[0]) == 0);
	slot = frozenref_registry_slot(reg, 0);
	owned_unfreeze(slot, 1);
}

static void end_owned(void)
{
	if (frozenref_slot_count(slots))
		(void)frozenref_slot_put(reg, slots);
	model_assert(frozenref_registry_destroy(reg) == 0);
}

static void write_owned_1(void)
{
	model_assert(model_calls.slot_freeze(reg, slots, 1));
	fill(p.memory[0][0], SECOND);
	owned_unfreeze(slots, 1);
	model_witness();
}

static void put_owned_1(void)
{
	model_assert(frozenref_slot_put(reg, slots));
	model_witness();
}

/* clang-format off */
const struct model_scenario model_scenarios_peek[] = {
	{ .name = "peek-free", .about = "peek against the last put, whose winner writes",
	  .setup = setup_peekable, .thread = { peek_first_0, erase_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-reuse", .about = "peek against reuse of the memory by another thread",
	  .setup = setup_handing, .thread = { peek_first_0, erase_1, reuse_2 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-reinsert", .about = "peek against another object on the pfn",
	  .setup = setup_peekable, .thread = { peek_any_0, reinsert_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-longer", .about = "the same beyond the end of the first object",
	  .setup = setup_peekable, .thread = { peek_second_page_0, reinsert_longer_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-trim", .about = "peek against another object after a trim",
	  .setup = setup_peekable, .thread = { peek_any_0, trim_and_reinsert_1 },
	  .teardown = end_all, .witnessed = 1 },
	{ .name = "peek-replace", .about = "peek against replace",
	  .setup = setup_peekable, .thread = { peek_any_0, replace_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-write", .about = "peek against an owner who freezes and writes",
	  .setup = setup_peekable, .thread = { peek_any_0, write_frozen_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-move", .about = "peek against a move to memory that it still reads",
	  .setup = setup_two, .thread = { peek_first_0, erase_1, move_2 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-tail", .about = "peek through a tail against a shorter object",
	  .setup = setup_two_pages, .thread = { peek_first_1, reinsert_shorter_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-tail-head", .about = "peek through a tail that becomes a head",
	  .setup = setup_two_pages, .thread = { peek_any_1, reinsert_behind_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-tail-replace", .about = "peek through a tail against replace",
	  .setup = setup_two_pages, .thread = { peek_any_1, replace_both_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-tail-write", .about = "peek through a tail against an owner who writes",
	  .setup = setup_two_pages, .thread = { peek_any_1, write_frozen_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-owned", .about = "peek against the last put where nothing is erased",
	  .setup = setup_owned, .thread = { peek_first_0, put_owned_1 },
	  .teardown = end_owned, .quick = 1, .witnessed = 1 },
	{ .name = "peek-owned-write", .about = "the same against an owner who freezes and writes",
	  .setup = setup_owned, .thread = { peek_any_0, write_owned_1 },
	  .teardown = end_owned, .quick = 1, .witnessed = 1 },
	{ .name = "peek-call-free", .about = "peek's function against the last put",
	  .setup = setup_function, .thread = { peek_first_0, erase_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-call-reuse", .about = "the same against reuse by another thread",
	  .setup = setup_function_handing, .thread = { peek_first_0, erase_1, reuse_2 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-call-reinsert", .about = "the same against another object on the pfn",
	  .setup = setup_function, .thread = { peek_any_0, reinsert_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-call-replace", .about = "the same against replace",
	  .setup = setup_function, .thread = { peek_any_0, replace_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-call-write", .about = "the same against an owner who freezes and writes",
	  .setup = setup_function, .thread = { peek_any_0, write_frozen_1 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = "peek-call-move", .about = "the same against a move to memory that it reads",
	  .setup = setup_function_two, .thread = { peek_first_0, erase_1, move_2 },
	  .teardown = end_all, .quick = 1, .witnessed = 1 },
	{ .name = NULL },
};
/* clang-format on */
