/* SPDX-License-Identifier: MIT */
/*
 * Emits the inline functions of the public headers as symbols of the library, under the same names.
 *
 * For programs that cannot compile C headers (foreign-function interfaces), or that defined
 * FROZENREF_NO_INLINE. The macro below gives the functions external linkage; nothing else is here.
 */
#define FROZENREF__EMIT_SYMBOLS

#include <frozenref/frozenref.h>
