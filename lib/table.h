/* SPDX-License-Identifier: MIT */
/*
 * The page table's interface inside lib/: leaves of slots, found or made by pfn.
 *
 * Used by the registry's sources. Programs compile in the shortest way to a slot, which is in
 * registry.h: frozenref__table_window_slot(). Nothing but trims takes a lock: nodes and leaves are
 * linked by compare-and-swap, and whoever loses gives back what it had made, so that a fork can
 * leave no lock behind.
 */
#ifndef FROZENREF_LIB_TABLE_H
#define FROZENREF_LIB_TABLE_H

#include <frozenref/registry.h>

#define LEAF_SLOTS (UINT64_C(1) << FROZENREF__LEAF_SHIFT)

/*
 * Walks look only at chunks of slots that have been in use since the last purge: merely reading the
 * others would fill page tables, and count as memory in use.
 */
#define CHUNK_SLOTS 128
#define LEAF_CHUNKS (LEAF_SLOTS / CHUNK_SLOTS)

/*
 * What is known of a leaf, in memory behind its slots. A leaf belongs to one span of pfns for ever:
 * were it used for another span, a stale lookup could succeed on the wrong object.
 */
struct leaf {
	uint64_t first;		  /* the span's first pfn */
	uint64_t base_generation; /* the largest that a purge has forgotten; no slot goes below */
	uint32_t base_sequence;	  /* likewise */
	uint32_t used;		  /* slots that are not empty, or about to be claimed */
	uint32_t releasing;	  /* release() calls under way for objects that were here */
	uint32_t page_shift;	  /* the registry's: what makes a compact slot's pfn an address */
	uint32_t ntouched;	  /* how many bits of `touched` are set */
	uint32_t idle;		  /* bytes that are counted as idle, see struct idle */
	uint32_t refused;	  /* whether the backend did, when asked for a purge */
	uint32_t touched[LEAF_CHUNKS / 32]; /* a bit for each chunk that ever had a slot in use */
};

/*
 * How much memory lies idle: that of slots that have been in use since the last purge, in leaves in
 * which nothing is in use now. Counted only where leaves are trimmed by themselves; table_trim.c
 * has the rest.
 */
struct idle {
	uintptr_t above; /* bytes that may lie idle; 0: nothing is counted */
	uintptr_t bytes; /* the sum of all leaves */
	uint32_t forks;	 /* as many as there had been when the sum was right for sure */
};

static inline bool is_counted(const struct idle *idle)
{
	return idle->above != 0;
}

/* Whether it is time for a trim. */
static inline bool is_too_much(const struct idle *idle)
{
	/* Relaxed: a number to go by. With a sign, since a fork may leave less than nothing. */
	intptr_t bytes = (intptr_t)frozenref__loadptr(&idle->bytes, relaxed);

	return bytes > 0 && (uintptr_t)bytes > idle->above;
}

/* The slots are being given back: nothing may be claimed in the leaf until that is over. */
#define LEAF_PURGING UINT32_C(0x80000000)

/* How many slots `used` counts. */
static inline uint32_t leaf_count(const struct leaf *leaf)
{
	/* Relaxed: a number to go by; who is being inserted now may be missed. */
	return frozenref__load32(&leaf->used, relaxed) & ~LEAF_PURGING;
}

/*
 * Whether nothing is in the leaf, and no release() of what was there is running: it keeps the
 * registry from being destroyed, but not the pfns from being used again.
 */
static inline bool leaf_is_idle(const struct leaf *leaf)
{
	/*
	 * Acquire, both: pairs with the release of the last leave(), and of end(). In this order:
	 * an object's release() is counted before its slots are left.
	 */
	return !frozenref__load32(&leaf->used, acquire) &&
	       !frozenref__load32(&leaf->releasing, acquire);
}

/* Consecutive slots of one leaf. */
struct span {
	struct leaf *leaf;
	struct frozenref_slot *slot;
	uint64_t n;
};

static inline size_t leaf_bytes(const struct frozenref__table *table)
{
	return (size_t)LEAF_SLOTS << table->slot_shift;
}

static inline struct leaf *slot_leaf(const struct frozenref__table *table,
				     const struct frozenref_slot *slot)
{
	return (struct leaf *)(((uintptr_t)slot & ~(uintptr_t)(leaf_bytes(table) - 1)) +
			       leaf_bytes(table));
}

static inline struct frozenref_slot *leaf_slots(const struct frozenref__table *table,
						struct leaf *leaf)
{
	return (struct frozenref_slot *)((uintptr_t)leaf - leaf_bytes(table));
}

static inline uint64_t slot_pfn(const struct frozenref__table *table,
				const struct frozenref_slot *slot)
{
	const struct leaf *leaf = slot_leaf(table, slot);

	return leaf->first + ((uintptr_t)slot % leaf_bytes(table) >> table->slot_shift);
}

static inline bool is_compact(const struct frozenref__table *table)
{
	return table->slot_shift == 4;
}

