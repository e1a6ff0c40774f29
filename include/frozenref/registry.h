/* SPDX-License-Identifier: MIT */
/*
 * The registry: page-frame number (or any integer key) to object, with the counter in the registry.
 *
 * Used by programs that look objects up by number while other threads free them, without a grace
 * period; lib/registry.c has the rest of it. Relies on ref.h, and on lib/table.c for slots that
 * never move and are never unmapped while the registry lives: that is why a lookup may add to a
 * counter of which it knows nothing.
 *
 * A pfn is empty; frozen (taken, and not yet published, or being migrated or evicted by an owner);
 * live; or erased (lookups miss it, a holder has not left yet). An object covers one pfn, its head,
 * or a range of them: a head and tails, which lead to the head and are never referenced themselves.
 *
 * The registry owns one reference of each live object. Lookups take no lock and never allocate. A
 * lookup that returns NULL may have dropped the last reference of another object, and then runs its
 * release(). Any function here may be called from any thread and from within release(); none of
 * them but the slot accessors, frozenref_registry_state() and frozenref_slot_get() from signal
 * handlers.
 */
#ifndef FROZENREF_REGISTRY_H
#define FROZENREF_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef FROZENREF_NO_INLINE
# include <frozenref/atomic.h>
#endif
#include <frozenref/backend.h>
#include <frozenref/compiler.h>
#include <frozenref/ref.h>
#include <frozenref/types.h>

FROZENREF__BEGIN_DECLS

/* ---------------------------------------------------------------------------------- interface */

struct frozenref_registry;
struct frozenref_slot;

#define FROZENREF_REGISTRY_NPAGES_MAX (UINT64_C(1) << 20) /* most pages that one object may cover */

/* Slots of 64 bytes instead of 32: no two counters share a cache line. */
#define FROZENREF_REGISTRY_PADDED   1u
/*
 * Every object's npages << page_shift bytes, rounded up to whole pointers, stay readable for ever,
 * whatever becomes of the object: frozenref_registry_peek() may read them. Objects must be aligned
 * for pointers.
 */
#define FROZENREF_REGISTRY_PEEKABLE 2u
/*
 * Slots of 16 bytes, for registries of addresses: the object on a pfn is the address
 * pfn << page_shift, so an insert of any other is -EINVAL (NULL will do for a frozen one),
 * frozenref_slot_set_object() does nothing and frozenref_slot_replace() is -EINVAL. Handles wrap
 * after 2^31 objects on one pfn, and there are no user bits. Not together with the other two.
 */
#define FROZENREF_REGISTRY_COMPACT  4u

/* Zero members mean the default. */
struct frozenref_registry_config {
	uint32_t size;	     /* sizeof(struct frozenref_registry_config) */
	unsigned pfn_bits;   /* pfns are below 1 << pfn_bits: 1 to 52; default 36 */
	unsigned page_shift; /* an address's pfn is address >> page_shift: 1 to 51; default 12 */
	/*
	 * Run by the last put, with no lock held, after the object's pfns were emptied: so a new
	 * object may live on them already. NULL: nothing to do.
	 */
	void (*release)(void *object, uint64_t pfn, uint64_t npages, void *arg);
	void *arg;
	const struct frozenref_backend *backend; /* default frozenref_mmap_backend() */
	unsigned flags;				 /* FROZENREF_REGISTRY_* */
	/*
	 * Bytes of slots that may stay in memory though no pfn of their tables is in use: whoever
	 * ends an object and finds more gives all of that back, as frozenref_registry_trim() does,
	 * after release() and unless somebody else is at it. 0: nobody does.
	 */
	size_t trim_above;
};

/* clang-format off */
#define FROZENREF_REGISTRY_CONFIG_INIT                                                             \
	{ sizeof(struct frozenref_registry_config), 0, 0, NULL, NULL, NULL, 0, 0 }
/* clang-format on */

/*
 * A NULL config means all defaults. -EINVAL: an unknown size, flag, or a member out of its range;
 * -ENOTSUP: PEEKABLE on a machine whose stores need not reach all others at once (POWER and 32-bit
 * ARM); -ENOMEM.
 */
