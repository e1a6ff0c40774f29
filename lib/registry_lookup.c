/* SPDX-License-Identifier: MIT */
/*
 * The registry's readers, but for the inline fast path: tails, handles, batches, states, peek.
 *
 * Called by programs and by frozenref_registry_try_get(). Relies on slots that never move and on
 * the protocol at the top of registry.c. Nothing here takes a lock or memory.
 */
#include "peek.h"
#include "registry.h"
#include "wait.h"

/* ------------------------------------------------------------------------------------ finding */

/* The slot that a tail says is its head's. */
static inline struct frozenref_slot *tail_head(const struct frozenref__table *table, uint64_t pfn,
					       struct frozenref_slot *slot, uint64_t distance)
{
	/* Mostly in the same leaf, and then it need not be looked for. */
	if (distance <= pfn % LEAF_SLOTS)
		return slot_before(table, slot, distance);
	return frozenref__table_slot(table, pfn - distance);
}

/* The head, its flags, and how many pfns before this one it is; or NULL. */
static inline struct frozenref_slot *find_head(const struct frozenref_registry *reg, uint64_t pfn,
					       uint32_t *flags, uint64_t *distance)
{
	struct frozenref_slot *slot = frozenref__table_slot(&reg->table, pfn);

	*distance = 0;
	if (!slot)
		return NULL;
	/* Acquire, both: pairs with the release that took or emptied the slot. */
	*flags = frozenref__load32(&slot->flags, acquire);
	if (!(*flags & FROZENREF__SLOT_TAIL))
		return *flags & FROZENREF__SLOT_USED ? slot : NULL;
	*distance = flags_pages(*flags);
	slot = tail_head(&reg->table, pfn, slot, *distance);
	/* There is a head wherever there was a tail; gcc does not know that, and warns. */
	if (!slot)
		return NULL;
	*flags = frozenref__load32(&slot->flags, acquire);
	/* The tail may be older than what its head's slot holds now. */
	if (!(*flags & FROZENREF__SLOT_USED) || flags_pages(*flags) <= *distance)
		return NULL;
	return slot;
}

struct frozenref_slot *frozenref__find_head(const struct frozenref_registry *reg, uint64_t pfn,
					    uint32_t *flags)
{
	uint64_t distance;

	return find_head(reg, pfn, flags, &distance);
}

struct frozenref_slot *frozenref_registry_slot(struct frozenref_registry *reg, uint64_t pfn)
{
	uint32_t flags;

	return frozenref__find_head(reg, pfn, &flags);
}

uint64_t frozenref_slot_pfn(const struct frozenref_registry *reg, const struct frozenref_slot *slot)
{
	return slot_pfn(&reg->table, slot);
}

/* The object of a compact slot, whose table is known by the slot's own address. */
void *frozenref__slot_address(const struct frozenref_slot *slot)
{
	static const struct frozenref__table compact = { .slot_shift = 4 };

	return (void *)(uintptr_t)(slot_pfn(&compact, slot)
				   << slot_leaf(&compact, slot)->page_shift);
}

/*
 * A reference on the head of what covers the pfn, which may no longer cover it: to be checked under
 * the reference. NULL: nothing there, erased, or frozen by somebody's hand.
 */
static struct frozenref_slot *get_head(struct frozenref_registry *reg, uint64_t pfn,
				       uint64_t *distance)
{
	/* Only so many: a misused put can leave a word frozen under flags that look live. */
	unsigned tries = FROZENREF__TRIES;
	struct patience patience = { .turns = 0 };

	while (tries) {
		uint32_t flags;
		struct frozenref_slot *head = find_head(reg, pfn, &flags, distance);

		if (!head || flags & FROZENREF__SLOT_ERASED)
			return NULL;
		if (FROZENREF__UNLIKELY(flags & FROZENREF__SLOT_REPLACE) &&
		    frozenref__wait_for_replace(&patience))
			continue;
		/* A freeze that is only being tried does not keep anybody out. */
		if (flags & FROZENREF__SLOT_BUSY && frozenref_is_frozen(&head->ref))
			return NULL;
		/*
		 * It fails only if the flags have moved on since: a head that is neither erased nor
		 * an owner's has a live word; or, in an owned registry, is about to have one.
		 */
		if (frozenref_try_get(&head->ref))
			return head;
		tries--;
	}
	return NULL;
}

/* What a lookup got, if it covers the pfn that is so far behind it; else NULL, and it is put. */
static FROZENREF__COLD struct frozenref_slot *
keep_if_covering(struct frozenref_registry *reg, struct frozenref_slot *head, uint64_t distance)
{
	/*
	 * Relaxed: the get's acquire has ordered it. That the object's own page count covers the
	 * pfn is what makes a lookup through a stale tail safe; nothing else need be looked at
	 * again.
	 */
	uint32_t flags = frozenref__load32(&head->flags, relaxed);

	if ((flags & FROZENREF__SLOT_USED) && !(flags & FROZENREF__SLOT_ERASED) &&
	    distance < flags_pages(flags))
		return head;
	frozenref_slot_put(reg, head);
	return NULL;
}

