/* SPDX-License-Identifier: MIT */
/*
 * Sleeping until a page is no longer frozen. See waiting.h.
 *
 * No wake-up is lost: a sleeper adds itself to `sleepers` and then looks at the page; a waker
 * changes the page and then adds nothing to `sleepers`, to read it. Both are read-modify-writes on
 * one word, so one comes first. If it is the sleeper's, the waker sees it and takes the lock, under
 * which the sleeper either still has to look or already sleeps. If it is the waker's, the sleeper's
 * acquire pairs with the waker's release, and its look finds the page changed.
 */
#include "waiting.h"

#include <sched.h>

/* A page that is in the kernel's cache is read in a microsecond: less than it takes to sleep. */
#define LOOKS_BEFORE_YIELD 64
#define LOOKS_BEFORE_SLEEP 72

static void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

void waiting_relax(unsigned *looks)
{
	if (++*looks < LOOKS_BEFORE_YIELD)
		pause_cpu();
	else
		sched_yield();
}

static struct waiting_queue *queue_of(struct waiting *waiting, uint64_t pfn)
{
	return &waiting->queues[(pfn >> WAITING_PFN_SHIFT) % WAITING_QUEUES];
}

void waiting_init(struct waiting *waiting)
{
	for (unsigned i = 0; i < WAITING_QUEUES; i++) {
		struct waiting_queue *queue = &waiting->queues[i];

		atomic_init(&queue->sleepers, 0);
		pthread_mutex_init(&queue->lock, NULL);
		pthread_cond_init(&queue->woken, NULL);
	}
}

void waiting_exit(struct waiting *waiting)
{
	for (unsigned i = 0; i < WAITING_QUEUES; i++) {
		pthread_cond_destroy(&waiting->queues[i].woken);
		pthread_mutex_destroy(&waiting->queues[i].lock);
	}
}

void waiting_sleep(struct waiting *waiting, struct frozenref_registry *reg, uint64_t pfn)
{
	struct waiting_queue *queue = queue_of(waiting, pfn);
	unsigned looks = 0;

	while (looks < LOOKS_BEFORE_SLEEP) {
		if (frozenref_registry_state(reg, pfn) != FROZENREF_FROZEN)
			return;
		waiting_relax(&looks);
	}
	pthread_mutex_lock(&queue->lock);
	/* Acquire: pairs with the release of waiting_wake(). */
	atomic_fetch_add_explicit(&queue->sleepers, 1, memory_order_acq_rel);
	while (frozenref_registry_state(reg, pfn) == FROZENREF_FROZEN)
		pthread_cond_wait(&queue->woken, &queue->lock);
	atomic_fetch_sub_explicit(&queue->sleepers, 1, memory_order_relaxed);
	pthread_mutex_unlock(&queue->lock);
}

static void wake_queue(struct waiting_queue *queue)
{
	/* Release: what changed the page comes first. A plain load could be done before it. */
	if (!atomic_fetch_add_explicit(&queue->sleepers, 0, memory_order_acq_rel))
		return;
	pthread_mutex_lock(&queue->lock);
	pthread_cond_broadcast(&queue->woken);
	pthread_mutex_unlock(&queue->lock);
}

void waiting_wake(struct waiting *waiting, uint64_t pfn, uint64_t npages)
{
	uint64_t last = (pfn + npages - 1) >> WAITING_PFN_SHIFT;

	for (uint64_t group = pfn >> WAITING_PFN_SHIFT; group <= last; group++)
		wake_queue(queue_of(waiting, group << WAITING_PFN_SHIFT));
}
