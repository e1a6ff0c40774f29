/* SPDX-License-Identifier: MIT */
/*
 * A queue of pfns. See lru.h.
 */
#include "lru.h"

#include <errno.h>
#include <stdlib.h>

/* In place of a pfn, which is below 2^30. */
#define END    UINT32_MAX
#define NOT_IN (UINT32_MAX - 1)

int lru_init(struct lru *lru, uint64_t npages)
{
	lru->next = malloc((size_t)npages * sizeof(*lru->next));
	if (!lru->next)
		return -ENOMEM;
	for (uint64_t pfn = 0; pfn < npages; pfn++)
		lru->next[pfn] = NOT_IN;
	lru->first = lru->last = END;
	pthread_mutex_init(&lru->lock, NULL);
	return 0;
}

void lru_exit(struct lru *lru)
{
	pthread_mutex_destroy(&lru->lock);
	free(lru->next);
}

void lru_add(struct lru *lru, uint64_t pfn)
{
	pthread_mutex_lock(&lru->lock);
	if (lru->next[pfn] == NOT_IN) {
		lru->next[pfn] = END;
		if (lru->first == END)
			lru->first = (uint32_t)pfn;
		else
			lru->next[lru->last] = (uint32_t)pfn;
		lru->last = (uint32_t)pfn;
	}
	pthread_mutex_unlock(&lru->lock);
}

uint64_t lru_take(struct lru *lru)
{
	uint64_t pfn = LRU_EMPTY;

	pthread_mutex_lock(&lru->lock);
	if (lru->first != END) {
		pfn = lru->first;
		lru->first = lru->next[pfn];
		lru->next[pfn] = NOT_IN;
	}
	pthread_mutex_unlock(&lru->lock);
	return pfn;
}
