/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of the index: lookups against whatever changes chains, tables and objects.
 *
 * Run by main.c, on the tables and items of items.c.
 */
#include <errno.h>

#include "items.h"

/* --------------------------------------------------------------------------------------- set-up */

/* B before A in one chain; a thread holds B. */
static void setup_b_before_a(void)
{
	setup_items(1, false);
	put_in(0, A);
	make_item(1, B);
	model_assert(insert(table, item[1]) == 0);
	items_are_set_up();
}

static void setup_b_before_a_two_tables(void)
{
	setup_items(1, true);
	put_in(0, A);
	make_item(1, B);
	model_assert(insert(table, item[1]) == 0);
	items_are_set_up();
}

/* A is alone, and a thread holds it. */
static void setup_a_held(void)
{
	setup_items(1, false);
	make_item(0, A);
	model_assert(insert(table, item[0]) == 0);
	items_are_set_up();
}

/* B has been in front of nothing, and is about to be put in front of A. */
static void setup_b_was_in_before_a(void)
{
	setup_items(1, false);
	make_item(1, B);
	model_assert(insert(table, item[1]) == 0);
	model_assert(frozenref_index_erase(table, item[1]) == 0);
	put_in(0, A);
	items_are_set_up();
}

/*
 * The same, but that B is in front of A, and F, which was, is not; a thread holds both. The table
 * is not to grow.
 */
static void setup_f_was_in_before_a(void)
{
	setup_items(1, false);
	table->load = 1000;
	make_item(2, F);
	model_assert(insert(table, item[2]) == 0);
	model_assert(frozenref_index_erase(table, item[2]) == 0);
	put_in(0, A);
	make_item(1, B);
	model_assert(insert(table, item[1]) == 0);
	items_are_set_up();
}

/* B in one table, A in the other; a thread holds both, and may change their places. */
static void setup_a_elsewhere(void)
{
	setup_items(1, true);
	make_item(0, A);
	make_item(1, B);
	model_assert(insert(other_table, item[0]) == 0);
	model_assert(insert(table, item[1]) == 0);
	items_are_set_up();
}

/* A and D in one chain, which the next insert splits; C is held by a thread. */
static void setup_split(bool d_first)
{
	setup_items(1, false);
	put_in(d_first ? 3 : 0, d_first ? D : A);
	put_in(d_first ? 0 : 3, d_first ? A : D);
	make_item(2, C);
	items_are_set_up();
}

static void setup_split_d_last(void)
{
	setup_split(true);
}

static void setup_split_d_first(void)
{
	setup_split(false);
}

/* The opposite: the next erase merges the buckets of A and D. */
static void setup_merge(void)
{
	setup_items(1, false);
	put_in(0, A);
	put_in(3, D);
	make_item(2, C);
	model_assert(insert(table, item[2]) == 0);
	model_assert(table->stripes[0].buckets == 3);
	table->load = 1000;
	items_are_set_up();
}

static void setup_two_of_one_key(void)
{
	setup_items(1, false);
	make_item(0, A);
	make_item(1, A);
	items_are_set_up();
}

/* A is in; two threads have an object with its hash and another key. */
static void setup_collision(void)
{
	setup_items(1, false);
	put_in(0, A);
	make_item(1, E);
	make_item(2, E);
	items_are_set_up();
}

static void setup_a_unused(void)
{
	setup_items(1, false);
	put_in(0, A);
	items_are_set_up();
}

/* A and B in a chain, in the order of the names; two threads hold A; two stripes. */
static void setup_two_stripes(void)
{
	setup_items(2, false);
	put_in(1, B);
	make_item(0, A);
	model_assert(insert(table, item[0]) == 0);
	frozenref_get(&item[0]->ref);
	items_are_set_up();
}

/* The same the other way round: A leads to B; a thread holds both, and another one A. */
static void setup_two_stripes_a_first(void)
{
	setup_items(2, false);
	make_item(1, B);
	model_assert(insert(table, item[1]) == 0);
	make_item(0, A);
	model_assert(insert(table, item[0]) == 0);
	frozenref_get(&item[0]->ref);
	items_are_set_up();
}

static void setup_a_is_new(void)
{
	setup_items(1, false);
	make_item(0, A);
	items_are_set_up();
}

/* -------------------------------------------------------------------------------------- threads */

static void look_for_a_0(void)
{
	look_for(0, A);
}

static void look_for_b_2(void)
{
	look_for(2, B);
}

static void look_for_a_2(void)
{
	look_for(2, A);
}

static void look_for_d_1(void)
{
	look_for(1, D);
}

