/* SPDX-License-Identifier: MIT */
/*
 * The registries against mimalloc's heaps: what is live, frozen, queued, leaked, stray.
 *
 * Called by programs at a quiet point. Relies on the registries to know every object, and on
 * mi_heap_visit_blocks() for what can be compared with them: the calling thread's heaps, or the
 * space's where heaps are for all threads. What threads have left behind that are gone, and what
 * others own, is not shown otherwise; their objects are reported as the registries know them.
 *
 * Each area of a heap is gone through in step with the registry, both by rising addresses: a head
 * between two blocks has no block, and a block without a head in it has no object. What lies in no
 * area comes afterwards.
 */
#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "config_struct.h"
#include "space.h"

/* mimalloc's pages, which it calls areas here, are not smaller than this. */
#define AREA_SHIFT_MIN 16

struct area {
	uintptr_t first;
	uintptr_t end;
};

struct check {
	struct space *space;
	frozenref_mi_visit_fn *visit;
	void *arg;
	struct frozenref_mi_report report;
	/* One zone at a time. */
	struct frozenref_registry *reg;
	uint32_t shift;
	struct area *areas; /* of the heaps walked */
	size_t n_areas;
	size_t room;
	uintptr_t cursor; /* up to here the last area has been compared */
};

/* ------------------------------------------------------------------------------------ verdicts */

static void say(struct check *check, void *object, size_t size, enum frozenref_mi_verdict verdict)
{
	struct frozenref_mi_report *report = &check->report;

	report->live += verdict == FROZENREF_MI_LIVE;
	report->frozen += verdict == FROZENREF_MI_FROZEN;
	report->queued += verdict == FROZENREF_MI_QUEUED;
	report->leaked += verdict == FROZENREF_MI_LEAKED;
	report->stray += verdict == FROZENREF_MI_STRAY;
	if (verdict == FROZENREF_MI_LIVE || verdict == FROZENREF_MI_FROZEN)
		report->bytes += size;
	if (check->visit)
		check->visit(object, size, verdict, check->arg);
}

static size_t object_size(const struct check *check, const struct frozenref_slot *slot)
{
	return (size_t)frozenref_slot_npages(check->reg, slot) << check->shift;
}

static enum frozenref_mi_verdict verdict_of(const struct frozenref_slot *slot)
{
	uint32_t count = frozenref_slot_count(slot);

	if (count == FROZENREF_SATURATED)
		return FROZENREF_MI_LEAKED;
	return count ? FROZENREF_MI_LIVE : FROZENREF_MI_FROZEN;
}

/* The first object that begins in from .. end - 1, or NULL; *at is its address. */
static struct frozenref_slot *next_object(const struct check *check, uintptr_t from, uintptr_t end,
					  uintptr_t *at)
{
	uint64_t granule = ((uint64_t)1 << check->shift) - 1;
	uint64_t pfn = (from + granule) >> check->shift;
	uint64_t last = (end - 1) >> check->shift;
	struct frozenref_slot *slot = NULL;

	if (from < end && pfn <= last)
		slot = frozenref__next_slot(check->reg, &pfn, last, FROZENREF__SLOT_USED);
	*at = (uintptr_t)(pfn << check->shift);
	return slot;
}

/* Objects that begin where there is no block. */
static void find_strays(struct check *check, uintptr_t from, uintptr_t end)
{
	struct frozenref_slot *slot;
	uintptr_t at;

	while ((slot = next_object(check, from, end, &at))) {
		size_t size = object_size(check, slot);

		say(check, (void *)at, size, FROZENREF_MI_STRAY);
		from = at + size;
	}
}

static bool is_queued(const struct check *check, uintptr_t block, size_t size)
{
	uintptr_t granule = (uintptr_t)1 << check->shift;

	for (uintptr_t at = (block + granule - 1) & ~(granule - 1); at < block + size;
	     at += granule) {
		if (frozenref__mi_is_deferred(check->space, (void *)at))
			return true;
	}
	return false;
}

static void check_block(struct check *check, uintptr_t block, size_t size)
{
	uintptr_t at;
	struct frozenref_slot *slot = next_object(check, block, block + size, &at);

	check->report.blocks++;
	if (!slot) {
		if (!is_queued(check, block, size))
			say(check, (void *)block, size, FROZENREF_MI_LEAKED);
		return;
	}
	if (object_size(check, slot) > block + size - at) {
		say(check, (void *)at, object_size(check, slot), FROZENREF_MI_STRAY);
		return;
	}
	say(check, (void *)at, object_size(check, slot), verdict_of(slot));
	find_strays(check, at + object_size(check, slot), block + size);
}

/* --------------------------------------------------------------------------------------- heaps */

