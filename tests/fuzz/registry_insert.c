/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing the registry: calls that take pfns, and those that give them back by pfn.
 */
#include <errno.h>

#include "registry.h"

/* Whether the pfns can be taken, and why not. */
static int insert_error(uint64_t pfn, uint64_t npages)
{
	const struct object *obstacle;

	if (!npages)
		return -EINVAL;
	if (pfn > last_pfn() || npages - 1 > last_pfn() - pfn)
		return -ERANGE;
	if (npages > FROZENREF_REGISTRY_NPAGES_MAX)
		return -EINVAL;
	obstacle = model_first(pfn, pfn + (npages - 1));
	if (obstacle)
		return obstacle->condition == ERASED ? -EBUSY : -EEXIST;
	return 0;
}

/* Memory that ran out is told, and everything is as it was. */
static int unless_failed(int err)
{
	return fuzz_has_failed() ? -ENOMEM : err;
}

/* A slot of this pfn always was where it is now, and each object there has a larger generation. */
static void check_slot(struct object *object)
{
	struct seen *seen = model_seen(object->pfn);

	object->generation = frozenref_slot_handle(subject.reg, object->slot).generation;
	fuzz_check(object->generation != 0);
	if (subject.flags & FROZENREF_REGISTRY_PADDED)
		fuzz_check((uintptr_t)object->slot % 64 == 0);
	if (!seen)
		return;
	fuzz_check(!seen->slot || seen->slot == object->slot);
	fuzz_check(object->generation > seen->generation);
	seen->slot = object->slot;
	seen->generation = object->generation;
}

static void add(uint64_t pfn, uint64_t npages, void *address, enum condition condition,
		struct frozenref_slot *slot)
{
	struct object *object = model_room();

	*object = (struct object){
		.exists = true,
		.condition = condition,
		.count = condition == LIVE,
		.pfn = pfn,
		.npages = npages,
		.address = address,
		.slot = slot,
	};
	check_slot(object);
	check_object(object);
}

void op_insert(void)
{
	uint64_t pfn = pick_pfn();
	void *address = pick_address(pfn);
	int wanted = address && address_fits(pfn, address) ? insert_error(pfn, 1) : -EINVAL;
	int err;

	if (!model_room())
		return;
	fuzz_op("insert(%#jx, %p)", (uintmax_t)pfn, address);
	err = frozenref_registry_insert(subject.reg, pfn, address);
	fuzz_check(err == unless_failed(wanted));
	if (!err)
		add(pfn, 1, address, LIVE, frozenref_registry_slot(subject.reg, pfn));
}

void op_insert_range(void)
{
	uint64_t pfn = pick_pfn();
	uint64_t npages = pick_npages();
	void *address = pick_address(pfn);
	int wanted = address && address_fits(pfn, address) ? insert_error(pfn, npages) : -EINVAL;
	int err;

	if (!model_room())
		return;
	fuzz_op("insert_range(%#jx, %ju, %p)", (uintmax_t)pfn, (uintmax_t)npages, address);
	err = frozenref_registry_insert_range(subject.reg, pfn, npages, address);
	fuzz_check(err == unless_failed(wanted));
	if (!err)
		add(pfn, npages, address, LIVE, frozenref_registry_slot(subject.reg, pfn));
}

void op_insert_frozen(void)
{
	uint64_t pfn = pick_pfn();
	uint64_t npages = pick_npages();
	void *address = pick_address(pfn);
	int wanted = !address || address_fits(pfn, address) ? insert_error(pfn, npages) : -EINVAL;
	struct frozenref_slot *slot = NULL;
	int err;

	if (!model_room())
		return;
	fuzz_op("insert_frozen(%#jx, %ju, %p)", (uintmax_t)pfn, (uintmax_t)npages, address);
	err = frozenref_registry_insert_frozen(subject.reg, pfn, npages, address, &slot);
	fuzz_check(err == unless_failed(wanted));
	if (!err)
		add(pfn, npages, address, FROZEN, slot);
}

/* The lowest free run; false if there is none. */
static bool find_free(uint64_t first, uint64_t last, uint64_t npages, uint64_t *pfn)
{
	const struct object *obstacle;

	*pfn = first;
	while (*pfn <= last && npages - 1 <= last - *pfn) {
		obstacle = model_first(*pfn, *pfn + (npages - 1));
		if (!obstacle)
			return true;
		*pfn = obstacle->pfn + obstacle->npages;
	}
	return false;
}

static int alloc_error(uint64_t first, uint64_t last, uint64_t npages, void *address, uint64_t *pfn)
{
	if (first > last || !npages || npages > FROZENREF_REGISTRY_NPAGES_MAX)
		return -EINVAL;
	if (first > last_pfn())
		return -ERANGE;
	if (last > last_pfn())
		last = last_pfn();
	if (!find_free(first, last, npages, pfn))
		return -ENOSPC;
	return !address || address_fits(*pfn, address) ? 0 : -EINVAL;
}

void op_alloc_frozen(void)
{
	uint64_t first = pick_pfn();
	uint64_t last = fuzz_byte() % 4 ? first + fuzz_byte() : pick_pfn();
	uint64_t npages = pick_npages();
	void *address = pick_address(first);
	uint64_t pfn = 0;
	int wanted = alloc_error(first, last, npages, address, &pfn);
	struct frozenref_slot *slot = NULL;
	int err;

	if (!model_room())
		return;
	fuzz_op("alloc_frozen(%#jx, %#jx, %ju, %p)", (uintmax_t)first, (uintmax_t)last,
		(uintmax_t)npages, address);
	err = frozenref_registry_alloc_frozen(subject.reg, first, last, npages, address, &slot);
	fuzz_check(err == unless_failed(wanted));
	if (!err)
		add(pfn, npages, address, FROZEN, slot);
}

/* -------------------------------------------------------------------------------------- erase */

/* The registry's own reference is dropped; lookups miss it from now on. */
static void model_erase(struct object *object)
{
	uint32_t left;

	object->condition = ERASED;
	(void)model_put(object, object->slot, &left);
}

void op_erase(void)
{
	uint64_t pfn = pick_pfn();
	struct object *object = model_at(pfn);
	int wanted = 0;

	fuzz_op("erase(%#jx)", (uintmax_t)pfn);
	if (!object || object->condition == ERASED)
		wanted = -ENOENT;
	else if (object->condition == FROZEN)
		wanted = -EBUSY;
	else
		model_erase(object);
	fuzz_check(frozenref_registry_erase(subject.reg, pfn) == wanted);
	model_forget_ended();
}

void op_erase_range(void)
{
	uint64_t first = pick_pfn();
	uint64_t last = fuzz_byte() % 2 ? first + fuzz_byte() : pick_pfn();
	bool wants_skipped = fuzz_byte() % 2;
	uint64_t skipped = 12345;
	uint64_t frozen = 0;
	uint64_t erased = 0;

	fuzz_op("erase_range(%#jx, %#jx)", (uintmax_t)first, (uintmax_t)last);
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct object *object = &model.objects[i];

		if (first > last || !object->exists || object->pfn > last ||
		    object->pfn + (object->npages - 1) < first)
			continue;
		frozen += object->condition == FROZEN;
		erased += object->condition == LIVE;
		if (object->condition == LIVE)
			model_erase(object);
	}
	/* What release() would insert now may be erased as well, or not. */
	subject.may_nest = false;
	fuzz_check(frozenref_registry_erase_range(subject.reg, first, last,
						  wants_skipped ? &skipped : NULL) == erased);
	fuzz_check(!wants_skipped || skipped == frozen);
	model_forget_ended();
}
