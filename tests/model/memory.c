/* SPDX-License-Identifier: MIT */
/*
 * The memory model: histories of values, vector clocks, data races, freed memory.
 *
 * Called by explorer.c. Each word that threads contend for has the history of its stores, which is
 * its modification order. A load sees any store that is not older than one that its thread knows
 * of: by having seen it, or through what happens before. A store comes after every one that its
 * thread knows of, but before others if that happens so; a read-modify-write comes right after the
 * store that it read, and nothing ever comes between the two; a compare-and-swap that fails is a
 * load. Each store carries the clock that an acquiring reader takes over; a read-modify-write
 * passes on the clock of the store that it replaces (the release sequence), a plain store begins
 * anew.
 *
 * Without memory_weak the order of execution is the only one, as with indivisible steps on one
 * memory. What even the weak model leaves out, loads that see the future, is in README.md.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

enum { LOCATIONS = 2048, HISTORY = 1024, REGIONS = 32, LABELS = 64, BUCKETS = 4096 };

bool memory_weak = true;
const char *memory_weak_cas_function;

struct model_zones model_zones;
unsigned model_tries;

/* ------------------------------------------------------------------------------------- clocks */

struct clock {
	uint16_t at[MODEL_THREADS_MAX];
};

static struct {
	struct clock now;      /* what happens before the thread's next step */
	struct clock acquired; /* what an acquire fence would add: clocks of relaxed loads */
	struct clock
		released; /* what a relaxed store carries: the clock of the last release fence */
} threads[MODEL_THREADS_MAX];

static void join(struct clock *into, const struct clock *from)
{
	for (int t = 0; t < MODEL_THREADS_MAX; t++) {
		if (into->at[t] < from->at[t])
			into->at[t] = from->at[t];
	}
}

static bool knows(int thread, int other, uint16_t time)
{
	return threads[thread].now.at[other] >= time;
}

static uint16_t now(int thread)
{
	return threads[thread].now.at[thread];
}

/* What the thread does from here on is not ordered by what it has published so far. */
static void tick(int thread)
{
	threads[thread].now.at[thread]++;
}

/* ------------------------------------------------------------------------------------- regions */

struct region {
	char *address;
	size_t size;
	const char *name;
	void *copy;
	bool freed;
	uint16_t touched[MODEL_THREADS_MAX]; /* when each thread last did */
};

static struct region regions[REGIONS];
static unsigned nregions;

static struct {
	const void *address;
	const char *name;
} labels[LABELS];
static unsigned nlabels;

static void require(bool room, const char *what)
{
	if (room)
		return;
	fprintf(stderr, "model: too many %s\n", what);
	exit(EXIT_FAILURE);
}

void model_region(void *address, size_t size, const char *name)
{
	require(nregions < REGIONS, "regions");
	regions[nregions++] = (struct region){ .address = address, .size = size, .name = name };
}

void model_label(const void *address, const char *name)
{
	require(nlabels < LABELS, "labels");
	labels[nlabels].address = address;
	labels[nlabels++].name = name;
}

static struct region *find_region(const void *address)
{
	for (unsigned i = 0; i < nregions; i++) {
		if ((uintptr_t)address - (uintptr_t)regions[i].address < regions[i].size)
			return &regions[i];
	}
	return NULL;
}

const char *memory_name(const void *address, char *buffer, size_t size)
{
	struct region *region = find_region(address);

	for (unsigned i = 0; i < nlabels; i++) {
		if (labels[i].address == address)
			return labels[i].name;
	}
	if (!region)
		return NULL;
	snprintf(buffer, size, "%s+%zu", region->name,
		 (size_t)((uintptr_t)address - (uintptr_t)region->address));
	return buffer;
}

static void touch(struct region *region, int thread, const char *text)
{
	if (!region)
		return;
	if (region->freed)
		model_fail("%s is in %s, which was freed", text, region->name);
	region->touched[thread] = now(thread);
}

void memory_free(void *address, int thread)
{
	struct region *region = find_region(address);

	if (!region || region->address != address)
		model_fail("free of what is not a region");
	if (region->freed)
		model_fail("%s is freed twice", region->name);
	for (int t = 0; t < MODEL_THREADS_MAX; t++) {
		if (!knows(thread, t, region->touched[t]))
			model_fail("%s is freed while thread %c may still be using it",
				   region->name, 'A' + t);
	}
	region->freed = true;
	memset(region->address, 0xa5, region->size);
}

