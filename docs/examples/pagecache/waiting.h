/* SPDX-License-Identifier: MIT */
/*
 * Sleeping until somebody else's page is no longer frozen: a small table of queues, hashed by pfn,
 * as the kernel keeps for page locks. Queues are shared, so a sleeper may be woken for another
 * page.
 *
 * Used by mode_registry.c, and for waiting_relax() by others. Relies on frozenref_registry_state(),
 * which writes nothing.
 */
#ifndef PAGECACHE_WAITING_H
#define PAGECACHE_WAITING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include <frozenref/registry.h>

#define WAITING_QUEUES	  64
#define WAITING_PFN_SHIFT 4 /* so many neighbours share a queue, so that a folio has few */

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

/* To be called after the pages were published or taken out: whatever made them frozen is over. */
void waiting_wake(struct waiting *waiting, uint64_t pfn, uint64_t npages);

/* Between two looks at something that will change in a moment; gives the CPU up if it does not. */
void waiting_relax(unsigned *looks);

#endif /* PAGECACHE_WAITING_H */
