/* SPDX-License-Identifier: MIT */
/*
 * What is said on stderr while the program runs: messages, and a progress line, which on a terminal
 * is written over again and again and otherwise is a line now and then.
 *
 * Used by all who have something to say. Relies on nothing.
 */
#ifndef PAGECACHE_TERMINAL_H
#define PAGECACHE_TERMINAL_H

#include <stdbool.h>

/* A message of its own; a newline is added. From any thread. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* Whether it is time for the next progress line. */
bool progress_due(void);

/* The progress line. */
__attribute__((format(printf, 1, 2))) void progress(const char *format, ...);

/* Wipes it off a terminal. */
void progress_end(void);

#endif /* PAGECACHE_TERMINAL_H */
