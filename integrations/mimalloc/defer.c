/* SPDX-License-Identifier: MIT */
/*
 * The queue of objects that have ended and are not freed yet, in spaces with FROZENREF_MI_DEFER.
 *
 * frozenref__mi_defer() is called by last puts, in signal handlers too; the rest by programs, from
 * any thread. A stack with many pushers, which is always taken as a whole: so nothing that was
 * taken can come back under a compare-and-swap. The links are not in the objects, whose bytes
 * release() still wants to read, but in a word for each granule, in addresses that are reserved
 * with the space and take memory only where something is queued: an object brings the room for its
 * link with it.
 */
#include <config.h>

#include <errno.h>

#include <frozenref/atomic.h>

#include "space.h"

/* Tells the link of the first one queued, which leads to none, from that of one that is not. */
#define QUEUED ((uintptr_t)1)

static size_t links_bytes(const struct space *space, unsigned zone)
{
	return sizeof(uintptr_t) << (space->head.zone_shift -
				     frozenref__mi_shift(&space->head, zone));
}

int frozenref__mi_deferred_init(struct space *space)
{
	const struct frozenref_backend *backend = frozenref_mmap_backend();

	for (unsigned zone = 0; zone < ZONES; zone++) {
		size_t bytes = links_bytes(space, zone);
		void *links;
		int err = backend->reserve(backend->context, bytes, sizeof(uintptr_t), &links);

		if (err)
			return err;
		space->deferred.links[zone] = links;
		err = backend->commit(backend->context, links, bytes);
		if (err)
			return err;
	}
	return 0;
}

void frozenref__mi_deferred_destroy(struct space *space)
{
	const struct frozenref_backend *backend = frozenref_mmap_backend();

	for (unsigned zone = 0; zone < ZONES; zone++) {
		if (space->deferred.links[zone])
			(void)backend->release(backend->context, space->deferred.links[zone],
					       links_bytes(space, zone));
	}
}

static uintptr_t *link_of(const struct space *space, uintptr_t object)
{
	unsigned zone = frozenref__mi_zone(&space->head, (void *)object);

	return &space->deferred.links[zone][(object - zone_first(space, zone)) >>
					    frozenref__mi_shift(&space->head, zone)];
}

void frozenref__mi_defer(struct space *space, void *object)
{
	uintptr_t *link = link_of(space, (uintptr_t)object);
	uintptr_t last = frozenref__loadptr(&space->deferred.head, relaxed);

	for (;;) {
		uintptr_t found;

		frozenref__storeptr(link, last | QUEUED, relaxed);
		/*
		 * Release: whoever takes the queue sees the link, and what the object's holders
		 * did. Also through later pushes, which are read-modify-writes.
		 */
		found = frozenref__casptr(&space->deferred.head, last, (uintptr_t)object, acq_rel);
		if (found == last)
			return;
		last = found;
	}
}

/* The object queued before this one, or 0. */
static uintptr_t before(const struct space *space, uintptr_t object)
{
	return frozenref__loadptr(link_of(space, object), relaxed) & ~QUEUED;
}

void *frozenref__mi_deferred_next(const struct space *space, const void *object)
{
	if (!object)
		return (void *)frozenref__loadptr(&space->deferred.head, acquire);
	return (void *)before(space, (uintptr_t)object);
}

bool frozenref__mi_is_deferred(const struct space *space, const void *object)
{
	return space->head.flags & FROZENREF_MI_DEFER &&
	       frozenref__loadptr(link_of(space, (uintptr_t)object), relaxed);
}

/* The whole queue, which is the caller's then. */
static uintptr_t take_all(struct space *space)
{
	uintptr_t last = frozenref__loadptr(&space->deferred.head, relaxed);

	while (last) {
		/* Acquire: pairs with the release of the pushes. */
		uintptr_t found = frozenref__casptr(&space->deferred.head, last, 0, acq_rel);

		if (found == last)
			break;
		last = found;
	}
	return last;
}

size_t frozenref_mi_drain(struct frozenref_mi_space *head)
{
	struct space *space = space_of(head);
	size_t drained = 0;
	uintptr_t object;

	/* Again: what release() drops may end up here as well. */
	while ((object = take_all(space))) {
		while (object) {
			/* Before the object is freed, and its granule's link used for another. */
			uintptr_t next = before(space, object);

			frozenref__storeptr(link_of(space, object), 0, relaxed);
			frozenref__mi_finish(space, (void *)object);
			object = next;
			drained++;
		}
	}
	return drained;
}
