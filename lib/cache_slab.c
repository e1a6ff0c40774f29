/* SPDX-License-Identifier: MIT */
/*
 * Slabs: memory for objects, populated when it is needed and purged when it is not.
 *
 * Called by magazine*.c, cache.c and cache_lookup.c. Relies on a backend. A slab is absent; busy,
 * as long as one thread populates or purges it without the lock; or in use, and then it is on the
 * list of partial slabs or on that of empty ones, unless all of its objects are out.
 */
#include <config.h>

#include <errno.h>

#include "backend.h"
#include "cache.h"
#include "wait.h"

/* What a cache without max_objects reserves, where that is granted. */
#define DEFAULT_ADDRESSES (sizeof(void *) > 4 ? UINT64_C(1) << 34 : UINT64_C(1) << 27)
/* And that is at most this part of what all of those together may still take. */
#define DEFAULT_PART	  (sizeof(void *) > 4 ? 2048 : 16)
/* More than that part, where there are addresses for 64 times as much. */
#define DEFAULT_ENOUGH	  (UINT64_C(1) << 28)
/*
 * How often a thread looks whether another one has finished with a slab, before it gives up: for
 * longer than the other one may have to wait for a processor.
 */
#define WAITS_MAX	  32768
/* Areas grow by a quarter of what they are, but not by more: it would take long. */
#define GROWTH_MAX	  ((size_t)1 << 22)
#define WORD_BITS	  32

/* ------------------------------------------------------------------------------------ addresses */

/* A granule is a power of two. */
static size_t rounded_to(size_t granule, size_t size)
{
	return (size + granule - 1) & ~(granule - 1);
}

/* Bytes for n slabs, the objects first; lays the areas out as if the range began at 0. */
static uint64_t plan(struct cache *cache, uint64_t n)
{
	uint64_t objects = n * cache->head.per_slab;
	size_t granule = frozenref__backend_granule(cache->backend);
	struct {
		struct area *area;
		uint64_t size;
	} part[] = {
		{ &cache->objects, n * cache->slab_size },
		{ &cache->slabs, n * cache->slab_bytes },
		{ &cache->sequences,
		  cache->head.flags & FROZENREF_CACHE_PEEKABLE ? objects * sizeof(uint32_t) : 0 },
		{ &cache->checks, cache->on_alloc & ON_CHECKS ? objects * sizeof(uint32_t) : 0 },
		{ &cache->generations, objects * sizeof(uintptr_t) },
	};
	uint64_t at = 0;

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		if (part[i].size > SIZE_MAX / 8)
			return UINT64_MAX;
		part[i].area->base = (uintptr_t)at;
		part[i].area->size = rounded_to(granule, (size_t)part[i].size);
		at += part[i].area->size;
	}
	return at;
}

/* Addresses that caches without max_objects have taken, in pages of 4 KiB. */
static uintptr_t addresses_taken;

/*
 * So many caches may be made that they would fill the address space, and leave none for stacks and
 * files: together they get half of it, or of its limit.
 */
static uint64_t default_addresses(void)
{
	bool limited;
	uint64_t most = frozenref__address_space(&limited) / 2;
	/* Relaxed: it is no harm if two caches get what is meant for one. */
	uint64_t used = (uint64_t)frozenref__loadptr(&addresses_taken, relaxed) << 12;
	uint64_t part = limited ? 16 : DEFAULT_PART;
	uint64_t enough;
	uint64_t share;

	if (most < used)
		return 0;
	share = (most - used) / part;
	/* Valgrind keeps the stack so low that a share would be a slab or two of large objects. */
	enough = (most - used) / 64 < DEFAULT_ENOUGH ? (most - used) / 64 : DEFAULT_ENOUGH;
	if (share < enough)
		share = enough;
	return share < DEFAULT_ADDRESSES ? share : DEFAULT_ADDRESSES;
}

