/* SPDX-License-Identifier: MIT */
/*
 * Variables of which each thread has its own.
 *
 * Used by fork.c, magazine.h and ref.c, for a few words. With the initial-exec model, where the C
 * library keeps room for it in programs that dlopen() this one, they are one instruction away, need
 * no memory on first use, and so work in signal handlers.
 */
#ifndef FROZENREF_LIB_THREAD_LOCAL_H
#define FROZENREF_LIB_THREAD_LOCAL_H

#include <stdlib.h>

#if defined(__GLIBC__)
# define FROZENREF__THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#else
# define FROZENREF__THREAD_LOCAL __thread
#endif

#endif /* FROZENREF_LIB_THREAD_LOCAL_H */
