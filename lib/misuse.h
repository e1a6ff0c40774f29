/* SPDX-License-Identifier: MIT */
/*
 * Reports of misuse that name an object besides its counter.
 *
 * Called by cache_debug.c; in ref.c, with the handler.
 */
#ifndef FROZENREF_LIB_MISUSE_H
#define FROZENREF_LIB_MISUSE_H

#include <frozenref/ref.h>

/* As frozenref__misuse(); meanwhile frozenref_misuse_subject() names cache and object. */
void frozenref__misuse_of_object(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word,
				 const char *cache, const void *object);

#endif /* FROZENREF_LIB_MISUSE_H */