static int reserve(struct cache *cache, uint64_t n)
{
	uint64_t size = plan(cache, n);
	size_t align = rounded_to(cache->slab_size, frozenref__backend_granule(cache->backend));
	void *address;
	int err;

	if (size > SIZE_MAX / 2 || n > UINT32_MAX - 1)
		return -ENOMEM;
	err = cache->backend->reserve(cache->backend->context, (size_t)size, align, &address);
	if (err)
		return err;
	cache->reserved = (size_t)size;
	cache->max_slabs = (uint32_t)n;
	cache->head.first = (uintptr_t)address;
	cache->objects.base += (uintptr_t)address;
	cache->slabs.base += (uintptr_t)address;
	cache->sequences.base += (uintptr_t)address;
	cache->checks.base += (uintptr_t)address;
	cache->generations.base += (uintptr_t)address;
	return 0;
}

int frozenref__slabs_reserve(struct cache *cache, size_t max_objects)
{
	uint32_t per_slab = cache->head.per_slab;
	uint64_t n;
	int err;

	/* Whole cache lines, so that the bits of two slabs share none. */
	cache->slab_bytes = (uint32_t)(sizeof(struct slab) +
				       (per_slab + WORD_BITS - 1) / WORD_BITS * sizeof(uint32_t));
	cache->slab_bytes = (cache->slab_bytes + 63) & ~63u;
	cache->last_slab_objects = per_slab;
	if (max_objects) {
		cache->last_slab_objects = (uint32_t)((max_objects - 1) % per_slab) + 1;
		return reserve(cache, (max_objects - 1) / per_slab + 1);
	}
	/* So many that what is rounded up is a small part. */
	n = (uint32_t)(frozenref__backend_granule(cache->backend) / 256);
	n = default_addresses() / (plan(cache, n) / n);
	if (!n)
		n = 1;
	while ((err = reserve(cache, n)) == -ENOMEM && n > 1)
		n /= 2;
	if (err)
		return err;
	cache->accounted = cache->reserved;
	/* Relaxed: only a sum. */
	(void)frozenref__addptr(&addresses_taken, cache->accounted >> 12, relaxed);
	return 0;
}

void frozenref__slabs_release(struct cache *cache)
{
	(void)frozenref__addptr(&addresses_taken, (uintptr_t)0 - (cache->accounted >> 12), relaxed);
	frozenref__backend_unmap(cache->backend, (void *)cache->head.first, cache->reserved);
}

/* Commits the area as far as `bytes`, and beyond, so that it need not be done for each slab. */
static int commit_to(struct cache *cache, struct area *area, size_t bytes)
{
	size_t ahead = area->committed / 4 < GROWTH_MAX ? area->committed / 4 : GROWTH_MAX;
	size_t end = rounded_to(frozenref__backend_granule(cache->backend), bytes + ahead);
	int err;

	if (bytes <= area->committed)
		return 0;
	if (end > area->size)
		end = area->size;
	err = cache->backend->commit(cache->backend->context, (char *)area->base + area->committed,
				     end - area->committed);
	if (!err)
		area->committed = end;
	return err;
}

int frozenref__slabs_add_generations(struct cache *cache)
{
	return commit_to(cache, &cache->generations,
			 (size_t)cache->nr_slabs * cache->head.per_slab * sizeof(uintptr_t));
}

/* ------------------------------------------------------------------------------- lists of slabs */

static void list_add(struct cache *cache, uint32_t *list, uint32_t number)
{
	struct slab *slab = slab_of(cache, number);

	slab->next = *list;
	slab->prev = 0;
	if (*list)
		slab_of(cache, *list)->prev = number;
	*list = number;
}

static void list_remove(struct cache *cache, uint32_t *list, uint32_t number)
{
	struct slab *slab = slab_of(cache, number);

	if (slab->next)
		slab_of(cache, slab->next)->prev = slab->prev;
	if (slab->prev)
		slab_of(cache, slab->prev)->next = slab->next;
	else
		*list = slab->next;
}

