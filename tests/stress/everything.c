/* SPDX-License-Identifier: MIT */
/*
 * Everything that a registry can do, at once, over a few hot pfns, in each layout.
 *
 * Run by `make check` for two seconds and by `make stress`. registry.c looks closely at the life of
 * an object; here what matters is that all calls meet all others: inserts of one pfn and of many,
 * by number and anywhere, with lookups by pfn, by batch, by handle and by walk, peeks, replaces,
 * migrations, evictions, erases of one and of whole ranges, and trims, by hand and by itself, which
 * take the slots away.
 *
 * Every page of a payload is derived from its object's number, which no other object ever has: a
 * mixture of two objects, a freed one, or one that is being written is told by its bytes alone, and
 * a handle by the number that was read when it was taken.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <frozenref/registry.h>

#include "everything_payload.h"
#include "stress.h"

enum {
	OPERATIONS,
	INSERTED,
	REFUSED,
	RELEASED,
	THROWN_OUT,
	MIGRATED,
	REPLACED,
	HITS,
	TAIL_HITS,
	HANDLE_HITS,
	DEAD_HANDLES,
	WALKED,
	PEEKS,
	ERASED,
	TRIMS,
	PURGES_BY_ITSELF,
};

static const char *const names[] = {
	"operations",	    "objects",	"refused", "released",	    "thrown out",
	"migrated",	    "replaced", "hits",	   "through tails", "by handle",
	"dead handles",	    "walked",	"peeks",   "erases",	    "trims that purged",
	"purges by itself", NULL
};

static const struct layout {
	const char *name;
	unsigned flags;
	enum payload_place place;
	size_t trim_above;
} layouts[] = {
	{ "everything", 0, PAYLOAD_ON_HEAP, 0 },
	{ "everything trimmed", 0, PAYLOAD_ON_HEAP, 1 },
	{ "everything padded", FROZENREF_REGISTRY_PADDED, PAYLOAD_ON_HEAP, 0 },
	{ "everything peekable", FROZENREF_REGISTRY_PEEKABLE, PAYLOAD_IN_POOL, 0 },
	{ "everything peekable, trimmed", FROZENREF_REGISTRY_PEEKABLE, PAYLOAD_IN_POOL, 1 },
	{ "everything peekable, padded", FROZENREF_REGISTRY_PEEKABLE | FROZENREF_REGISTRY_PADDED,
	  PAYLOAD_IN_POOL, 0 },
	{ "everything compact", FROZENREF_REGISTRY_COMPACT, PAYLOAD_IN_PLACE, 0 },
	{ "everything compact, trimmed", FROZENREF_REGISTRY_COMPACT, PAYLOAD_IN_PLACE, 1 },
};

enum { LAYOUTS = sizeof(layouts) / sizeof(layouts[0]) };

static struct frozenref_registry *reg;
static const struct layout *layout;

/* Which thread runs: release() has no other way to its counts. */
static __thread struct stress_thread *self;

/* Whether the registry was told to, or gives memory back by itself. */
static __thread bool trims_by_hand;

static int purge(void *context, void *address, size_t size)
{
	if (!trims_by_hand) {
		stress_check(layout->trim_above);
		self->counts[PURGES_BY_ITSELF]++;
	}
	return frozenref_mmap_backend()->purge(context, address, size);
}

static size_t trim_by_hand(void)
{
	size_t purged;

	trims_by_hand = true;
	purged = frozenref_registry_trim(reg);
	trims_by_hand = false;
	return purged;
}

static uint64_t random_pfn(struct stress_thread *thread)
{
	return payload_first_pfn() + stress_random(thread) % PAYLOAD_PFNS;
}

/* Mostly one, so that there is room for ranges to come and go. */
static uint64_t random_npages(struct stress_thread *thread)
{
	return stress_random(thread) % 2 ? 1 : 1 + stress_random(thread) % PAYLOAD_PAGES_MAX;
}

static bool one_in(struct stress_thread *thread, unsigned n)
{
	return stress_random(thread) % n == 0;
}

/* By a holder or owner: the slot leads to a whole object, which is where it says; its number. */
static uint64_t check_slot(const struct frozenref_slot *slot, uint64_t pfn)
{
	uint64_t head = frozenref_slot_pfn(reg, slot);
	uint64_t npages = frozenref_slot_npages(reg, slot);

	stress_check(pfn - head < npages);
	return payload_check(frozenref_slot_object(slot), head, npages);
}

