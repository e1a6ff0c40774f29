/* SPDX-License-Identifier: MIT */
/*
 * Forks: the one place that registers handlers for them.
 *
 * Called by whatever makes the first registry, cache, index or space of a process. Relies on
 * pthread_atfork(3), and on little of it, since another thread may fork at any moment of the
 * registration:
 *
 *   - pthread_once(3) is not to be had: while its function runs in a thread that a child does not
 *     have, the child waits for ever with one C library, and runs it a second time with another;
 *   - so whoever finds nothing registered registers, under no lock and perhaps not alone, and the
 *     handlers may be there several times. The first that a thread comes to does all, and the
 *     others nothing;
 *   - some C libraries run the handlers after a fork that were registered during it, and had no
 *     chance before it. They do nothing either.
 *
 * What remains is a fork that has begun before there is any handler, and goes on after it. Where
 * pthread_atfork() waits for such forks, as glibc's does unless the fork is inside of a handler of
 * the program's, and musl's if the program has any, none remains.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <frozenref/atomic.h>

#include "fork.h"
#include "thread_local.h"

#ifdef _WIN32

/* Nothing forks. */
int frozenref__watch_forks(enum fork_room room, const struct fork_steps *steps)
{
	(void)room;
	(void)steps;
	return 0;
}

#else

/* Held over each fork, and while a room is added: a fork knows of all rooms in use, or of none. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uintptr_t rooms[FORK_ROOMS]; /* const struct fork_steps *, or 0 */
static uint32_t is_registered;

/* What this thread has done for the fork that it is in, of which the child has a copy. */
# define HAS_LOCK  1u
# define HAS(room) (2u << (room))
static FROZENREF__THREAD_LOCAL uint32_t done;

static const struct fork_steps *steps_of(unsigned room)
{
	/* Relaxed: written under the lock. */
	return (const struct fork_steps *)frozenref__loadptr(&rooms[room], relaxed);
}

static void before_fork(void)
{
	if (done)
		return;
	pthread_mutex_lock(&lock);
	done = HAS_LOCK;
	for (unsigned room = 0; room < FORK_ROOMS; room++) {
		if (!steps_of(room))
			continue;
		steps_of(room)->before();
		done |= HAS(room);
	}
}

static void end_fork(bool in_child)
{
	if (!done)
		return;
	for (unsigned room = FORK_ROOMS; room-- > 0;) {
		if (!(done & HAS(room)))
			continue;
		if (in_child)
			steps_of(room)->after_in_child();
		else
			steps_of(room)->after();
	}
	done = 0;
	pthread_mutex_unlock(&lock);
}

static void after_fork(void)
{
	end_fork(false);
}

static void after_fork_in_child(void)
{
	end_fork(true);
}

int frozenref__watch_forks(enum fork_room room, const struct fork_steps *steps)
{
	/* Acquire, here and below: pairs with the release of whoever was first. */
	if (frozenref__loadptr(&rooms[room], acquire))
		return 0;
	if (!frozenref__load32(&is_registered, acquire)) {
		int err = pthread_atfork(before_fork, after_fork, after_fork_in_child);

		if (err)
			return -err;
		frozenref__store32(&is_registered, 1, release);
	}
	/* A fork handler of the program's may have come here, with the lock held by this thread. */
	if (!done)
		pthread_mutex_lock(&lock);
	frozenref__storeptr(&rooms[room], (uintptr_t)steps, release);
	if (!done)
		pthread_mutex_unlock(&lock);
	return 0;
}

#endif