/* Puts the slab on the list where it belongs, having so many free objects; it is on none now. */
static void file_slab(struct cache *cache, uint32_t number, uint32_t nr_free)
{
	/* Relaxed: walks that read it go by it only to leave free objects out. */
	frozenref__store32(&slab_of(cache, number)->nr_free, nr_free, relaxed);
	if (nr_free == slab_objects(cache, number)) {
		list_add(cache, &cache->empty, number);
		cache->nr_empty++;
	} else if (nr_free) {
		list_add(cache, &cache->partial, number);
	}
}

static void unfile_slab(struct cache *cache, uint32_t number)
{
	uint32_t nr_free = slab_of(cache, number)->nr_free;

	if (nr_free == slab_objects(cache, number)) {
		list_remove(cache, &cache->empty, number);
		cache->nr_empty--;
	} else if (nr_free) {
		list_remove(cache, &cache->partial, number);
	}
}

/* ---------------------------------------------------------------------------- taking and giving */

/* Takes up to n objects out of a slab that has some, lowest address last: a magazine is a stack. */
static uint32_t take_from(struct cache *cache, uint32_t number, void **objects, uint32_t n)
{
	struct slab *slab = slab_of(cache, number);
	uint32_t nr_free = slab->nr_free;
	uint32_t wanted = n < nr_free ? n : nr_free;
	uint32_t left = wanted;

	unfile_slab(cache, number);
	for (uint32_t word = 0; left; word++) {
		uint32_t bits = slab->free[word];

		for (; bits && left; bits &= bits - 1) {
			uint32_t index = word * WORD_BITS + (uint32_t)__builtin_ctz(bits);

			objects[--left] = (void *)object_in_slab(cache, number, index);
		}
		/* Relaxed: for walks, as nr_free. */
		frozenref__store32(&slab->free[word], bits, relaxed);
	}
	file_slab(cache, number, nr_free - wanted);
	return wanted;
}

uint32_t frozenref__slabs_take(struct cache *cache, void **objects, uint32_t n)
{
	uint32_t taken = 0;

	/* Partial ones first, so that the empty ones may be trimmed. */
	while (taken < n && (cache->partial || cache->empty))
		taken += take_from(cache, cache->partial ? cache->partial : cache->empty,
				   objects + taken, n - taken);
	cache->nr_free -= taken;
	return taken;
}

void frozenref__slabs_give(struct cache *cache, void *const *objects, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t number = slab_number(cache, (uintptr_t)objects[i]);
		uint32_t index = index_in_slab(cache, (uintptr_t)objects[i]);
		struct slab *slab = slab_of(cache, number);
		uint32_t *word = &slab->free[index / WORD_BITS];
		uint32_t nr_free = slab->nr_free + 1;

		/* Relaxed: for walks, as nr_free. */
		frozenref__store32(word, *word | UINT32_C(1) << index % WORD_BITS, relaxed);
		/* On the same list as before, unless it is the first or the last one. */
		if (nr_free != 1 && nr_free != slab_objects(cache, number)) {
			frozenref__store32(&slab->nr_free, nr_free, relaxed);
			continue;
		}
		unfile_slab(cache, number);
		file_slab(cache, number, nr_free);
	}
	cache->nr_free += n;
}

/* ----------------------------------------------------------------------------------- populating */

/* Locked: memory for one slab more than there ever were. */
static int commit_slab(struct cache *cache)
{
	size_t n = (size_t)cache->nr_slabs + 1;
	size_t objects = n * cache->head.per_slab;
	int err = commit_to(cache, &cache->slabs, n * cache->slab_bytes);

	if (!err && cache->head.flags & FROZENREF_CACHE_PEEKABLE)
		err = commit_to(cache, &cache->sequences, objects * sizeof(uint32_t));
	if (!err && cache->on_alloc & ON_CHECKS)
		err = commit_to(cache, &cache->checks, objects * sizeof(uint32_t));
	if (!err && cache->on_free & ON_HANDLES)
		err = commit_to(cache, &cache->generations, objects * sizeof(uintptr_t));
	if (!err)
		err = commit_to(cache, &cache->objects, n * cache->slab_size);
	return err;
}