FROZENREF__API FROZENREF__MUST_CHECK int
frozenref_registry_create(struct frozenref_registry **reg,
			  const struct frozenref_registry_config *config);

/*
 * After every other call has returned. -EBUSY, and nothing is freed, while any pfn is not empty or
 * a release() has not returned; -EINVAL for NULL.
 */
FROZENREF__API int frozenref_registry_destroy(struct frozenref_registry *reg);

/* -- publishing -- */

/*
 * Publishes an object, live with one reference, the registry's own. -EEXIST: the pfn is taken, live
 * or frozen; -EBUSY: erased, and a holder has not left; -ERANGE: above pfn_bits; -EINVAL: NULL;
 * -ENOMEM. On failure nothing has changed.
 */
FROZENREF__API FROZENREF__MUST_CHECK int frozenref_registry_insert(struct frozenref_registry *reg,
								   uint64_t pfn, void *object);

/*
 * One object over npages pfns, 1 to FROZENREF_REGISTRY_NPAGES_MAX (else -EINVAL): all or nothing.
 * A range that ends above pfn_bits is -ERANGE.
 */
FROZENREF__API FROZENREF__MUST_CHECK int
frozenref_registry_insert_range(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages,
				void *object);

/*
 * Takes the pfns without publishing them: lookups miss, and the caller owns the slot, until
 * frozenref_slot_unfreeze(reg, slot, 1 + the caller's own) or frozenref_slot_erase_frozen(). The
 * object may be NULL.
 */
FROZENREF__API FROZENREF__MUST_CHECK int
frozenref_registry_insert_frozen(struct frozenref_registry *reg, uint64_t pfn, uint64_t npages,
				 void *object, struct frozenref_slot **slot);

/*
 * The same on the lowest free run of npages pfns within first .. last, as far as pfn_bits go.
 * -ENOSPC: there is none; -ERANGE: first is above pfn_bits; -EINVAL: first is above last, or as
 * above.
 */
FROZENREF__API FROZENREF__MUST_CHECK int
frozenref_registry_alloc_frozen(struct frozenref_registry *reg, uint64_t first, uint64_t last,
				uint64_t npages, void *object, struct frozenref_slot **slot);

/*
 * Takes an object out, through any of its pfns: lookups miss it from now on, the registry's own
 * reference is dropped, holders keep theirs. -ENOENT: nothing there, or erased already; -EBUSY: an
 * owner holds it frozen; -EINVAL: NULL. Of an erase and a freeze that meet only one succeeds; a
 * frozenref_slot_replace() is waited for.
 */
FROZENREF__API int frozenref_registry_erase(struct frozenref_registry *reg, uint64_t pfn);

/*
 * Erases every object that covers a pfn in first .. last and returns how many that were; *skipped,
 * unless NULL, becomes the number of those that were frozen and so stayed.
 */
FROZENREF__API uint64_t frozenref_registry_erase_range(struct frozenref_registry *reg,
						       uint64_t first, uint64_t last,
						       uint64_t *skipped);

/* -- looking up -- */

/*
 * A reference on the object that covers the pfn, or NULL: empty, erased, or frozen at the moment.
 * Absence is definite only when frozenref_registry_state() says EMPTY or ERASED. Acquire.
 */
FROZENREF__INLINE FROZENREF__MUST_CHECK struct frozenref_slot *
frozenref_registry_try_get(struct frozenref_registry *reg, uint64_t pfn);
FROZENREF__INLINE FROZENREF__MUST_CHECK struct frozenref_slot *
frozenref_registry_try_get_addr(struct frozenref_registry *reg, const void *address);

/*
 * Looks n pfns up and fills in slots[], NULL for a miss; returns the number found. The slots' cache
 * lines are fetched ahead, which pays where they are not in the cache.
 */
FROZENREF__API size_t frozenref_registry_try_get_batch(struct frozenref_registry *reg,
						       const uint64_t *pfns, size_t n,
						       struct frozenref_slot **slots);

