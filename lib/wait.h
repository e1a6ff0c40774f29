/* SPDX-License-Identifier: MIT */
/*
 * How a thread waits for a few instructions, or one system call, of another.
 *
 * Used by the registry's sources, cache_slab.c and index_lookup.c, where the other one holds no
 * lock that could be waited on. The model checker defines FROZENREF__WAIT, since a loop that spins
 * has no end to explore.
 */
#ifndef FROZENREF_LIB_WAIT_H
#define FROZENREF_LIB_WAIT_H

#ifndef FROZENREF__WAIT
# include <errno.h>
# include <pthread.h>
# include <sched.h>
# include <time.h>

/* To be called with the number of turns that the caller has waited so far. */
# define FROZENREF__WAIT(turn) frozenref__wait(turn)

/*
 * Not a pause instruction: the one waited for may want this very processor. A yield gives it to
 * threads of the same priority at best, so now and then a sleep gives it to all. A thread that is
 * cancelled in its sleep would leave behind what it has half done, and others waiting for it.
 */
static inline void frozenref__wait(unsigned turn)
{
	const struct timespec moment = { .tv_sec = 0, .tv_nsec = 50000 };
	int saved_errno = errno;
	int cancelable;

	if (turn % 64 < 63) {
		(void)sched_yield();
	} else {
		(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
		(void)nanosleep(&moment, NULL);
		(void)pthread_setcancelstate(cancelable, &cancelable);
	}
	errno = saved_errno;
}
#endif

/* How often a lookup believes flags that say an object is live, and does not get it. */
#ifndef FROZENREF__TRIES
# define FROZENREF__TRIES 16
#endif

#endif /* FROZENREF_LIB_WAIT_H */
