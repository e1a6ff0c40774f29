/* SPDX-License-Identifier: MIT */
/*
 * The page table: memory for slots only where pfns are in use, at addresses that never change.
 *
 * Called by registry.c, through table.h. Relies on a backend for memory and on atomic.h. The layout
 * of nodes and entries is in table.h. Writers race here without a lock: a new node or leaf is
 * linked by one compare-and-swap, and the loser of a race releases its own and takes the winner's.
 * table_trim.c gives their memory back.
 */
#include "backend.h"
#include "table.h"

#define NODE_ENTRIES (1u << NODE_SHIFT)
#define NODE_BYTES   (NODE_ENTRIES * sizeof(uintptr_t))

/* A leaf's memory: the slots, and a struct leaf in memory of its own behind them. */
static size_t leaf_area(const struct frozenref__table *table)
{
	return leaf_bytes(table) + sizeof(struct leaf);
}

static unsigned entry_height(uintptr_t entry)
{
	return (unsigned)(entry & HEIGHT_MASK);
}

/* log2 of the pfns that a tree of this height covers */
static unsigned height_shift(unsigned height)
{
	return FROZENREF__LEAF_SHIFT + NODE_SHIFT * height;
}

static uintptr_t *node_entry(uintptr_t node, uint64_t pfn, unsigned height)
{
	return (uintptr_t *)node + ((pfn >> height_shift(height - 1)) & (NODE_ENTRIES - 1));
}

int frozenref__table_init(struct frozenref__table *table, const struct frozenref_backend *backend,
			  unsigned pfn_bits, unsigned slot_shift)
{
	int err = frozenref__table_watch_forks();

	if (err)
		return err;
	table->slot_shift = slot_shift;
	table->pfn_bits = pfn_bits;
	table->backend = backend;
	return 0;
}

/* --------------------------------------------------------------------------- making and linking */

static int make_node(const struct frozenref__table *table, uintptr_t *node)
{
	void *address;
	int err = frozenref__backend_map(table->backend, NODE_BYTES, NODE_BYTES, &address);

	*node = (uintptr_t)address;
	return err;
}

static void free_node(const struct frozenref__table *table, uintptr_t node)
{
	frozenref__backend_unmap(table->backend, (void *)node, NODE_BYTES);
}

static int make_leaf(const struct frozenref__table *table, uint64_t pfn, uintptr_t *slots)
{
	void *address;
	int err = frozenref__backend_map(table->backend, leaf_area(table), leaf_bytes(table),
					 &address);

	if (err)
		return err;
	slot_leaf(table, address)->first = pfn & ~(LEAF_SLOTS - 1);
	slot_leaf(table, address)->page_shift = table->page_shift;
	*slots = (uintptr_t)address;
	return 0;
}

static void free_leaf(const struct frozenref__table *table, uintptr_t slots)
{
	frozenref__backend_unmap(table->backend, (void *)slots, leaf_area(table));
}

/* The lowest tree that covers the pfn; its root is a node, never a leaf. */
static unsigned height_for(uint64_t pfn)
{
	unsigned height = 1;

	while (pfn >> height_shift(height))
		height++;
	return height;
}

/*
 * A new root node, with the tree as it is under its first entry: one level more each time, but an
 * empty tree is raised at once to the height that the pfn needs.
 */
static int raise_root(struct frozenref__table *table, uintptr_t root, uint64_t pfn)
{
	uintptr_t tree = root & ~HEIGHT_MASK;
	unsigned height = tree ? entry_height(root) + 1 : height_for(pfn);
	uintptr_t node;
	int err = make_node(table, &node);

	if (err)
		return err;
	/* Relaxed: the release below publishes it. */
	frozenref__storeptr((uintptr_t *)node, tree, relaxed);
	/* Release: pairs with the acquire of whoever walks through the new root. */
	if (frozenref__casptr(&table->root, root, node | height, acq_rel) != root)
		free_node(table, node);
	return 0;
}

/* A root that covers the pfn. */
static int make_root(struct frozenref__table *table, uint64_t pfn, uintptr_t *root)
{
	for (;;) {
		int err;

		*root = frozenref__loadptr(&table->root, acquire);
		if (*root && !(pfn >> height_shift(entry_height(*root))))
			return 0;
		err = raise_root(table, *root, pfn);
		if (err)
			return err;
	}
}

/* What an entry of this height leads to: what is there, or else a new node, or at 0 a leaf. */
static int make_entry(struct frozenref__table *table, uintptr_t *entry, uint64_t pfn,
		      unsigned height, uintptr_t *target)
{
	uintptr_t made = 0;
	int err;

	/* Acquire: pairs with the release below. */
	*target = frozenref__loadptr(entry, acquire);
	if (*target)
		return 0;
	err = height ? make_node(table, &made) : make_leaf(table, pfn, &made);
	if (err)
		return err;
	/* Release: publishes the new memory. */
	if (frozenref__casptr(entry, 0, made, acq_rel) == 0) {
		*target = made;
		return 0;
	}
	/*
	 * Acquire: what the winner linked is used; a compare-and-swap that failed orders nothing.
	 */
	*target = frozenref__loadptr(entry, acquire);
	if (height)
		free_node(table, made);
	else
		free_leaf(table, made);
	return 0;
}

