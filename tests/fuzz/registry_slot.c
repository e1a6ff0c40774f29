/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing the registry: calls on slots, by holders, by owners, and by those who are neither.
 */
#include <errno.h>

#include "registry.h"

static const frozenref_t *counter_of(const struct frozenref_slot *slot)
{
	return &slot->ref;
}

static bool valid_refs(uint32_t refs)
{
	return refs >= 1 && refs <= FROZENREF_MAX;
}

/* ------------------------------------------------------------------------------------- holders */

void op_slot_get(void)
{
	struct object *object;
	struct seen *seen = pick_slot(&object);

	if (!seen)
		return;
	fuzz_op("slot_get at %#jx", (uintmax_t)seen->pfn);
	if (object && object->condition != FROZEN)
		model_get(object);
	else
		fuzz_expect_misuse(FROZENREF_MISUSE_GET_FROZEN, counter_of(seen->slot));
	frozenref_slot_get(subject.reg, seen->slot);
}

void op_slot_put(void)
{
	struct object *object;
	struct seen *seen = pick_slot(&object);
	uint32_t left;
	bool last;

	if (!seen)
		return;
	fuzz_op("slot_put at %#jx", (uintmax_t)seen->pfn);
	last = model_put(object, seen->slot, &left);
	fuzz_check(frozenref_slot_put(subject.reg, seen->slot) == last);
	model_forget_ended();
}

void op_slot_put_left(void)
{
	struct object *object;
	struct seen *seen = pick_slot(&object);
	uint32_t answer = 12345;
	uint32_t left;
	bool last;

	if (!seen)
		return;
	fuzz_op("slot_put_left at %#jx", (uintmax_t)seen->pfn);
	last = model_put(object, seen->slot, &left);
	fuzz_check(frozenref_slot_put_left(subject.reg, seen->slot, &answer) == last);
	fuzz_check(answer == left);
	model_forget_ended();
}

void op_slot_user(void)
{
	struct object *object;
	struct seen *seen = pick_slot(&object);

	if (!seen || !object || subject.flags & FROZENREF_REGISTRY_COMPACT)
		return;
	object->user = fuzz_u32();
	fuzz_op("slot_user at %#jx becomes %#x", (uintmax_t)seen->pfn, object->user);
	*frozenref_slot_user(seen->slot) = object->user;
	check_object(object);
}

/* What other threads' failed gets leave on a slot that nobody holds. */
void op_residue(void)
{
	struct object *object;
	struct seen *seen = pick_slot(&object);

	if (!seen || (object && object->condition != FROZEN))
		return;
	seen->slot->ref.word = fuzz_byte() % 2 ? fuzz_u32() % 0x40000000 : 0x3fffffff;
	fuzz_op("residue at %#jx: %#x", (uintmax_t)seen->pfn, seen->slot->ref.word);
}

/* ---------------------------------------------------------------------- freezing, publishing */

void op_slot_freeze(void)
{
	struct object *object;
	struct seen *seen = pick_slot(&object);
	uint32_t refs = fuzz_refs(object ? object->count : 1);
	bool frozen;

	if (!seen)
		return;
	fuzz_op("slot_freeze(%u) at %#jx", refs, (uintmax_t)seen->pfn);
	frozen = findable(object) && !object->saturated && object->count == refs;
	if (!valid_refs(refs))
		fuzz_expect_misuse(FROZENREF_MISUSE_BAD_COUNT, counter_of(seen->slot));
	fuzz_check(frozenref_slot_freeze(subject.reg, seen->slot, refs) == frozen);
	if (frozen) {
		object->condition = FROZEN;
		object->count = 0;
	}
	if (object)
		check_object(object);
}

void op_slot_unfreeze(void)
{
	struct object *object;
	struct seen *seen = pick_slot(&object);
	uint32_t refs = fuzz_refs(1);

	if (!seen)
		return;
	fuzz_op("slot_unfreeze(%u) at %#jx", refs, (uintmax_t)seen->pfn);
	if (!valid_refs(refs)) {
		fuzz_expect_misuse(FROZENREF_MISUSE_BAD_COUNT, counter_of(seen->slot));
	} else if (!object || object->condition != FROZEN) {
		fuzz_expect_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, counter_of(seen->slot));
	} else {
		object->condition = LIVE;
		object->count = refs;
	}
	frozenref_slot_unfreeze(subject.reg, seen->slot, refs);
	if (object)
		check_object(object);
}

/* Whether the slot is owned; if not, the call is misuse. */
static bool model_owned(const struct object *object, const struct frozenref_slot *slot)
{
	if (object && object->condition == FROZEN)
		return true;
	fuzz_expect_misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, counter_of(slot));
	return false;
}

void op_slot_set_object(void)
{
	struct object *object;
	struct seen *seen = pick_slot(&object);
	void *address;

	if (!seen)
		return;
	address = pick_address(seen->pfn);
	fuzz_op("slot_set_object(%p) at %#jx", address, (uintmax_t)seen->pfn);
	if (model_owned(object, seen->slot))
		object->address = address;
	frozenref_slot_set_object(subject.reg, seen->slot, address);
	if (object)
		check_object(object);
}

void op_slot_replace(void)
{
	struct object *object;
	struct seen *seen = pick_slot(&object);
	uint32_t refs = fuzz_refs(object ? object->count : 1);
	void *old = &subject;
	void *address;
	int wanted = -EBUSY;

	if (!seen)
		return;
	address = pick_address(seen->pfn);
	fuzz_op("slot_replace(%u, %p) at %#jx", refs, address, (uintmax_t)seen->pfn);
	if (!address || subject.flags & FROZENREF_REGISTRY_COMPACT || !valid_refs(refs))
		wanted = -EINVAL;
	else if (findable(object) && !object->saturated && object->count == refs)
		wanted = 0;
	fuzz_check(frozenref_slot_replace(subject.reg, seen->slot, refs, address,
					  refs % 2 ? &old : NULL) == wanted);
	fuzz_check(old == (!wanted && refs % 2 ? object->address : (void *)&subject));
	if (!wanted)
		object->address = address;
	if (object)
		check_object(object);
}

void op_slot_erase_frozen(void)
{
	struct object *object;
	struct seen *seen = pick_slot(&object);
	void *wanted = NULL;

	if (!seen)
		return;
	fuzz_op("slot_erase_frozen at %#jx", (uintmax_t)seen->pfn);
	if (model_owned(object, seen->slot)) {
		wanted = told_address(object);
		object->exists = false;
	}
	fuzz_check(frozenref_slot_erase_frozen(subject.reg, seen->slot) == wanted);
}
