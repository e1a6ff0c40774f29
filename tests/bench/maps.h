/* SPDX-License-Identifier: MIT */
/*
 * The maps that registry.c compares the registry with: from 0 .. n - 1 to objects with a count.
 *
 * In maps_urcu.c, maps_glib.c and maps_cxx.cc. The states of the loops are what make() returns. A
 * loop looks up random keys, takes a reference as one would with that map, and drops it again.
 */
#ifndef FROZENREF_TESTS_BENCH_MAPS_H
#define FROZENREF_TESTS_BENCH_MAPS_H

#include "harness.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * liburcu's lock-free hash table, with lookup and urcu_ref_get_unless_zero() under rcu_read_lock().
 */
void *bench_lfht_make(uint64_t n);
void bench_lfht_free(void *map);
bench_loop bench_lfht_loop;

/*
 * GLib's hash table under a pthread_rwlock_t; the reference is taken by an atomic add under the
 * lock.
 */
void *bench_glib_make(uint64_t n);
void bench_glib_free(void *map);
bench_loop bench_glib_loop;

/* std::unordered_map of std::shared_ptr under std::shared_mutex. */
void *bench_cxx_make(uint64_t n);
void bench_cxx_free(void *map);
bench_loop bench_cxx_loop;

#ifdef __cplusplus
}
#endif

#endif /* FROZENREF_TESTS_BENCH_MAPS_H */