/* ----------------------------------------------------------------------------------- locations */

struct store {
	uintptr_t value;
	struct clock clock; /* what an acquiring reader takes over */
	bool follows;	    /* a read-modify-write of the one before: nothing comes in between */
};

struct sighting {
	uint16_t index; /* into the history */
	uint16_t time;	/* the thread's own, when it saw that store or made it */
};

struct location {
	void *address;
	uint32_t size;
	struct location *next;
	struct region *region;
	bool contended; /* learnt, in this execution or one before */
	/* In this execution. */
	uint64_t execution;
	uint8_t accessed; /* by which threads */
	uint8_t written;
	unsigned nstores;
	unsigned nsightings[MODEL_THREADS_MAX];
	uint16_t plain_read[MODEL_THREADS_MAX];
	uint16_t plain_written[MODEL_THREADS_MAX];
	struct store stores[HISTORY];
	struct sighting sightings[MODEL_THREADS_MAX][HISTORY];
};

static struct location *locations;
static unsigned nlocations;
static struct location *buckets[BUCKETS];
static uint64_t execution;
static struct location *touched[LOCATIONS];
static unsigned ntouched;

static uintptr_t load_memory(const void *address, uint32_t size)
{
	if (size == sizeof(uint32_t))
		return *(volatile const uint32_t *)address;
	return *(volatile const uintptr_t *)address;
}

static void store_memory(void *address, uint32_t size, uintptr_t value)
{
	if (size == sizeof(uint32_t))
		*(volatile uint32_t *)address = (uint32_t)value;
	else
		*(volatile uintptr_t *)address = value;
}

static uintptr_t newest(const struct location *loc)
{
	return loc->stores[loc->nstores - 1].value;
}

static struct location *find_location(void *address, uint32_t size)
{
	struct location **bucket = &buckets[((uintptr_t)address >> 2) % BUCKETS];
	struct location *loc;

	for (loc = *bucket; loc; loc = loc->next) {
		if (loc->address == address && loc->size == size)
			return loc;
	}
	require(nlocations < LOCATIONS, "words");
	loc = &locations[nlocations++];
	memset(loc, 0, offsetof(struct location, stores));
	loc->address = address;
	loc->size = size;
	loc->region = find_region(address);
	loc->next = *bucket;
	*bucket = loc;
	return loc;
}

/* As this execution finds it. */
static void begin_location(struct location *loc)
{
	if (loc->execution == execution)
		return;
	loc->execution = execution;
	loc->accessed = 0;
	loc->written = 0;
	loc->nstores = 1;
	loc->stores[0] = (struct store){ .value = load_memory(loc->address, loc->size) };
	memset(loc->nsightings, 0, sizeof(loc->nsightings));
	memset(loc->plain_read, 0, sizeof(loc->plain_read));
	memset(loc->plain_written, 0, sizeof(loc->plain_written));
	touched[ntouched++] = loc;
}

struct location *memory_location(const struct model_op *op)
{
	struct location *loc = find_location(op->address, op->size);

	begin_location(loc);
	return loc;
}

void memory_touch(struct location *loc, const char *text, int thread)
{
	touch(loc->region, thread, text);
	if (newest(loc) != load_memory(loc->address, loc->size))
		model_fail("%s was changed by a plain store", text);
}

unsigned memory_number(const struct location *loc)
{
	return (unsigned)(loc - locations);
}

void memory_forget(void)
{
	if (!locations)
		locations = malloc(LOCATIONS * sizeof(*locations));
	require(locations != NULL, "bytes");
	for (unsigned i = 0; i < nregions; i++)
		free(regions[i].copy);
	memset(buckets, 0, sizeof(buckets));
	nregions = 0;
	nlabels = 0;
	nlocations = 0;
	ntouched = 0;
}

void memory_snapshot(void)
{
	for (unsigned i = 0; i < nregions; i++) {
		struct region *region = &regions[i];

		region->copy = malloc(region->size);
		require(region->copy != NULL, "bytes");
		memcpy(region->copy, region->address, region->size);
	}
}

void memory_restart(void)
{
	for (unsigned i = 0; i < ntouched; i++) {
		struct location *loc = touched[i];

		store_memory(loc->address, loc->size, loc->stores[0].value);
	}
	ntouched = 0;
	for (unsigned i = 0; i < nregions; i++) {
		memcpy(regions[i].address, regions[i].copy, regions[i].size);
		regions[i].freed = false;
		memset(regions[i].touched, 0, sizeof(regions[i].touched));
	}
	memset(threads, 0, sizeof(threads));
	for (int t = 0; t < MODEL_THREADS_MAX; t++)
		tick(t);
	execution++;
}