/* Where the flags or the word said that the fast path would fail, or the window has no slot. */
struct frozenref_slot *frozenref__registry_try_get_slow(struct frozenref_registry *reg,
							uint64_t pfn)
{
	uint64_t distance;
	struct frozenref_slot *head = get_head(reg, pfn, &distance);

	return head ? keep_if_covering(reg, head, distance) : NULL;
}

/* A tail's head was plain, but not live at its add; it may be saturated. */
static FROZENREF__COLD struct frozenref_slot *get_tail_slow(struct frozenref_registry *reg,
							    uint64_t pfn,
							    struct frozenref_slot *head,
							    uint64_t distance, uint32_t word)
{
	if (frozenref__try_get_slow(&head->ref, word, 1))
		return keep_if_covering(reg, head, distance);
	return frozenref__registry_try_get_slow(reg, pfn);
}

/*
 * The flags of the pfn's slot are not a plain head's. A tail whose head is plain, and in the same
 * leaf, takes as few steps as can be: in a run of lookups each one shows. So the get is written
 * out, or it would be a call with registers to save on the way.
 */
struct frozenref_slot *frozenref__registry_try_get_tail(struct frozenref_registry *reg,
							uint64_t pfn, struct frozenref_slot *slot,
							uint32_t flags)
{
	uint32_t distance = flags_pages(flags);
	struct frozenref_slot *head = slot_before(&reg->table, slot, distance);
	uint32_t word;

	if (FROZENREF__UNLIKELY(!(flags & FROZENREF__SLOT_TAIL) || distance > pfn % LEAF_SLOTS))
		return frozenref__registry_try_get_slow(reg, pfn);
	/* Relaxed: a hint, as the tail is; what counts is read again under the reference. */
	flags = frozenref__load32(&head->flags, relaxed);
	if (FROZENREF__UNLIKELY(!frozenref__slot_is_plain(flags) || flags_pages(flags) <= distance))
		return frozenref__registry_try_get_slow(reg, pfn);
	/* Acquire: as in frozenref_try_get(), whose cold half get_tail_slow() calls. */
	word = frozenref__add32(&head->ref.word, 1, acquire) + 1;
	if (FROZENREF__UNLIKELY(!frozenref__word_is_live(word)))
		return get_tail_slow(reg, pfn, head, distance, word);
	FROZENREF__PROBE_GET(&head->ref, word, 1);
	/* Relaxed: the get's acquire has ordered it. Same as before: it covers the pfn still. */
	if (FROZENREF__LIKELY(frozenref__load32(&head->flags, relaxed) == flags))
		return head;
	return keep_if_covering(reg, head, distance);
}

/* The fast path has a reference, and found that the flags had changed around its add. */
struct frozenref_slot *frozenref__registry_settle(struct frozenref_registry *reg,
						  struct frozenref_slot *slot)
{
	/* Relaxed: the get's acquire has ordered it. */
	uint32_t flags = frozenref__load32(&slot->flags, relaxed);

	if ((flags & (FROZENREF__SLOT_USED | FROZENREF__SLOT_ERASED)) == FROZENREF__SLOT_USED)
		return slot;
	frozenref_slot_put(reg, slot);
	return NULL;
}

size_t frozenref_registry_try_get_batch(struct frozenref_registry *reg, const uint64_t *pfns,
					size_t n, struct frozenref_slot **slots)
{
	/* As many misses as a core keeps in flight; more would push the first lines out again. */
	enum { AHEAD = 16 };
	size_t found = 0;

	for (size_t i = 0; i < n + AHEAD; i++) {
		if (i < n) {
			slots[i] = frozenref__table_slot(&reg->table, pfns[i]);
			__builtin_prefetch(slots[i], 1);
		}
		if (i >= AHEAD) {
			struct frozenref_slot **slot = &slots[i - AHEAD];

			*slot = frozenref__registry_try_get_at(reg, pfns[i - AHEAD], *slot);
			found += *slot != NULL;
		}
	}
	return found;
}

/* ------------------------------------------------------------------------------------- states */

enum frozenref_state frozenref_registry_state(struct frozenref_registry *reg, uint64_t pfn)
{
	uint32_t flags;
	const struct frozenref_slot *head = frozenref__find_head(reg, pfn, &flags);
	const struct frozenref_slot *slot;

	if (head)
		return head_state(head, flags);
	slot = frozenref__table_slot(&reg->table, pfn);
	/*
	 * Being inserted, or a tail that its object's end has not reached yet: taken, but not for
	 * long.
	 */
	if (slot && frozenref__load32(&slot->flags, acquire))
		return FROZENREF_FROZEN;
	return FROZENREF_EMPTY;
}

/* ------------------------------------------------------------------------------------ handles */

struct frozenref_handle frozenref_slot_handle(const struct frozenref_registry *reg,
					      const struct frozenref_slot *slot)
{
	return (struct frozenref_handle){ slot_pfn(&reg->table, slot),
					  slot_generation(&reg->table, slot) };
}

