/* SPDX-License-Identifier: MIT */
/* std::weak_ptr::lock() and the last std::shared_ptr, for counter.c. */
#include <memory>

#include "harness.h"
#include "weak_ptr.h"

namespace
{

struct pointers {
	std::shared_ptr<int> strong;
	std::weak_ptr<int> weak;
};

} // namespace

/* The second reference, so that the loop's is never the last, is `strong`. */
BENCH_LOOP(pair, pointers, {
	std::shared_ptr<int> held = x->weak.lock();
	BENCH_REQUIRE(held);
})

BENCH_LOOP(fail, pointers, BENCH_REQUIRE(!x->weak.lock());)

BENCH_LOOP(last, void, {
	std::shared_ptr<int> only = std::make_shared<int>(1);
	/* Without this the compiler may see that nobody else ever has the object. */
	__asm__ volatile("" : : "r"(&only), "r"(x) : "memory");
})

extern "C" {

void bench_weak_ptr_pair(void *state, uint64_t n)
{
	pair(state, n);
}

void bench_weak_ptr_fail(void *state, uint64_t n)
{
	fail(state, n);
}

void bench_weak_ptr_last(void *state, uint64_t n)
{
	last(state, n);
}

struct bench_weak_ptrs bench_weak_ptr_make(void)
{
	pointers *live = new pointers;
	pointers *expired = new pointers;

	live->strong = std::make_shared<int>(1);
	live->weak = live->strong;
	expired->weak = std::make_shared<int>(2);
	return { live, expired };
}

void bench_weak_ptr_free(struct bench_weak_ptrs made)
{
	delete static_cast<pointers *>(made.live);
	delete static_cast<pointers *>(made.expired);
}

} /* extern "C" */
