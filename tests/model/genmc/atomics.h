/* SPDX-License-Identifier: MIT */
/*
 * The atomic operations as GenMC can take them, and with one of them spoilt on request.
 *
 * scenario.h names this file as FROZENREF_ATOMIC_BACKEND. It differs from what atomic.h does with
 * the compiler's builtins in one point: GenMC (seen in 0.10.3) computes a fetch_add in 64 bits and
 * does not cut the result off at the width of the operand, so that the addition of 2^32 - 1 is not
 * the subtraction that it is in C. Such additions become subtractions here.
 *
 * Faults show that the scenarios notice what they are there to notice. They go by operation and
 * order, because in ref.h and lib/ref.c the two together tell who is calling (besides
 * frozenref_set_misuse_handler(), which is called before there are threads):
 *
 *	add acquire	try_get			ADD_ACQUIRE=order
 *	add release	put			ADD_RELEASE=order
 *	store release	unfreeze		STORE_RELEASE=order
 *	cas acquire	put, on dying		CAS_ACQUIRE=order, CAS_ACQUIRE_SPLIT, CAS_ACQUIRE_FAILS
 *	cas acq_rel	freeze, hinted put	CAS_ACQ_REL=order
 *	cas release	put_rcu, not the last	CAS_RELEASE=order
 *	cas relaxed	the resets		CAS_RELAXED_STORES
 */
#ifndef TESTS_MODEL_GENMC_ATOMICS_H
#define TESTS_MODEL_GENMC_ATOMICS_H

#ifndef ADD_ACQUIRE
# define ADD_ACQUIRE __ATOMIC_ACQUIRE
#endif
#ifndef ADD_RELEASE
# define ADD_RELEASE __ATOMIC_RELEASE
#endif
#ifndef STORE_RELEASE
# define STORE_RELEASE __ATOMIC_RELEASE
#endif
#ifndef CAS_ACQUIRE
# define CAS_ACQUIRE __ATOMIC_ACQUIRE
#endif
#ifndef CAS_RELEASE
# define CAS_RELEASE __ATOMIC_RELEASE
#endif
#ifndef CAS_ACQ_REL
# define CAS_ACQ_REL __ATOMIC_ACQ_REL
#endif

#define ORDER_LOAD_relaxed  __ATOMIC_RELAXED
#define ORDER_LOAD_acquire  __ATOMIC_ACQUIRE
#define ORDER_STORE_relaxed __ATOMIC_RELAXED
#define ORDER_STORE_release STORE_RELEASE
#define ORDER_ADD_relaxed   __ATOMIC_RELAXED
#define ORDER_ADD_acquire   ADD_ACQUIRE
#define ORDER_ADD_release   ADD_RELEASE

#define frozenref__load32(p, order)	      (__atomic_load_n((p), ORDER_LOAD_##order))
#define frozenref__store32(p, v, order)	      (__atomic_store_n((p), (v), ORDER_STORE_##order))
#define frozenref__add32(p, n, order)	      (add_##order((p), (n)))
#define frozenref__cas32(p, old, new, order)  (cas_##order((p), (old), (new)))
#define frozenref__loadptr(p, order)	      frozenref__load32(p, order)
#define frozenref__storeptr(p, v, order)      frozenref__store32(p, v, order)
#define frozenref__casptr(p, old, new, order) (casptr_##order((p), (old), (new)))

/* One function for each order: the builtins want a constant. */
#define DEFINE_ADD(order)                                            \
 static inline uint32_t add_##order(uint32_t *p, uint32_t n)         \
 {                                                                   \
  if (n > INT32_MAX)                                                 \
   return __atomic_fetch_sub(p, UINT32_C(0) - n, ORDER_ADD_##order); \
  return __atomic_fetch_add(p, n, ORDER_ADD_##order);                \
 }

DEFINE_ADD(relaxed)
DEFINE_ADD(acquire)
DEFINE_ADD(release)

static inline uint32_t cas_acquire(uint32_t *p, uint32_t old, uint32_t desired)
{
#ifdef CAS_ACQUIRE_FAILS
	/* What a weak one may do at any time. */
	return ~old;
#endif
#ifdef CAS_ACQUIRE_SPLIT
	uint32_t found = __atomic_load_n(p, __ATOMIC_ACQUIRE);

	if (found == old)
		__atomic_store_n(p, desired, __ATOMIC_RELAXED);
	return found;
#else
	__atomic_compare_exchange_n(p, &old, desired, 0, CAS_ACQUIRE, __ATOMIC_RELAXED);
	return old;
#endif
}

static inline uint32_t cas_release(uint32_t *p, uint32_t old, uint32_t desired)
{
	__atomic_compare_exchange_n(p, &old, desired, 0, CAS_RELEASE, __ATOMIC_RELAXED);
	return old;
}

static inline uint32_t cas_acq_rel(uint32_t *p, uint32_t old, uint32_t desired)
{
	__atomic_compare_exchange_n(p, &old, desired, 0, CAS_ACQ_REL, __ATOMIC_RELAXED);
	return old;
}

static inline uint32_t cas_relaxed(uint32_t *p, uint32_t old, uint32_t desired)
{
#ifdef CAS_RELAXED_STORES
	__atomic_store_n(p, desired, __ATOMIC_RELAXED);
#else
	__atomic_compare_exchange_n(p, &old, desired, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
#endif
	return old;
}

/* Never a fault's: only frozenref_set_misuse_handler() has it. */
static inline uintptr_t casptr_acq_rel(uintptr_t *p, uintptr_t old, uintptr_t desired)
{
	__atomic_compare_exchange_n(p, &old, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	return old;
}

#endif /* TESTS_MODEL_GENMC_ATOMICS_H */