struct frozenref_slot *frozenref_registry_try_get_handle(struct frozenref_registry *reg,
							 struct frozenref_handle handle)
{
	struct frozenref_slot *slot = frozenref_registry_try_get(reg, handle.pfn);

	if (!slot)
		return NULL;
	/*
	 * The same slot, too: through a tail we may have come to a head with the same generation.
	 */
	if (slot == frozenref__table_slot(&reg->table, handle.pfn) &&
	    slot_generation(&reg->table, slot) == handle.generation)
		return slot;
	frozenref_slot_put(reg, slot);
	return NULL;
}

enum frozenref_state frozenref_registry_handle_state(struct frozenref_registry *reg,
						     struct frozenref_handle handle)
{
	const struct frozenref_slot *slot = frozenref__table_slot(&reg->table, handle.pfn);

	while (slot) {
		/* Acquire: pairs with begin_lifetime()'s release, which is behind the claim. */
		uint32_t sequence = frozenref__load32(&slot->sequence, acquire);
		uint32_t flags = frozenref__load32(&slot->flags, acquire);
		uint64_t generation = slot_generation(&reg->table, slot);

		/* Pairs with begin_lifetime()'s release fence, before the generation. */
		frozenref__fence(acquire);
		if (frozenref__load32(&slot->sequence, relaxed) != sequence)
			continue;
		if (!(flags & FROZENREF__SLOT_USED) || generation != handle.generation)
			break;
		return head_state(slot, flags);
	}
	return FROZENREF_EMPTY;
}

/* --------------------------------------------------------------------------------------- peek */

/* Live, or saturated, which is rare enough to be looked for elsewhere. */
static inline bool word_is_held(uint32_t word)
{
	return FROZENREF__LIKELY(frozenref__word_is_live(word)) || frozenref__word_count(word) != 0;
}

/* What a peek reads of a slot, and must find again. */
struct glance {
	uint32_t sequence;
	uint32_t flags;
	uintptr_t object;
};

/* Whether the object is live, and the one that the glance saw, or would have been. */
static inline bool is_still(const struct frozenref_slot *slot, const struct glance *glance)
{
	/*
	 * Pairs with the owner's release fence between becoming the owner and its first write: who
	 * read such a write sees below that the word is, or was, frozen.
	 */
	frozenref__fence(acquire);
	/* Acquire: if it is live again, the sequence of that unfreeze is seen below. */
	if (!word_is_held(frozenref__load32(&slot->ref.word, acquire)))
		return false;
	return frozenref__load32(&slot->sequence, relaxed) == glance->sequence;
}

/*
 * Reads what leads to the payload; false if the slot is not a live head now. It looks twice: object
 * and page count must not come from two lifetimes, or the payload is not where they say.
 */
static inline bool take_glance(const struct frozenref_slot *slot, struct glance *glance)
{
	/* Acquire: the sequence comes before the word. */
	glance->sequence = frozenref__load32(&slot->sequence, acquire);
	/* Acquire: pairs with the release of unfreeze; what it published is seen below. */
	if (!word_is_held(frozenref__load32(&slot->ref.word, acquire)))
		return false;
	glance->flags = frozenref__load32(&slot->flags, relaxed);
	glance->object = frozenref__loadptr(&slot->object.address, relaxed);
	return FROZENREF__LIKELY(
		       (glance->flags & (FROZENREF__SLOT_USED | FROZENREF__SLOT_ERASED)) ==
		       FROZENREF__SLOT_USED) &&
	       is_still(slot, glance);
}

/* The slot to peek at: the head, as far as a tail can be believed. */
static const struct frozenref_slot *peek_head(const struct frozenref_registry *reg, uint64_t pfn,
					      uint64_t *distance)
{
	struct frozenref_slot *slot = frozenref__table_slot(&reg->table, pfn);
	uint32_t flags;

	*distance = 0;
	if (!slot)
		return NULL;
	flags = frozenref__load32(&slot->flags, relaxed);
	if (!(flags & FROZENREF__SLOT_TAIL))
		return slot;
	*distance = flags_pages(flags);
	return tail_head(&reg->table, pfn, slot, *distance);
}

/* What registry.h's own peek leaves: far pfns, many pages, odd bytes, and all that fails. */
bool frozenref__registry_peek_slow(struct frozenref_registry *reg, uint64_t pfn, size_t offset,
				   void *buffer, size_t length)
{
	uint64_t distance;
	uint64_t bytes;
	const struct frozenref_slot *slot = peek_head(reg, pfn, &distance);
	struct glance glance;

	if (!slot || !reg->table.peek_bytes || !take_glance(slot, &glance))
		return false;
	if (distance >= flags_pages(glance.flags))
		return false;
	bytes = (flags_pages(glance.flags) - distance) << reg->table.page_shift;
	if (offset > bytes || length > bytes - offset)
		return false;
	frozenref__peek_copy(buffer,
			     glance.object + ((uintptr_t)distance << reg->table.page_shift) +
				     offset,
			     length);
	return is_still(slot, &glance);
}
