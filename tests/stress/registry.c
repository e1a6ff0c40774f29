/* SPDX-License-Identifier: MIT */
/*
 * Threads over a few pfns of a registry: insert, look up through heads and tails, freeze, migrate,
 * evict and erase at once.
 *
 * Run by `make check` for a second and by `make stress`. Objects come from malloc and go back to it
 * when they end, so that a memory checker sees every use after the end; each is ended exactly once,
 * and none is left when all were erased.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <frozenref/registry.h>

#include "stress.h"

enum {
	OPERATIONS,
	LIFETIMES,
	RELEASES,
	EVICTIONS,
	GIVEN_UP,
	MIGRATIONS,
	HITS,
	MISSES,
	TAIL_HITS,
	ERASES,
	REFUSED_INSERTS,
};

static const char *const names[] = { "operations",
				     "objects",
				     "released",
				     "evicted",
				     "given up unpublished",
				     "migrations",
				     "hits",
				     "misses",
				     "hits through tails",
				     "erases",
				     "refused inserts",
				     NULL };

/* A few hot pfns around the border between two leaves. */
enum { PFNS = 12, PAGES_MAX = 5 };

#define FIRST (((uint64_t)1 << FROZENREF__LEAF_SHIFT) - PFNS / 2)

struct object {
	uint64_t pfn;
	uint64_t npages;
	struct stress_payload payload;
};

static struct frozenref_registry *reg;

/* Objects that are not freed yet; at the end, none. */
static uint64_t alive;

/* Which thread runs: release() has no other way to its counts. */
static __thread struct stress_thread *self;

static uint64_t random_pfn(struct stress_thread *thread)
{
	return FIRST + stress_random(thread) % PFNS;
}

/* ------------------------------------------------------------------------------------- objects */

static struct object *make_object(struct stress_thread *thread, uint64_t pfn, uint64_t npages)
{
	struct object *object = malloc(sizeof(*object));

	stress_check(object != NULL);
	__atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
	object->pfn = pfn;
	object->npages = npages;
	stress_write(&object->payload, stress_random(thread));
	return object;
}

static void free_object(struct object *object)
{
	(void)stress_read(&object->payload);
	stress_poison(&object->payload);
	__atomic_sub_fetch(&alive, 1, __ATOMIC_RELAXED);
	free(object);
}

/* By a holder or owner: the slot leads to what its pfns say. */
static struct object *check_slot(const struct frozenref_slot *slot, uint64_t pfn)
{
	struct object *object = frozenref_slot_object(slot);

	stress_check(object != NULL);
	stress_check(object->pfn == frozenref_slot_pfn(reg, slot));
	stress_check(object->npages == frozenref_slot_npages(reg, slot));
	stress_check(pfn - object->pfn < object->npages);
	(void)stress_read(&object->payload);
	return object;
}

static void release(void *ended, uint64_t pfn, uint64_t npages, void *arg)
{
	struct object *object = ended;

	stress_check(arg == &alive);
	stress_check(object->pfn == pfn && object->npages == npages);
	self->counts[RELEASES]++;
	free_object(object);
	/* The pfns can be taken at once. */
	if (stress_random(self) % 4 == 0) {
		object = make_object(self, pfn, 1);
		if (frozenref_registry_insert(reg, pfn, object) == 0) {
			self->counts[LIFETIMES]++;
			return;
		}
		self->counts[REFUSED_INSERTS]++;
		free_object(object);
	}
}

/* ---------------------------------------------------------------------------------- operations */

static void put(struct stress_thread *thread, struct frozenref_slot *slot)
{
	uint32_t left;

	if (stress_random(thread) % 2)
		(void)frozenref_slot_put(reg, slot);
	else
		stress_check(!frozenref_slot_put_left(reg, slot, &left) || left == 0);
}

static void insert(struct stress_thread *thread)
{
	uint64_t pfn = random_pfn(thread);
	uint64_t npages = stress_random(thread) % 2 ? 1 : 1 + stress_random(thread) % PAGES_MAX;
	struct object *object = make_object(thread, pfn, npages);
	int err = npages == 1 ? frozenref_registry_insert(reg, pfn, object)
			      : frozenref_registry_insert_range(reg, pfn, npages, object);

	if (!err) {
		thread->counts[LIFETIMES]++;
		return;
	}
	stress_check(err == -EEXIST || err == -EBUSY);
	thread->counts[REFUSED_INSERTS]++;
	free_object(object);
}

static void insert_frozen(struct stress_thread *thread)
{
	uint64_t pfn = random_pfn(thread);
	uint64_t npages = 1 + stress_random(thread) % PAGES_MAX;
	struct object *object = make_object(thread, pfn, npages);
	struct frozenref_slot *slot;

	if (frozenref_registry_insert_frozen(reg, pfn, npages, object, &slot) != 0) {
		thread->counts[REFUSED_INSERTS]++;
		free_object(object);
		return;
	}
	thread->counts[LIFETIMES]++;
	stress_check(frozenref_registry_state(reg, pfn) == FROZENREF_FROZEN);
	/* Taken, not published: only we may write. */
	stress_poison(&object->payload);
	stress_linger(thread);
	stress_write(&object->payload, stress_random(thread));
	if (stress_random(thread) % 4 == 0) {
		stress_check(frozenref_slot_erase_frozen(reg, slot) == object);
		thread->counts[GIVEN_UP]++;
		free_object(object);
		return;
	}
	frozenref_slot_unfreeze(reg, slot, 1 + 1);
	stress_check(check_slot(slot, pfn) == object);
	put(thread, slot);
}