/* Takes the held item out, and has its memory anew if it was the last; NULL if not. */
static struct item *reuse(unsigned i, enum key key, int payload)
{
	struct item *again;

	model_assert(frozenref_index_erase(table, item[i]) == 0);
	if (!drop_item(item[i]))
		return NULL;
	again = new_item(key, payload);
	model_assert(again == item[i]);
	model_witness();
	return again;
}

static void reuse_b_as(enum key key, struct frozenref_index *where)
{
	struct item *again = reuse(1, key, IN_USE);

	if (!again)
		return;
	model_assert(insert(where, again) == 0);
	put_item(again);
}

static void reuse_b_as_c_1(void)
{
	reuse_b_as(C, table);
}

static void reuse_b_as_b_1(void)
{
	reuse_b_as(B, table);
}

static void reuse_b_elsewhere_1(void)
{
	reuse_b_as(B, other_table);
}

static void reuse_a_as_c_1(void)
{
	struct item *again = reuse(0, C, IN_USE);

	if (!again)
		return;
	model_assert(insert(table, again) == 0);
	put_item(again);
}

/* The next life of the item has the same key, and is in no table. */
static void reuse_a_never_in_1(void)
{
	struct item *again = reuse(0, A, NEVER_IN);

	if (again)
		put_item(again);
}

/* As a purge does, word by word, once the item is free. */
static void trim_b_1(void)
{
	model_assert(frozenref_index_erase(table, item[1]) == 0);
	if (!drop_item(item[1]))
		return;
	model_witness();
	frozenref__storeptr(&item[1]->node.next, 0, relaxed);
	frozenref__store32(&item[1]->node.hash, 0, relaxed);
	frozenref__store32(&item[1]->node.index, 0, relaxed);
	frozenref__store32(&item[1]->ref.word, 0, relaxed);
}

static void insert_b_1(void)
{
	notes.result[1] = insert(table, item[1]);
}

static void insert_a_0(void)
{
	notes.result[0] = insert(table, item[0]);
}

static void insert_c_0(void)
{
	notes.result[0] = insert(table, item[2]);
}

static void erase_c_0(void)
{
	notes.result[0] = frozenref_index_erase(table, item[2]);
}

/* The table grows and shrinks again, while a lookup may still be in the chain that was split. */
static void grow_and_shrink_0(void)
{
	struct stripe *stripe = &table->stripes[0];

	lock_stripe(stripe);
	table->load = 50;
	frozenref__index_grow(table, stripe);
	model_assert(stripe->buckets == 4);
	table->load = 1000;
	frozenref__index_shrink(table, stripe);
	model_assert(stripe->buckets == 2);
	unlock_stripe(stripe);
}

static void insert_f_and_b_1(void)
{
	model_assert(frozenref_index_erase(table, item[1]) == 0);
	model_assert(insert(table, item[2]) == 0);
	model_assert(insert(table, item[1]) == 0);
}

/* For a moment B leads from one table to A in the other. */
static void change_places_0(void)
{
	model_assert(frozenref_index_erase(table, item[1]) == 0);
	model_assert(insert(other_table, item[1]) == 0);
	model_assert(frozenref_index_erase(other_table, item[0]) == 0);
	model_assert(insert(table, item[0]) == 0);
}

static void look_and_tell_1(void)
{
	look_for(1, A);
	/* Release: what was found is told. */
	if (notes.found[1] != NO_ITEM)
		frozenref__store32(&notes.flag, 1, release);
}

static void hear_and_look_2(void)
{
	if (!frozenref__load32(&notes.flag, acquire))
		return;
	model_witness();
	look_for(2, A);
	model_assert(notes.found[2] == 0);
}

static void erase_and_tell_1(void)
{
	notes.result[1] = frozenref_index_erase(table, item[0]);
	frozenref__store32(&notes.flag, 1, release);
}

static void hear_and_miss_2(void)
{
	if (!frozenref__load32(&notes.flag, acquire))
		return;
	model_witness();
	look_for(2, A);
	model_assert(notes.found[2] == NO_ITEM);
}

static void get_or_insert_own(int me)
{
	struct item *winner = get_or_insert(table, item[me]);

	model_assert(winner);
	model_assert(model_read(&winner->payload) == IN_USE);
	notes.found[me] = item_number(winner);
	put_item(winner);
	put_item(item[me]);
}

static void get_or_insert_0(void)
{
	get_or_insert_own(0);
}

static void get_or_insert_1(void)
{
	get_or_insert_own(1);
}

static void insert_e_0(void)
{
	notes.result[0] = insert(table, item[1]);
}