/*
 * The next live object whose head lies in *pfn .. last, referenced, and *pfn moves past its end,
 * which may lie beyond last; NULL when there is none left, and *pfn moves to last + 1, or stays
 * where it is beyond. So it never goes back. Each object comes once, however many pfns it has; to
 * start inside of one, frozenref_registry_try_get() the first pfn before. Frozen and erased ones
 * are left out, and one that is inserted or erased meanwhile may be.
 */
FROZENREF__API FROZENREF__MUST_CHECK struct frozenref_slot *
frozenref_registry_next(struct frozenref_registry *reg, uint64_t *pfn, uint64_t last);

/*
 * A weak reference, see types.h: it survives freezing, replacing and trimming. For a holder or an
 * owner.
 */
FROZENREF__API struct frozenref_handle frozenref_slot_handle(const struct frozenref_registry *reg,
							     const struct frozenref_slot *slot);

/* A reference on that very object, or NULL: gone, erased, or frozen at the moment. Acquire. */
FROZENREF__API FROZENREF__MUST_CHECK struct frozenref_slot *
frozenref_registry_try_get_handle(struct frozenref_registry *reg, struct frozenref_handle handle);

/*
 * Copies `length` bytes out of the object that covers the pfn, without a reference and without
 * writing anything, so that any number of threads read one object without a line moving between
 * them. `offset` counts from the page of the pfn asked for. True: the object was live, and the
 * same, for the whole copy. False: it was not, or the bytes are beyond its end, or the registry is
 * not PEEKABLE. It does not see what holders of references write meanwhile.
 */
FROZENREF__INLINE FROZENREF__MUST_CHECK bool frozenref_registry_peek(struct frozenref_registry *reg,
								     uint64_t pfn, size_t offset,
								     void *buffer, size_t length);

/* Why a lookup gave NULL. Writes nothing: wait on this, not by spinning on try_get. */
FROZENREF__API enum frozenref_state frozenref_registry_state(struct frozenref_registry *reg,
							     uint64_t pfn);

/* The same for a handle; EMPTY also when the pfn has another object now. */
FROZENREF__API enum frozenref_state frozenref_registry_handle_state(struct frozenref_registry *reg,
								    struct frozenref_handle handle);

/*
 * The slot of the head that covers the pfn, or NULL, without a reference: for those who hold one,
 * and for hands that go around and freeze. The pointer stays valid until destroy.
 */
FROZENREF__API struct frozenref_slot *frozenref_registry_slot(struct frozenref_registry *reg,
							      uint64_t pfn);

/* -- holding a reference, or owning the object frozen -- */

FROZENREF__INLINE void *frozenref_slot_object(const struct frozenref_slot *slot);
FROZENREF__API uint64_t frozenref_slot_pfn(const struct frozenref_registry *reg,
					   const struct frozenref_slot *slot);
FROZENREF__INLINE uint64_t frozenref_slot_npages(const struct frozenref_registry *reg,
						 const struct frozenref_slot *slot);
FROZENREF__INLINE uint32_t frozenref_slot_count(const struct frozenref_slot *slot);
FROZENREF__INLINE bool frozenref_slot_is_erased(const struct frozenref_slot *slot);

/*
 * The user's 32 bits (dirty, referenced, ...), zero after insert. Shared: use atomics on them. NULL
 * in a COMPACT registry.
 */
FROZENREF__INLINE uint32_t *frozenref_slot_user(struct frozenref_slot *slot);

/* One more reference, for a holder. */
FROZENREF__INLINE void frozenref_slot_get(struct frozenref_registry *reg,
					  struct frozenref_slot *slot);

/*
 * Drops one. The last put copies object, pfn and npages, empties the slot and its tails, and then
 * calls release(): the pfns can be inserted again at once, also from inside release(). True: this
 * call ran it. _left tells how many references this very put left, as
 * frozenref_put_and_lock_left().
 */
FROZENREF__INLINE bool frozenref_slot_put(struct frozenref_registry *reg,
					  struct frozenref_slot *slot);
FROZENREF__INLINE bool frozenref_slot_put_left(struct frozenref_registry *reg,
					       struct frozenref_slot *slot, uint32_t *left);

