/* SPDX-License-Identifier: MIT */
/*
 * In which order pages are looked at when room is needed: first in, first out, and those that were
 * looked up meanwhile go in once more. A list through an array by pfn, as the kernel's goes through
 * struct page; under one lock, as the kernel's is.
 *
 * It is a hint. Whatever is in the list may be gone, or another folio by now; whoever acts on it
 * must own the folio first. But what was added is in it until it was taken from it.
 *
 * Used by load.c and reclaim.c. Relies on nothing.
 */
#ifndef PAGECACHE_LRU_H
#define PAGECACHE_LRU_H

#include <pthread.h>
#include <stdint.h>

#define LRU_EMPTY UINT64_MAX

struct lru {
	_Alignas(128) pthread_mutex_t lock;
	uint32_t *next; /* for each pfn; under the lock, as are the rest */
	uint32_t first, last;
};

int lru_init(struct lru *lru, uint64_t npages);
void lru_exit(struct lru *lru);

/* At the end of the list, unless the pfn is in it already. */
void lru_add(struct lru *lru, uint64_t pfn);

/* Takes the first pfn; LRU_EMPTY if there is none. */
uint64_t lru_take(struct lru *lru);

#endif /* PAGECACHE_LRU_H */