static void insert_e_1(void)
{
	notes.result[1] = insert(table, item[2]);
}

static void evict_a_1(void)
{
	notes.result[1] = frozenref_index_erase_if_unused(table, item[0]);
}

static void evict_a_2(void)
{
	notes.result[2] = frozenref_index_erase_if_unused(table, item[0]);
}

static void erase_a_0(void)
{
	notes.result[0] = frozenref_index_erase(table, item[0]);
	put_item(item[0]);
}

static void erase_a_1(void)
{
	notes.result[1] = frozenref_index_erase(table, item[0]);
	put_item(item[0]);
}

/* As erase_a_0(), but before that A gets another link. */
static void erase_b_and_a_0(void)
{
	model_assert(frozenref_index_erase(table, item[1]) == 0);
	put_item(item[1]);
	erase_a_0();
}

/* Under another hash, as if its key had changed: in the other stripe. */
static int insert_a_as_c(void)
{
	static const int key = C;
	int err = frozenref_index_insert(table, hash_of(C), &key, item[0]);

	if (err == 0)
		model_witness();
	else
		model_assert(err == -EBUSY);
	return err;
}

static void move_a_1(void)
{
	notes.result[1] = insert_a_as_c();
	put_item(item[0]);
}

/* Another thread may have been faster. */
static void erase_and_move_a_0(void)
{
	notes.result[0] = frozenref_index_erase(table, item[0]);
	if (notes.result[0] == 0)
		model_assert(insert_a_as_c() == 0);
	put_item(item[0]);
}

static void walk_1(void)
{
	unsigned seen[ITEMS + 1] = { 0 };
	uint64_t cursor = 0;
	struct item *it;

	while ((it = frozenref_index_next(table, &cursor))) {
		seen[item_number(it)]++;
		put_item(it);
	}
	model_assert(seen[0] == 1 && seen[3] == 1 && seen[2] <= 1);
}

/* --------------------------------------------------------------------------------------- checks */

static void check_a_found(void)
{
	check_items();
	model_assert(notes.found[0] == 0);
}

static void check_b_found(void)
{
	check_items();
	model_assert(notes.found[2] == 1);
}

static void check_a_and_d_found(void)
{
	check_items();
	model_assert(notes.result[0] == 0 && notes.found[1] == 3 && notes.found[2] == 0);
}

static void check_d_found(void)
{
	check_items();
	model_assert(notes.found[1] == 3);
}

static void check_one_winner(void)
{
	check_items();
	model_assert(notes.found[0] == notes.found[1]);
	model_assert(table->stripes[0].objects == 1);
}

static void check_one_inserted(void)
{
	check_items();
	model_assert(notes.result[0] + notes.result[1] == -EEXIST);
	model_assert(table->stripes[0].objects == 2);
}

static void check_evicted_once(void)
{
	check_items();
	model_assert(notes.result[1] + notes.result[2] <= 1);
	model_assert(table->stripes[0].objects == (notes.result[1] + notes.result[2] ? 0 : 1));
	/* Whoever evicted it ended it. */
	model_assert(notes.ended[1] == (unsigned)notes.result[1]);
	model_assert(notes.ended[2] == (unsigned)notes.result[2]);
}

/* At least one of the two has erased A; and the other one, if it was in again. */
static void check_moved(void)
{
	check_items();
	model_assert(notes.result[0] == 0 || notes.result[1] == 0);
}

static void check_erased_once(void)
{
	check_items();
	model_assert(notes.result[0] + notes.result[1] == -ENOENT);
	model_assert(notes.ended[0] + notes.ended[1] == 1);
}

