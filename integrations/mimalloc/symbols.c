/* SPDX-License-Identifier: MIT */
/*
 * Emits the inline functions of frozenref/mimalloc.h as symbols of this library.
 *
 * For programs that cannot compile C headers, or that defined FROZENREF_NO_INLINE; see
 * lib/symbols.c. The macro is this library's own, so that the core's functions are not emitted here
 * a second time.
 */
#define FROZENREF__MI_EMIT_SYMBOLS

#include <frozenref/mimalloc.h>
