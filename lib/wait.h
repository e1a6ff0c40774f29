/* SPDX-License-Identifier: MIT */
/*
 * How a thread waits for a few instructions, or one system call, of another.
 *
 * Used by the registry's sources, where the other one holds no lock that could be waited on. The
 * model checker defines FROZENREF__WAIT, since a loop that spins has no end to explore.
 */
#ifndef FROZENREF_LIB_WAIT_H
#define FROZENREF_LIB_WAIT_H

#ifndef FROZENREF__WAIT
# include <sched.h>
/* Not a pause instruction: the one waited for may want this very processor. */
# define FROZENREF__WAIT() ((void)sched_yield())
#endif

/* How often a lookup believes flags that say an object is live, and does not get it. */
#ifndef FROZENREF__TRIES
# define FROZENREF__TRIES 16
#endif

#endif /* FROZENREF_LIB_WAIT_H */
