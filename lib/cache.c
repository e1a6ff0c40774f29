/* SPDX-License-Identifier: MIT */
/*
 * Type-stable caches: what they are made of, and their end.
 *
 * Called by programs, and by the inline functions of cache.h. Slabs are in cache_slab.c, magazines,
 * and with them alloc and free, in magazine*.c, lookups and walks in cache_lookup.c, checks in
 * cache_debug.c. What makes a lookup safe against all of it:
 *
 *   - memory below head.limit stays readable and writable until destroy, and a counter in it holds
 *     what counter operations left there, or zero. Whatever a lookup adds to it, it becomes live by
 *     its owner's unfreeze alone;
 *   - free objects are linked outside themselves, and no constructor, check or tool writes a
 *     counter;
 *   - a slab is purged when none of its objects is allocated and none can be, see purge_slab().
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "cache.h"
#include "config_struct.h"

#define CACHE_LINE	 64
#define KNOWN_FLAGS	 (FROZENREF_CACHE_PADDED | FROZENREF_CACHE_PEEKABLE | FROZENREF_CACHE_DEBUG)
#define NATURAL_ALIGN	 8
#define NATURAL_ALIGN_UP 16

/* -------------------------------------------------------------------------------- configuration */

static bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

static bool is_within(size_t offset, size_t size, size_t whole)
{
	return offset <= whole && size <= whole - offset;
}

static int check_config(const struct frozenref_cache_config *config)
{
	if (config->flags & ~KNOWN_FLAGS)
		return -EINVAL;
	if (config->object_size < FROZENREF_CACHE_OBJECT_MIN ||
	    config->object_size > FROZENREF_CACHE_OBJECT_MAX)
		return -EINVAL;
	if (config->align &&
	    (!is_power_of_two(config->align) || config->align > frozenref__page_size()))
		return -EINVAL;
	if (config->ref_offset % sizeof(uint32_t) ||
	    !is_within(config->ref_offset, sizeof(frozenref_t), config->object_size))
		return -EINVAL;
	if (!is_within(config->stable_offset, config->stable_size, config->object_size))
		return -EINVAL;
	if (config->backend && !frozenref__backend_is_valid(config->backend))
		return -EINVAL;
	return 0;
}

/* A type's size is a multiple of its alignment, so that need not be larger than this. */
static size_t natural_align(size_t object_size)
{
	return object_size % NATURAL_ALIGN_UP ? NATURAL_ALIGN : NATURAL_ALIGN_UP;
}

/* Adds the piece from..to, if there is something between them. */
static void add_piece(struct cache *cache, size_t from, size_t to)
{
	if (from >= to)
		return;
	cache->piece[cache->nr_pieces].offset = (uint32_t)from;
	cache->piece[cache->nr_pieces].size = (uint32_t)(to - from);
	cache->nr_pieces++;
}

struct hole {
	size_t from;
	size_t to;
};

/* Tools know memory in units of 8 bytes: a unit that holds a byte of it belongs to the hole. */
static struct hole make_hole(size_t offset, size_t size)
{
	return (struct hole){ offset & ~(size_t)7, size ? (offset + size + 7) & ~(size_t)7 : 0 };
}

/* Around the counter and the stable bytes, which lookups read in free objects. */
static void cut_pieces(struct cache *cache, const struct frozenref_cache_config *config)
{
	struct hole low = make_hole(config->ref_offset, sizeof(frozenref_t));
	struct hole high = make_hole(config->stable_offset, config->stable_size);

	if (!config->stable_size)
		high = low;
	if (high.from < low.from) {
		struct hole swap = low;

		low = high;
		high = swap;
	}
	add_piece(cache, 0, low.from);
	add_piece(cache, low.to, high.from);
	add_piece(cache, high.to > low.to ? high.to : low.to, config->object_size);
}

