/* SPDX-License-Identifier: MIT */
/*
 * Being told of forks, where there are any.
 *
 * Used by the sources of lib/ that have locks a child must find free.
 */
#ifndef FROZENREF_LIB_FORKS_H
#define FROZENREF_LIB_FORKS_H

#include <pthread.h>

/* As pthread_atfork(3): 0 or an error number. Windows has neither it nor fork(2). */
static inline int frozenref__at_fork(void (*before)(void), void (*after)(void),
				     void (*after_in_child)(void))
{
#ifdef _WIN32
	(void)before;
	(void)after;
	(void)after_in_child;
	return 0;
#else
	return pthread_atfork(before, after, after_in_child);
#endif
}

#endif /* FROZENREF_LIB_FORKS_H */