/* Locked: a slab that is nobody's, busy from now on, or 0. */
static uint32_t claim_absent(struct cache *cache)
{
	uint32_t number = cache->absent;

	if (number) {
		list_remove(cache, &cache->absent, number);
	} else {
		if (cache->nr_slabs == cache->max_slabs || commit_slab(cache))
			return 0;
		number = ++cache->nr_slabs;
		/* Release: who sees it may touch the memory, see frozenref__cache_find(). */
		frozenref__storeptr(&cache->head.limit, number * cache->slab_size, release);
	}
	frozenref__store32(&slab_of(cache, number)->state, SLAB_BUSY, relaxed);
	cache->nr_busy++;
	return number;
}

/*
 * The same, where there is any; true as well, and no number, if objects are free by now, in slabs
 * or in the depot: the caller is to look there. Another thread that populates the only slab left,
 * or purges it, will soon be ready. But it may be that it never is: a child may lack the thread,
 * and a constructor may call.
 */
static bool wait_for_absent(struct cache *cache, uint32_t *number)
{
	for (unsigned waits = 0; waits < WAITS_MAX; waits++) {
		bool any_free;
		bool any_busy;

		pthread_mutex_lock(cache->lock);
		*number = claim_absent(cache);
		any_free = cache->nr_free || cache->depot.rounds;
		any_busy = cache->nr_busy;
		pthread_mutex_unlock(cache->lock);
		if (*number || any_free)
			return true;
		if (!any_busy)
			return false;
		FROZENREF__WAIT(waits);
	}
	return false;
}

static void destruct(struct cache *cache, uint32_t number, uint32_t n)
{
	for (uint32_t i = 0; cache->dtor && i < n; i++)
		cache->dtor((void *)object_in_slab(cache, number, i), cache->arg);
}

static int construct(struct cache *cache, uint32_t number)
{
	for (uint32_t i = 0; cache->ctor && i < slab_objects(cache, number); i++) {
		if (cache->ctor((void *)object_in_slab(cache, number, i), cache->arg)) {
			destruct(cache, number, i);
			return -ENOMEM;
		}
	}
	return 0;
}

static int purge_memory(struct cache *cache, uint32_t number)
{
	return cache->backend->purge(cache->backend->context, (void *)slab_address(cache, number),
				     cache->slab_size);
}

/* Locked: none of the slab's n objects is free, or all of them are. */
static void mark_free(struct slab *slab, uint32_t n, bool is_free)
{
	for (uint32_t i = 0; i < n; i += WORD_BITS) {
		uint32_t all = n - i < WORD_BITS ? (UINT32_C(1) << (n - i)) - 1 : UINT32_MAX;

		/* Relaxed: for walks, as nr_free. */
		frozenref__store32(&slab->free[i / WORD_BITS], is_free ? all : 0, relaxed);
	}
}

void frozenref__slabs_add(struct cache *cache, uint32_t number)
{
	struct slab *slab = slab_of(cache, number);
	uint32_t n = slab_objects(cache, number);

	mark_free(slab, n, true);
	frozenref__store32(&slab->state, SLAB_IN_USE, relaxed);
	cache->nr_busy--;
	file_slab(cache, number, n);
	cache->nr_populated++;
	cache->nr_objects += n;
	cache->nr_free += n;
}

static void remove_populated(struct cache *cache, uint32_t number)
{
	uint32_t n = slab_objects(cache, number);

	unfile_slab(cache, number);
	frozenref__store32(&slab_of(cache, number)->state, SLAB_BUSY, relaxed);
	cache->nr_busy++;
	cache->nr_populated--;
	cache->nr_objects -= n;
	cache->nr_free -= n;
}

static void add_absent(struct cache *cache, uint32_t number)
{
	frozenref__store32(&slab_of(cache, number)->state, SLAB_ABSENT, relaxed);
	cache->nr_busy--;
	list_add(cache, &cache->absent, number);
}

