/* SPDX-License-Identifier: MIT */
/*
 * What the registry and the caches have in common: weak references, and the states of an object.
 *
 * Included by registry.h and cache.h; relies on nothing.
 */
#ifndef FROZENREF_TYPES_H
#define FROZENREF_TYPES_H

#include <stdint.h>

/*
 * A weak reference: names one object for ever, and never matches a later one in its place. {0, 0}
 * is never valid. In a registry `pfn` is the pfn; in a cache it is a number of the library's own.
 */
struct frozenref_handle {
	uint64_t pfn;
	uint64_t generation;
};

enum frozenref_state {
	FROZENREF_EMPTY = 0,
	FROZENREF_LIVE,
	FROZENREF_FROZEN, /* look again later */
	FROZENREF_ERASED,
};

#endif /* FROZENREF_TYPES_H */
