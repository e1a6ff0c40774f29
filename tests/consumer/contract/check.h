/* SPDX-License-Identifier: MIT */
/*
 * What the foreign programs of this folder have in common: they end with a message at the first
 * thing that is not as the manual pages say, and note misuses instead of aborting.
 *
 * Included by each of them after nothing else. All of them are C99 and C++11 at once.
 */
#ifndef CHECK_H
#define CHECK_H

#include <frozenref/frozenref.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                           \
 do {                                                              \
  if (!(condition)) {                                              \
   fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
   exit(1);                                                        \
  }                                                                \
 } while (0)

struct misuse {
	enum frozenref_misuse kind;
	const frozenref_t *ref;
	uint32_t word;
	unsigned times;
};

static void note_misuse(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word,
			void *arg)
{
#ifdef __cplusplus
	struct misuse *misuse = static_cast<struct misuse *>(arg);
#else
	struct misuse *misuse = arg;
#endif
	misuse->kind = kind;
	misuse->ref = ref;
	misuse->word = word;
	misuse->times++;
}

/* The statement is one misuse, of this kind. */
#define CHECK_MISUSE(misuse, expected, statement)              \
 do {                                                          \
  (misuse)->times = 0;                                         \
  statement;                                                   \
  CHECK((misuse)->times == 1 && (misuse)->kind == (expected)); \
 } while (0)

#endif /* CHECK_H */
