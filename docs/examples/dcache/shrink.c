/* SPDX-License-Identifier: MIT */
/*
 * The shrinker: keeps the number of dentries near the limit, and gives memory back.
 *
 * Called by lookup.c, whenever there may be too many, and by programs.
 */
#include "inside.h"

#define TRIM_AFTER 4096 /* evictions: then there are empty slabs */

/*
 * Evicts a dentry that only the index holds, and the directories that nobody is below any more; how
 * many that were. By its address: what is there now is meant.
 */
static uint64_t evict(struct dcache *dcache, struct dentry *dentry, struct dentry *parent)
{
	uint64_t evicted = 0;

	while (frozenref_index_erase_if_unused(dcache->index, dentry)) {
		evicted++;
		if (!parent ||
		    atomic_load_explicit(&parent->flags, memory_order_relaxed) & DENTRY_REFERENCED)
			break;
		dentry = parent;
		parent = dentry->parent ? dget(dentry->parent) : NULL;
		dput(dcache, dentry);
	}
	if (parent)
		dput(dcache, parent);
	return evicted;
}

/*
 * One step of the hand: a dentry that was used since gets another round. It goes by addresses, so
 * that whole slabs become empty; in the order of the hashes a dentry would be left in nearly each.
 */
static uint64_t evict_next(struct dcache *dcache)
{
	struct dentry *dentry = frozenref_cache_next(dcache->dentries, dcache->hand);
	struct dentry *parent;
	unsigned flags;

	dcache->hand = dentry;
	if (!dentry)
		return 0;
	flags = atomic_fetch_and_explicit(&dentry->flags, (uint16_t)~DENTRY_REFERENCED,
					  memory_order_relaxed);
	parent = dentry->parent ? dget(dentry->parent) : NULL;
	dput(dcache, dentry);
	if (!(flags & DENTRY_REFERENCED))
		return evict(dcache, dentry, parent);
	if (parent)
		dput(dcache, parent);
	return 0;
}

void dcache_shrink(struct dcache *dcache, uint64_t limit, struct dcache_stats *stats)
{
	uint64_t dentries = atomic_load_explicit(&dcache->n, memory_order_relaxed);
	uint64_t evicted = 0;
	unsigned laps = 0;
	uint64_t steps;

	/* One thread is enough; the others go on. */
	if (dentries <= limit || pthread_mutex_trylock(&dcache->shrinking))
		return;
	steps = 8 * (dentries - limit) + EVICT_AT_ONCE;
	/*
	 * Three ends of a lap for nothing, the first of which may have been of a part of it: one
	 * whole lap has left nothing marked, and still the next one found all that is left held.
	 */
	while (dentries > limit && steps-- && laps < 3) {
		uint64_t n = evict_next(dcache);

		evicted += n;
		dentries -= n < dentries ? n : dentries;
		laps = n ? 0 : laps + !dcache->hand;
	}
	stats->evictions += evicted;
	if (evicted >= TRIM_AFTER)
		(void)frozenref_cache_trim(dcache->dentries);
	pthread_mutex_unlock(&dcache->shrinking);
}

void dcache_usage(struct dcache *dcache, struct dcache_usage *usage)
{
	struct frozenref_cache_stats dentries = FROZENREF_CACHE_STATS_INIT;
	struct frozenref_index_stats index = FROZENREF_INDEX_STATS_INIT;

	frozenref_cache_stats(dcache->dentries, &dentries);
	frozenref_index_stats(dcache->index, &index);
	usage->dentries = index.objects;
	usage->resident = dentries.bytes_resident + index.bytes_resident;
}
