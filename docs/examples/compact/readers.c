/* SPDX-License-Identifier: MIT */
/*
 * Filling, finding and verifying objects. See readers.h.
 */
#include "readers.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "arena.h"

#define WORDS	     (CELL_BYTES / sizeof(uint64_t))
#define TRANSIENT_IN 8 /* one read in so many is of an object that goes */

struct reader {
	_Alignas(128) struct readers *readers;
	pthread_t thread;
	uint64_t random;
	/* Written by the thread alone, read by main. */
	_Atomic uint64_t reads, frozen, mismatches;
};

struct readers {
	struct frozenref_registry *reg;
	uint64_t lasting, transient;
	atomic_bool over;
	unsigned threads;
	struct reader *readers;
};

/* A counter, and a mix of it (splitmix64): cheap, and any seed is a good one. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t next_random(struct reader *reader)
{
	return mix(reader->random += UINT64_C(0x9e3779b97f4a7c15));
}

void object_fill(void *cell, uint64_t number)
{
	uint64_t *words = cell;

	for (uint64_t i = 0; i < WORDS; i++)
		words[i] = mix(number * WORDS + i + 1);
}

bool object_is_right(const void *cell, uint64_t number)
{
	const uint64_t *words = cell;

	for (uint64_t i = 0; i < WORDS; i++) {
		if (words[i] != mix(number * WORDS + i + 1))
			return false;
	}
	return true;
}

static void count(_Atomic uint64_t *counter)
{
	/* Relaxed, and no addition in one step: nobody else writes it. */
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + 1, memory_order_relaxed);
}

/* A reference, or NULL once it is sure that the object is gone. */
static struct frozenref_slot *find(struct reader *reader, uint64_t number)
{
	struct frozenref_registry *reg = reader->readers->reg;

	for (;;) {
		struct frozenref_slot *slot = frozenref_registry_try_get(reg, number);

		if (slot)
			return slot;
		switch (frozenref_registry_state(reg, number)) {
		case FROZENREF_FROZEN:
			/* Being moved by hand: the mover is at it, or waits for a CPU. */
			count(&reader->frozen);
			sched_yield();
			break;
		case FROZENREF_LIVE:
			break;
		case FROZENREF_EMPTY:
		case FROZENREF_ERASED:
			return NULL;
		}
	}
}

static void read_object(struct reader *reader, uint64_t number)
{
	struct frozenref_slot *slot = find(reader, number);

	if (!slot) {
		if (number < TRANSIENT_FIRST)
			count(&reader->mismatches);
		return;
	}
	if (object_is_right(frozenref_slot_object(slot), number))
		count(&reader->reads);
	else
		count(&reader->mismatches);
	frozenref_slot_put(reader->readers->reg, slot);
}

static void *read_on(void *arg)
{
	struct reader *reader = arg;
	const struct readers *readers = reader->readers;

	while (!atomic_load_explicit(&readers->over, memory_order_relaxed)) {
		uint64_t random = next_random(reader);

		if (random % TRANSIENT_IN)
			read_object(reader, (random >> 8) % readers->lasting);
		else
			read_object(reader, TRANSIENT_FIRST + (random >> 8) % readers->transient);
	}
	return NULL;
}

int readers_start(struct readers **readersp, struct frozenref_registry *reg, unsigned threads,
		  uint64_t lasting, uint64_t transient)
{
	struct readers *readers = calloc(1, sizeof(*readers));
	int err = 0;

	if (!readers)
		return -ENOMEM;
	readers->reg = reg;
	readers->lasting = lasting;
	readers->transient = transient;
	readers->readers = aligned_alloc(_Alignof(struct reader), threads * sizeof(struct reader));
	if (!readers->readers) {
		free(readers);
		return -ENOMEM;
	}
	for (; !err && readers->threads < threads; readers->threads += !err) {
		struct reader *reader = &readers->readers[readers->threads];

		*reader = (struct reader){ .readers = readers, .random = mix(readers->threads) };
		err = pthread_create(&reader->thread, NULL, read_on, reader);
	}
	if (err) {
		readers_stop(readers);
		readers_free(readers);
		return -err;
	}
	*readersp = readers;
	return 0;
}

struct readers_count readers_count(const struct readers *readers)
{
	struct readers_count sum = { 0, 0, 0 };

	for (unsigned i = 0; i < readers->threads; i++) {
		const struct reader *reader = &readers->readers[i];

		sum.reads += atomic_load_explicit(&reader->reads, memory_order_relaxed);
		sum.frozen += atomic_load_explicit(&reader->frozen, memory_order_relaxed);
		sum.mismatches += atomic_load_explicit(&reader->mismatches, memory_order_relaxed);
	}
	return sum;
}

void readers_stop(struct readers *readers)
{
	atomic_store_explicit(&readers->over, true, memory_order_relaxed);
	for (unsigned i = 0; i < readers->threads; i++)
		pthread_join(readers->readers[i].thread, NULL);
}

void readers_free(struct readers *readers)
{
	free(readers->readers);
	free(readers);
}
