/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of owned registries: an allocator's, who says itself which addresses are taken.
 *
 * Run by main.c. The calls are those of frozenref/mimalloc.h, inline and unchanged, on a registry
 * made owned; what libfrozenref-mimalloc has behind them is written out here without mimalloc,
 * whose place is taken by a word for each block that says whether it is free. A block that is freed
 * may be another thread's at once, so its slot must be empty by then.
 */
#include <string.h>

#include <frozenref/mimalloc.h>

#include "../../lib/owned.h"
#include "../../lib/registry.h"
#include "scenario.h"

enum { BLOCKS = 3, GRANULE_SHIFT = 6, ZONE_SHIFT = 8, DEAD = 0, FIRST, SECOND, THIRD };

struct block {
	int payload;
	char rest[(1 << GRANULE_SHIFT) - sizeof(int)];
};

static _Alignas(1 << ZONE_SHIFT) struct block blocks[BLOCKS];
static uint32_t is_free[BLOCKS]; /* the allocator's */
static uintptr_t chunk_entry;
static struct frozenref_mi_space space;
static struct frozenref_registry *reg;
static struct frozenref_slot *slots; /* the first block's */

static uint64_t pfn_of(const struct block *block)
{
	return (uint64_t)(uintptr_t)block >> GRANULE_SHIFT;
}

static struct frozenref_slot *slot_of(const struct block *block)
{
	return slot_at(&reg->table, slots, (uint64_t)(block - blocks));
}

/* ------------------------------------------------------- what libfrozenref-mimalloc has instead */

static void free_block(const struct block *block)
{
	/* Release: pairs with the acquire of whoever gets it next, as inside any allocator. */
	frozenref__store32(&is_free[block - blocks], 1, release);
}

/* The winner of a last put. */
void frozenref__mi_end(struct frozenref_mi_space *of, struct frozenref_slot *slot, void *object)
{
	struct block *block = (struct block *)object;

	(void)of;
	model_assert(model_read(&block->payload) != DEAD);
	model_write(&block->payload, DEAD);
	if (model_fault == FAULT_FREES_FIRST)
		free_block(block);
	if (!owned_leave(slot))
		frozenref__registry_disown(reg, slot);
	if (model_fault != FAULT_FREES_FIRST)
		free_block(block);
}

void *frozenref__mi_try_get_slow(struct frozenref_mi_space *of, const void *address)
{
	struct frozenref_slot *slot = frozenref_registry_try_get_addr(reg, address);

	(void)of;
	return slot ? frozenref_slot_object(slot) : NULL;
}

void frozenref__mi_unfreeze_slow(struct frozenref_mi_space *of, void *object, uint32_t refs)
{
	(void)of;
	owned_unfreeze(slot_of((struct block *)object), refs);
}

bool frozenref__mi_put_unseen(struct frozenref_mi_space *of, void *object)
{
	(void)of;
	model_fail("the slot of %p is not to be seen", object);
}

/* ------------------------------------------------------------------------------ what threads do */

/* Gets a block from the allocator; false if it is not free. */
static bool get_block(const struct block *block)
{
	return frozenref__cas32(&is_free[block - blocks], 1, 0, acquire) == 1;
}

/* Makes an object of the caller's own on blocks that he has got, and publishes it. */
static void make(struct block *block, uint64_t npages, int payload)
{
	struct frozenref_slot *slot = slot_of(block);

	model_write(&block->payload, payload);
	if (npages > 1 || !is_compact(&reg->table) || !owned_take_again(slot))
		model_assert(frozenref__registry_own(reg, pfn_of(block), npages, block) == 0);
	model_assert(owned_is_frozen(slot));
	frozenref_mi_unfreeze(&space, block, 1);
}

static void look_up(const void *address)
{
	struct block *block = (struct block *)frozenref_mi_try_get(&space, address);
	uint64_t npages;

	if (!block)
		return;
	npages = frozenref_slot_npages(reg, slot_of(block));
	model_assert((uintptr_t)address - (uintptr_t)block < npages << GRANULE_SHIFT);
	model_assert(model_read(&block->payload) != DEAD);
	(void)frozenref_mi_put(&space, block);
}