bool frozenref__slabs_construct(struct cache *cache, uint32_t *number)
{
	if (!wait_for_absent(cache, number))
		return false;
	if (!*number)
		return true;
	/* Pairs with the acquire fence of a peek that still reads what was here before a trim. */
	if (cache->on_alloc & ON_PEEK)
		frozenref__fence(release);
	if (construct(cache, *number) == 0) {
		frozenref__cache_populated(cache, *number);
		return true;
	}
	(void)purge_memory(cache, *number);
	pthread_mutex_lock(cache->lock);
	add_absent(cache, *number);
	pthread_mutex_unlock(cache->lock);
	return false;
}

/* -------------------------------------------------------------------------------------- purging */

/*
 * While the purge runs one processor may see the new zero page and another still the old one, so an
 * object that was allocated in between could be lost: the slab is busy, and on no list. Lookups and
 * late puts need not be kept out. What they add to either page leaves the word frozen, though it
 * may bring a page back, which stays until the slab is populated again, or until the next trim.
 */
static size_t purge_slab(struct cache *cache, uint32_t number)
{
	size_t resident =
		frozenref__backend_resident((void *)slab_address(cache, number), cache->slab_size);
	int err;

	frozenref__cache_exposed(cache, number);
	/* Pairs with the acquire fence of a peek, whose object the destructor may write. */
	if (cache->on_alloc & ON_PEEK)
		frozenref__fence(release);
	destruct(cache, number, slab_objects(cache, number));
	err = purge_memory(cache, number);
	pthread_mutex_lock(cache->lock);
	mark_free(slab_of(cache, number), slab_objects(cache, number), false);
	frozenref__store32(&slab_of(cache, number)->nr_free, 0, relaxed);
	add_absent(cache, number);
	pthread_mutex_unlock(cache->lock);
	return err ? 0 : resident;
}

/* Slabs that became empty; objects of theirs in the magazines of other threads keep them. */
static size_t purge_empty(struct cache *cache)
{
	size_t purged = 0;

	for (;;) {
		uint32_t number;

		pthread_mutex_lock(cache->lock);
		number = cache->empty;
		if (number)
			remove_populated(cache, number);
		pthread_mutex_unlock(cache->lock);
		if (!number)
			return purged;
		purged += purge_slab(cache, number);
	}
}

/* Absent slabs of which a lookup with a stale address has brought pages back. */
static size_t purge_again(struct cache *cache)
{
	/* Acquire: pairs with the release that raised it when there was a struct slab. */
	uintptr_t limit = frozenref__loadptr(&cache->head.limit, acquire);
	size_t purged = 0;

	for (uint32_t number = 1; number <= limit >> cache->slab_shift; number++) {
		size_t resident = 0;

		pthread_mutex_lock(cache->lock);
		if (slab_of(cache, number)->state == SLAB_ABSENT)
			resident = frozenref__backend_resident((void *)slab_address(cache, number),
							       cache->slab_size);
		/* Locked, as nobody may populate it meanwhile; it is rare, and one system call. */
		if (resident && !purge_memory(cache, number))
			purged += resident;
		pthread_mutex_unlock(cache->lock);
	}
	return purged;
}

size_t frozenref__slabs_purge(struct cache *cache)
{
	size_t again = purge_again(cache);

	return again + purge_empty(cache);
}

bool frozenref__slabs_are_empty(struct cache *cache)
{
	bool empty;

	pthread_mutex_lock(cache->lock);
	empty = cache->nr_free == cache->nr_objects;
	pthread_mutex_unlock(cache->lock);
	return empty;
}

void frozenref__slabs_destruct(struct cache *cache)
{
	for (uint32_t number = cache->empty; number; number = slab_of(cache, number)->next) {
		frozenref__cache_exposed(cache, number);
		destruct(cache, number, slab_objects(cache, number));
	}
}