/* ------------------------------------------------------------------------------------- handles */

/* What this thread has seen of objects, to be told from all later ones. */
static __thread struct memory {
	struct frozenref_handle handle;
	uint64_t number;
	bool gone; /* has been empty or erased: nobody may ever find it again */
} seen[8];

static struct memory *random_memory(struct stress_thread *thread)
{
	return &seen[stress_random(thread) % (sizeof(seen) / sizeof(seen[0]))];
}

/* By a holder, who keeps the object from ending. */
static void remember(struct stress_thread *thread, const struct frozenref_slot *slot,
		     uint64_t number)
{
	struct memory *memory = random_memory(thread);
	enum frozenref_state state;

	memory->handle = frozenref_slot_handle(reg, slot);
	memory->number = number;
	stress_check(memory->handle.pfn == frozenref_slot_pfn(reg, slot));
	stress_check(memory->handle.generation != 0);
	state = frozenref_registry_handle_state(reg, memory->handle);
	stress_check(state == FROZENREF_LIVE || state == FROZENREF_ERASED);
	memory->gone = state == FROZENREF_ERASED;
}

/* ---------------------------------------------------------------------------------- operations */

/*
 * Puts an object of its own on the pfn if there is room, in one of the ways in which that is done.
 */
static bool publish(struct stress_thread *thread, uint64_t pfn, uint64_t npages)
{
	void *object = payload_make(pfn, npages);
	struct frozenref_slot *slot;
	int err;

	if (!object)
		return false;
	if (one_in(thread, 3)) {
		err = frozenref_registry_insert_frozen(reg, pfn, npages, object, &slot);
		if (!err)
			frozenref_slot_unfreeze(reg, slot, 1);
	} else if (npages == 1) {
		err = frozenref_registry_insert(reg, pfn, object);
	} else {
		err = frozenref_registry_insert_range(reg, pfn, npages, object);
	}
	if (!err)
		return true;
	stress_check(err == -EEXIST || err == -EBUSY);
	payload_free(object, pfn, npages);
	return false;
}

static void insert(struct stress_thread *thread)
{
	bool done = publish(thread, random_pfn(thread), random_npages(thread));

	thread->counts[done ? INSERTED : REFUSED]++;
}

static void throw_out(struct stress_thread *thread, struct frozenref_slot *slot)
{
	uint64_t pfn = frozenref_slot_pfn(reg, slot);
	uint64_t npages = frozenref_slot_npages(reg, slot);

	/* The slot is anybody's from here on; the payload stays ours. */
	payload_free(frozenref_slot_erase_frozen(reg, slot), pfn, npages);
	thread->counts[THROWN_OUT]++;
}

static void release(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	stress_check(arg == layout);
	payload_free(object, pfn, npages);
	self->counts[RELEASED]++;
	/* The pfns can be taken at once. */
	if (one_in(self, 4))
		self->counts[publish(self, pfn, 1) ? INSERTED : REFUSED]++;
}

static void put(struct stress_thread *thread, struct frozenref_slot *slot)
{
	uint32_t left;

	if (one_in(thread, 2))
		(void)frozenref_slot_put(reg, slot);
	else
		stress_check(!frozenref_slot_put_left(reg, slot, &left) || left == 0);
}

/*
 * Any free pfns, with the payload made when they are known. A compact slot's payload lies where the
 * pfns say, and belongs to others as long as they have not freed it: then the pfns are given back.
 */
static void allocate(struct stress_thread *thread)
{
	uint64_t first = random_pfn(thread);
	uint64_t last = payload_first_pfn() + PAYLOAD_PFNS + PAYLOAD_PAGES_MAX - 2;
	uint64_t npages = random_npages(thread);
	struct frozenref_slot *slot;
	void *object;
	int err = frozenref_registry_alloc_frozen(reg, first, last, npages, NULL, &slot);

	if (err) {
		stress_check(err == -ENOSPC);
		thread->counts[REFUSED]++;
		return;
	}
	first = frozenref_slot_pfn(reg, slot);
	stress_check(frozenref_slot_npages(reg, slot) == npages);
	stress_linger(thread);
	object = payload_make(first, npages);
	if (!object) {
		(void)frozenref_slot_erase_frozen(reg, slot);
		thread->counts[REFUSED]++;
		return;
	}
	thread->counts[INSERTED]++;
	frozenref_slot_set_object(reg, slot, object);
	frozenref_slot_unfreeze(reg, slot, 1 + 1);
	remember(thread, slot, check_slot(slot, first));
	put(thread, slot);
}