static void put_0(void)
{
	model_assert(model_read(&blocks[0].payload) == FIRST);
	(void)frozenref_mi_put(&space, &blocks[0]);
}

/* The block goes, and is somebody's again at once: who does so himself, or another thread. */
static void put_and_reuse_0(void)
{
	put_0();
	if (!get_block(&blocks[0]))
		return;
	model_witness();
	make(&blocks[0], 1, SECOND);
}

static void reuse_1(void)
{
	if (!get_block(&blocks[0]))
		return;
	model_witness();
	make(&blocks[0], 1, SECOND);
}

static void look_up_2(void)
{
	look_up(&blocks[0]);
}

/* Somewhere inside, at what is or was a tail. */
static void look_up_tail_2(void)
{
	look_up(&blocks[1].rest[8]);
}

/* The object of two granules goes, and one of one granule takes the place of its head. */
static void put_and_reuse_head_0(void)
{
	put_0();
	if (!get_block(&blocks[0]))
		return;
	model_witness();
	make(&blocks[0], 1, SECOND);
}

/* What was the tail begins an object of two. */
static void put_and_begin_at_tail_0(void)
{
	put_0();
	if (!get_block(&blocks[0]))
		return;
	model_witness();
	make(&blocks[1], 2, SECOND);
}

/* An owner writes, while others look it up: it was nobody else's. */
static void freeze_and_write_0(void)
{
	if (!frozenref_slot_freeze(reg, slots, 1))
		return;
	model_witness();
	model_write(&blocks[0].payload, DEAD);
	model_write(&blocks[0].payload, SECOND);
	frozenref_mi_unfreeze(&space, &blocks[0], 1);
}

/* Whose the one reference is, is settled elsewhere: whoever comes upon the object first takes it. */
static void publish_0(void)
{
	uint32_t flags = frozenref__load32(&slots->flags, relaxed);

	if (model_fault != FAULT_WORD_FIRST) {
		frozenref_mi_unfreeze(&space, &blocks[0], 1);
		return;
	}
	frozenref_unfreeze(&slots->ref, 1);
	frozenref__store32(&slots->flags, flags & ~FROZENREF__SLOT_BUSY, release);
}

static void take_over_and_reuse_1(void)
{
	if (!frozenref_mi_try_get(&space, &blocks[0]))
		return;
	model_assert(model_read(&blocks[0].payload) == FIRST);
	(void)frozenref_mi_put(&space, &blocks[0]);
	(void)frozenref_mi_put(&space, &blocks[0]);
	if (!get_block(&blocks[0]))
		return;
	model_witness();
	make(&blocks[0], 1, SECOND);
}

/* Nobody else inserts: so this thread may trim, whatever lookups and late puts there are. */
static void put_and_trim_0(void)
{
	put_0();
	if (frozenref__registry_trim_owned(reg))
		model_witness();
}

/* What comes after a trim stays at the next one. */
static void reuse_and_trim_0(void)
{
	model_assert(get_block(&blocks[0]));
	make(&blocks[0], 1, SECOND);
	(void)frozenref__registry_trim_owned(reg);
	model_assert(frozenref_mi_try_get(&space, &blocks[0]) == &blocks[0]);
	model_assert(model_read(&blocks[0].payload) == SECOND);
	(void)frozenref_mi_put(&space, &blocks[0]);
}

/* ------------------------------------------------------------------------------ set-up and check */

static int zero_slots(void *context, void *address, size_t size)
{
	(void)context;
	(void)size;
	model_assert(address == leaf_slots(&reg->table, slot_leaf(&reg->table, slots)));
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct frozenref_slot *slot = slot_at(&reg->table, slots, i);

		frozenref__store32(&slot->ref.word, 0, relaxed);
		frozenref__store32(&slot->flags, 0, relaxed);
		frozenref__store32(&slot->sequence, 0, relaxed);
		frozenref__store32(&slot->generation_low, 0, relaxed);
		if (is_compact(&reg->table))
			continue;
		frozenref__store32(&slot->generation_high, 0, relaxed);
		frozenref__storeptr(&slot->object.address, 0, relaxed);
	}
	return 0;
}