/* clang-format off */
const struct model_scenario model_scenarios_index[] = {
	{ .name = "index-reuse-before", .about = "lookup while the item before goes to another chain",
	  .setup = setup_b_before_a, .thread = { look_for_a_0, reuse_b_as_c_1 },
	  .check = check_a_found, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = "index-reuse-same", .about = "the same, back into the chain that it was in",
	  .setup = setup_b_before_a, .thread = { look_for_a_0, reuse_b_as_b_1 },
	  .check = check_a_found, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = "index-reuse-elsewhere", .about = "the same, into the same bucket of another table",
	  .setup = setup_b_before_a_two_tables, .thread = { look_for_a_0, reuse_b_elsewhere_1 },
	  .check = check_a_found, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = "index-reuse-found", .about = "lookup of an item that becomes another one",
	  .setup = setup_a_held, .thread = { look_for_a_0, reuse_a_as_c_1 },
	  .check = check_items, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = "index-never-in", .about = "the same, one with that key and in no table",
	  .setup = setup_a_held, .thread = { look_for_a_0, reuse_a_never_in_1 },
	  .check = check_items, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = "index-trim", .about = "lookup while the item before is purged",
	  .setup = setup_b_before_a, .thread = { look_for_a_0, trim_b_1 },
	  .check = check_a_found, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = "index-insert-before", .about = "lookup while an item is put before it again",
	  .setup = setup_b_was_in_before_a, .thread = { look_for_a_0, insert_b_1 },
	  .check = check_a_found, .teardown = teardown_items, .quick = 1 },
	{ .name = "index-insert-two", .about = "the same with another item between the two",
	  .setup = setup_f_was_in_before_a, .thread = { look_for_a_0, insert_f_and_b_1 },
	  .check = check_a_found, .teardown = teardown_items, .quick = 1 },
	{ .name = "index-heard", .about = "who hears of a hit from another thread hits, too",
	  .setup = setup_a_is_new, .thread = { insert_a_0, look_and_tell_1, hear_and_look_2 },
	  .check = check_items, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = "index-heard-astray", .about = "the same, of a hit on a way through another table",
	  .setup = setup_a_elsewhere,
	  .thread = { change_places_0, look_and_tell_1, hear_and_look_2 },
	  .check = check_items, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = "index-heard-erase", .about = "who hears of an erase misses",
	  .setup = setup_a_held, .thread = { look_for_a_0, erase_and_tell_1, hear_and_miss_2 },
	  .check = check_items, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = "index-split", .about = "lookups while their chain is split",
	  .setup = setup_split_d_last, .thread = { insert_c_0, look_for_d_1, look_for_a_2 },
	  .check = check_a_and_d_found, .teardown = teardown_items, .quick = 1 },
	{ .name = "index-split-first", .about = "the same, the other way round in the chain",
	  .setup = setup_split_d_first, .thread = { insert_c_0, look_for_d_1, look_for_a_2 },
	  .check = check_a_and_d_found, .teardown = teardown_items, .quick = 1 },
	{ .name = "index-merge", .about = "lookups while their chains are merged",
	  .setup = setup_merge, .thread = { erase_c_0, look_for_d_1, look_for_a_2 },
	  .check = check_a_and_d_found, .teardown = teardown_items, .quick = 1 },
	{ .name = "index-there-and-back", .about = "lookup while the table grows and shrinks again",
	  .setup = setup_split_d_last, .thread = { grow_and_shrink_0, look_for_d_1 },
	  .check = check_d_found, .teardown = teardown_items, .quick = 1 },
	{ .name = "index-walk", .about = "a walk while the table grows",
	  .setup = setup_split_d_last, .thread = { insert_c_0, walk_1 },
	  .check = check_items, .teardown = teardown_items, .quick = 1 },
	{ .name = "index-get-or-insert", .about = "two get_or_insert of one key",
	  .setup = setup_two_of_one_key, .thread = { get_or_insert_0, get_or_insert_1 },
	  .check = check_one_winner, .teardown = teardown_items, .quick = 1 },
	{ .name = "index-collision", .about = "two inserts of one key that share their hash",
	  .setup = setup_collision, .thread = { insert_e_0, insert_e_1 },
	  .check = check_one_inserted, .teardown = teardown_items, .quick = 1 },
	{ .name = "index-evict", .about = "two erase_if_unused against a lookup",
	  .setup = setup_a_unused, .thread = { look_for_a_0, evict_a_1, evict_a_2 },
	  .check = check_evicted_once, .teardown = teardown_items, .quick = 1 },
	{ .name = "index-erase-erase", .about = "two erasers of one item",
	  .setup = setup_two_stripes, .thread = { erase_a_0, erase_a_1 },
	  .check = check_erased_once, .teardown = teardown_items, .quick = 1 },
	{ .name = "index-move", .about = "an item taken out, and put in elsewhere by another thread",
	  .setup = setup_two_stripes, .thread = { erase_a_0, move_a_1, look_for_b_2 },
	  .check = check_b_found, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = "index-move-linked", .about = "the same, and before that its neighbour",
	  .setup = setup_two_stripes_a_first, .thread = { erase_b_and_a_0, move_a_1 },
	  .check = check_items, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = "index-move-erase", .about = "an item moved to another stripe, against an eraser",
	  .setup = setup_two_stripes, .thread = { erase_and_move_a_0, erase_a_1 },
	  .check = check_moved, .teardown = teardown_items, .quick = 1, .witnessed = 1 },
	{ .name = NULL },
};
/* clang-format on */