/* So large that little is lost at its end, and not so small that slabs are many. */
static uint32_t slab_shift_for(size_t stride)
{
	uint32_t shift = 16;

	while ((size_t)1 << shift < 8 * stride)
		shift++;
	return shift;
}

static void lay_out(struct cache *cache, const struct frozenref_cache_config *config)
{
	size_t align = config->align ? config->align : natural_align(config->object_size);
	size_t stride;

	if (align < NATURAL_ALIGN)
		align = NATURAL_ALIGN;
	if (config->flags & FROZENREF_CACHE_PADDED && align < CACHE_LINE)
		align = CACHE_LINE;
	stride = (config->object_size + cache->redzone + align - 1) & ~(align - 1);
	cache->redzone = (uint32_t)(cache->redzone ? stride - config->object_size : 0);
	cache->slab_shift = slab_shift_for(stride);
	cache->slab_size = (size_t)1 << cache->slab_shift;
	cache->head.slab_mask = (uint32_t)(cache->slab_size - 1);
	cache->head.stride = (uint32_t)stride;
	cache->head.per_slab = (uint32_t)(cache->slab_size / stride);
	/* Rounded up: exact as long as offset and stride, in units, multiply to less than 2^40. */
	cache->head.reciprocal = ((UINT64_C(1) << 40) + stride / 8 - 1) / (stride / 8);
	cut_pieces(cache, config);
}

static void copy_config(struct cache *cache, const struct frozenref_cache_config *config)
{
	const char *name = config->name ? config->name : "cache";

	strncpy(cache->name, name, sizeof(cache->name) - 1);
	cache->head.object_size = (uint32_t)config->object_size;
	cache->head.ref_offset = (uint32_t)config->ref_offset;
	cache->head.flags = config->flags;
	cache->ctor = config->ctor;
	cache->dtor = config->dtor;
	cache->release = config->release;
	cache->arg = config->arg;
	cache->backend = config->backend ? config->backend : frozenref_mmap_backend();
}

/* --------------------------------------------------------------------------- create and destroy */

int frozenref_cache_create(struct frozenref_cache **cachep,
			   const struct frozenref_cache_config *user_config)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;
	struct cache *cache;
	int err;

	if (!cachep)
		return -EINVAL;
	err = frozenref__config_read(&config, sizeof(config), user_config);
	if (!err)
		err = check_config(&config);
	if (err)
		return err;
	cache = calloc(1, sizeof(*cache));
	if (!cache)
		return -ENOMEM;
	copy_config(cache, &config);
	frozenref__cache_watch(cache);
	lay_out(cache, &config);
	err = frozenref__slabs_reserve(cache, config.max_objects);
	if (!err) {
		err = frozenref__magazines_create(cache);
		if (err)
			frozenref__slabs_release(cache);
	}
	if (err) {
		frozenref__cache_closed(cache);
		free(cache);
		return err;
	}
	*cachep = &cache->head;
	return 0;
}

int frozenref_cache_destroy(struct frozenref_cache *head)
{
	struct cache *cache = cache_of(head);

	if (!head)
		return -EINVAL;
	frozenref__magazines_flush_all(cache);
	if (!frozenref__slabs_are_empty(cache))
		return -EBUSY;
	frozenref__slabs_destruct(cache);
	frozenref__magazines_destroy(cache);
	frozenref__cache_closed(cache);
	frozenref__slabs_release(cache);
	free(cache);
	return 0;
}

/* ------------------------------------------------------------------------------ ends of objects */

/* The last reference is gone, and the caller's put has won: see frozenref_cache_put(). */
void frozenref__cache_end(struct frozenref_cache *head, void *object)
{
	struct cache *cache = cache_of(head);

	/*
	 * Pairs with the acquire fence of a peek, if release() writes: who reads what it wrote sees
	 * that the word is frozen.
	 */
	if (cache->on_alloc & ON_PEEK)
		frozenref__fence(release);
	if (cache->release)
		cache->release(object, cache->arg);
	frozenref_cache_free(head, object);
}