/* The owner of a frozen object: writes it anew, moves it, or throws it out. */
static void own(struct stress_thread *thread, struct frozenref_slot *slot, uint32_t refs)
{
	uint64_t pfn = frozenref_slot_pfn(reg, slot);
	uint64_t npages = frozenref_slot_npages(reg, slot);
	void *object = frozenref_slot_object(slot);
	void *moved = NULL;

	(void)check_slot(slot, pfn);
	if (one_in(thread, 3)) {
		throw_out(thread, slot);
		return;
	}
	if (one_in(thread, 2))
		moved = payload_copy(object, pfn, npages);
	if (moved) {
		frozenref_slot_set_object(reg, slot, moved);
		payload_free(object, pfn, npages);
	} else {
		payload_rewrite(object, pfn, npages);
	}
	thread->counts[MIGRATED]++;
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
		own(thread, slot, 1);
}

/* By a holder: a copy in its place, unless others hold the object as well. */
static void replace(struct stress_thread *thread, struct frozenref_slot *slot)
{
	uint64_t pfn = frozenref_slot_pfn(reg, slot);
	uint64_t npages = frozenref_slot_npages(reg, slot);
	void *object = frozenref_slot_object(slot);
	void *copy = payload_copy(object, pfn, npages);
	void *old;
	int err;

	if (!copy)
		return;
	err = frozenref_slot_replace(reg, slot, 2, copy, &old);
	if (err) {
		stress_check(err == -EBUSY);
		payload_free(copy, pfn, npages);
		return;
	}
	thread->counts[REPLACED]++;
	stress_check(old == object);
	payload_free(old, pfn, npages);
}

/* What a holder does; its reference goes. */
static void use(struct stress_thread *thread, struct frozenref_slot *slot, uint64_t pfn)
{
	uint64_t number = check_slot(slot, pfn);
	uint32_t *user = frozenref_slot_user(slot);

	thread->counts[TAIL_HITS] += frozenref_slot_pfn(reg, slot) != pfn;
	stress_check(!user == (layout->place == PAYLOAD_IN_PLACE));
	if (user)
		__atomic_fetch_or(user, 1, __ATOMIC_RELAXED);
	if (one_in(thread, 4))
		remember(thread, slot, number);
	if (one_in(thread, 4)) {
		frozenref_slot_get(reg, slot);
		put(thread, slot);
	}
	stress_linger(thread);
	if (one_in(thread, 4))
		replace(thread, slot);
	stress_check(check_slot(slot, pfn) == number);
	if (one_in(thread, 8) && frozenref_slot_freeze(reg, slot, 2))
		own(thread, slot, 2);
	else
		put(thread, slot);
}

static void look_up(struct stress_thread *thread)
{
	uint64_t pfn = random_pfn(thread);
	struct frozenref_slot *slot = frozenref_registry_try_get(reg, pfn);

	if (!slot)
		return;
	thread->counts[HITS]++;
	use(thread, slot, pfn);
}

static void look_up_batch(struct stress_thread *thread)
{
	uint64_t pfns[20];
	struct frozenref_slot *slots[20];
	size_t n = stress_random(thread) % 21;
	size_t found;

	for (size_t i = 0; i < n; i++)
		pfns[i] = random_pfn(thread);
	found = frozenref_registry_try_get_batch(reg, pfns, n, slots);
	thread->counts[HITS] += found;
	for (size_t i = 0; i < n; i++) {
		if (!slots[i])
			continue;
		found--;
		use(thread, slots[i], pfns[i]);
	}
	stress_check(found == 0);
}

/*
 * An object that has once been seen to be gone, and all others, can never be found by its handle.
 */
