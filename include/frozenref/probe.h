/* SPDX-License-Identifier: MIT */
/*
 * USDT probes on every change of a count: what tracers (bpftrace, systemtap, perf, gdb) attach to.
 *
 * Used by ref.h, registry.h and lib/ref.c. With --enable-usdt each probe is a nop and an ELF note
 * of provider "frozenref", in the library and in every program that compiles the inline functions;
 * without it, which is the default, the macros leave no trace in the code. Each probe has two
 * arguments, the counter's address and a word:
 *
 *	get, put		the word after the add
 *	get_failed		the word after the add, which was not live
 *	revived			a get found the word dying and made it live again; fires besides get
 *	frozen			the word that a winning put or a freeze replaced with 0
 *	unfreeze		the word that was stored
 *	reset			the word that a reset of residue, or of a misused put, replaced
 *	saturated		the word after an add that left it saturated
 *	misuse			the word that the misused call found
 */
#ifndef FROZENREF_PROBE_H
#define FROZENREF_PROBE_H

#include <frozenref/version.h>

/* Macros of macros, laid out by hand. */
/* clang-format off */
#if FROZENREF_WITH_USDT
# include <sys/sdt.h>
# ifdef __clang__
/* clang -pedantic warns of how <sys/sdt.h> calls its own variadic macros. */
#  define FROZENREF__PROBE(name, ref, word)                                                        \
	_Pragma("clang diagnostic push")                                                           \
	_Pragma("clang diagnostic ignored \"-Wgnu-zero-variadic-macro-arguments\"")                \
	DTRACE_PROBE2(frozenref, name, (ref), (word))                                              \
	_Pragma("clang diagnostic pop")
# else
#  define FROZENREF__PROBE(name, ref, word) DTRACE_PROBE2(frozenref, name, (ref), (word))
# endif
/* A get whose add of n found the word dying; the comparison is there for the probe alone. */
# define FROZENREF__PROBE_GET(ref, word, n)                                                        \
	do {                                                                                       \
		if ((word) - (n) == FROZENREF__DYING)                                              \
			FROZENREF__PROBE(revived, ref, word);                                      \
		FROZENREF__PROBE(get, ref, word);                                                  \
	} while (0)
#else
# define FROZENREF__PROBE(name, ref, word)  ((void)0)
# define FROZENREF__PROBE_GET(ref, word, n) ((void)0)
#endif
/* clang-format on */

#endif /* FROZENREF_PROBE_H */
