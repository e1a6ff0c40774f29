/* SPDX-License-Identifier: MIT */
/*
 * Allocating objects of a space, and giving them back unpublished.
 *
 * Called by programs. Relies on mimalloc to hand out each address once until it is freed, and on
 * the registries to know what is on it. The two must never disagree: an object's slots are taken
 * after mi_malloc() and empty before mi_free().
 */
#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "owned.h"
#include "space.h"
#include "table.h"

#define CHUNK_BYTES ((uintptr_t)1 << FROZENREF__MI_CHUNK_SHIFT)

/* What is asked of mimalloc. */
struct request {
	unsigned zone;
	uint32_t shift;	  /* of the zone's granule */
	size_t size;	  /* whole granules */
	size_t alignment; /* beyond the granule's, or 0 */
	bool zero;
};

/*
 * Whether a block begins with a granule, in its zone. mimalloc's blocks of whole granules do, but
 * for builds that pad them, and for some sizes in its third version.
 */
static inline bool is_in_place(const struct space *space, unsigned zone, const void *block)
{
	return !(((uintptr_t)block - zone_first(space, zone)) & space->one[zone].misplaced);
}

/* ---------------------------------------------------------------------------- of many granules */

/* Whether there can be such an object at all. */
static bool plan(const struct space *space, size_t size, size_t alignment, struct request *request)
{
	size_t granule;

	if (size > PTRDIFF_MAX - ((size_t)1 << FROZENREF__MI_LARGE_SHIFT))
		return false;
	request->zone = size > SMALL_MAX || alignment > SMALL_MAX ? LARGE : SMALL;
	request->shift = frozenref__mi_shift(&space->head, request->zone);
	granule = (size_t)1 << request->shift;
	request->alignment = alignment > granule ? alignment : 0;
	request->size = size ? (size + granule - 1) & ~(granule - 1) : granule;
	return request->size >> request->shift <= FROZENREF_REGISTRY_NPAGES_MAX;
}

static void *get_aligned_block(mi_heap_t *heap, const struct request *request)
{
	size_t granule = (size_t)1 << request->shift;
	size_t alignment = request->alignment ? request->alignment : granule;

	/* Not the calls without an offset: in 2.0.9 they think too well of small blocks' places. */
	return request->zero ? mi_heap_zalloc_aligned_at(heap, request->size, alignment, 0)
			     : mi_heap_malloc_aligned_at(heap, request->size, alignment, 0);
}

/* A block of whole granules in the zone's arena, or NULL. */
static void *get_block(const struct space *space, const struct request *request)
{
	mi_heap_t *heap = heap_of(space, request->zone);
	void *block;

	if (!heap)
		return NULL;
	if (!request->alignment) {
		block = request->zero ? mi_heap_zalloc(heap, request->size)
				      : mi_heap_malloc(heap, request->size);
		if (!block || is_in_place(space, request->zone, block))
			return block;
		mi_free(block);
	}
	block = get_aligned_block(heap, request);
	if (!block || is_in_place(space, request->zone, block))
		return block;
	mi_free(block);
	return NULL;
}

/* Lets the inline functions know where the slots of this chunk are. */
static FROZENREF__COLD void show_chunk(struct space *space, unsigned zone, uintptr_t address,
				       uintptr_t *chunk)
{
	uintptr_t shift = frozenref__mi_shift(&space->head, zone);
	uintptr_t pfn = address >> shift;
	uintptr_t slot =
		(uintptr_t)frozenref__table_slot(&space->head.registries[zone]->table, pfn);

	/* Release: pairs with the acquire of who looks there. All who do it store the same. */
	frozenref__storeptr(chunk, (slot - (pfn << space->head.slot_shift)) | shift, release);
}

/* Takes a block's slots: 0, -ENOMEM, or -EEXIST. */
static int take(struct space *space, unsigned zone, uintptr_t pfn, size_t npages, void *block)
{
	int err = frozenref__registry_own(space->head.registries[zone], pfn, npages, block);
	uint32_t shift = frozenref__mi_shift(&space->head, zone);
	uintptr_t address = (uintptr_t)block;
	uintptr_t last = address + ((uintptr_t)npages << shift) - 1;

	if (err)
		return err;
	address &= ~(CHUNK_BYTES - 1);
	for (; address <= last; address += CHUNK_BYTES) {
		uintptr_t *chunk = frozenref__mi_chunk(&space->head, (void *)address);

		if (!frozenref__loadptr(chunk, relaxed))
			show_chunk(space, zone, address, chunk);
	}
	return 0;
}

