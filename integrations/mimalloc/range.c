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
#if HAVE_MI_HEAP_THEAP
		range->heaps[zone] = mi_heap_new_in_arena(range->arenas[zone]);
#endif
		range->n_arenas++;
	}
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

/* Under the lock. */
static int make(unsigned zone_shift, struct range **made)
{
	struct range *range;
	int err;

	if (n_ranges == RANGES_MAX)
		return -ENOMEM;
	range = calloc(1, sizeof(*range));
	if (!range)
		return -ENOMEM;
	range->zone_shift = zone_shift;
	range->index = n_ranges;
	err = reserve(range);
	if (err) {
		free(range);
		return err;
	}
	if (complete(range)) {
		*made = range;
		n_ranges++;
		return 0;
	}
	if (range->n_arenas) {
		/* mimalloc has half of it, and will have the rest when a space asks again. */
		range->next = parked;
		parked = range;
		n_ranges++;
	} else {
		unreserve(range);
		free(range);
	}
	return -ENOMEM;
}

/* The smallest parked range that is large enough, out of the list; or NULL. Under the lock. */
static struct range *unpark(unsigned zone_shift)
{
	struct range **best = NULL;
	struct range *range;

	for (struct range **at = &parked; *at; at = &(*at)->next) {
		if ((*at)->zone_shift < zone_shift)
			continue;
		if (!best || (*at)->zone_shift < (*best)->zone_shift)
			best = at;
	}
	if (!best || !complete(*best))
		return NULL;
	range = *best;
	*best = range->next;
	return range;
}

int frozenref__mi_range_take(unsigned zone_shift, struct range **taken)
{
	static const struct fork_steps steps = { lock_ranges, unlock_ranges, unlock_ranges };
	/* Or a child could find the lock held by a thread that it does not have. */
	int err = frozenref__watch_forks(FORK_RANGES, &steps);

	if (err)
		return err;
	lock_ranges();
	*taken = unpark(zone_shift);
	if (!*taken)
		err = make(zone_shift, taken);
	unlock_ranges();
	return err;
}

void frozenref__mi_range_park(struct range *range)
{
	lock_ranges();
	range->next = parked;
	parked = range;
	unlock_ranges();
}
