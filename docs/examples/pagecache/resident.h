/* SPDX-License-Identifier: MIT */
/*
 * How much memory the process has. Used by shrink.c, main.c and frames_malloc.c; relies on Linux's
 * /proc.
 */
#ifndef PAGECACHE_RESIDENT_H
#define PAGECACHE_RESIDENT_H

#include <stdint.h>

/* The process's resident memory in bytes, or 0 where the system does not say. */
uint64_t resident_bytes(void);

#endif /* PAGECACHE_RESIDENT_H */