/*
 * Freezes a live object that has exactly `expected` references, the registry's own included: 1 if
 * nobody else may hold it, 2 if only the caller does. False if it has any other number, was erased,
 * or another freeze is going on. A passing lookup or erase can make it fail for a moment; if an
 * erase does, the reference it leaves to this call may be the last, and run release().
 */
FROZENREF__API FROZENREF__MUST_CHECK bool frozenref_slot_freeze(struct frozenref_registry *reg,
								struct frozenref_slot *slot,
								uint32_t expected);

/* -- owning it frozen -- */

/* Publishes with `refs` references, the registry's own included. From inside release() misuse. */
FROZENREF__API void frozenref_slot_unfreeze(struct frozenref_registry *reg,
					    struct frozenref_slot *slot, uint32_t refs);

/* Another object in its place: migration by hand is freeze, copy, set_object, unfreeze. */
FROZENREF__API void frozenref_slot_set_object(struct frozenref_registry *reg,
					      struct frozenref_slot *slot, void *object);

/*
 * The three in one, for payloads that nobody writes: lookups and erases wait instead of failing.
 * -EBUSY, and nothing changed: others hold references, or it is erased or frozen. -EINVAL: NULL, or
 * a count out of range. *old_object, unless NULL, becomes the object before, which is the caller's
 * now.
 */
FROZENREF__API FROZENREF__MUST_CHECK int frozenref_slot_replace(struct frozenref_registry *reg,
								struct frozenref_slot *slot,
								uint32_t expected, void *new_object,
								void **old_object);

/* Empties slot and tails and returns the object, which is the caller's now; no release(). */
FROZENREF__API void *frozenref_slot_erase_frozen(struct frozenref_registry *reg,
						 struct frozenref_slot *slot);

/* -- memory and statistics -- */

/*
 * Gives the memory of tables without a pfn in use back to the system, under running lookups,
 * inserts and late puts; returns the bytes. Generations do not restart, so old handles stay dead.
 */
FROZENREF__API size_t frozenref_registry_trim(struct frozenref_registry *reg);

struct frozenref_registry_stats {
	uint32_t size;		 /* sizeof(struct frozenref_registry_stats), set by the caller */
	uint32_t leaves;	 /* tables of slots */
	uint64_t objects;	 /* not empty: live, frozen and erased ones */
	uint64_t frozen;	 /* of these, frozen */
	uint64_t erased;	 /* of these, erased and still held */
	uint64_t saturated;	 /* of these, saturated: they never end */
	uint64_t slots;		 /* pfns that are not empty */
	uint64_t bytes_reserved; /* addresses taken */
	uint64_t bytes_resident; /* memory in use */
	uint64_t revivals;	 /* puts of a last reference that a lookup overtook */
};

