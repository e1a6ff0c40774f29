/* SPDX-License-Identifier: MIT */
/*
 * The registry that scenarios race on, its objects, and what must hold of both in the end.
 *
 * Called by scenarios_*.c. The explorer puts everything here back before each execution.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/registry.h"
#include "objects.h"

struct frozenref_registry *reg;
struct frozenref_slot *slots;
struct objects objects;

/* ---------------------------------------------------------------------------------- the objects */

int *object(unsigned i)
{
	return &objects.payload[i];
}

unsigned object_number(const int *payload)
{
	return (unsigned)(payload - objects.payload);
}

bool is_object(const int *payload)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (payload == object(i))
			return true;
	}
	return false;
}

/* The calling thread ends it. */
void end_object(int *payload)
{
	model_assert(is_object(payload));
	model_assert(model_read(payload) == ALIVE);
	model_write(payload, DEAD);
}

/* An object is ended by one thread, so the counter needs no more care than the payload. */
static void on_release(void *ended, uint64_t pfn, uint64_t npages, void *arg)
{
	(void)arg;
	model_assert(pfn < SLOTS && npages && npages <= SLOTS - pfn);
	end_object((int *)ended);
	(void)model_read(&objects.aside);
	objects.ended[object_number((int *)ended)][0]++;
}

/* ---------------------------------------------------------------------------------------- setup */

static void label_slots(void)
{
	static char names[SLOTS][6][24];
	static const char *const words[] = { "word",	   "flags",  "sequence",
					     "generation", "object", "user" };

	for (unsigned i = 0; i < SLOTS; i++) {
		const void *at[] = { &slots[i].ref,	 &slots[i].flags,
				     &slots[i].sequence, &slots[i].generation_low,
				     &slots[i].object,	 &slots[i].user };

		for (unsigned w = 0; w < 6; w++) {
			snprintf(names[i][w], sizeof(names[i][w]), "%s[%u]", words[w], i);
			model_label(at[w], names[i][w]);
		}
	}
}

/*
 * Purged memory, word by word: whoever is not ordered after a store may still see, or add to, what
 * was there before it. Only the slots that scenarios use can be anything but zero.
 */
static int zero_slots(void *context, void *address, size_t size)
{
	(void)context;
	model_assert(address == slots && size == leaf_bytes(&reg->table));
	if (model_fault == FAULT_PURGES_LATE)
		frozenref__store32(&slot_leaf(&reg->table, slots)->used, 0, release);
	for (unsigned i = 0; i < SLOTS; i++) {
		frozenref__store32(&slots[i].ref.word, 0, relaxed);
		frozenref__store32(&slots[i].flags, 0, relaxed);
		frozenref__store32(&slots[i].sequence, 0, relaxed);
		frozenref__store32(&slots[i].generation_low, 0, relaxed);
		frozenref__store32(&slots[i].generation_high, 0, relaxed);
		frozenref__store32(&slots[i].user, 0, relaxed);
		frozenref__storeptr(&slots[i].object.address, 0, relaxed);
	}
	return 0;
}

const struct frozenref_backend *purging_backend(void)
{
	static struct frozenref_backend backend;

	backend = model_backend;
	backend.purge = zero_slots;
	return &backend;
}

static void make_empty_registry(size_t trim_above)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct leaf *leaf;

	memset(&objects, 0, sizeof(objects));
	config.backend = purging_backend();
	config.release = on_release;
	config.trim_above = trim_above;
	model_assert(frozenref_registry_create(&reg, &config) == 0);
	objects.payload[0] = ALIVE;
	model_assert(frozenref_registry_insert(reg, 0, object(0)) == 0);
	slots = frozenref_registry_slot(reg, 0);
	model_assert(frozenref_registry_erase(reg, 0) == 0);
	memset(&objects, 0, sizeof(objects));
	model_region(slots, SLOTS * sizeof(*slots), "slots");
	model_region(&objects, sizeof(objects), "objects");
	leaf = slot_leaf(&reg->table, slots);
	model_region(leaf, sizeof(*leaf), "leaf");
	model_label(&leaf->used, "used");
	model_label(&leaf->releasing, "releasing");
	model_label(&leaf->idle, "idle");
	model_label(&leaf->ntouched, "ntouched");
	model_label(&registry_of(reg)->idle.bytes, "idle bytes");
	label_slots();
}

void setup_empty(void)
{
	make_empty_registry(0);
}

void setup_trimming(void)
{
	make_empty_registry(1);
}

