/* SPDX-License-Identifier: MIT */
/*
 * The limit on the memory of pages, whatever allocator it comes from. See frames.h.
 *
 * All atomics here are relaxed: they are numbers. What one thread did to a piece of memory before
 * it was freed comes before what the next one does, by the allocator.
 */
#include "frames.h"

#include <stddef.h>

int frames_init(struct frames *frames, const struct frames_config *config)
{
	frames->ops = config->ops;
	atomic_init(&frames->limit, config->limit);
	atomic_init(&frames->used, 0);
	return config->ops->create(&frames->arena, config);
}

void frames_exit(struct frames *frames)
{
	frames->ops->destroy(frames->arena);
}

/* As page_counter_try_charge(): adds first, and takes it back if that was too much. */
static bool charge(struct frames *frames, uint64_t npages)
{
	uint64_t before = atomic_fetch_add_explicit(&frames->used, npages, memory_order_relaxed);

	if (before + npages <= frames_limit(frames))
		return true;
	atomic_fetch_sub_explicit(&frames->used, npages, memory_order_relaxed);
	return false;
}

void *frames_alloc(struct frames *frames, uint64_t npages, bool *refused)
{
	void *memory;

	*refused = false;
	/* Look before writing: when the cache is full, and it mostly is, this says no. */
	if (frames_used(frames) + npages > frames_limit(frames) || !charge(frames, npages))
		return NULL;
	memory = frames->ops->alloc(frames->arena, npages);
	if (!memory) {
		atomic_fetch_sub_explicit(&frames->used, npages, memory_order_relaxed);
		*refused = true;
	}
	return memory;
}

void frames_free(struct frames *frames, void *memory, uint64_t npages)
{
	/* In this order: what may be charged is there to be allocated. */
	frames->ops->free(frames->arena, memory, npages);
	atomic_fetch_sub_explicit(&frames->used, npages, memory_order_relaxed);
}

void *frames_isolate(struct frames *frames, uint64_t npages)
{
	return frames->ops->alloc(frames->arena, npages);
}

void frames_putback(struct frames *frames, void *memory, uint64_t npages)
{
	frames->ops->free(frames->arena, memory, npages);
}

void frames_set_limit(struct frames *frames, uint64_t limit)
{
	atomic_store_explicit(&frames->limit, limit, memory_order_relaxed);
}

void frames_collect(struct frames *frames)
{
	if (frames->ops->collect)
		frames->ops->collect(frames->arena);
}

uint64_t frames_give_back(struct frames *frames)
{
	if (!frames->ops->give_back)
		return 0;
	return frames->ops->give_back(frames->arena, frames_limit(frames));
}

uint64_t frames_limit(const struct frames *frames)
{
	return atomic_load_explicit(&frames->limit, memory_order_relaxed);
}

uint64_t frames_used(const struct frames *frames)
{
	return atomic_load_explicit(&frames->used, memory_order_relaxed);
}