uint64_t memory_outcome(void)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (unsigned i = 0; i < nregions; i++) {
		const unsigned char *bytes = (const unsigned char *)regions[i].address;

		for (size_t at = 0; at < regions[i].size; at++)
			hash = (hash ^ bytes[at]) * UINT64_C(0x100000001b3);
	}
	return hash;
}

/* ----------------------------------------------------------------------------------- contention */

bool memory_is_contended(struct location *loc, const struct model_op *op, int thread, bool *learnt)
{
	uint8_t bit = (uint8_t)(1u << thread);

	*learnt = false;
	if (loc->contended)
		return true;
	loc->accessed |= bit;
	if (memory_would_write(loc, op))
		loc->written |= bit;
	/* Written, and not by a single thread that alone has to do with it. */
	if (loc->written && loc->accessed & (loc->accessed - 1)) {
		loc->contended = true;
		*learnt = true;
	}
	return loc->contended;
}

bool memory_would_write(const struct location *loc, const struct model_op *op)
{
	switch (op->kind) {
	case MODEL_STORE:
	case MODEL_ADD:
	case MODEL_AND:
		return true;
	case MODEL_CAS:
		return memory_weak || newest(loc) == op->expected;
	default:
		return false;
	}
}

bool memory_is_ready(const struct location *loc, const struct model_op *op)
{
	return op->kind != MODEL_AWAIT || newest(loc) == op->expected;
}

/* ----------------------------------------------------------------------------- what may be seen */

/* The oldest store that the thread may still see. */
static unsigned oldest_visible(const struct location *loc, int thread)
{
	unsigned oldest = 0;

	for (int t = 0; t < MODEL_THREADS_MAX; t++) {
		for (unsigned i = loc->nsightings[t]; i--;) {
			const struct sighting *seen = &loc->sightings[t][i];

			if (!knows(thread, t, seen->time))
				continue;
			if (oldest < seen->index)
				oldest = seen->index;
			break;
		}
	}
	return oldest;
}

static bool is_weak(const struct location *loc, const struct model_op *op)
{
	return memory_weak_cas_function && !strcmp(memory_weak_cas_function, op->function) &&
	       newest(loc) == op->expected;
}

/*
 * Whether the operation may see the store at this index, which is not the newest; or, if it stores,
 * whether what it stores may come right after that.
 */
static bool may_see(const struct location *loc, const struct model_op *op, unsigned index)
{
	bool gap = !loc->stores[index + 1].follows;

	if (!memory_weak)
		return false;
	switch (op->kind) {
	case MODEL_LOAD:
		return true;
	case MODEL_CAS:
		return loc->stores[index].value != op->expected || gap;
	case MODEL_STORE:
	case MODEL_ADD:
	case MODEL_AND:
		return gap;
	default:
		return false;
	}
}

unsigned memory_choices(const struct location *loc, const struct model_op *op, int thread)
{
	unsigned oldest = oldest_visible(loc, thread);
	unsigned choices = 1;

	for (unsigned i = loc->nstores - 1; i-- > oldest;)
		choices += may_see(loc, op, i);
	return choices + (op->kind == MODEL_CAS && is_weak(loc, op));
}

/* The store that goes with a choice; -1 stands for a compare-and-swap that just fails. */
static int chosen(const struct location *loc, const struct model_op *op, int thread,
		  unsigned choice)
{
	unsigned oldest = oldest_visible(loc, thread);

	if (!choice)
		return (int)loc->nstores - 1;
	for (unsigned i = loc->nstores - 1; i-- > oldest;) {
		if (may_see(loc, op, i) && !--choice)
			return (int)i;
	}
	return -1;
}

static void see(struct location *loc, int thread, unsigned index)
{
	unsigned n = loc->nsightings[thread];

	if (n == HISTORY)
		model_fail("one word is accessed without end");
	loc->sightings[thread][n] = (struct sighting){ (uint16_t)index, now(thread) };
	loc->nsightings[thread] = n + 1;
}

/* ----------------------------------------------------------------------------------- operations */

