/* SPDX-License-Identifier: MIT */
/*
 * Sleeping until somebody else's page is no longer frozen: a small table of queues, hashed by pfn,
 * as the kernel keeps for page locks. Queues are shared, so a sleeper may be woken for another
 * page.
 *
 * Used by cache.c. Relies on frozenref_registry_state(), which writes nothing.
 */
#ifndef PAGECACHE_WAITING_H
#define PAGECACHE_WAITING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include <frozenref/registry.h>

#define WAITING_QUEUES 64

struct waiting_queue {
	_Alignas(128) _Atomic uint32_t sleepers;
	pthread_mutex_t lock;
	pthread_cond_t woken;
};

struct waiting {
	struct waiting_queue queues[WAITING_QUEUES];
};

void waiting_init(struct waiting *waiting);
void waiting_exit(struct waiting *waiting);

/* Returns once the page was seen to be anything but frozen. */
void waiting_sleep(struct waiting *waiting, struct frozenref_registry *reg, uint64_t pfn);

/* To be called after the page was published or taken out. */
void waiting_wake(struct waiting *waiting, uint64_t pfn);

/* Between two looks at something that will change in a moment; gives the CPU up if it does not. */
void waiting_relax(unsigned *looks);

#endif /* PAGECACHE_WAITING_H */
