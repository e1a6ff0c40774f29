/* SPDX-License-Identifier: MIT */
/*
 * Everything that a space can do, at once: objects of all sizes, looked up by stale, interior and
 * made-up addresses while they end, freeze, are queued and drained, and threads come and go.
 *
 * Run by `make check` for a second or two; --seconds for longer. Each object says what it is in its
 * first words, and its owner poisons them before the memory goes back: a lookup that succeeded on
 * something else would read that.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <frozenref/mimalloc.h>

#include "process.h"
#include "stress.h"

/* Addresses that everybody knows, of objects that may long be gone. */
enum { SHARED = 256 };

/* Indices into a thread's counts. */
enum { ALLOCATED, LOOKED_UP, FOUND, LAST, FROZEN, DRAINED, THREADS, FULL };
static const char *const names[] = { "allocated", "looked up",	   "found",   "ended", "frozen",
				     "drained",	  "short threads", "refused", NULL };

static struct frozenref_mi_space *space;
static uintptr_t shared[SHARED];
static uint32_t released;

/* What an object begins with; the payload is whole, or poisoned, or being written by its owner. */
struct object {
	struct stress_payload payload;
};

static void release(void *address, void *arg)
{
	struct object *object = address;

	(void)arg;
	(void)stress_read(&object->payload);
	stress_poison(&object->payload);
	(void)frozenref__add32(&released, 1, relaxed);
}

/* Mostly small; now and then of many granules, or pages. */
static size_t random_size(struct stress_thread *thread)
{
	uint64_t random = stress_random(thread);

	switch (random % 16) {
	case 0:
		return sizeof(struct object) + random / 16 % 2000;
	case 1:
		return sizeof(struct object) + random / 16 % 20000;
	default:
		return sizeof(struct object) + random / 16 % 32;
	}
}

static void put(struct stress_thread *thread, void *object)
{
	if (frozenref_mi_put(space, object))
		thread->counts[LAST]++;
}

/* A new object in a shared place, and one reference less on what was there. */
static void publish(struct stress_thread *thread)
{
	uintptr_t *place = &shared[stress_random(thread) % SHARED];
	size_t size = random_size(thread);
	struct object *object = frozenref_mi_malloc(space, size);
	uintptr_t old;

	if (!object) {
		stress_check(errno == ENOMEM);
		thread->counts[FULL]++;
		return;
	}
	stress_check(!frozenref_mi_try_get(space, object));
	stress_write(&object->payload, (uintptr_t)object);
	thread->counts[ALLOCATED]++;
	frozenref_mi_unfreeze(space, object, 1);
	old = frozenref__loadptr(place, relaxed);
	/* Ours goes in, or is ended at once. */
	if (frozenref__casptr(place, old, (uintptr_t)object, acq_rel) != old)
		old = (uintptr_t)object;
	if (old)
		put(thread, (void *)old);
}

/* In a shared object, or what may have been one, or anywhere in the space or around it. */
static void *random_address(struct stress_thread *thread)
{
	uint64_t random = stress_random(thread);
	uintptr_t object = frozenref__loadptr(&shared[random % SHARED], relaxed);

	switch (random >> 32 & 7) {
	case 0:
		return (void *)(space->first + (uintptr_t)stress_random(thread) %
						       ((uintptr_t)3 << space->zone_shift));
	case 1:
		return (void *)(uintptr_t)stress_random(thread);
	case 2:
		return (void *)(object + (random >> 40) % 30000);
	default:
		return (void *)(object + (random >> 40) % 64);
	}
}

static void look_up(struct stress_thread *thread)
{
	void *address = random_address(thread);
	struct object *object = frozenref_mi_try_get(space, address);

	thread->counts[LOOKED_UP]++;
	if (!object)
		return;
	thread->counts[FOUND]++;
	/* Before the address, and what it says it is. */
	stress_check((uintptr_t)object <= (uintptr_t)address);
	stress_linger(thread);
	stress_check(stress_read(&object->payload) == (uintptr_t)object);
	if (stress_random(thread) % 4 == 0) {
		frozenref_mi_get(space, object);
		stress_check(frozenref_mi_count(space, object) >= 2);
		put(thread, object);
	}
	put(thread, object);
}

