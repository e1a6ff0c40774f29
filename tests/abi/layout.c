/* SPDX-License-Identifier: MIT */
/*
 * Sizes and offsets of the public structs, asserted where pointers have 64 bits and where they have
 * 32.
 *
 * Compiled by test-layout.sh, never run. A struct of the headers that is not in here fails that
 * test. A line may change only with the library's soname, but for structs that begin with their
 * size: these may grow at their end, and so may their number here.
 */
#include <limits.h>
#include <stddef.h>

#include <frozenref/frozenref.h>
#include <frozenref/mimalloc.h>

#ifdef __cplusplus
# define ASSERT(condition, what) static_assert(condition, what)
#else
# define ASSERT(condition, what) _Static_assert(condition, what)
#endif

/* With CONTROL defined every number is wrong. */
#ifdef CONTROL
# define OFF 1
#else
# define OFF 0
#endif

#if UINTPTR_MAX > UINT32_MAX
# define PICK(on64, on32) ((on64) + OFF)
#else
# define PICK(on64, on32) ((on32) + OFF)
#endif

#define SIZE(type, on64, on32) ASSERT(sizeof(type) == PICK(on64, on32), "size of " #type)
#define MEMBER(type, member, on64, on32) \
 ASSERT(offsetof(type, member) == PICK(on64, on32), "offset of " #member " in " #type)

SIZE(frozenref_t, 4, 4);
SIZE(enum frozenref_misuse, 4, 4);
SIZE(enum frozenref_state, 4, 4);

SIZE(struct frozenref_backend, 48, 24);
MEMBER(struct frozenref_backend, size, 0, 0);
MEMBER(struct frozenref_backend, context, 8, 4);
MEMBER(struct frozenref_backend, reserve, 16, 8);
MEMBER(struct frozenref_backend, commit, 24, 12);
MEMBER(struct frozenref_backend, purge, 32, 16);
MEMBER(struct frozenref_backend, release, 40, 20);

SIZE(struct frozenref_index_config, 80, 44);
MEMBER(struct frozenref_index_config, size, 0, 0);
MEMBER(struct frozenref_index_config, cache, 8, 4);
MEMBER(struct frozenref_index_config, node_offset, 16, 8);
MEMBER(struct frozenref_index_config, equal, 24, 12);
MEMBER(struct frozenref_index_config, arg, 32, 16);
MEMBER(struct frozenref_index_config, initial_buckets, 40, 20);
MEMBER(struct frozenref_index_config, flags, 48, 24);
MEMBER(struct frozenref_index_config, load, 52, 28);
MEMBER(struct frozenref_index_config, max_buckets, 56, 32);
MEMBER(struct frozenref_index_config, stripes, 64, 36);
MEMBER(struct frozenref_index_config, backend, 72, 40);

SIZE(struct frozenref_index_stats, 88, 88);
MEMBER(struct frozenref_index_stats, size, 0, 0);
MEMBER(struct frozenref_index_stats, stripes, 4, 4);
MEMBER(struct frozenref_index_stats, objects, 8, 8);
MEMBER(struct frozenref_index_stats, buckets, 16, 16);
MEMBER(struct frozenref_index_stats, buckets_max, 24, 24);
MEMBER(struct frozenref_index_stats, splits, 32, 32);
MEMBER(struct frozenref_index_stats, merges, 40, 40);
MEMBER(struct frozenref_index_stats, grow_failures, 48, 48);
MEMBER(struct frozenref_index_stats, restarts, 56, 56);
MEMBER(struct frozenref_index_stats, locked, 64, 64);
MEMBER(struct frozenref_index_stats, bytes_reserved, 72, 72);
MEMBER(struct frozenref_index_stats, bytes_resident, 80, 80);

/* Programs embed it in their objects. */
SIZE(struct frozenref_index_node, 16, 12);
MEMBER(struct frozenref_index_node, next, 0, 0);

SIZE(struct frozenref_registry_config, 56, 32);
MEMBER(struct frozenref_registry_config, size, 0, 0);
MEMBER(struct frozenref_registry_config, pfn_bits, 4, 4);
MEMBER(struct frozenref_registry_config, page_shift, 8, 8);
MEMBER(struct frozenref_registry_config, release, 16, 12);
MEMBER(struct frozenref_registry_config, arg, 24, 16);
MEMBER(struct frozenref_registry_config, backend, 32, 20);
MEMBER(struct frozenref_registry_config, flags, 40, 24);
MEMBER(struct frozenref_registry_config, trim_above, 48, 28);

SIZE(struct frozenref_registry_stats, 72, 72);
MEMBER(struct frozenref_registry_stats, size, 0, 0);
MEMBER(struct frozenref_registry_stats, leaves, 4, 4);
MEMBER(struct frozenref_registry_stats, objects, 8, 8);
MEMBER(struct frozenref_registry_stats, frozen, 16, 16);
MEMBER(struct frozenref_registry_stats, erased, 24, 24);
MEMBER(struct frozenref_registry_stats, saturated, 32, 32);
MEMBER(struct frozenref_registry_stats, slots, 40, 40);
MEMBER(struct frozenref_registry_stats, bytes_reserved, 48, 48);
MEMBER(struct frozenref_registry_stats, bytes_resident, 56, 56);
MEMBER(struct frozenref_registry_stats, revivals, 64, 64);

SIZE(struct frozenref_handle, 16, 16);
MEMBER(struct frozenref_handle, pfn, 0, 0);
MEMBER(struct frozenref_handle, generation, 8, 8);

SIZE(struct frozenref_cache_config, 104, 56);
MEMBER(struct frozenref_cache_config, size, 0, 0);
MEMBER(struct frozenref_cache_config, flags, 4, 4);
MEMBER(struct frozenref_cache_config, name, 8, 8);
MEMBER(struct frozenref_cache_config, object_size, 16, 12);
MEMBER(struct frozenref_cache_config, align, 24, 16);
MEMBER(struct frozenref_cache_config, ref_offset, 32, 20);
MEMBER(struct frozenref_cache_config, max_objects, 40, 24);
MEMBER(struct frozenref_cache_config, stable_offset, 48, 28);
MEMBER(struct frozenref_cache_config, stable_size, 56, 32);
MEMBER(struct frozenref_cache_config, ctor, 64, 36);
MEMBER(struct frozenref_cache_config, dtor, 72, 40);
MEMBER(struct frozenref_cache_config, release, 80, 44);
MEMBER(struct frozenref_cache_config, arg, 88, 48);
MEMBER(struct frozenref_cache_config, backend, 96, 52);

SIZE(struct frozenref_cache_stats, 104, 104);
MEMBER(struct frozenref_cache_stats, size, 0, 0);
MEMBER(struct frozenref_cache_stats, magazine_size, 4, 4);
MEMBER(struct frozenref_cache_stats, objects, 8, 8);
MEMBER(struct frozenref_cache_stats, objects_free, 16, 16);
MEMBER(struct frozenref_cache_stats, objects_max, 24, 24);
MEMBER(struct frozenref_cache_stats, slabs, 32, 32);
MEMBER(struct frozenref_cache_stats, slabs_empty, 40, 40);
MEMBER(struct frozenref_cache_stats, slab_size, 48, 48);
MEMBER(struct frozenref_cache_stats, magazines, 56, 56);
MEMBER(struct frozenref_cache_stats, threads, 64, 64);
MEMBER(struct frozenref_cache_stats, exchanges, 72, 72);
MEMBER(struct frozenref_cache_stats, contended, 80, 80);
MEMBER(struct frozenref_cache_stats, bytes_reserved, 88, 88);
MEMBER(struct frozenref_cache_stats, bytes_resident, 96, 96);

SIZE(struct frozenref_mi_space_config, 40, 24);
MEMBER(struct frozenref_mi_space_config, size, 0, 0);
MEMBER(struct frozenref_mi_space_config, bytes, 8, 4);
MEMBER(struct frozenref_mi_space_config, release, 16, 8);
MEMBER(struct frozenref_mi_space_config, arg, 24, 12);
MEMBER(struct frozenref_mi_space_config, granule_shift, 32, 16);
MEMBER(struct frozenref_mi_space_config, flags, 36, 20);

SIZE(struct frozenref_mi_report, 64, 64);
MEMBER(struct frozenref_mi_report, size, 0, 0);
MEMBER(struct frozenref_mi_report, heaps, 4, 4);
MEMBER(struct frozenref_mi_report, live, 8, 8);
MEMBER(struct frozenref_mi_report, frozen, 16, 16);
MEMBER(struct frozenref_mi_report, queued, 24, 24);
MEMBER(struct frozenref_mi_report, leaked, 32, 32);
MEMBER(struct frozenref_mi_report, stray, 40, 40);
MEMBER(struct frozenref_mi_report, bytes, 48, 48);
MEMBER(struct frozenref_mi_report, blocks, 56, 56);

/* Private, and compiled into programs by the inline functions. */
SIZE(struct frozenref_slot, 32, 32);
MEMBER(struct frozenref_slot, ref, 0, 0);
MEMBER(struct frozenref_slot, flags, 4, 4);
MEMBER(struct frozenref_slot, sequence, 8, 8);
MEMBER(struct frozenref_slot, generation_low, 12, 12);
MEMBER(struct frozenref_slot, generation_high, 16, 16);
MEMBER(struct frozenref_slot, user, 20, 20);
MEMBER(struct frozenref_slot, object, 24, 24);

/* Only the library allocates these, so what the inline functions do not read may follow. */
MEMBER(struct frozenref__table, window, 0, 0);
MEMBER(struct frozenref__table, window_number, 4096, 2048);
MEMBER(struct frozenref__table, other_number, 4100, 2052);
MEMBER(struct frozenref__table, peek_bytes, 4104, 2056);
MEMBER(struct frozenref__table, slot_shift, 4112, 2060);
MEMBER(struct frozenref__table, page_shift, 4116, 2064);
MEMBER(struct frozenref_registry, table, 0, 0);

MEMBER(struct frozenref_cache, first, 0, 0);
MEMBER(struct frozenref_cache, limit, 8, 4);
MEMBER(struct frozenref_cache, reciprocal, 16, 8);
MEMBER(struct frozenref_cache, slab_mask, 24, 16);
MEMBER(struct frozenref_cache, per_slab, 28, 20);
MEMBER(struct frozenref_cache, stride, 32, 24);
MEMBER(struct frozenref_cache, object_size, 36, 28);
MEMBER(struct frozenref_cache, ref_offset, 40, 32);
MEMBER(struct frozenref_cache, flags, 44, 36);

MEMBER(struct frozenref_mi_space, first, 0, 0);
MEMBER(struct frozenref_mi_space, bytes, 8, 4);
MEMBER(struct frozenref_mi_space, chunks, 16, 8);
MEMBER(struct frozenref_mi_space, slot_shift, 24, 12);
MEMBER(struct frozenref_mi_space, zone_shift, 28, 16);
MEMBER(struct frozenref_mi_space, small_shift, 32, 20);
MEMBER(struct frozenref_mi_space, flags, 36, 24);
MEMBER(struct frozenref_mi_space, heaps, 40, 28);
MEMBER(struct frozenref_mi_space, registries, 48, 32);