static void look_up_handle(struct stress_thread *thread)
{
	struct memory *memory = random_memory(thread);
	enum frozenref_state state = frozenref_registry_handle_state(reg, memory->handle);
	struct frozenref_slot *slot;

	if (memory->gone)
		stress_check(state == FROZENREF_EMPTY || state == FROZENREF_ERASED);
	memory->gone |= state == FROZENREF_EMPTY || state == FROZENREF_ERASED;
	slot = frozenref_registry_try_get_handle(reg, memory->handle);
	if (!slot) {
		thread->counts[DEAD_HANDLES] += memory->gone;
		return;
	}
	thread->counts[HANDLE_HITS]++;
	stress_check(!memory->gone);
	stress_check(check_slot(slot, memory->handle.pfn) == memory->number);
	use(thread, slot, memory->handle.pfn);
}

/* Objects come in the order of their pfns, and do not overlap with those before. */
static void walk(struct stress_thread *thread)
{
	uint64_t first = random_pfn(thread);
	uint64_t last = first + stress_random(thread) % PAYLOAD_PFNS;
	uint64_t pfn = first;
	struct frozenref_slot *slot;

	while ((slot = frozenref_registry_next(reg, &pfn, last))) {
		uint64_t head = frozenref_slot_pfn(reg, slot);

		stress_check(head >= first && head <= last);
		stress_check(pfn == head + frozenref_slot_npages(reg, slot));
		first = pfn;
		thread->counts[WALKED]++;
		use(thread, slot, head);
	}
	/* The last object may have ended beyond. */
	stress_check(pfn == (first > last ? first : last + 1));
}

/* True promises bytes of one object, whole, that was live: the page asked for, and some behind. */
static void peek_once(struct stress_thread *thread, uint64_t pfn, bool slowly)
{
	uint64_t fast[PAYLOAD_PAGES_MAX][PAYLOAD_PAGE_WORDS] = { { 0 } };
	uint64_t(*buffer)[PAYLOAD_PAGE_WORDS] = fast;
	struct stress_room room;
	uint64_t random = stress_random(thread);
	uint64_t pages = 1 + random % PAYLOAD_PAGES_MAX;
	size_t words = 1 + (size_t)(random >> 8) % PAYLOAD_PAGE_WORDS;
	size_t bytes = ((size_t)(pages - 1) << PAYLOAD_PAGE_SHIFT) + words * sizeof(uint64_t);

	if (slowly)
		buffer = stress_slow_memory(&room, bytes);
	if (!frozenref_registry_peek(reg, pfn, 0, buffer, bytes))
		return;
	thread->counts[PEEKS]++;
	for (uint64_t i = 0; i < pages; i++) {
		payload_check_words(buffer[i], i + 1 < pages ? PAYLOAD_PAGE_WORDS : words, pfn + i);
		stress_check(buffer[i][0] == buffer[0][0]);
	}
}

/* Many times without a pause, to be inside of a lookup or a peek when another thread comes. */
static void hammer(struct stress_thread *thread)
{
	for (unsigned i = 0; i < 512; i++) {
		uint64_t pfn = random_pfn(thread);
		struct frozenref_slot *slot = frozenref_registry_try_get(reg, pfn);

		if (slot) {
			(void)check_slot(slot, pfn);
			put(thread, slot);
		}
		for (unsigned j = 0; j < 4; j++)
			peek_once(thread, pfn, !j && i % 16 == 0);
	}
}

static void erase(struct stress_thread *thread)
{
	int err = frozenref_registry_erase(reg, random_pfn(thread));

	stress_check(err == 0 || err == -ENOENT || err == -EBUSY);
	thread->counts[ERASED] += !err;
}

static void erase_range(struct stress_thread *thread)
{
	uint64_t first = random_pfn(thread);
	uint64_t last = first + stress_random(thread) % PAYLOAD_PFNS;
	uint64_t skipped;

	thread->counts[ERASED] += frozenref_registry_erase_range(reg, first, last, &skipped);
	stress_check(skipped <= PAYLOAD_PFNS + PAYLOAD_PAGES_MAX);
}

/* Only tables that are empty can be purged: so makes them empty, as far as it goes. */
static void trim(struct stress_thread *thread)
{
	uint64_t last = payload_first_pfn() + PAYLOAD_PFNS + PAYLOAD_PAGES_MAX;

	if (one_in(thread, 2))
		thread->counts[ERASED] +=
			frozenref_registry_erase_range(reg, payload_first_pfn(), last, NULL);
	thread->counts[TRIMS] += trim_by_hand() != 0;
}

