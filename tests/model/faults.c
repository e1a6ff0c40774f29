/* SPDX-License-Identifier: MIT */
/*
 * Calls with a fault, to be put in the place of the library's.
 *
 * Used by the table of mutants.c, for faults that are more than another operation in one place.
 */
#include <errno.h>

#include "../../lib/table.h"
#include "faults.h"

/* Lets an expected 0 through, which is the dying word. */
bool freeze_any(frozenref_t *ref, uint32_t expected)
{
	uint32_t word = FROZENREF__ONE + (expected - 1);

	return frozenref__cas32(&ref->word, word, 0, acq_rel) == word;
}

/* Passes through dying, and looks at the word again. */
bool put_not_rcu(frozenref_t *ref)
{
	return frozenref_put_and_lock(ref);
}

/* Takes back what a failed get has added. */
bool try_get_and_undo(frozenref_t *ref)
{
	if (frozenref__word_is_live(frozenref__add32(&ref->word, 1, acquire) + 1))
		return true;
	(void)frozenref__add32(&ref->word, UINT32_MAX, relaxed);
	return false;
}

/* Looks first, and adds then. */
bool try_get_checked_first(frozenref_t *ref)
{
	if (!frozenref__word_is_live(frozenref__load32(&ref->word, acquire)))
		return false;
	(void)frozenref__add32(&ref->word, 1, acquire);
	return true;
}

/* Makes the slot a head before the word is live. */
int insert_used_first(struct frozenref_registry *reg, uint64_t pfn, void *object)
{
	struct frozenref_slot *slot;
	int err = frozenref_registry_insert_frozen(reg, pfn, 1, object, &slot);

	if (err)
		return err;
	(void)frozenref__and32(&slot->flags, ~FROZENREF__SLOT_BUSY, acq_rel);
	frozenref_unfreeze(&slot->ref, 1);
	return 0;
}

/* Marks an object without a reference that would keep a freezer from winning the word meanwhile. */
static int erase_careless(struct frozenref_registry *reg, uint64_t pfn, bool drops)
{
	struct frozenref_slot *slot = frozenref_registry_slot(reg, pfn);

	while (slot) {
		uint32_t flags = frozenref__load32(&slot->flags, acquire);

		if (!(flags & FROZENREF__SLOT_USED) || flags & FROZENREF__SLOT_ERASED)
			break;
		if (flags & FROZENREF__SLOT_BUSY && frozenref_is_frozen(&slot->ref))
			return -EBUSY;
		if (frozenref__cas32(&slot->flags, flags, flags | FROZENREF__SLOT_ERASED,
				     acq_rel) != flags)
			continue;
		if (drops || !(flags & FROZENREF__SLOT_BUSY))
			(void)frozenref_slot_put(reg, slot);
		return 0;
	}
	return -ENOENT;
}

/* Drops the registry's reference whether or not a freezer counts it. */
int erase_under_freezer(struct frozenref_registry *reg, uint64_t pfn)
{
	return erase_careless(reg, pfn, true);
}

/* Leaves it to a freezer. */
int erase_unheld(struct frozenref_registry *reg, uint64_t pfn)
{
	return erase_careless(reg, pfn, false);
}

/* Takes a replace for an owner. */
int erase_impatiently(struct frozenref_registry *reg, uint64_t pfn)
{
	struct frozenref_slot *slot = frozenref_registry_slot(reg, pfn);

	if (slot && frozenref__load32(&slot->flags, acquire) & FROZENREF__SLOT_REPLACE &&
	    frozenref_is_frozen(&slot->ref))
		return -EBUSY;
	return frozenref_registry_erase(reg, pfn);
}

/* Gets whatever is on the pfn now. */
struct frozenref_slot *try_get_handle_any(struct frozenref_registry *reg,
					  struct frozenref_handle handle)
{
	return frozenref_registry_try_get(reg, handle.pfn);
}

/* Takes a generation for the object's, though it may be that of another slot. */
struct frozenref_slot *try_get_handle_any_slot(struct frozenref_registry *reg,
					       struct frozenref_handle handle)
{
	struct frozenref_slot *slot = frozenref_registry_try_get(reg, handle.pfn);

