/* SPDX-License-Identifier: MIT */
/*
 * The maps that registry_maps.c and index.c compare with: from 0 .. n - 1 to objects with a count.
 *
 * In maps_urcu.c, maps_glib.c and maps_cxx.cc. The states of the loops are what make() returns; it
 * keeps the keys, which may be set up anew between loops. An operation looks up a key, takes a
 * reference as one would with that map, and drops it again; or, as keys.h says how often, it erases
 * the key and inserts a new object in its place, and the old one is freed when nobody holds it any
 * more. A lookup may miss only what is being written.
 */
#ifndef FROZENREF_TESTS_BENCH_MAPS_H
#define FROZENREF_TESTS_BENCH_MAPS_H

#include "harness.h"
#include "keys.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * liburcu's lock-free hash table, with lookup and urcu_ref_get_unless_zero() under rcu_read_lock();
 * objects are freed by call_rcu().
 */
void *bench_lfht_make(const struct bench_keys *keys);
void bench_lfht_free(void *map);
bench_loop bench_lfht_loop;

/*
 * GLib's hash table under a pthread_rwlock_t; the reference is taken by an atomic add under the
 * lock.
 */
void *bench_glib_make(const struct bench_keys *keys);
void bench_glib_free(void *map);
bench_loop bench_glib_loop;

/* std::unordered_map of std::shared_ptr under std::shared_mutex. */
void *bench_cxx_make(const struct bench_keys *keys);
void bench_cxx_free(void *map);
bench_loop bench_cxx_loop;

#ifdef __cplusplus
}
#endif

#endif /* FROZENREF_TESTS_BENCH_MAPS_H */
