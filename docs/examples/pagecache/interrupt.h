/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C: long loops ask whether to end early, and end in order. main.c installs the handler; asked
 * by everything that takes long. Relies on nothing.
 */
#ifndef PAGECACHE_INTERRUPT_H
#define PAGECACHE_INTERRUPT_H

#include <stdbool.h>

/* From now on the first SIGINT or SIGTERM is noted, and the second ends the program at once. */
void interrupt_install(void);

bool interrupt_requested(void);

#endif /* PAGECACHE_INTERRUPT_H */
