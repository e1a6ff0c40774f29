/* SPDX-License-Identifier: MIT */
/*
 * The page table's memory given back: all that lies idle when a program asks, or by itself, where
 * more of it lies idle than the program wants to keep.
 *
 * Called by registry.c, through table.h. Relies on table.c to find leaves, and on a backend to
 * purge them. Purges take a lock, which the fork handlers share; nothing else here does.
 *
 * What lies idle is the memory of slots that have been in use since the last purge, in leaves in
 * which nothing is in use. Each leaf knows how much is counted of it, and the registry has the sum.
 * Both are numbers to go by, written after `used`, and not in one step with it. Whoever empties a
 * leaf counts it, whoever takes it into use again uncounts it, and the two may come in the wrong
 * order: then a leaf stays counted that is in use, until it is emptied again, or a trim has looked.
 * The opposite, an empty leaf that is not counted, would never be looked at; set_idle() says why
 * that cannot be.
 */
#include <errno.h>
#include <pthread.h>

#include "backend.h"
#include "fork.h"
#include "table.h"

/* --------------------------------------------------------------------------------------- forks */

/*
 * Held while a leaf is PURGING, and over a fork: or the child would have a leaf that nobody ever
 * finishes purging, and wait for it at the next insert.
 */
static pthread_mutex_t purge_lock = PTHREAD_MUTEX_INITIALIZER;

static void lock_purges(void)
{
	pthread_mutex_lock(&purge_lock);
}

static bool try_lock_purges(void)
{
	return pthread_mutex_trylock(&purge_lock) == 0;
}

static void unlock_purges(void)
{
	pthread_mutex_unlock(&purge_lock);
}

uint32_t frozenref__forks;

/* In the child, which has one thread. */
static void begin_child(void)
{
	frozenref__store32(&frozenref__forks, frozenref__forks + 1, relaxed);
	unlock_purges();
}

int frozenref__table_watch_forks(void)
{
	static const struct fork_steps steps = { lock_purges, unlock_purges, begin_child };

	return frozenref__watch_forks(FORK_TABLE, &steps);
}

/* --------------------------------------------------------------------------- what lies idle */

/*
 * Bytes of slots that have been in use since the last purge. None where the backend has refused
 * one: it would do so again, at each object that ends there.
 */
static uint32_t touched_bytes(const struct frozenref__table *table, const struct leaf *leaf)
{
	/* Relaxed: whoever empties a leaf has acquired those before, and a purge all of them. */
	if (frozenref__load32(&leaf->refused, relaxed))
		return 0;
	return frozenref__load32(&leaf->ntouched, relaxed) * CHUNK_SLOTS << table->slot_shift;
}

/*
 * Counts so much of a leaf as idle, and returns what was counted before. Acquire and release: who
 * is about to purge a leaf first uncounts it, and looks then whether it is in use. If it is, and
 * was counted before that, it was by somebody who had emptied it: so it has been taken again since,
 * and whoever empties it next counts it.
 */
static uint32_t set_idle(struct idle *idle, struct leaf *leaf, uint32_t bytes)
{
	uint32_t before = frozenref__load32(&leaf->idle, relaxed);
	uint32_t found;

	/*
	 * Both may be old. Then a leaf stays counted; but one that is counted by now may soon be
	 * uncounted, so whoever counts it does so again.
	 */
	if (!bytes && !before)
		return 0;
	while ((found = frozenref__cas32(&leaf->idle, before, bytes, acq_rel)) != before)
		before = found;
	/* Relaxed: a number to go by. */
	(void)frozenref__addptr(&idle->bytes, (uintptr_t)bytes - before, relaxed);
	return before;
}

void frozenref__leaf_emptied(const struct frozenref__table *table, struct idle *idle,
			     struct leaf *leaf)
{
	(void)set_idle(idle, leaf, touched_bytes(table, leaf));
}

void frozenref__leaf_taken(struct idle *idle, struct leaf *leaf)
{
	(void)set_idle(idle, leaf, 0);
}

/* ------------------------------------------------------------------------------------- purging */

static void remember_slot(const struct frozenref__table *table, struct leaf *leaf,
			  const struct frozenref_slot *slot)
{
	uint64_t generation = slot_generation(table, slot);
	uint32_t sequence = frozenref__load32(&slot->sequence, relaxed);

	/* A zero is no number but the lack of one, and comes before all that go round. */
	if (generation &&
	    (!leaf->base_generation || generation_after(table, generation, leaf->base_generation)))
		leaf->base_generation = generation;
	if (sequence && (!leaf->base_sequence || (int32_t)(sequence - leaf->base_sequence) > 0))
		leaf->base_sequence = sequence;
}

