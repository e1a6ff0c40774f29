/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing the registry: lookups, by pfn, address, handle, and one after the other.
 */
#include <stdlib.h>
#include <string.h>

#include "registry.h"

/* What a lookup through this pfn must find; the model has the reference already. */
static struct frozenref_slot *model_lookup(struct object *object)
{
	if (!findable(object))
		return NULL;
	model_get(object);
	return object->slot;
}

void op_try_get(void)
{
	uint64_t pfn = pick_pfn();
	struct object *object = model_at(pfn);
	struct frozenref_slot *wanted = model_lookup(object);

	fuzz_op("try_get(%#jx)", (uintmax_t)pfn);
	fuzz_check(frozenref_registry_try_get(subject.reg, pfn) == wanted);
	if (object)
		check_object(object);
}

void op_try_get_addr(void)
{
	uintptr_t address = (uintptr_t)(pick_pfn() << subject.page_shift) + fuzz_byte();
	struct frozenref_slot *wanted =
		model_lookup(model_at((uint64_t)address >> subject.page_shift));

	fuzz_op("try_get_addr(%#jx)", (uintmax_t)address);
	fuzz_check(frozenref_registry_try_get_addr(subject.reg, (void *)address) == wanted);
}

void op_batch(void)
{
	enum { BATCH = 40 };
	uint64_t pfns[BATCH];
	struct frozenref_slot *slots[BATCH + 1];
	struct object *objects[BATCH];
	size_t n = fuzz_byte() % (BATCH + 1);
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		pfns[i] = pick_pfn();
		objects[i] = model_at(pfns[i]);
		/* More than one of them may be too many, and be reported. */
		if (objects[i] && objects[i]->count >= FROZENREF_MAX - BATCH)
			return;
		found += findable(objects[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (findable(objects[i]))
			model_get(objects[i]);
	}
	fuzz_op("try_get_batch of %zu", n);
	slots[n] = (struct frozenref_slot *)pfns;
	fuzz_check(frozenref_registry_try_get_batch(subject.reg, pfns, n, slots) == found);
	for (size_t i = 0; i < n; i++)
		fuzz_check(slots[i] == (findable(objects[i]) ? objects[i]->slot : NULL));
	fuzz_check(slots[n] == (struct frozenref_slot *)pfns);
}

/* The live object with the lowest head in first .. last, or NULL. */
static struct object *model_next(uint64_t first, uint64_t last)
{
	struct object *found = NULL;

	for (unsigned i = 0; i < OBJECTS; i++) {
		struct object *object = &model.objects[i];

		if (!object->exists || !findable(object) || object->pfn < first ||
		    object->pfn > last)
			continue;
		if (!found || object->pfn < found->pfn)
			found = object;
	}
	return found;
}

void op_next(void)
{
	uint64_t pfn = pick_pfn();
	uint64_t last = fuzz_byte() % 2 ? pfn + fuzz_byte() : pick_pfn();
	uint64_t end = last < last_pfn() ? last : last_pfn();
	struct object *object = model_next(pfn, end);
	uint64_t wanted = pfn > end ? pfn : end + 1;

	fuzz_op("next(%#jx, %#jx)", (uintmax_t)pfn, (uintmax_t)last);
	if (object) {
		wanted = object->pfn + object->npages;
		model_get(object);
	}
	fuzz_check(frozenref_registry_next(subject.reg, &pfn, last) ==
		   (object ? object->slot : NULL));
	fuzz_check(pfn == wanted);
}

void op_state(void)
{
	uint64_t pfn = pick_pfn();
	const struct object *object = model_at(pfn);

	fuzz_op("state(%#jx)", (uintmax_t)pfn);
	if (object) {
		check_object(object);
		return;
	}
	fuzz_check(frozenref_registry_state(subject.reg, pfn) == FROZENREF_EMPTY);
	fuzz_check(!frozenref_registry_slot(subject.reg, pfn));
}

/* A handle of some object that is or was there, or one that never was given out. */
static struct frozenref_handle pick_handle(void)
{
	struct frozenref_handle handle = { pick_pfn(), 0 };
	const struct seen *seen = NULL;
	uint8_t choice = fuzz_byte();

	for (unsigned i = 0; i < model.n_seen; i++) {
		if (model.seen[i].pfn == handle.pfn)
			seen = &model.seen[i];
	}
	if (seen)
		handle.generation = seen->generation - choice % 3;
	/* Of the object that the pfn leads to, which is a tail of it. */
	if (choice % 8 == 7 && model_at(handle.pfn))
		handle.generation = model_at(handle.pfn)->generation;
	if (choice >= 224)
		handle.generation = fuzz_u64();
	return handle;
}

void op_handle(void)
{
	static const enum frozenref_state states[] = {
		[LIVE] = FROZENREF_LIVE,
		[FROZEN] = FROZENREF_FROZEN,
		[ERASED] = FROZENREF_ERASED,
	};
	struct frozenref_handle handle = pick_handle();
	struct object *object = model_head(handle.pfn);
	struct frozenref_slot *wanted;

	fuzz_op("handle {%#jx, %#jx}", (uintmax_t)handle.pfn, (uintmax_t)handle.generation);
	if (object && object->generation != handle.generation)
		object = NULL;
	fuzz_check(frozenref_registry_handle_state(subject.reg, handle) ==
		   (object ? states[object->condition] : FROZENREF_EMPTY));
	/* A passing reference of another object would overflow its count. */
	if (!object && model_at(handle.pfn) && model_at(handle.pfn)->count >= FROZENREF_MAX)
		return;
	wanted = model_lookup(object);
	fuzz_check(frozenref_registry_try_get_handle(subject.reg, handle) == wanted);
	if (object)
		check_object(object);
}

/* Whether so many bytes can be read from there; the object's pages are consecutive in the arena. */
static bool can_peek(const struct object *object, uint64_t pfn, size_t offset, size_t length)
{
	uint64_t bytes;

	if (!(subject.flags & FROZENREF_REGISTRY_PEEKABLE) || !findable(object))
		return false;
	bytes = (object->pfn + object->npages - pfn) << subject.page_shift;
	return offset <= bytes && length <= bytes - offset;
}

void op_peek(void)
{
	enum { LONGEST = 96 };
	uint64_t pfn = pick_pfn();
	const struct object *object = model_at(pfn);
	uint8_t choice = fuzz_byte();
	size_t offset = choice % 8 ? choice : (size_t)fuzz_u64();
	size_t length = fuzz_byte() % LONGEST;
	char buffer[LONGEST + 1];
	bool wanted;

	/* About where the object's last byte is. */
	if (object && choice % 8 == 1)
		offset = (size_t)((object->pfn + object->npages - pfn) << subject.page_shift) -
			 choice / 8;
	buffer[length] = 'x';
	wanted = can_peek(object, pfn, offset, length);
	fuzz_op("peek(%#jx, %zu, %zu)", (uintmax_t)pfn, offset, length);
	fuzz_check(frozenref_registry_peek(subject.reg, pfn, offset, buffer, length) == wanted);
	fuzz_check(buffer[length] == 'x');
	if (wanted)
		fuzz_check(memcmp(buffer,
				  (const char *)object->address +
					  ((pfn - object->pfn) << subject.page_shift) + offset,
				  length) == 0);
}
