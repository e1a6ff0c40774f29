/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzing targets share: reading the input, failing, misuse that is expected, a backend.
 *
 * A target is one file (or a few) that defines LLVMFuzzerTestOneInput(): it decodes the input into
 * calls of the library, knows from a simple model what each must answer, and calls fuzz_check(). It
 * is linked with fuzz.c and with libFuzzer, or with replay.c. One thread; the state is global, and
 * fuzz_begin() resets it.
 */
#ifndef FROZENREF_TESTS_FUZZ_H
#define FROZENREF_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <frozenref/backend.h>
#include <frozenref/ref.h>

/* The target, under the name that libFuzzer calls; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* -------------------------------------------------------------------------------------- input */

/* Starts on a new input: no misuse is expected, nothing fails, no memory is taken. */
void fuzz_begin(const uint8_t *data, size_t size);

/* Whether there is input left; past its end everything reads as 0. */
bool fuzz_more(void);
uint8_t fuzz_byte(void);
uint32_t fuzz_u32(void);
uint64_t fuzz_u64(void);

/* Below the limit, which is not 0. */
uint32_t fuzz_below(uint32_t limit);

/*
 * A number of references: mostly one that matters, such as a limit or its neighbour, or `count` or
 * its neighbour.
 */
uint32_t fuzz_refs(uint32_t count);

/* ------------------------------------------------------------------------------------ verdicts */

/* What is being called, for a failure's message; printed if fuzz_trace is set. */
void fuzz_op(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern bool fuzz_trace;

/* How many calls were made since the program began. */
extern uint64_t fuzz_calls;

#define fuzz_check(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))
_Noreturn void fuzz_fail(const char *what, const char *file, int line);

/* -------------------------------------------------------------------------------------- misuse */

/*
 * Before a call that must report exactly this; `word` is what it finds. Any other report fails, and
 * fuzz_settle(), after each call, fails if none came.
 */
void fuzz_expect_misuse(enum frozenref_misuse kind, const frozenref_t *ref);
/* The same where there is no counter; 0 is the word then. */
void fuzz_expect_misuse_at(enum frozenref_misuse kind, const void *address);
void fuzz_settle(void);

/* The handler that checks it, for a target that sets handlers of its own. */
void fuzz_misuse(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word, void *arg);

/* ------------------------------------------------------------------------------------- backend */

/* The default backend, which can be told to fail, and looks at what it is asked. */
extern const struct frozenref_backend fuzz_backend;

/* The call after so many others fails, once. */
void fuzz_fail_after(unsigned calls);

/* Whether a call has failed since this was last asked. */
bool fuzz_has_failed(void);

/* A backend may leave in purged memory what it likes of what was there. */
enum fuzz_purge { FUZZ_PURGE_ZEROES, FUZZ_PURGE_KEEPS, FUZZ_PURGE_ZEROES_HALF, FUZZ_PURGE_FAILS };
extern enum fuzz_purge fuzz_purge;

/* What is reserved now, in whole pages. */
size_t fuzz_bytes_reserved(void);

#endif /* FROZENREF_TESTS_FUZZ_H */