static void finish_area(struct check *check)
{
	if (!check->n_areas)
		return;
	find_strays(check, check->cursor, check->areas[check->n_areas - 1].end);
	check->cursor = 0;
}

static bool begin_area(struct check *check, const mi_heap_area_t *area)
{
	uintptr_t first = (uintptr_t)area->blocks;

	finish_area(check);
	if (check->n_areas == check->room)
		return false;
	check->areas[check->n_areas++] = (struct area){ first, first + area->reserved };
	check->cursor = first;
	return true;
}

/* Called with NULL for each area, and then with its blocks. */
static bool see(const mi_heap_t *heap, const mi_heap_area_t *area, void *block, size_t size,
		void *arg)
{
	struct check *check = arg;

	(void)heap;
	if (!block)
		return begin_area(check, area);
	find_strays(check, check->cursor, (uintptr_t)block);
	check_block(check, (uintptr_t)block, size);
	check->cursor = (uintptr_t)block + size;
	return true;
}

static int compare_areas(const void *a, const void *b)
{
	const struct area *left = a;
	const struct area *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

static int compare_address(const void *address, const void *area)
{
	uintptr_t at = *(const uintptr_t *)address;
	const struct area *in = area;

	if (at < in->first)
		return -1;
	return at >= in->end;
}

/* The area that an address lies in, or NULL; they are sorted. */
static const struct area *find_area(const struct check *check, uintptr_t address)
{
	if (!check->n_areas)
		return NULL;
	return bsearch(&address, check->areas, check->n_areas, sizeof(*check->areas),
		       compare_address);
}

/*
 * Of an object that is in no area. Where heaps are for all threads they have shown all their pages,
 * and it was the last on one that is gone; or else it can be in a heap that could not be walked.
 */
static enum frozenref_mi_verdict verdict_of_unseen(const struct frozenref_slot *slot)
{
#if HAVE_MI_HEAP_THEAP
	(void)slot;
	return FROZENREF_MI_STRAY;
#else
	return verdict_of(slot);
#endif
}

static void check_others(struct check *check, unsigned zone)
{
	uintptr_t from = zone_first(check->space, zone);
	uintptr_t end = from + ((uintptr_t)1 << check->space->head.zone_shift);
	struct frozenref_slot *slot;
	uintptr_t at;

	if (check->n_areas)
		qsort(check->areas, check->n_areas, sizeof(*check->areas), compare_areas);
	while ((slot = next_object(check, from, end, &at))) {
		const struct area *area = find_area(check, at);

		from = area ? area->end : at + object_size(check, slot);
		if (!area)
			say(check, (void *)at, object_size(check, slot), verdict_of_unseen(slot));
	}
}

static void check_zone(struct check *check, unsigned zone)
{
	mi_heap_t *heap = existing_heap_of(check->space, zone);

	check->reg = check->space->head.registries[zone];
	check->shift = frozenref__mi_shift(&check->space->head, zone);
	check->n_areas = 0;
	if (heap) {
		check->report.heaps++;
		/* What others have freed is not free for a walk before the heap has seen it. */
		mi_heap_collect(heap, true);
		(void)mi_heap_visit_blocks(heap, true, see, check);
		finish_area(check);
	}
	check_others(check, zone);
}

/* ---------------------------------------------------------------------------------- the whole */

static void check_queue(struct check *check)
{
	for (void *object = NULL; (object = frozenref__mi_deferred_next(check->space, object));)
		say(check, object, 0, FROZENREF_MI_QUEUED);
}

int frozenref_mi_check(struct frozenref_mi_space *head, frozenref_mi_visit_fn *visit, void *arg,
		       struct frozenref_mi_report *report)
{
	/*
	 * Not from malloc, which is mimalloc here, and may run a program's deferred frees while its
	 * heaps are being walked.
	 */
	const struct frozenref_backend *backend = frozenref_mmap_backend();
	struct check check = { .space = space_of(head), .visit = visit, .arg = arg };
	size_t bytes;
	void *areas;
	int err;

	if (!head)
		return -EINVAL;
	check.room = (size_t)1 << (head->zone_shift - AREA_SHIFT_MIN);
	bytes = check.room * sizeof(*check.areas);
	err = backend->reserve(backend->context, bytes, sizeof(*check.areas), &areas);
	if (err)
		return err;
	err = backend->commit(backend->context, areas, bytes);
	if (!err) {
		check.areas = areas;
		check_queue(&check);
		for (unsigned zone = 0; zone < ZONES; zone++)
			check_zone(&check, zone);
	}
	(void)backend->release(backend->context, areas, bytes);
	if (err)
		return err;
	if (report)
		frozenref__stats_write(report, &check.report, sizeof(check.report));
	return check.report.leaked || check.report.stray;
}