/*
 * The owner of a frozen object: moves it, or throws it out; `refs` are the references that it
 * froze.
 */
static void own(struct stress_thread *thread, struct frozenref_slot *slot, uint64_t pfn,
		uint32_t refs)
{
	struct object *object = check_slot(slot, pfn);
	uint64_t identity = stress_read(&object->payload);

	stress_check(frozenref_registry_state(reg, pfn) == FROZENREF_FROZEN);
	stress_poison(&object->payload);
	stress_linger(thread);
	stress_write(&object->payload, identity + 1);
	if (stress_random(thread) % 2) {
		thread->counts[EVICTIONS]++;
		stress_check(frozenref_slot_erase_frozen(reg, slot) == object);
		free_object(object);
		return;
	}
	thread->counts[MIGRATIONS]++;
	frozenref_slot_unfreeze(reg, slot, refs);
	while (refs-- > 1)
		put(thread, slot);
}

/*
 * As a clock hand does: no reference, so the slot may hold another object by the time it is ours.
 */
static void freeze_unheld(struct stress_thread *thread)
{
	struct frozenref_slot *slot = frozenref_registry_slot(reg, random_pfn(thread));

	if (slot && frozenref_slot_freeze(reg, slot, 1))
		own(thread, slot, frozenref_slot_pfn(reg, slot), 1);
}

static void look_up(struct stress_thread *thread)
{
	uint64_t pfn = random_pfn(thread);
	struct frozenref_slot *slot = frozenref_registry_try_get(reg, pfn);

	if (!slot) {
		thread->counts[MISSES]++;
		return;
	}
	thread->counts[HITS]++;
	thread->counts[TAIL_HITS] += check_slot(slot, pfn)->pfn != pfn;
	stress_linger(thread);
	if (stress_random(thread) % 4 == 0) {
		frozenref_slot_get(reg, slot);
		put(thread, slot);
	}
	(void)check_slot(slot, pfn);
	if (stress_random(thread) % 4 == 0 && frozenref_slot_freeze(reg, slot, 2)) {
		own(thread, slot, pfn, 2);
		return;
	}
	put(thread, slot);
}

static void erase(struct stress_thread *thread)
{
	int err = frozenref_registry_erase(reg, random_pfn(thread));

	stress_check(err == 0 || err == -ENOENT || err == -EBUSY);
	thread->counts[ERASES] += err == 0;
}

static void step(struct stress_thread *thread)
{
	uint64_t what = stress_random(thread) % 16;

	self = thread;
	thread->counts[OPERATIONS]++;
	if (what < 3)
		insert(thread);
	else if (what < 5)
		insert_frozen(thread);
	else if (what < 7)
		erase(thread);
	else if (what < 8)
		freeze_unheld(thread);
	else if (what < 9)
		stress_check(frozenref_registry_state(reg, random_pfn(thread)) <= FROZENREF_ERASED);
	else
		look_up(thread);
}

/* ------------------------------------------------------------------------------------- the end */

/* With all threads gone every object is the registry's alone, and ends when it is erased. */
static void end(struct stress_thread *sums)
{
	self = sums;
	sums->random = 1;
	for (uint64_t pfn = FIRST; pfn < FIRST + PFNS + PAGES_MAX; pfn++) {
		while (frozenref_registry_state(reg, pfn) != FROZENREF_EMPTY)
			stress_check(frozenref_registry_erase(reg, pfn) == 0);
	}
}

static bool enough(const struct stress_thread *sums)
{
	return sums->counts[HITS] && sums->counts[EVICTIONS] && sums->counts[RELEASES];
}

int main(int argc, char **argv)
{
	struct stress_options options = stress_parse(argc, argv, 1);
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;
	static struct stress_thread sums;

	config.release = release;
	config.arg = &alive;
	stress_check(frozenref_registry_create(&reg, &config) == 0);
	sums = stress_run(&options, step, enough);
	end(&sums);
	frozenref_registry_stats(reg, &stats);
	stress_report("registry", &options, &sums, names);
	(void)printf("registry: %llu revivals\n", (unsigned long long)stats.revivals);
	stress_check(alive == 0);
	stress_check(stats.objects == 0 && stats.slots == 0);
	stress_check(sums.counts[LIFETIMES] ==
		     sums.counts[RELEASES] + sums.counts[EVICTIONS] + sums.counts[GIVEN_UP]);
	stress_check(frozenref_registry_destroy(reg) == 0);
	return 0;
}