static void *allocate(struct space *space, size_t size, size_t alignment, bool zero)
{
	struct request request = { .zero = zero };
	void *block;

	if (!plan(space, size, alignment, &request)) {
		errno = ENOMEM;
		return NULL;
	}
	while ((block = get_block(space, &request))) {
		int err;

		BLOCK_COMES(block);
		err = take(space, request.zone, (uintptr_t)block >> request.shift,
			   request.size >> request.shift, block);
		if (!err)
			return block;
		if (err == -ENOMEM)
			break;
		/*
		 * The slots are taken: somebody gave an object to mi_free() himself, and mimalloc
		 * its block to us. With that the object has a block again, and stays what it is for
		 * those who hold it; we take another.
		 */
	}
	if (block)
		mi_free(block);
	errno = ENOMEM;
	return NULL;
}

/* ------------------------------------------------------------------------------- of one granule */

/* The other way, for whatever stood in the way of this one. */
static FROZENREF__COLD void *start_over(struct space *space, unsigned zone, bool zero)
{
	return allocate(space, space->one[zone].most, 0, zero);
}

/* The first object on this granule since the registry's tables were last given back, or nothing. */
static FROZENREF__COLD void *take_first(struct space *space, unsigned zone, void *block, bool zero)
{
	uintptr_t pfn = (uintptr_t)block >> frozenref__mi_shift(&space->head, zone);
	int err = -ENOMEM;

	if (block && is_in_place(space, zone, block))
		err = take(space, zone, pfn, 1, block);
	if (!err)
		return block;
	/* As in allocate(): if its slot is taken the block is another object's again. */
	if (err != -EEXIST)
		mi_free(block);
	return start_over(space, zone, zero);
}

/* Most objects, in a space whose slots have 16 bytes: `sizes` of others is 0. */
FROZENREF__HELPER void *allocate_one(struct space *space, unsigned zone, bool zero)
{
	mi_heap_t *heap = existing_heap_of(space, zone);
	struct frozenref_slot *slot;
	void *granule;
	void *block;

	if (FROZENREF__UNLIKELY(!heap))
		return start_over(space, zone, zero);
	block = zero ? mi_heap_zalloc(heap, space->one[zone].granule)
		     : mi_heap_malloc(heap, space->one[zone].granule);
	/* NULL is not in place. */
	if (FROZENREF__UNLIKELY(!is_in_place(space, zone, block)))
		return take_first(space, zone, block, zero);
	BLOCK_COMES(block);
	slot = frozenref__mi_slot(&space->head, block, 4, &granule);
	if (FROZENREF__LIKELY(slot && owned_take_again(slot)))
		return block;
	return take_first(space, zone, block, zero);
}

FROZENREF__HELPER void *allocate_any(struct frozenref_mi_space *head, size_t size, bool zero)
{
	struct space *space = space_of(head);

	if (FROZENREF__LIKELY(size - 1 < space->one[SMALL].sizes))
		return allocate_one(space, SMALL, zero);
	if (FROZENREF__LIKELY(size - SMALL_MAX - 1 < space->one[LARGE].sizes))
		return allocate_one(space, LARGE, zero);
	return allocate(space, size, 0, zero);
}

void *frozenref_mi_malloc(struct frozenref_mi_space *space, size_t size)
{
	return allocate_any(space, size, false);
}

void *frozenref_mi_zalloc(struct frozenref_mi_space *space, size_t size)
{
	return allocate_any(space, size, true);
}

void *frozenref_mi_malloc_aligned(struct frozenref_mi_space *space, size_t size, size_t alignment)
{
	if (!alignment || alignment & (alignment - 1)) {
		errno = EINVAL;
		return NULL;
	}
	return allocate(space_of(space), size, alignment, false);
}