static void name_memory(void)
{
	static const char *const names[BLOCKS][3] = { { "word[0]", "flags[0]", "sequence[0]" },
						      { "word[1]", "flags[1]", "sequence[1]" },
						      { "word[2]", "flags[2]", "sequence[2]" } };
	struct leaf *leaf = slot_leaf(&reg->table, slots);

	model_region(slots, (size_t)BLOCKS << reg->table.slot_shift, "slots");
	model_region(leaf, sizeof(*leaf), "leaf");
	model_region(blocks, sizeof(blocks), "blocks");
	model_region(is_free, sizeof(is_free), "is_free");
	for (unsigned i = 0; i < BLOCKS; i++) {
		model_label(&slot_of(&blocks[i])->ref, names[i][0]);
		model_label(&slot_of(&blocks[i])->flags, names[i][1]);
		model_label(&slot_of(&blocks[i])->sequence, names[i][2]);
	}
}

/* A registry of blocks, with an object of so many granules at the first, and the others free. */
static void setup(unsigned flags, uint64_t npages)
{
	static struct frozenref_backend backend;
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;

	backend = model_backend;
	backend.purge = zero_slots;
	config.backend = &backend;
	config.page_shift = GRANULE_SHIFT;
	config.pfn_bits = 52;
	config.flags = flags;
	model_assert(frozenref_registry_create(&reg, &config) == 0);
	frozenref__registry_make_owned(reg);
	model_assert(frozenref__registry_own(reg, pfn_of(blocks), npages, blocks) == 0);
	slots = frozenref_registry_slot(reg, pfn_of(blocks));
	chunk_entry = ((uintptr_t)slots - ((uintptr_t)pfn_of(blocks) << reg->table.slot_shift)) |
		      GRANULE_SHIFT;
	space = (struct frozenref_mi_space){
		.first = (uintptr_t)blocks,
		.bytes = sizeof(blocks),
		.chunks = (uintptr_t)&chunk_entry -
			  ((uintptr_t)blocks >> FROZENREF__MI_CHUNK_SHIFT) * sizeof(chunk_entry),
		.slot_shift = reg->table.slot_shift,
		.zone_shift = ZONE_SHIFT,
		.small_shift = GRANULE_SHIFT,
		.registries = { reg, reg },
	};
	memset(blocks, 0, sizeof(blocks));
	memset(is_free, 0, sizeof(is_free));
	blocks[0].payload = FIRST;
	frozenref_mi_unfreeze(&space, blocks, 1);
	name_memory();
}

static void setup_one(void)
{
	setup(FROZENREF_REGISTRY_COMPACT, 1);
}

/* The object has gone, and its slot's memory was given back. */
static void setup_trimmed(void)
{
	setup_one();
	frozenref__mi_end(&space, slots, blocks);
	slots->ref.word = 0;
	model_assert(frozenref__registry_trim_owned(reg) > 0);
}

/* Two hold it. */
static void setup_held(void)
{
	setup_one();
	frozenref_get(&slots->ref);
}

/* Slots of the usual size. */
static void setup_usual(void)
{
	setup(0, 1);
}

/* It has an owner, who has filled it in. */
static void setup_frozen(void)
{
	setup_one();
	model_assert(frozenref_slot_freeze(reg, slots, 1));
}

static void setup_usual_frozen(void)
{
	setup_usual();
	model_assert(frozenref_slot_freeze(reg, slots, 1));
}

/* Objects of two granules. */
static void setup_two(void)
{
	setup(FROZENREF_REGISTRY_COMPACT, 2);
}

static void setup_usual_two(void)
{
	setup(0, 2);
}

static void teardown(void)
{
	frozenref__mi_end(&space, slots, blocks);
	model_assert(frozenref_registry_destroy(reg) == 0);
}

static void teardown_trimmed(void)
{
	model_assert(frozenref_registry_destroy(reg) == 0);
}

