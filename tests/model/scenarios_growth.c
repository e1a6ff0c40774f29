/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of the page table's growth: a range over two leaves, of which an insert makes the first
 * while lookups go through the second.
 *
 * Run by main.c. The leaves' memory is the same in each execution, so that the explorer can put it
 * back; what the threads link is freed by nobody.
 */
#include <stdlib.h>
#include <string.h>

#include "../../lib/table.h"
#include "scenario.h"

/* The last pfn of the first leaf, and the first of the second. */
#define HEAD (LEAF_SLOTS - 1)
#define TAIL LEAF_SLOTS

enum { ALIVE = 1 };

static struct frozenref_registry *reg;
static void *first_leaf;

static struct {
	int payload;
	int result;
	unsigned hits;
} s;

/* A registry that has the second leaf only. */
static void setup(void)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct frozenref_slot *slots;
	size_t bytes;

	memset(&s, 0, sizeof(s));
	config.backend = &model_backend;
	model_assert(frozenref_registry_create(&reg, &config) == 0);
	model_assert(frozenref_registry_insert(reg, TAIL, &s.payload) == 0);
	slots = frozenref_registry_slot(reg, TAIL);
	model_assert(frozenref_registry_erase(reg, TAIL) == 0);
	bytes = leaf_bytes(&reg->table);
	model_assert(model_backend.reserve(NULL, bytes + sizeof(struct leaf), bytes, &first_leaf) ==
		     0);
	model_region(slots, sizeof(*slots), "tail");
	model_region((char *)first_leaf + bytes - sizeof(*slots), sizeof(*slots), "head");
	model_region((char *)first_leaf + bytes, sizeof(struct leaf), "leaf");
	model_region(&s, sizeof(s), "object");
	model_backend_memory = first_leaf;
}

static void teardown(void)
{
	model_backend_memory = NULL;
	model_assert(frozenref_registry_destroy(reg) == 0);
	free(first_leaf);
}

static void insert_range_0(void)
{
	model_write(&s.payload, ALIVE);
	s.result = frozenref_registry_insert_range(reg, HEAD, 2, &s.payload);
}

static void look_up_tail_1(void)
{
	struct frozenref_slot *slot = frozenref_registry_try_get(reg, TAIL);

	if (!slot)
		return;
	s.hits++;
	model_assert(frozenref_slot_pfn(reg, slot) == HEAD);
	model_assert(model_read((int *)frozenref_slot_object(slot)) == ALIVE);
	(void)frozenref_slot_put(reg, slot);
	model_witness();
}

static void check(void)
{
	model_assert(s.result == 0);
	model_assert(frozenref_registry_state(reg, TAIL) == FROZENREF_LIVE);
	model_assert(frozenref_slot_count(frozenref_registry_slot(reg, TAIL)) == 1);
}

/* clang-format off */
const struct model_scenario model_scenarios_growth[] = {
	{ .name = "grow-tail", .about = "lookup of a tail whose head's leaf is being linked",
	  .setup = setup, .thread = { insert_range_0, look_up_tail_1 }, .check = check,
	  .teardown = teardown, .quick = 1, .witnessed = 1 },
	{ .name = NULL },
};
/* clang-format on */
