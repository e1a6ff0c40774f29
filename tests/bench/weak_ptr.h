/* SPDX-License-Identifier: MIT */
/* The C++ contender of counter.c, in weak_ptr.cc: std::weak_ptr and std::shared_ptr as loops. */
#ifndef FROZENREF_TESTS_BENCH_WEAK_PTR_H
#define FROZENREF_TESTS_BENCH_WEAK_PTR_H

#include "harness.h"

#ifdef __cplusplus
extern "C" {
#endif

/* States for the loops: a weak pointer to an object that lives, and one whose object is gone. */
struct bench_weak_ptrs {
	void *live;
	void *expired;
};

struct bench_weak_ptrs bench_weak_ptr_make(void);
void bench_weak_ptr_free(struct bench_weak_ptrs pointers);

bench_loop bench_weak_ptr_pair;
bench_loop bench_weak_ptr_last;
bench_loop bench_weak_ptr_fail;

#ifdef __cplusplus
}
#endif

#endif /* FROZENREF_TESTS_BENCH_WEAK_PTR_H */