/* A block is free and its slot empty, or there is an object with one reference. */
static void check_blocks(void)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		const struct frozenref_slot *slot = slot_of(&blocks[i]);

		if (!(slot->flags & FROZENREF__SLOT_USED)) {
			model_assert(frozenref_is_frozen(&slot->ref));
			model_assert(blocks[i].payload == DEAD);
			continue;
		}
		model_assert(!(slot->flags & FROZENREF__SLOT_BUSY));
		model_assert(frozenref_count(&slot->ref) == 1);
		model_assert(blocks[i].payload != DEAD);
		model_assert(!is_free[i]);
	}
}

/* All are gone: also for those who ask. */
static void check_gone(void)
{
	check_blocks();
	model_assert(is_free[0] && frozenref__registry_is_empty(reg));
}

/* clang-format off */
const struct model_scenario model_scenarios_owned[] = {
	{ .name = "owned-reuse", .about = "a last put and reuse against a stale lookup",
	  .setup = setup_one, .thread = { put_and_reuse_0, look_up_2 }, .check = check_blocks,
	  .teardown = teardown, .quick = 1, .witnessed = 1, .tries = 2 },
	{ .name = "owned-reuse-elsewhere", .about = "the same, reused by another thread",
	  .setup = setup_one, .thread = { put_0, reuse_1, look_up_2 }, .check = check_blocks,
	  .teardown = teardown, .quick = 1, .witnessed = 1, .tries = 2 },
	{ .name = "owned-reuse-usual", .about = "the same with slots of the usual size",
	  .setup = setup_usual, .thread = { put_0, reuse_1, look_up_2 }, .check = check_blocks,
	  .teardown = teardown, .quick = 1, .witnessed = 1, .tries = 2 },
	{ .name = "owned-late-put", .about = "two puts, one of which may be late, lookup and reuse",
	  .setup = setup_held, .thread = { put_0, put_0, reuse_1, look_up_2 }, .check = check_blocks,
	  .teardown = teardown, .quick = 1, .witnessed = 1, .tries = 2 },
	{ .name = "owned-freeze", .about = "an owner who writes against lookup",
	  .setup = setup_one, .thread = { freeze_and_write_0, look_up_2 },
	  .check = check_blocks, .teardown = teardown, .quick = 1, .witnessed = 1, .tries = 2 },
	{ .name = "owned-publish", .about = "unfreeze against who takes its reference over",
	  .setup = setup_frozen, .thread = { publish_0, take_over_and_reuse_1 },
	  .check = check_blocks, .teardown = teardown, .quick = 1, .witnessed = 1, .tries = 2 },
	{ .name = "owned-publish-usual", .about = "the same with slots of the usual size",
	  .setup = setup_usual_frozen, .thread = { publish_0, take_over_and_reuse_1 },
	  .check = check_blocks, .teardown = teardown, .quick = 1, .witnessed = 1, .tries = 2 },
	{ .name = "owned-tail", .about = "lookup of a tail whose head is reused by itself",
	  .setup = setup_two, .thread = { put_and_reuse_head_0, look_up_tail_2 },
	  .check = check_blocks, .teardown = teardown, .quick = 1, .witnessed = 1, .tries = 2 },
	{ .name = "owned-tail-head", .about = "lookup of a tail that begins another object",
	  .setup = setup_usual_two, .thread = { put_and_begin_at_tail_0, look_up_tail_2 },
	  .check = check_blocks, .teardown = teardown, .quick = 1, .witnessed = 1, .tries = 2 },
	{ .name = "owned-trim", .about = "trim against lookup and a put, which may be late",
	  .setup = setup_held, .thread = { put_and_trim_0, put_0, look_up_2 },
	  .check = check_gone, .teardown = teardown, .quick = 1, .witnessed = 1, .tries = 2 },
	{ .name = "owned-trim-reuse", .about = "reuse after a trim, and another trim, against lookup",
	  .setup = setup_trimmed, .thread = { reuse_and_trim_0, look_up_2 },
	  .check = check_blocks, .teardown = teardown_trimmed, .quick = 1, .tries = 2 },
	{ .name = NULL },
};
/* clang-format on */
