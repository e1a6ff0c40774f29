/* SPDX-License-Identifier: MIT */
/*
 * A misuse handler that returns and remembers: how the tests see that a call was reported.
 *
 * Used by the unit tests; relies on each test running in a process of its own, or calling
 * misuse_watch() first.
 */
#ifndef FROZENREF_TESTS_UNIT_MISUSE_H
#define FROZENREF_TESTS_UNIT_MISUSE_H

#include <criterion/criterion.h>
#include <frozenref/ref.h>

static struct {
	unsigned times;
	enum frozenref_misuse kind;
	const frozenref_t *ref;
	uint32_t word;
} misuse;

static inline void misuse_remember(enum frozenref_misuse kind, const frozenref_t *ref,
				   uint32_t word, void *arg)
{
	(void)arg;
	misuse.times++;
	misuse.kind = kind;
	misuse.ref = ref;
	misuse.word = word;
}

static inline void misuse_watch(void)
{
	misuse.times = 0;
	(void)frozenref_set_misuse_handler(misuse_remember, NULL, NULL);
}

/* One report of this kind since the last look, on this counter, which found this word. */
#define assert_misuse(expected_kind, expected_ref, expected_word)                \
 do {                                                                            \
  cr_assert(misuse.times == 1, "reported %u times", misuse.times);               \
  cr_assert(misuse.kind == (expected_kind), "kind %d", (int)misuse.kind);        \
  cr_assert(misuse.ref == (expected_ref));                                       \
  cr_assert(misuse.word == (expected_word), "found %#x", (unsigned)misuse.word); \
  misuse.times = 0;                                                              \
 } while (0)

#define assert_no_misuse() cr_assert(misuse.times == 0, "reported kind %d", (int)misuse.kind)

/* The word itself: what a call promised to leave behind. */
#define assert_word(counter, expected)                                                    \
 cr_assert((counter)->word == (expected), "word %#x, not %#x", (unsigned)(counter)->word, \
	   (unsigned)(expected))

#endif /* FROZENREF_TESTS_UNIT_MISUSE_H */