static uintptr_t new_value(const struct model_op *op, uintptr_t old)
{
	uintptr_t value = op->value;

	if (op->kind == MODEL_ADD)
		value = old + op->value;
	else if (op->kind == MODEL_AND)
		value = old & op->value;
	return op->size == sizeof(uint32_t) ? (uint32_t)value : value;
}

/* Makes room in the history. */
static void insert(struct location *loc, unsigned at)
{
	if (loc->nstores == HISTORY)
		model_fail("one word is stored to without end");
	memmove(&loc->stores[at + 1], &loc->stores[at],
		(loc->nstores - at) * sizeof(loc->stores[0]));
	loc->nstores++;
	for (int t = 0; t < MODEL_THREADS_MAX; t++) {
		for (unsigned i = loc->nsightings[t]; i-- && loc->sightings[t][i].index >= at;)
			loc->sightings[t][i].index++;
	}
}

/* Stores, right after the store at this index. */
static void store_after(struct location *loc, const struct model_op *op, int thread, unsigned index)
{
	bool follows = op->kind != MODEL_STORE;
	struct store *store = &loc->stores[index + 1];

	insert(loc, index + 1);
	store->value = new_value(op, store[-1].value);
	store->clock = op->order & MODEL_release ? threads[thread].now : threads[thread].released;
	store->follows = follows;
	if (follows)
		join(&store->clock, &store[-1].clock);
	store_memory(loc->address, loc->size, newest(loc));
	see(loc, thread, index + 1);
}

static void take_over(const struct store *store, enum model_order order, int thread)
{
	join(&threads[thread].acquired, &store->clock);
	if (order & MODEL_acquire)
		join(&threads[thread].now, &store->clock);
}

uintptr_t memory_perform(struct location *loc, const struct model_op *op, int thread,
			 unsigned choice, bool *stored)
{
	int index = chosen(loc, op, thread, choice);
	uintptr_t old;
	bool succeeds;

	*stored = false;
	if (index < 0)
		return ~op->expected;
	old = loc->stores[index].value;
	if (op->kind == MODEL_STORE) {
		store_after(loc, op, thread, (unsigned)index);
		*stored = true;
		tick(thread);
		return old;
	}
	succeeds = op->kind == MODEL_ADD || op->kind == MODEL_AND ||
		   (op->kind == MODEL_CAS && old == op->expected);
	/* A compare-and-swap that fails orders nothing. */
	take_over(&loc->stores[index],
		  op->kind == MODEL_CAS && !succeeds ? MODEL_relaxed : op->order, thread);
	if (succeeds)
		store_after(loc, op, thread, (unsigned)index);
	else
		see(loc, thread, (unsigned)index);
	*stored = succeeds;
	tick(thread);
	return old;
}

void memory_fence(enum model_order order, int thread)
{
	if (order & MODEL_acquire)
		join(&threads[thread].now, &threads[thread].acquired);
	if (order & MODEL_release)
		threads[thread].released = threads[thread].now;
	tick(thread);
}

uintptr_t memory_direct(const struct model_op *op)
{
	uintptr_t old;

	if (op->kind == MODEL_FENCE)
		return 0;
	old = load_memory(op->address, op->size);
	if (op->kind == MODEL_LOAD || (op->kind == MODEL_CAS && old != op->expected))
		return old;
	store_memory(op->address, op->size, new_value(op, old));
	return old;
}

/* ------------------------------------------------------------------------------- plain accesses */

static void check_race(const uint16_t *others, int thread, const char *text, const char *what)
{
	for (int t = 0; t < MODEL_THREADS_MAX; t++) {
		if (!knows(thread, t, others[t]))
			model_fail("data race: %s is not ordered after the %s of %s in thread %c",
				   text, what, text, 'A' + t);
	}
}

static struct location *plain_location(const void *address, int thread, const char *text)
{
	struct location *loc = find_location(MODEL__ADDRESS(address), sizeof(int));

	touch(loc->region, thread, text);
	begin_location(loc);
	return loc;
}

void memory_read(const void *address, int thread, const char *text)
{
	struct location *loc = plain_location(address, thread, text);

	check_race(loc->plain_written, thread, text, "write");
	loc->plain_read[thread] = now(thread);
}

void memory_write(const void *address, int thread, const char *text)
{
	struct location *loc = plain_location(address, thread, text);

	check_race(loc->plain_written, thread, text, "write");
	check_race(loc->plain_read, thread, text, "read");
	loc->plain_written[thread] = now(thread);
}
