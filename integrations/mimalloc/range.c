/* SPDX-License-Identifier: MIT */
/*
 * Ranges of addresses with two exclusive arenas of mimalloc in each: made, parked, taken again.
 *
 * Called by space.c. Relies on the mmap backend for addresses. mimalloc has no call that takes an
 * arena back, keeps lists of what is in it, and knows 64 of them at most in its second version: so
 * a range stays with it for ever, and goes from one space to the next. Threads' heaps stay with it
 * as well.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fork.h"
#include "space.h"

/* Ranges that no space uses, and how many there are in all. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct range *parked;
static unsigned n_ranges;

static void lock_ranges(void)
{
	pthread_mutex_lock(&lock);
}

static void unlock_ranges(void)
{
	pthread_mutex_unlock(&lock);
}

/* Gives mimalloc what it has not got yet of a range; false: it has no room for another arena. */
static bool complete(struct range *range)
{
	size_t bytes = (size_t)1 << range->zone_shift;

	while (range->n_arenas < ZONES) {
		unsigned zone = range->n_arenas;
		void *first = (void *)(range->first + bytes * zone);

		/* Not committed, or mimalloc would never return memory; zero; of no NUMA node. */
		if (!mi_manage_os_memory_ex(first, bytes, false, false, true, -1, true,
					    &range->arenas[zone]))
			return false;
		range->n_arenas++;
	}
	return true;
}

/* Where heaps are for all threads a range has one in each zone; false: no memory for them. */
static bool make_heaps(struct range *range)
{
#if HAVE_MI_HEAP_THEAP
	for (unsigned zone = 0; zone < ZONES; zone++) {
		if (!range->heaps[zone])
			range->heaps[zone] = mi_heap_new_in_arena(range->arenas[zone]);
		if (!range->heaps[zone])
			return false;
	}
#else
	(void)range;
#endif
	return true;
}

static int reserve(struct range *range)
{
	const struct frozenref_backend *backend = frozenref_mmap_backend();
	unsigned align_shift = range->zone_shift;
	size_t bytes = (size_t)ZONES << range->zone_shift;
	void *address;
	int err;

	if (align_shift > ALIGN_SHIFT_MAX)
		align_shift = ALIGN_SHIFT_MAX;
	err = backend->reserve(backend->context, bytes, (size_t)1 << align_shift, &address);
	if (err)
		return err;
#ifdef MADV_DODUMP
	/* Objects belong into a core dump; what was never touched is not written to one. */
	(void)madvise(address, bytes, MADV_DODUMP);
#endif
	/* After mlockall(MCL_FUTURE) all that mimalloc commits would be populated at once. */
	(void)munlock(address, bytes);
	range->first = (uintptr_t)address;
	return 0;
}

static void unreserve(struct range *range)
{
	const struct frozenref_backend *backend = frozenref_mmap_backend();

	(void)backend->release(backend->context, (void *)range->first,
			       (size_t)ZONES << range->zone_shift);
}

/*
 * Makes a range of an empty one, whole and in use. Or else it is parked if mimalloc knows anything
 * of it, and empty as before if not. Under the lock.
 */
static bool make(struct range *range, unsigned zone_shift)
{
	if (n_ranges == RANGES_MAX)
		return false;
	range->zone_shift = zone_shift;
	range->index = n_ranges;
	if (reserve(range) != 0)
		return false;
	if (complete(range)) {
		n_ranges++;
		return true;
	}
	if (range->n_arenas) {
		/* mimalloc has half of it, and will have the rest when a space asks again. */
		range->next = parked;
		parked = range;
		n_ranges++;
	} else {
		unreserve(range);
	}
	return false;
}

/*
 * The smallest parked range that is large enough, and of which mimalloc has all by now, out of the
 * list; or NULL. Under the lock.
 */
static struct range *unpark(unsigned zone_shift)
{
	struct range **best = NULL;
	struct range *range;

	for (struct range **at = &parked; *at; at = &(*at)->next) {
		if ((*at)->zone_shift < zone_shift)
			continue;
		if ((!best || (*at)->zone_shift < (*best)->zone_shift) && complete(*at))
			best = at;
	}
	if (!best)
		return NULL;
	range = *best;
	*best = range->next;
	return range;
}

/* A parked range, or the spare one, which is NULL afterwards if it has been made into one. */
static struct range *take(unsigned zone_shift, struct range **spare)
{
	struct range *range;

	lock_ranges();
	range = unpark(zone_shift);
	if (!range) {
		if (make(*spare, zone_shift))
			range = *spare;
		if ((*spare)->n_arenas)
			*spare = NULL;
	}
	unlock_ranges();
	return range;
}

int frozenref__mi_range_take(unsigned zone_shift, struct range **taken)
{
	static const struct fork_steps steps = { lock_ranges, unlock_ranges, unlock_ranges };
	/* Or a child could find the lock held by a thread that it does not have. */
	int err = frozenref__watch_forks(FORK_RANGES, &steps);
	struct range *range;
	struct range *spare;

	if (err)
		return err;
	/*
	 * Memory is not allocated under the lock: mimalloc may run the program's deferred frees
	 * then, and with them a release() that makes or destroys a space.
	 */
	spare = calloc(1, sizeof(*spare));
	if (!spare)
		return -ENOMEM;
	range = take(zone_shift, &spare);
	free(spare);
	if (!range)
		return -ENOMEM;
	if (!make_heaps(range)) {
		frozenref__mi_range_park(range);
		return -ENOMEM;
	}
	*taken = range;
	return 0;
}

void frozenref__mi_range_park(struct range *range)
{
	lock_ranges();
	range->next = parked;
	parked = range;
	unlock_ranges();
}