/* Lets lookups find a leaf without a walk, if it lies in the window, or is the first of all. */
static void show_in_window(struct frozenref__table *table, uint64_t pfn, uintptr_t slots)
{
	uint32_t *window = table->slot_shift == FROZENREF__SLOT_SHIFT ? &table->window_number
								      : &table->other_number;
	uint32_t number = (uint32_t)(pfn >> FROZENREF__WINDOW_SHIFT) + 1;
	/* Relaxed, both: a lookup that sees the leaf, by its release, sees the number as well. */
	uint32_t found = frozenref__load32(window, relaxed);

	if (!found)
		found = frozenref__cas32(window, 0, number, relaxed);
	if (found && found != number)
		return;
	/* Release: pairs with the acquire of frozenref__table_window_slot(). */
	frozenref__storeptr(
		&table->window[(pfn >> FROZENREF__LEAF_SHIFT) % FROZENREF__WINDOW_LEAVES], slots,
		release);
}

/* The slots of the leaf of a pfn, made if need be. */
static int find_or_make_leaf(struct frozenref__table *table, uint64_t pfn, uintptr_t *slots)
{
	uintptr_t root;
	unsigned height;
	int err = make_root(table, pfn, &root);

	if (err)
		return err;
	height = entry_height(root);
	root &= ~HEIGHT_MASK;
	while (height--) {
		err = make_entry(table, node_entry(root, pfn, height + 1), pfn, height, &root);
		if (err)
			return err;
	}
	show_in_window(table, pfn, root);
	*slots = root;
	return 0;
}

/* -------------------------------------------------------------------------------------- spans */

static struct span span_in(const struct frozenref__table *table, uintptr_t slots, uint64_t pfn,
			   uint64_t npages)
{
	uint64_t index = pfn % LEAF_SLOTS;
	struct span span;

	span.slot = slot_at(table, (struct frozenref_slot *)slots, index);
	span.leaf = slot_leaf(table, span.slot);
	span.n = npages < LEAF_SLOTS - index ? npages : LEAF_SLOTS - index;
	return span;
}

int frozenref__table_make_span(struct frozenref__table *table, uint64_t pfn, uint64_t npages,
			       struct span *span)
{
	struct frozenref_slot *slot = frozenref__table_window_slot(table, pfn);
	uintptr_t slots = (uintptr_t)slot & ~(uintptr_t)(leaf_bytes(table) - 1);

	if (!slot) {
		int err = find_or_make_leaf(table, pfn, &slots);

		if (err)
			return err;
	}
	*span = span_in(table, slots, pfn, npages);
	return 0;
}

struct span frozenref__table_span(const struct frozenref__table *table, uint64_t pfn,
				  uint64_t npages)
{
	uintptr_t slot = (uintptr_t)frozenref__table_slot(table, pfn);

	return span_in(table, slot & ~(uintptr_t)(leaf_bytes(table) - 1), pfn, npages);
}

/* -------------------------------------------------------------------------------------- walks */

/* Below this entry, the first leaf that ends after *pfn; a leaf and an absence move *pfn alike. */
static uintptr_t next_below(uintptr_t entry, unsigned height, uint64_t *pfn)
{
	uint64_t span = UINT64_C(1) << height_shift(height);
	uint64_t end = (*pfn & ~(span - 1)) + span;

	if (!entry) {
		*pfn = end;
		return 0;
	}
	if (!height) {
		*pfn = end - span;
		return entry;
	}
	while (*pfn < end) {
		/* Acquire: pairs with the release of make_entry(). */
		uintptr_t found =
			next_below(frozenref__loadptr(node_entry(entry, *pfn, height), acquire),
				   height - 1, pfn);

		if (found)
			return found;
	}
	return 0;
}

struct leaf *frozenref__table_next(const struct frozenref__table *table, uint64_t *pfn)
{
	/* Acquire: pairs with the release of raise_root(). */
	uintptr_t root = frozenref__loadptr(&table->root, acquire);
	unsigned height = entry_height(root);
	uintptr_t slots;

	if (*pfn >> height_shift(height))
		return NULL;
	slots = next_below(root & ~HEIGHT_MASK, height, pfn);
	return slots ? slot_leaf(table, (struct frozenref_slot *)slots) : NULL;
}

static void usage_below(const struct frozenref__table *table, uintptr_t entry, unsigned height,
			uint64_t *reserved, uint64_t *resident)
{
	size_t size = height ? NODE_BYTES : leaf_area(table);

	if (!entry)
		return;
	*reserved += frozenref__backend_rounded(size);
	*resident += frozenref__backend_resident((void *)entry, size);
	for (unsigned i = 0; height && i < NODE_ENTRIES; i++)
		usage_below(table, frozenref__loadptr((uintptr_t *)entry + i, acquire), height - 1,
			    reserved, resident);
}

void frozenref__table_usage(const struct frozenref__table *table, uint64_t *reserved,
			    uint64_t *resident)
{
	uintptr_t root = frozenref__loadptr(&table->root, acquire);

	*reserved = 0;
	*resident = 0;
	usage_below(table, root & ~HEIGHT_MASK, entry_height(root), reserved, resident);
}

/* ------------------------------------------------------------------------------------- destroy */

static void destroy_below(const struct frozenref__table *table, uintptr_t entry, unsigned height)
{
	if (!entry)
		return;
	if (!height) {
		free_leaf(table, entry);
		return;
	}
	for (unsigned i = 0; i < NODE_ENTRIES; i++)
		destroy_below(table, frozenref__loadptr((uintptr_t *)entry + i, acquire),
			      height - 1);
	free_node(table, entry);
}

void frozenref__table_destroy(struct frozenref__table *table)
{
	uintptr_t root = frozenref__loadptr(&table->root, acquire);

	destroy_below(table, root & ~HEIGHT_MASK, entry_height(root));
	frozenref__storeptr(&table->root, 0, relaxed);
}