/* Takes an object out of its place, and, if nobody else holds it now, writes it anew. */
static void freeze(struct stress_thread *thread)
{
	uintptr_t *place = &shared[stress_random(thread) % SHARED];
	uintptr_t taken = frozenref__loadptr(place, relaxed);
	struct object *object = (struct object *)taken;

	if (!taken || frozenref__casptr(place, taken, 0, acq_rel) != taken)
		return;
	if (frozenref_mi_freeze(space, object, 1)) {
		thread->counts[FROZEN]++;
		stress_check(!frozenref_mi_try_get(space, object));
		stress_poison(&object->payload);
		stress_linger(thread);
		stress_write(&object->payload, taken);
		frozenref_mi_unfreeze(space, object, 1);
	}
	if (frozenref__casptr(place, 0, taken, acq_rel) != 0)
		put(thread, object);
}

static void *live_shortly(void *arg)
{
	struct stress_thread thread = { .random = (uintptr_t)arg | 1 };

	for (unsigned i = 0; i < 50; i++)
		publish(&thread);
	return NULL;
}

/* What it leaves behind in mimalloc is for the others. */
static void come_and_go(struct stress_thread *thread)
{
	pthread_t other;

	stress_check(pthread_create(&other, NULL, live_shortly,
				    (void *)(uintptr_t)stress_random(thread)) == 0);
	stress_check(pthread_join(other, NULL) == 0);
	thread->counts[THREADS]++;
}

static void step(struct stress_thread *thread)
{
	uint64_t random = stress_random(thread);

	if (random % 4096 == 0)
		come_and_go(thread);
	else if (random % 64 == 1)
		thread->counts[DRAINED] += frozenref_mi_drain(space);
	else if (random % 8 == 2)
		freeze(thread);
	else if (random % 3 == 0)
		publish(thread);
	else
		look_up(thread);
}

static bool enough(const struct stress_thread *sums)
{
	return sums->counts[FOUND] && sums->counts[LAST] && sums->counts[FROZEN];
}

/* Everything ends, and nothing is left in the registries or in mimalloc. */
static void run(const struct stress_options *options, const char *subject, unsigned flags)
{
	struct frozenref_mi_space_config config = FROZENREF_MI_SPACE_CONFIG_INIT;
	struct frozenref_mi_report report = FROZENREF_MI_REPORT_INIT;
	struct stress_thread sums;

	config.release = release;
	config.flags = flags;
	released = 0;
	stress_check(frozenref_mi_space_create(&space, &config) == 0);
	sums = stress_run(options, step, enough);
	for (unsigned i = 0; i < SHARED; i++) {
		if (shared[i])
			frozenref_mi_put(space, (void *)shared[i]);
		shared[i] = 0;
	}
	(void)frozenref_mi_drain(space);
	stress_check(frozenref_mi_check(space, NULL, NULL, &report) == 0);
	stress_check(report.live == 0 && report.frozen == 0 && report.queued == 0);
	stress_check(released >= sums.counts[ALLOCATED]);
	stress_check(frozenref_mi_space_destroy(space) == 0);
	stress_report(subject, options, &sums, names);
}

int main(int argc, char **argv)
{
	struct stress_options options = stress_parse(argc, argv, 2);

	/* Automake's way to say that a test was skipped. */
	if (!may_have_addresses((uint64_t)8 << 30)) {
		(void)fprintf(stderr, "mimalloc: not enough addresses for a space: skipped\n");
		return 77;
	}
	options.seconds /= 2;
	run(&options, "mimalloc", 0);
	run(&options, "mimalloc, deferred", FROZENREF_MI_DEFER);
	return EXIT_SUCCESS;
}