/* clang-format off */
#define FROZENREF_REGISTRY_STATS_INIT                                                              \
	{ sizeof(struct frozenref_registry_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0 }
/* clang-format on */

/* In C++ g++ takes a function of a struct's name for hiding its constructor, and warns. */
#if defined(__cplusplus) && defined(__GNUC__)
# pragma GCC diagnostic push
# pragma GCC diagnostic ignored "-Wshadow"
#endif

/* Walks all slots in use; a snapshot, exact only at a quiet point. */
FROZENREF__API void frozenref_registry_stats(struct frozenref_registry *reg,
					     struct frozenref_registry_stats *stats);

#if defined(__cplusplus) && defined(__GNUC__)
# pragma GCC diagnostic pop
#endif

/* ------------------------------------------------------------------------------------- layout */

/* Private from here on, and fixed all the same: the inline functions carry it into programs. */

/* 32 bytes, two to a cache line; an empty slot is all zero but for generation and sequence. */
struct frozenref_slot {
	frozenref_t ref;
	uint32_t flags;		  /* FROZENREF__SLOT_*, and above npages, or a tail's distance */
	uint32_t sequence;	  /* changes whenever the object is published or replaced */
	uint32_t generation_low;  /* changes whenever the pfn gets another object; in two halves */
	uint32_t generation_high; /* so that those without a reference can read it atomically */
	uint32_t user;
	union {
		uintptr_t address;
		uint64_t room; /* the same layout where pointers have 32 bits */
	} object;
};

#define FROZENREF__SLOT_CLAIM	    1u /* being inserted */
#define FROZENREF__SLOT_USED	    2u /* a head */
#define FROZENREF__SLOT_TAIL	    4u /* the distance to the head is in the upper bits */
#define FROZENREF__SLOT_ERASED	    8u /* a head without the registry's reference, or about to be */
#define FROZENREF__SLOT_BUSY	    16u	  /* a head that an owner has frozen or tries to freeze */
#define FROZENREF__SLOT_REPLACE	    32u	  /* besides BUSY: not for long, lookups wait */
#define FROZENREF__SLOT_STATE	    0xffu /* all of the above: one byte, for one comparison */
#define FROZENREF__SLOT_PAGES_SHIFT 8
#define FROZENREF__SLOT_PAGES	    0x7fffff00u
#define FROZENREF__SLOT_COMPACT	    0x80000000u /* a head that ends after generation_low */

/*
 * The page table: leaves of 65,536 slots, in a tree that lib/table.h draws. A lookup that the
 * inline functions answer does not walk it. They look into the window: what the first insert chose
 * 512 leaves around itself, 33,554,432 pfns, that are one step away. For other pfns, and for all
 * that is not plain, there is a function in the library.
 */
#define FROZENREF__LEAF_SHIFT	 16
#define FROZENREF__WINDOW_SHIFT	 25
#define FROZENREF__WINDOW_LEAVES (1u << (FROZENREF__WINDOW_SHIFT - FROZENREF__LEAF_SHIFT))
#define FROZENREF__SLOT_SHIFT	 5 /* log2 of the bytes of most registries' slots */

struct frozenref__table {
	uintptr_t window[FROZENREF__WINDOW_LEAVES]; /* copies of leaves' entries in the tree */
	uint32_t window_number; /* 1 + the upper bits of its pfns; 0: none yet; set once */
	uint32_t other_number;	/* instead of that one if slots have another size than most */
	size_t peek_bytes;	/* of a page, if the registry is PEEKABLE; else 0 */
	uint32_t slot_shift;	/* log2 of the bytes from one slot to the next */
	uint32_t page_shift;
	uint32_t pfn_bits;
	uint32_t flags; /* the registry's: FROZENREF_REGISTRY_* */
	uintptr_t root;
	const struct frozenref_backend *backend;
};

struct frozenref_registry {
	struct frozenref__table table;
};

/* What the inline functions need; not for programs. */
FROZENREF__API struct frozenref_slot *
frozenref__registry_try_get_slow(struct frozenref_registry *reg, uint64_t pfn);
FROZENREF__API struct frozenref_slot *
frozenref__registry_try_get_tail(struct frozenref_registry *reg, uint64_t pfn,
				 struct frozenref_slot *slot, uint32_t flags);
FROZENREF__API bool frozenref__registry_peek_slow(struct frozenref_registry *reg, uint64_t pfn,
						  size_t offset, void *buffer, size_t length);
FROZENREF__API FROZENREF__COLD struct frozenref_slot *
frozenref__registry_settle(struct frozenref_registry *reg, struct frozenref_slot *slot);
FROZENREF__API FROZENREF__COLD void *frozenref__slot_address(const struct frozenref_slot *slot);
FROZENREF__API FROZENREF__COLD bool frozenref__slot_put_slow(struct frozenref_registry *reg,
							     struct frozenref_slot *slot,
							     uint32_t word);

/*
 * What libfrozenref-mimalloc needs; not for programs. In an owned registry, which lib/owned.h
 * describes, pfns are taken and emptied by their owner alone, and nothing is erased.
 */
#define FROZENREF__REGISTRY_OWNED 0x80000000u /* in the table's flags */
/* Before anything is in it. */
FROZENREF__API void frozenref__registry_make_owned(struct frozenref_registry *reg);
FROZENREF__API int frozenref__registry_own(struct frozenref_registry *reg, uint64_t pfn,
					   uint64_t npages, void *object);
FROZENREF__API void frozenref__registry_disown(struct frozenref_registry *reg,
					       struct frozenref_slot *slot);
FROZENREF__API bool frozenref__registry_is_empty(struct frozenref_registry *reg);
/* While nobody inserts; lookups may go on. */
FROZENREF__API size_t frozenref__registry_trim_owned(struct frozenref_registry *reg);
/* The next slot in *pfn .. last that has one of these flags, where *pfn moves to; or NULL. */
FROZENREF__API struct frozenref_slot *frozenref__next_slot(const struct frozenref_registry *reg,
							   uint64_t *pfn, uint64_t last,
							   uint32_t wanted);

/* -------------------------------------------------------------------------------- definitions */

#ifndef FROZENREF_NO_INLINE

/*
 * Where the window leads for this pfn: its slot, or NULL. Writes nothing and takes no memory. What
 * the slot's address depends on is a single load: whether it is the right one is found out beside
 * it, by branches that are foreseen. A locked instruction lets no later load begin, so in a run of
 * lookups each load that waits for another one counts.
 */
FROZENREF__HELPER struct frozenref_slot *
frozenref__table_window_slot(const struct frozenref__table *table, uint64_t pfn)
{
	/* Acquire: pairs with the release that put the leaf there. */
	uintptr_t leaf = frozenref__loadptr(
		&table->window[(pfn >> FROZENREF__LEAF_SHIFT) % FROZENREF__WINDOW_LEAVES], acquire);
	uintptr_t index = (uintptr_t)(pfn & ((1u << FROZENREF__LEAF_SHIFT) - 1));

	/* In 64 bits, in which no pfn, however wrong, gives 0. */
	uint64_t number = (pfn >> FROZENREF__WINDOW_SHIFT) + 1;

	if (FROZENREF__UNLIKELY(!leaf))
		return NULL;
	/* Relaxed, both: it is set once, before any leaf is put there. */
	if (FROZENREF__LIKELY(number == frozenref__load32(&table->window_number, relaxed)))
		leaf += index << FROZENREF__SLOT_SHIFT;
	else if (number == frozenref__load32(&table->other_number, relaxed))
		leaf += index << table->slot_shift;
	else
		return NULL;
	/* Callers ask whether there is a slot; once is enough. */
	if (!leaf)
		__builtin_unreachable();
	return (struct frozenref_slot *)leaf;
}

/* Live and findable: neither empty, nor a tail, nor erased, nor in the hands of a freezer. */
FROZENREF__HELPER bool frozenref__slot_is_plain(uint32_t flags)
{
	return (flags & FROZENREF__SLOT_STATE) == FROZENREF__SLOT_USED;
}

/* A lookup from where the pfn's slot is known, or NULL where the window has none. */
FROZENREF__HELPER struct frozenref_slot *
frozenref__registry_try_get_at(struct frozenref_registry *reg, uint64_t pfn,
			       struct frozenref_slot *slot)
{
	uint32_t flags;

	if (FROZENREF__UNLIKELY(!slot))
		return frozenref__registry_try_get_slow(reg, pfn);
	/*
	 * Before the add, so that an erased object's count can drain under hot lookups. Relaxed: a
	 * hint; what counts is read again below.
	 */
	flags = frozenref__load32(&slot->flags, relaxed);
	if (FROZENREF__UNLIKELY(!frozenref__slot_is_plain(flags)))
		return frozenref__registry_try_get_tail(reg, pfn, slot, flags);
	if (FROZENREF__UNLIKELY(!frozenref_try_get(&slot->ref)))
		return frozenref__registry_try_get_slow(reg, pfn);
	/*
	 * Under the reference: a live word is a head's, and a head covers its own pfn, so only an
	 * erase can still matter. Flags that are the same as before have no mark of one.
	 */
	if (FROZENREF__LIKELY(frozenref__load32(&slot->flags, relaxed) == flags))
		return slot;
	return frozenref__registry_settle(reg, slot);
}

FROZENREF__INLINE struct frozenref_slot *frozenref_registry_try_get(struct frozenref_registry *reg,
								    uint64_t pfn)
{
	return frozenref__registry_try_get_at(reg, pfn,
					      frozenref__table_window_slot(&reg->table, pfn));
}

FROZENREF__INLINE struct frozenref_slot *
frozenref_registry_try_get_addr(struct frozenref_registry *reg, const void *address)
{
	return frozenref_registry_try_get(reg,
					  (uint64_t)(uintptr_t)address >> reg->table.page_shift);
}

/* Whether a head has been plain, and nobody's to write, since its flags and sequence were read. */
FROZENREF__HELPER bool frozenref__slot_is_same(const struct frozenref_slot *slot, uint32_t flags,
					       uint32_t sequence)
{
	/*
	 * Pairs with the owner's release fence between becoming the owner and its first write: who
	 * read such a write sees below that the flags are, or were, not plain.
	 */
	frozenref__fence(acquire);
	/* Acquire: if they are plain again, the sequence of that unfreeze is seen below. */
	return FROZENREF__LIKELY(frozenref__load32(&slot->flags, acquire) == flags &&
				 frozenref__load32(&slot->sequence, relaxed) == sequence);
}

/*
 * Copies whole words out of the first page of a head whose flags were plain: it is live from before
 * the copy until after it, since the registry holds its reference. Whether the object is the one
 * that goes with these flags need not be known before the copy: whatever object is here, its first
 * page can be read. False: that is for the function in the library to look into.
 */
FROZENREF__HELPER bool frozenref__slot_copy(const struct frozenref_slot *slot, uint32_t flags,
					    uint32_t sequence, size_t offset, void *buffer,
					    size_t words)
{
	/* Relaxed: as above. NULL if the slot has been emptied, or purged, since. */
	uintptr_t object = frozenref__loadptr(&slot->object.address, relaxed);

	if (FROZENREF__UNLIKELY(!object))
		return false;
	frozenref__copy_words(buffer, (const uintptr_t *)(object + offset), words);
	return frozenref__slot_is_same(slot, flags, sequence);
}

/*
 * The same out of a tail's page, so many pages behind the head's. Here object and page count must
 * be known to be of one lifetime before the copy, or it could go beyond the object's end.
 */
FROZENREF__HELPER bool frozenref__slot_copy_behind(const struct frozenref_slot *head,
						   uint32_t distance, uint32_t page_shift,
						   size_t offset, void *buffer, size_t words)
{
	/* Acquire, both: as in frozenref_registry_peek(). */
	uint32_t sequence = frozenref__load32(&head->sequence, acquire);
	uint32_t flags = frozenref__load32(&head->flags, acquire);
	uintptr_t object = frozenref__loadptr(&head->object.address, relaxed);

	if (!frozenref__slot_is_plain(flags) ||
	    (flags & FROZENREF__SLOT_PAGES) >> FROZENREF__SLOT_PAGES_SHIFT <= distance ||
	    !frozenref__slot_is_same(head, flags, sequence))
		return false;
	object += ((uintptr_t)distance << page_shift) + offset;
	frozenref__copy_words(buffer, (const uintptr_t *)object, words);
	return frozenref__slot_is_same(head, flags, sequence);
}

/*
 * Here are whole words of one page, of a plain head in the window or a tail in its leaf; the
 * function in the library knows the rest, and why.
 */
FROZENREF__INLINE bool frozenref_registry_peek(struct frozenref_registry *reg, uint64_t pfn,
					       size_t offset, void *buffer, size_t length)
{
# ifndef FROZENREF__ASAN
	/* With it, payloads may be freed while they are read, and only the library may do that. */
	const struct frozenref_slot *slot = frozenref__table_window_slot(&reg->table, pfn);
	size_t words = length / sizeof(uintptr_t);
	size_t end = offset + length;

	/* No bytes are the library's as well: where a registry is not PEEKABLE the page is 0. */
	if (FROZENREF__LIKELY(slot && end >= offset && end - 1 < reg->table.peek_bytes &&
			      (offset | length) % sizeof(uintptr_t) == 0)) {
		/* Acquire: the sequence comes first. Pairs with the owner's release fence. */
		uint32_t sequence = frozenref__load32(&slot->sequence, acquire);
		/* Acquire: pairs with the release that made them plain. */
		uint32_t flags = frozenref__load32(&slot->flags, acquire);
		uint32_t pages = (flags & FROZENREF__SLOT_PAGES) >> FROZENREF__SLOT_PAGES_SHIFT;

		if (FROZENREF__LIKELY(frozenref__slot_is_plain(flags))) {
			if (frozenref__slot_copy(slot, flags, sequence, offset, buffer, words))
				return true;
		} else if (flags & FROZENREF__SLOT_TAIL &&
			   pages <= (pfn & ((1u << FROZENREF__LEAF_SHIFT) - 1))) {
			slot = (const struct frozenref_slot *)((uintptr_t)slot -
							       ((uintptr_t)pages
								<< reg->table.slot_shift));
			if (frozenref__slot_copy_behind(slot, pages, reg->table.page_shift, offset,
							buffer, words))
				return true;
		}
	}
# endif
	return frozenref__registry_peek_slow(reg, pfn, offset, buffer, length);
}

FROZENREF__INLINE void *frozenref_slot_object(const struct frozenref_slot *slot)
{
	/* Relaxed, both: the reference has ordered them. */
	if (FROZENREF__UNLIKELY(frozenref__load32(&slot->flags, relaxed) & FROZENREF__SLOT_COMPACT))
		return frozenref__slot_address(slot);
	return (void *)frozenref__loadptr(&slot->object.address, relaxed);
}

FROZENREF__INLINE uint64_t frozenref_slot_npages(const struct frozenref_registry *reg,
						 const struct frozenref_slot *slot)
{
	(void)reg;
	return (frozenref__load32(&slot->flags, relaxed) & FROZENREF__SLOT_PAGES) >>
	       FROZENREF__SLOT_PAGES_SHIFT;
}

FROZENREF__INLINE uint32_t frozenref_slot_count(const struct frozenref_slot *slot)
{
	return frozenref_count(&slot->ref);
}

FROZENREF__INLINE bool frozenref_slot_is_erased(const struct frozenref_slot *slot)
{
	return (frozenref__load32(&slot->flags, relaxed) & FROZENREF__SLOT_ERASED) != 0;
}

FROZENREF__INLINE uint32_t *frozenref_slot_user(struct frozenref_slot *slot)
{
	if (FROZENREF__UNLIKELY(frozenref__load32(&slot->flags, relaxed) & FROZENREF__SLOT_COMPACT))
		return NULL;
	return &slot->user;
}

FROZENREF__INLINE void frozenref_slot_get(struct frozenref_registry *reg,
					  struct frozenref_slot *slot)
{
	(void)reg;
	frozenref_get(&slot->ref);
}

FROZENREF__INLINE bool frozenref_slot_put(struct frozenref_registry *reg,
					  struct frozenref_slot *slot)
{
	/*
	 * Release: as in frozenref_put_and_lock(), whose cold half frozenref__slot_put_slow()
	 * calls.
	 */
	uint32_t word = frozenref__add32(&slot->ref.word, UINT32_MAX, release) - 1;

	FROZENREF__PROBE(put, &slot->ref, word);
	if (FROZENREF__LIKELY(frozenref__word_is_live(word)))
		return false;
	return frozenref__slot_put_slow(reg, slot, word);
}

FROZENREF__INLINE bool frozenref_slot_put_left(struct frozenref_registry *reg,
					       struct frozenref_slot *slot, uint32_t *left)
{
	/* Release: as in frozenref_slot_put(). */
	uint32_t word = frozenref__add32(&slot->ref.word, UINT32_MAX, release) - 1;

	FROZENREF__PROBE(put, &slot->ref, word);
	*left = frozenref__word_count(word);
	if (FROZENREF__LIKELY(frozenref__word_is_live(word)))
		return false;
	return frozenref__slot_put_slow(reg, slot, word);
}

#endif /* FROZENREF_NO_INLINE */

FROZENREF__END_DECLS

#endif /* FROZENREF_REGISTRY_H */