	if (slot && slot_generation(&reg->table, slot) != handle.generation) {
		(void)frozenref_slot_put(reg, slot);
		return NULL;
	}
	return slot;
}

/* Believes what it has read, though an insert may have been under way. */
enum frozenref_state handle_state_once(struct frozenref_registry *reg,
				       struct frozenref_handle handle)
{
	const struct frozenref_slot *slot = frozenref__table_slot(&reg->table, handle.pfn);
	uint32_t flags = frozenref__load32(&slot->flags, acquire);

	if (!(flags & FROZENREF__SLOT_USED) ||
	    slot_generation(&reg->table, slot) != handle.generation)
		return FROZENREF_EMPTY;
	return FROZENREF_LIVE;
}

static bool still_there_again(const struct frozenref_slot *slot, uint32_t sequence)
{
	frozenref__fence(acquire);
	if (!frozenref__word_count(frozenref__load32(&slot->ref.word, acquire)))
		return false;
	return frozenref__load32(&slot->sequence, relaxed) == sequence;
}

/* A peek at the head's own pages, which can leave things out. */
static bool peek_careless(struct frozenref_registry *reg, const struct frozenref_slot *slot,
			  size_t offset, uintptr_t *buffer, size_t length, bool word_first,
			  bool no_middle)
{
	uint32_t sequence = frozenref__load32(&slot->sequence, acquire);
	uint32_t flags;
	uintptr_t object;

	if (!frozenref__word_count(frozenref__load32(&slot->ref.word, acquire)))
		return false;
	if (word_first)
		sequence = frozenref__load32(&slot->sequence, acquire);
	flags = frozenref__load32(&slot->flags, relaxed);
	object = frozenref__loadptr(&slot->object.address, relaxed);
	if ((flags & (FROZENREF__SLOT_USED | FROZENREF__SLOT_ERASED)) != FROZENREF__SLOT_USED)
		return false;
	if (!no_middle && !still_there_again(slot, sequence))
		return false;
	if (offset + length > (size_t)(flags >> FROZENREF__SLOT_PAGES_SHIFT)
				      << reg->table.page_shift)
		return false;
	for (size_t i = 0; i < length / sizeof(*buffer); i++)
		buffer[i] = frozenref__loadptr((uintptr_t *)(object + offset) + i, relaxed);
	return still_there_again(slot, sequence);
}

bool peek_word_first(struct frozenref_registry *reg, uint64_t pfn, size_t offset, void *buffer,
		     size_t length)
{
	return peek_careless(reg, frozenref__table_slot(&reg->table, pfn), offset, buffer, length,
			     true, false);
}

bool peek_no_middle(struct frozenref_registry *reg, uint64_t pfn, size_t offset, void *buffer,
		    size_t length)
{
	return peek_careless(reg, frozenref__table_slot(&reg->table, pfn), offset, buffer, length,
			     false, true);
}

/* A peek through a tail, which believes that the object has as many pages as the flags say. */
bool peek_tail_no_middle(struct frozenref_registry *reg, uint64_t pfn, size_t offset, void *buffer,
			 size_t length)
{
	struct frozenref_slot *slot = frozenref__table_slot(&reg->table, pfn);
	uint32_t flags = frozenref__load32(&slot->flags, acquire);
	uint32_t distance = flags >> FROZENREF__SLOT_PAGES_SHIFT;
	const struct frozenref_slot *head = slot_before(&reg->table, slot, distance);
	uint32_t sequence = frozenref__load32(&head->sequence, acquire);
	uintptr_t object;

	if (!(flags & FROZENREF__SLOT_TAIL))
		return false;
	flags = frozenref__load32(&head->flags, acquire);
	object = frozenref__loadptr(&head->object.address, relaxed);
	if (!frozenref__slot_is_plain(flags) || flags >> FROZENREF__SLOT_PAGES_SHIFT <= distance ||
	    !object)
		return false;
	object += ((uintptr_t)distance << reg->table.page_shift) + offset;
	frozenref__copy_words(buffer, (const uintptr_t *)object, length / sizeof(uintptr_t));
	return frozenref__slot_is_same(head, flags, sequence);
}
