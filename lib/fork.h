/* SPDX-License-Identifier: MIT */
/*
 * What a room of the library has to do when the process forks, so that no lock is held in the
 * child by a thread that it does not have, and nothing there is half done for ever.
 *
 * Used by the sources that have such locks; fork.c is behind it. libfrozenref-mimalloc has a copy
 * of its own.
 */
#ifndef FROZENREF_LIB_FORK_H
#define FROZENREF_LIB_FORK_H

/* The rooms, in the order in which a fork takes their locks; none takes another's under its own. */
enum fork_room {
	FORK_INDEX,
	FORK_TABLE,
	FORK_CACHE,
	FORK_RANGES,
	FORK_ROOMS,
};

/* All three in the thread that forks, the last one in the child. */
struct fork_steps {
	void (*before)(void);
	void (*after)(void);
	void (*after_in_child)(void);
};

/*
 * From now on each fork takes these steps. Called before a room has anything that a fork could find
 * half done, and as often as one likes; 0 or -ENOMEM.
 */
int frozenref__watch_forks(enum fork_room room, const struct fork_steps *steps);

#endif /* FROZENREF_LIB_FORK_H */
