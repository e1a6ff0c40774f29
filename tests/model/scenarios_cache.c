/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of type-stable caches: magazines, the depot, slabs that are purged, lookups and peeks.
 *
 * Run by main.c, on the cache of things.c.
 */
#include "things.h"

static struct frozenref_handle handle;

/* ---------------------------------------------------------------------------------------- setup */

static void setup_idle(void)
{
	setup_things(0, 1);
	things_are_set_up();
}

static void setup_live(unsigned flags, uint32_t n)
{
	setup_things(flags, n);
	model_assert(make_thing(FIRST) == thing[0]);
}

static void setup_one(void)
{
	setup_live(0, 1);
	things_are_set_up();
}

/* There is one for each thread, but the slab is not populated. */
static void setup_absent(void)
{
	setup_things(0, 2);
	model_assert(frozenref_cache_trim(thing_cache));
	things_are_set_up();
}

/* The same, and the threads have no magazines, nor memory for them. */
static void setup_absent_bare(void)
{
	make_thing_cache(0, 2);
	things_are_set_up();
}

static void setup_handle(void)
{
	setup_live(0, 1);
	handle = frozenref_cache_handle(thing_cache, thing[0]);
	things_are_set_up();
}

/* Thread A owns an object and has no room for it; thread B has nothing. One is in the slab. */
static void setup_exchange(void)
{
	setup_things(0, THINGS);
	model_assert(alloc_thing() == thing[0]);
	take_things(0, 2, true);
	things_are_set_up();
}

/* The same without that one: B gets one of A's or none. */
static void setup_exchange_scarce(void)
{
	setup_things(0, 3);
	model_assert(alloc_thing() == thing[0]);
	take_things(0, 2, true);
	things_are_set_up();
}

/* Thread A owns two more objects, whose free hands the first one on. */
static void setup_handing(void)
{
	setup_live(0, 3);
	take_things(0, 2, false);
	things_are_set_up();
}

static void setup_peek(void)
{
	setup_live(FROZENREF_CACHE_PEEKABLE, 1);
	things_are_set_up();
}

static void setup_peek_writing(void)
{
	setup_live(FROZENREF_CACHE_PEEKABLE, 1);
	writes_at_end = true;
	things_are_set_up();
}

/* The threads have no magazines, nor memory for them: they free into the slab. */
static void setup_peek_slab(void)
{
	make_thing_cache(FROZENREF_CACHE_PEEKABLE, 1);
	model_assert(make_thing(FIRST) == thing[0]);
	things_are_set_up();
}

static void setup_peek_handing(void)
{
	setup_live(FROZENREF_CACHE_PEEKABLE, 3);
	take_things(0, 2, false);
	things_are_set_up();
}

/* ------------------------------------------------------------------------------------ magazines */

static void free_first_0(void)
{
	free_thing(thing[0]);
}

/* Not the one in the slab: another thread had it in a magazine. */
static void alloc_1(void)
{
	struct thing *it = alloc_thing();

	if (it && it != thing[3])
		model_witness();
}

static void alloc_free_1(void)
{
	struct thing *it = alloc_thing();

	if (!it)
		return;
	model_witness();
	free_thing(it);
}

static void alloc_2(void)
{
	(void)alloc_thing();
}

/* Not for want of memory: one of the objects is for this thread. */
static void must_alloc(void)
{
	model_assert(alloc_thing());
}

/* ------------------------------------------------------------------------- late puts, and reuse */

/* Wins, if it is late, for a lifetime that came after its reference. */
static void put_0(void)
{
	int payload = model_read(&thing[0]->payload);

	model_assert(payload == FIRST);
	if (put_thing(thing[0]) && noted.made[1])
		model_witness();
}

static void revive_and_reuse_1(void)
{
	struct thing *it = frozenref_cache_try_get(thing_cache, thing[0]);

	if (!it || !put_thing(it))
		return;
	it = make_thing(SECOND);
	if (it)
		(void)put_thing(it);
}

static void put_and_reuse_0(void)
{
	struct thing *it;

	(void)put_thing(thing[0]);
	it = make_thing(SECOND);
	if (it)
		(void)put_thing(it);
}

static void put_away_0(void)
{
	(void)put_thing(thing[0]);
}

/* So that the object's magazine is the one in the depot. */
static void put_and_hand_on_0(void)
{
	put_away_0();
	free_thing(thing[1]);
	free_thing(thing[2]);
}