static inline uint64_t slot_generation(const struct frozenref__table *table,
				       const struct frozenref_slot *slot)
{
	/* Relaxed, both: ordered by a reference, or by the sequence around them. */
	uint64_t generation = frozenref__load32(&slot->generation_low, relaxed);

	if (is_compact(table))
		return generation;
	return generation | (uint64_t)frozenref__load32(&slot->generation_high, relaxed) << 32;
}

/* Whether generation a comes after b; those of 32 bits go round, as sequences do. */
static inline bool generation_after(const struct frozenref__table *table, uint64_t a, uint64_t b)
{
	return is_compact(table) ? (int32_t)((uint32_t)a - (uint32_t)b) > 0 : a > b;
}

/* The slot i places after this one, in the same leaf. */
static inline struct frozenref_slot *slot_at(const struct frozenref__table *table,
					     struct frozenref_slot *slot, uint64_t i)
{
	return (struct frozenref_slot *)((uintptr_t)slot + ((uintptr_t)i << table->slot_shift));
}

/* The slot i places before this one, in the same leaf. */
static inline struct frozenref_slot *slot_before(const struct frozenref__table *table,
						 struct frozenref_slot *slot, uint64_t i)
{
	return (struct frozenref_slot *)((uintptr_t)slot - ((uintptr_t)i << table->slot_shift));
}

static inline bool chunk_is_touched(const struct leaf *leaf, uint64_t chunk)
{
	/* Relaxed: who is being inserted now may be missed. */
	return frozenref__load32(&leaf->touched[chunk / 32], relaxed) >> chunk % 32 & 1;
}

/*
 * The tree has nodes of 512 entries, and is as high as the largest pfn in it needs. An entry is the
 * address of a node or leaf; the root also carries the height in its low bits. Entries go from zero
 * to their value once, the root from lower to higher trees; nothing is taken back before destroy.
 */
#define NODE_SHIFT  9
#define HEIGHT_MASK ((uintptr_t)7)

/* The slot of a pfn, or NULL where there is no leaf. Writes nothing and takes no memory. */
static inline struct frozenref_slot *frozenref__table_slot(const struct frozenref__table *table,
							   uint64_t pfn)
{
	struct frozenref_slot *slot = frozenref__table_window_slot(table, pfn);
	uintptr_t entry;
	unsigned shift;

	if (slot)
		return slot;
	/* Acquire, here and below: pairs with the release that linked the node or leaf. */
	entry = frozenref__loadptr(&table->root, acquire);
	shift = FROZENREF__LEAF_SHIFT + NODE_SHIFT * (unsigned)(entry & HEIGHT_MASK);
	entry &= ~HEIGHT_MASK;
	if (pfn >> shift || !entry)
		return NULL;
	while (entry && shift != FROZENREF__LEAF_SHIFT) {
		shift -= NODE_SHIFT;
		entry = frozenref__loadptr((uintptr_t *)entry +
						   ((pfn >> shift) & ((1u << NODE_SHIFT) - 1)),
					   acquire);
	}
	return entry ? slot_at(table, (struct frozenref_slot *)entry, pfn % LEAF_SLOTS) : NULL;
}

/* For a table whose memory is zero. */
int frozenref__table_init(struct frozenref__table *table, const struct frozenref_backend *backend,
			  unsigned pfn_bits, unsigned slot_shift);

/*
 * As much of pfn .. pfn + npages - 1 as lies in the leaf of pfn, which is made if there is none.
 * Returns 0 or -ENOMEM. The caller has checked the range against pfn_bits.
 */
int frozenref__table_make_span(struct frozenref__table *table, uint64_t pfn, uint64_t npages,
			       struct span *span);

/* The same for pfns whose leaf is known to exist. */
struct span frozenref__table_span(const struct frozenref__table *table, uint64_t pfn,
				  uint64_t npages);

/* The first leaf that ends after *pfn, or NULL; *pfn becomes its first pfn. */
struct leaf *frozenref__table_next(const struct frozenref__table *table, uint64_t *pfn);

/* Bytes of address space taken and of memory in use by nodes and leaves. */
void frozenref__table_usage(const struct frozenref__table *table, uint64_t *reserved,
			    uint64_t *resident);

/* Gives everything back to the backend; nobody else may use the table any more. */
void frozenref__table_destroy(struct frozenref__table *table);

/* -- what table_trim.c has -- */

/* How many forks there are between this process and the one that made the first table. */
extern uint32_t frozenref__forks;

/* Before there is anything to purge; 0 or -ENOMEM. */
int frozenref__table_watch_forks(void);

/* The caller has emptied the leaf, or is about to take the first slots of an empty one. */
void frozenref__leaf_emptied(const struct frozenref__table *table, struct idle *idle,
			     struct leaf *leaf);
void frozenref__leaf_taken(struct idle *idle, struct leaf *leaf);

/* Gives back the memory of leaves that are not in use, and returns the bytes. */
size_t frozenref__table_trim(const struct frozenref__table *table, struct idle *idle);

/* The same of what is counted as idle, unless another thread is at it or there is a fork. */
void frozenref__table_trim_idle(const struct frozenref__table *table, struct idle *idle);

#endif /* FROZENREF_LIB_TABLE_H */