static void look(struct stress_thread *thread)
{
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;

	if (one_in(thread, 16)) {
		frozenref_registry_stats(reg, &stats);
		stress_check(stats.objects <= PAYLOAD_PFNS + PAYLOAD_PAGES_MAX);
	}
	stress_check(frozenref_registry_state(reg, random_pfn(thread)) <= FROZENREF_ERASED);
}

static void step(struct stress_thread *thread)
{
	/* As often as they stand here: some are rare, or nothing would ever live long enough. */
	static void (*const operations[])(struct stress_thread *) = {
		insert,	  insert,   insert,	   insert,	   insert,	   insert,
		allocate, allocate, look_up,	   look_up,	   look_up,	   look_up,
		look_up,  look_up,  look_up_batch, look_up_handle, look_up_handle, look_up_handle,
		walk,	  walk,	    hammer,	   hammer,	   freeze_unheld,  freeze_unheld,
		erase,	  erase,    erase_range,   look,	   look,	   trim,
	};

	self = thread;
	thread->counts[OPERATIONS]++;
	operations[stress_random(thread) % (sizeof(operations) / sizeof(operations[0]))](thread);
}

/* ------------------------------------------------------------------------------------- the end */

static void erase_all(void)
{
	uint64_t last = payload_first_pfn() + PAYLOAD_PFNS + PAYLOAD_PAGES_MAX;

	/* What release() inserts is erased by the next round. */
	while (frozenref_registry_erase_range(reg, payload_first_pfn(), last, NULL))
		continue;
}

/*
 * A purge that another thread was in the way of is left to the next object that ends, and a lookup
 * that came late may have brought a page back: one more object in each of the two tables, and then
 * nothing is left to be trimmed.
 */
static void check_that_all_was_given_back(struct stress_thread *sums)
{
	const uint64_t pfns[] = { payload_first_pfn(), payload_first_pfn() + PAYLOAD_PFNS - 1 };

	for (unsigned i = 0; i < 2; i++) {
		stress_check(publish(sums, pfns[i], 1));
		sums->counts[INSERTED]++;
	}
	erase_all();
	stress_check(trim_by_hand() == 0);
}

/* With all threads gone every object is the registry's alone, and ends when it is erased. */
static void end(struct stress_thread *sums)
{
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;

	self = sums;
	sums->random = 1;
	erase_all();
	if (layout->trim_above)
		check_that_all_was_given_back(sums);
	frozenref_registry_stats(reg, &stats);
	stress_check(stats.objects == 0 && stats.slots == 0);
	stress_check(payload_alive() == 0);
	stress_check(sums->counts[INSERTED] == sums->counts[RELEASED] + sums->counts[THROWN_OUT]);
	(void)trim_by_hand();
	stress_check(trim_by_hand() == 0);
	stress_check(frozenref_registry_destroy(reg) == 0);
}

static bool enough(const struct stress_thread *sums)
{
	return sums->counts[HITS] && sums->counts[RELEASED] && sums->counts[THROWN_OUT] &&
	       (sums->counts[PEEKS] || !(layout->flags & FROZENREF_REGISTRY_PEEKABLE)) &&
	       (sums->counts[PURGES_BY_ITSELF] || !layout->trim_above);
}

static void run(const struct stress_options *options)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct frozenref_backend backend = *frozenref_mmap_backend();
	struct stress_thread sums;

	backend.purge = purge;
	config.backend = &backend;
	config.trim_above = layout->trim_above;
	payload_begin(layout->place);
	config.page_shift = PAYLOAD_PAGE_SHIFT;
	config.pfn_bits = 52;
	config.flags = layout->flags;
	config.release = release;
	config.arg = (void *)(uintptr_t)layout;
	stress_check(frozenref_registry_create(&reg, &config) == 0);
	sums = stress_run(options, step, enough);
	end(&sums);
	stress_report(layout->name, options, &sums, names);
	stress_check(!sums.counts[PEEKS] || layout->flags & FROZENREF_REGISTRY_PEEKABLE);
}

int main(int argc, char **argv)
{
	struct stress_options options = stress_parse(argc, argv, 2);

	options.seconds /= LAYOUTS;
	for (layout = layouts; layout < layouts + LAYOUTS; layout++)
		run(&options);
	return 0;
}