static void reuse_1(void)
{
	if (make_thing(SECOND) == thing[0])
		model_witness();
}

static void use_2(void)
{
	(void)use_thing(thing[0]);
}

static void use_1(void)
{
	if (use_thing(thing[0]) == SECOND)
		model_witness();
}

/* ---------------------------------------------------------------------------------------- trims */

/* Purges what nobody has allocated, though meanwhile somebody may. */
static void purge_in_use(void)
{
	struct cache *inside = cache_of(thing_cache);
	bool is_empty = frozenref__slabs_are_empty(inside);

	if (!is_empty)
		return;
	zero_things();
	for (uint32_t i = 0; i < nr_things; i++)
		(void)construct_thing(thing[i], NULL);
	/* Takes the lock again: who allocates later sees all of it. */
	(void)frozenref__slabs_are_empty(inside);
}

static void trim_0(void)
{
	if (model_fault == FAULT_PURGES_LATE)
		purge_in_use();
	else if (frozenref_cache_trim(thing_cache))
		model_witness();
}

static void put_and_trim_0(void)
{
	put_away_0();
	trim_0();
}

static void put_trim_reuse_0(void)
{
	put_and_trim_0();
	(void)make_thing(SECOND);
}

/* Wins where another put is on its way, which then is late. */
static void revive_and_trim_1(void)
{
	struct thing *it = frozenref_cache_try_get(thing_cache, thing[0]);

	if (!it || !put_thing(it))
		return;
	(void)frozenref_cache_trim(thing_cache);
	it = make_thing(SECOND);
	if (it)
		(void)put_thing(it);
}

static void free_and_trim_0(void)
{
	free_first_0();
	trim_0();
}

/* The object is free, wherever the trim has it: so it can be had. */
static void make_and_put_1(void)
{
	struct thing *it = make_thing(SECOND);

	model_assert(it);
	(void)put_thing(it);
}

/* -------------------------------------------------------------------------------------- handles */

static void reuse_by_handle_0(void)
{
	struct frozenref_handle later;
	struct thing *it;

	put_away_0();
	it = make_thing(SECOND);
	if (!it)
		return;
	later = frozenref_cache_handle(thing_cache, it);
	model_assert(later.generation != handle.generation);
}

static void get_by_handle_1(void)
{
	struct thing *it = frozenref_cache_try_get_handle(thing_cache, handle);

	if (!it)
		return;
	model_witness();
	model_assert(model_read(&it->payload) == FIRST);
	(void)put_thing(it);
}

/* ---------------------------------------------------------------------------------------- peeks */

/* What a peek found in both words, or 0. */
static uintptr_t peek(void)
{
	uintptr_t got[WORDS] = { 0 };

	if (!frozenref_cache_peek(thing_cache, thing[0], offsetof(struct thing, word), got,
				  sizeof(got)))
		return 0;
	model_assert(got[0] == got[1] && (got[0] == FIRST || got[0] == SECOND));
	return got[0];
}

static void peek_1(void)
{
	if (peek())
		model_witness();
}

static void peek_2(void)
{
	(void)peek();
}

static void write_frozen_0(void)
{
	model_assert(frozenref_cache_freeze(thing_cache, thing[0], 1));
	fill_thing(thing[0], SECOND);
	frozenref_cache_unfreeze(thing_cache, thing[0], 1);
}

/* ---------------------------------------------------------------------------------------- limit */

/* The threads have no magazines either, nor memory for them: they do without. */
static void setup_unpopulated(void)
{
	make_thing_cache(0, 1);
	things_are_set_up();
}

static void populate_0(void)
{
	model_assert(alloc_thing() == thing[0]);
}

/* As every lookup begins: what it finds may be touched. */
static void find_1(void)
{
	if (!frozenref__cache_find(thing_cache, (uintptr_t)thing[0]))
		return;
	model_witness();
	model_assert(model_read(&noted.committed));
}

