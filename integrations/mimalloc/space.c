/* SPDX-License-Identifier: MIT */
/*
 * Spaces: created over a range, and destroyed when nothing is in them.
 *
 * Called by programs. Relies on range.c for addresses and arenas, and on registries for everything
 * that is known of objects.
 */
#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "config_struct.h"
#include "space.h"

/* mimalloc's segments, which arenas consist of. */
#define ZONE_SHIFT_MIN 25
#if UINTPTR_MAX > UINT32_MAX
# define ZONE_SHIFT_DEFAULT 31
# define ZONE_SHIFT_MAX	    46
# define PFN_BITS(shift)    52
#else
# define ZONE_SHIFT_DEFAULT 26
# define ZONE_SHIFT_MAX	    29
# define PFN_BITS(shift)    (32 - (shift))
#endif

/* ------------------------------------------------------------------------------------- checking */

static int check_config(const struct frozenref_mi_space_config *config)
{
	if (config->bytes > (size_t)1 << ZONE_SHIFT_MAX)
		return -EINVAL;
	if (config->granule_shift && (config->granule_shift < 4 || config->granule_shift > 12))
		return -EINVAL;
	if (config->flags & ~(FROZENREF_MI_PEEKABLE | FROZENREF_MI_DEFER))
		return -EINVAL;
	return 0;
}

static unsigned zone_shift_for(size_t bytes)
{
	unsigned shift = ZONE_SHIFT_MIN;

	if (!bytes)
		return ZONE_SHIFT_DEFAULT;
	while ((size_t)1 << shift < bytes)
		shift++;
	return shift;
}

/* --------------------------------------------------------------------------- create and destroy */

static int make_chunks(struct space *space)
{
	space->chunks = calloc(space->head.bytes >> FROZENREF__MI_CHUNK_SHIFT, sizeof(uintptr_t));
	if (!space->chunks)
		return -ENOMEM;
	space->head.chunks = (uintptr_t)space->chunks -
			     (space->head.first >> FROZENREF__MI_CHUNK_SHIFT) * sizeof(uintptr_t);
	return 0;
}

static int make_registry(struct space *space, unsigned zone, unsigned shift)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	int err;

	config.pfn_bits = PFN_BITS(shift);
	config.page_shift = shift;
	config.release = frozenref__mi_ended;
	config.arg = space;
	config.flags = space->head.flags & FROZENREF_MI_PEEKABLE ? FROZENREF_REGISTRY_PEEKABLE
								 : FROZENREF_REGISTRY_COMPACT;
	err = frozenref_registry_create(&space->head.registries[zone], &config);
	if (err)
		return err;
	frozenref__registry_make_owned(space->head.registries[zone]);
	return 0;
}

/* What there is of a space, which has no objects. */
static void take_apart(struct space *space)
{
	for (unsigned zone = 0; zone < ZONES; zone++) {
		struct frozenref_registry *reg = space->head.registries[zone];

		/* Somebody came in after all: better to lose all of it than what he is using. */
		if (reg && frozenref_registry_destroy(reg) != 0)
			return;
	}
	free(space->chunks);
	frozenref__mi_deferred_destroy(space);
	if (space->range)
		frozenref__mi_range_park(space->range);
	free(space);
}

static void know_beforehand(struct space *space)
{
	for (unsigned zone = 0; zone < ZONES; zone++) {
		struct one_granule *one = &space->one[zone];

		one->granule = (size_t)1 << frozenref__mi_shift(&space->head, zone);
		one->first = space->head.first + zone * zone_bytes(space);
		one->misplaced = ~(zone_bytes(space) - one->granule);
		one->most = zone == SMALL && one->granule > SMALL_MAX ? SMALL_MAX : one->granule;
		if (has_compact_slots(space))
			one->sizes = zone == SMALL ? one->most : one->most - SMALL_MAX;
	}
	space->has_more_to_do = space->release || space->head.flags & FROZENREF_MI_DEFER;
}

static int put_together(struct space *space, const struct frozenref_mi_space_config *config)
{
	int err = frozenref__mi_range_take(zone_shift_for(config->bytes), &space->range);

	if (err)
		return err;
	space->head.first = space->range->first;
	space->head.zone_shift = space->range->zone_shift;
	space->head.bytes = ZONES * zone_bytes(space);
	space->head.small_shift = config->granule_shift ? config->granule_shift : 6;
	space->head.slot_shift = config->flags & FROZENREF_MI_PEEKABLE ? 5 : 4;
	space->head.flags = config->flags;
	space->head.heaps = space->range->index * sizeof(frozenref__mi_thread->heaps[0]);
	space->release = config->release;
	space->arg = config->arg;
	know_beforehand(space);
	err = make_registry(space, SMALL, space->head.small_shift);
	if (!err)
		err = make_registry(space, LARGE, FROZENREF__MI_LARGE_SHIFT);
	if (!err)
		err = make_chunks(space);
	if (!err && config->flags & FROZENREF_MI_DEFER)
		err = frozenref__mi_deferred_init(space);
	if (!err && config->flags & FROZENREF_MI_PEEKABLE)
		err = frozenref__mi_is_readable();
	return err;
}

int frozenref_mi_space_create(struct frozenref_mi_space **spacep,
			      const struct frozenref_mi_space_config *user_config)
{
	struct frozenref_mi_space_config config = FROZENREF_MI_SPACE_CONFIG_INIT;
	struct space *space;
	int err;

	if (!spacep)
		return -EINVAL;
	err = frozenref__config_read(&config, sizeof(config), user_config);
	if (!err)
		err = check_config(&config);
	if (err)
		return err;
	space = calloc(1, sizeof(*space));
	if (!space)
		return -ENOMEM;
	err = put_together(space, &config);
	if (err) {
		take_apart(space);
		return err;
	}
	*spacep = &space->head;
	return 0;
}

/* What mimalloc keeps for this thread goes back; what other threads keep, when they allocate. */
static void collect(const struct space *space)
{
	for (unsigned zone = 0; zone < ZONES; zone++) {
		mi_heap_t *heap = existing_heap_of(space, zone);

		if (heap)
			mi_heap_collect(heap, true);
	}
}

int frozenref_mi_space_destroy(struct frozenref_mi_space *head)
{
	struct space *space = space_of(head);

	if (!space)
		return -EINVAL;
	(void)frozenref_mi_drain(head);
	/* Both, before either is gone. */
	for (unsigned zone = 0; zone < ZONES; zone++) {
		if (!frozenref__registry_is_empty(head->registries[zone]))
			return -EBUSY;
	}
	collect(space);
	take_apart(space);
	return 0;
}

size_t frozenref_mi_trim(struct frozenref_mi_space *head)
{
	size_t bytes = 0;

	collect(space_of(head));
	for (unsigned zone = 0; zone < ZONES; zone++)
		bytes += frozenref__registry_trim_owned(head->registries[zone]);
	return bytes;
}