void setup_counting(void)
{
	make_empty_registry(SIZE_MAX);
}

void setup_counting_none(void)
{
	make_empty_registry(SIZE_MAX);
	(void)frozenref_registry_trim(reg);
}

void insert_at_setup(uint64_t pfn, uint64_t npages)
{
	objects.payload[0] = ALIVE;
	objects.inserted[0] = 1;
	model_assert(frozenref_registry_insert_range(reg, pfn, npages, object(0)) == 0);
}

void setup_one(void)
{
	setup_empty();
	insert_at_setup(0, 1);
}

/* A thread has a reference already. */
void setup_held(void)
{
	setup_one();
	frozenref_slot_get(reg, slots);
}

void setup_range(void)
{
	setup_empty();
	insert_at_setup(0, 2);
}

void teardown(void)
{
	for (uint64_t pfn = 0; pfn < SLOTS; pfn++)
		(void)frozenref_registry_erase(reg, pfn);
	while (slots->ref.word >= FROZENREF__ONE)
		(void)frozenref_slot_put(reg, slots);
	model_assert(frozenref_registry_destroy(reg) == 0);
}

/* ---------------------------------------------------------------------------------------- check */

bool is_there(unsigned i)
{
	for (unsigned pfn = 0; pfn < SLOTS; pfn++) {
		if (slots[pfn].flags & FROZENREF__SLOT_USED &&
		    slots[pfn].object.address == (uintptr_t)object(i))
			return true;
	}
	return false;
}

static void check_slot(unsigned pfn, unsigned *used)
{
	enum frozenref_state state = frozenref_registry_state(reg, pfn);

	if (state == FROZENREF_EMPTY) {
		model_assert(slots[pfn].flags == 0);
		model_assert(frozenref_is_frozen(&slots[pfn].ref));
		return;
	}
	++*used;
	model_assert(state == FROZENREF_LIVE);
	model_assert(frozenref_slot_count(frozenref_registry_slot(reg, pfn)) == 1);
}

void check_quiet(void)
{
	unsigned used = 0;

	for (unsigned pfn = 0; pfn < SLOTS; pfn++)
		check_slot(pfn, &used);
	model_assert(slot_leaf(&reg->table, slots)->used == used);
	for (unsigned i = 0; i < OBJECTS; i++) {
		unsigned ended = 0;

		for (int t = 0; t < MODEL_THREADS_MAX; t++)
			ended += objects.ended[i][t];
		model_assert(ended + is_there(i) == objects.inserted[i]);
		model_assert(objects.payload[i] == (is_there(i) ? ALIVE : DEAD));
	}
}

/*
 * Memory that nothing is in is counted, or it would never be given back. More may be: who is slow
 * counts what has been purged since. And the sum is that of what is counted.
 */
void check_idle(void)
{
	const struct leaf *leaf = slot_leaf(&reg->table, slots);

	model_assert(registry_of(reg)->idle.bytes == leaf->idle);
	if (!leaf->used)
		model_assert(leaf->idle >= leaf->ntouched * CHUNK_SLOTS * sizeof(*slots));
}

/* ------------------------------------------------------------------------------ what threads do */

/* Looks a pfn up and uses what is there. */
void look_up(int me, uint64_t pfn)
{
	struct frozenref_slot *slot = frozenref_registry_try_get(reg, pfn);
	uint64_t head;
	int *payload;

	if (!slot)
		return;
	objects.hits[me]++;
	head = frozenref_slot_pfn(reg, slot);
	model_assert(pfn - head < frozenref_slot_npages(reg, slot));
	payload = (int *)frozenref_slot_object(slot);
	model_assert(is_object(payload));
	model_assert(model_read(payload) == ALIVE);
	(void)frozenref_slot_put(reg, slot);
}

/* Inserts a new object over the pfns, if they are empty. */
int insert_new(unsigned i, uint64_t pfn, uint64_t npages)
{
	int err;

	model_write(object(i), ALIVE);
	err = npages == 1 ? model_calls.insert(reg, pfn, object(i))
			  : frozenref_registry_insert_range(reg, pfn, npages, object(i));
	if (err)
		model_write(object(i), DEAD);
	else
		objects.inserted[i]++;
	return err;
}

/* Takes out what it owns frozen. */
void evict(int me, struct frozenref_slot *slot)
{
	int *evicted = (int *)frozenref_slot_object(slot);

	end_object(evicted);
	model_assert(frozenref_slot_erase_frozen(reg, slot) == evicted);
	objects.ended[object_number(evicted)][me]++;
}