/* clang-format off */
const struct model_scenario model_scenarios_cache[] = {
	{ .name = "cache-exchange", .about = "a free that fills the depot against an alloc",
	  .setup = setup_exchange, .thread = { free_first_0, alloc_1 }, .check = check_things,
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-exchange-scarce", .about = "the same where there is nothing else",
	  .setup = setup_exchange_scarce, .thread = { free_first_0, alloc_free_1 },
	  .check = check_things, .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-exchange-two", .about = "two allocs of what a free gives to the depot",
	  .setup = setup_exchange_scarce, .thread = { free_first_0, alloc_free_1, alloc_2 },
	  .check = check_things, .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-first", .about = "two allocs where one populates the only slab for both",
	  .setup = setup_absent, .thread = { must_alloc, must_alloc }, .check = check_things,
	  .teardown = teardown_things, .quick = 1 },
	{ .name = "cache-first-bare", .about = "the same without magazines",
	  .setup = setup_absent_bare, .thread = { must_alloc, must_alloc },
	  .check = check_things, .teardown = teardown_things, .quick = 1 },
	{ .name = "cache-late-put", .about = "a put against reuse by who wins before it",
	  .setup = setup_one, .thread = { put_0, revive_and_reuse_1 }, .check = check_things,
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-late-put-get", .about = "the same, and a lookup",
	  .setup = setup_one, .thread = { put_0, revive_and_reuse_1, use_2 },
	  .check = check_things, .teardown = teardown_things, .witnessed = 1 },
	{ .name = "cache-reuse", .about = "lookup by a stale address against reuse",
	  .setup = setup_one, .thread = { put_and_reuse_0, use_1 }, .check = check_things,
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-reuse-elsewhere", .about = "the same, reused by another thread",
	  .setup = setup_handing, .thread = { put_and_hand_on_0, reuse_1, use_2 },
	  .check = check_things, .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-trim-alloc", .about = "trim against alloc and a last put",
	  .setup = setup_idle, .thread = { trim_0, make_and_put_1 }, .check = check_things,
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-trim-get", .about = "trim against a lookup, whose put may be late",
	  .setup = setup_one, .thread = { put_and_trim_0, use_2 }, .check = check_things,
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-trim-put", .about = "trim and reuse against a put, which is late",
	  .setup = setup_one, .thread = { put_0, revive_and_trim_1 }, .check = check_things,
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-trim-exchange", .about = "trim of what is in the depot against alloc",
	  .setup = setup_exchange_scarce, .thread = { free_and_trim_0, alloc_free_1 },
	  .check = check_things, .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-trim-alloc-get", .about = "trim against alloc, a last put and a lookup",
	  .setup = setup_idle, .thread = { trim_0, make_and_put_1, use_2 },
	  .check = check_things, .teardown = teardown_things, .witnessed = 1 },
	{ .name = "cache-trim-reuse", .about = "trim and reuse against a lookup",
	  .setup = setup_one, .thread = { put_trim_reuse_0, use_1 }, .check = check_things,
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-handle", .about = "a handle against free and reuse",
	  .setup = setup_handle, .thread = { reuse_by_handle_0, get_by_handle_1 },
	  .check = check_things, .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-handle-trim", .about = "a handle against free, trim and reuse",
	  .setup = setup_handle, .thread = { put_trim_reuse_0, get_by_handle_1 },
	  .check = check_things, .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-peek-free", .about = "peek against the last put, whose winner writes",
	  .setup = setup_peek_writing, .thread = { put_away_0, peek_1 }, .check = check_things,
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-peek-reuse", .about = "peek against free and reuse",
	  .setup = setup_peek, .thread = { put_and_reuse_0, peek_1 }, .check = check_things,
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-peek-elsewhere", .about = "the same, reused by another thread",
	  .setup = setup_peek_handing, .thread = { put_and_hand_on_0, reuse_1, peek_2 },
	  .check = check_things, .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-peek-write", .about = "peek against an owner who freezes and writes",
	  .setup = setup_peek, .thread = { write_frozen_0, peek_1 }, .check = check_things,
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-peek-trim", .about = "peek against free, trim and reuse",
	  .setup = setup_peek, .thread = { put_trim_reuse_0, peek_1 }, .check = check_things,
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-peek-purge", .about = "peek against free and another thread's trim",
	  .setup = setup_peek_slab, .thread = { trim_0, put_away_0, peek_2 },
	  .check = check_things, .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-peek-construct", .about = "peek against a trim and a constructor after it",
	  .setup = setup_peek_slab, .thread = { put_and_trim_0, reuse_1, peek_2 },
	  .check = check_things, .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = "cache-limit", .about = "lookup against the first alloc in a slab",
	  .setup = setup_unpopulated, .thread = { populate_0, find_1 },
	  .teardown = teardown_things, .quick = 1, .witnessed = 1 },
	{ .name = NULL },
};
/* clang-format on */