/* Keeps what must not restart when the slots read as zero again. */
static void remember(const struct frozenref__table *table, struct leaf *leaf)
{
	for (uint64_t word = 0; word < LEAF_CHUNKS / 32; word++) {
		uint32_t touched = frozenref__load32(&leaf->touched[word], relaxed);

		for (; touched; touched &= touched - 1) {
			uint64_t chunk = word * 32 + (uint64_t)__builtin_ctz(touched);

			for (uint64_t i = 0; i < CHUNK_SLOTS; i++)
				remember_slot(table, leaf,
					      slot_at(table, leaf_slots(table, leaf),
						      chunk * CHUNK_SLOTS + i));
		}
	}
}

static void forget_touched(struct leaf *leaf)
{
	for (size_t i = 0; i < LEAF_CHUNKS / 32; i++)
		frozenref__store32(&leaf->touched[i], 0, relaxed);
	frozenref__store32(&leaf->ntouched, 0, relaxed);
}

/*
 * While the purge runs one processor may see the new zero page and another still the old one, so an
 * insert in between could be lost: PURGING keeps them out. Lookups and late puts need not be kept
 * out. What they add to either page leaves the word frozen, though it may bring a page back, which
 * the next trim purges again. Called with the lock held; 0, -EBUSY if the leaf is in use, or what
 * the backend says.
 */
static int purge_leaf(const struct frozenref__table *table, struct idle *idle, struct leaf *leaf)
{
	int err;

	/*
	 * Acquire: pairs with the release of leave(): the slots are as their last users left them.
	 */
	if (frozenref__cas32(&leaf->used, 0, LEAF_PURGING, acquire) != 0)
		return -EBUSY;
	remember(table, leaf);
	err = table->backend->purge(table->backend->context, leaf_slots(table, leaf),
				    leaf_bytes(table));
	if (!err)
		forget_touched(leaf);
	frozenref__store32(&leaf->refused, err != 0, relaxed);
	if (is_counted(idle))
		frozenref__leaf_emptied(table, idle, leaf);
	/* Release: pairs with the acquire of enter(), which reads what was remembered. */
	frozenref__store32(&leaf->used, 0, release);
	return err;
}

/* A leaf's bytes that were in memory, and no longer are. */
static size_t trim_leaf(const struct frozenref__table *table, struct idle *idle, struct leaf *leaf)
{
	size_t resident = frozenref__backend_resident(leaf_slots(table, leaf), leaf_bytes(table));
	int err;

	if (!resident)
		return 0;
	lock_purges();
	err = purge_leaf(table, idle, leaf);
	unlock_purges();
	return err ? 0 : resident;
}

size_t frozenref__table_trim(const struct frozenref__table *table, struct idle *idle)
{
	struct leaf *leaf;
	size_t purged = 0;

	for (uint64_t pfn = 0; (leaf = frozenref__table_next(table, &pfn)); pfn += LEAF_SLOTS)
		purged += trim_leaf(table, idle, leaf);
	return purged;
}

/*
 * In a child for the first time, with no leaf counted any more, unless somebody has emptied one
 * meanwhile. If nobody has, and there is a sum, it is of a thread that was counting at the fork.
 */
static void heal(struct idle *idle, uintptr_t expected)
{
	uint32_t forks = frozenref__load32(&frozenref__forks, relaxed);
	uintptr_t sum = frozenref__loadptr(&idle->bytes, relaxed);

	if (frozenref__load32(&idle->forks, relaxed) == forks || sum != expected)
		return;
	frozenref__store32(&idle->forks, forks, relaxed);
	(void)frozenref__addptr(&idle->bytes, 0 - sum, relaxed);
}

/*
 * Purges all that lies idle, not only what is too much: or the next object that ends would bring
 * the caller here again. A leaf at a time, and where the lock is taken, be it by another trim or by
 * a fork, the rest is left to whoever comes next.
 */
void frozenref__table_trim_idle(const struct frozenref__table *table, struct idle *idle)
{
	/* Relaxed: a number to go by. */
	uintptr_t expected = frozenref__loadptr(&idle->bytes, relaxed);
	struct leaf *leaf;

	for (uint64_t pfn = 0; (leaf = frozenref__table_next(table, &pfn)); pfn += LEAF_SLOTS) {
		if (!frozenref__load32(&leaf->idle, relaxed))
			continue;
		if (!try_lock_purges())
			return;
		expected -= set_idle(idle, leaf, 0);
		(void)purge_leaf(table, idle, leaf);
		unlock_purges();
	}
	heal(idle, expected);
}
