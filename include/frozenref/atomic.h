/* SPDX-License-Identifier: MIT */
/*
 * The atomic operations of the library, by name and order: the only file that names instructions.
 *
 * Used by ref.h, registry.h and the sources in lib/; not an interface for programs. It maps the few
 * operations that the library needs, on 32-bit words and on pointer-sized words, to one of
 *
 *	libatomic_ops				the default
 *	the compiler's __atomic builtins	--without-libatomic-ops
 *	the header that FROZENREF_ATOMIC_BACKEND names	tests/model, which explores interleavings
 *
 * All three work on the same plain words, so objects compiled against different ones may be mixed.
 *
 *	frozenref__load32(p, order)		relaxed, acquire
 *	frozenref__store32(p, v, order)		relaxed, release
 *	frozenref__add32(p, n, order)		relaxed, acquire, release; returns the OLD value
 *	frozenref__and32(p, mask, order)	release, acq_rel; returns the OLD value
 *	frozenref__cas32(p, old, new, order)	relaxed, acquire, release, acq_rel; strong; returns
 *						the value found, which is `old` if and only if it
 *						stored; a failure orders nothing
 *	frozenref__fence(order)			acquire, release
 *
 * and load, store, add and cas on uintptr_t with the suffix `ptr` instead of `32`. The order is a
 * bare word, so that every use shows it and a missing one does not compile. On top of them
 *
 *	frozenref__copy_words(to, from, n)	n words of uintptr_t, each byte by a relaxed load;
 *						`to` need not be aligned
 */
#ifndef FROZENREF_ATOMIC_H
#define FROZENREF_ATOMIC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <frozenref/compiler.h>
#include <frozenref/version.h>

/* Tables of macros, aligned by hand. */
/* clang-format off */
#if defined(FROZENREF_ATOMIC_BACKEND)
# include FROZENREF_ATOMIC_BACKEND

#elif FROZENREF_WITH_LIBATOMIC_OPS
# include <atomic_ops.h>

/* ------------------------------------------------------------------------------ libatomic_ops */

/* AO_int_* wants unsigned int and AO_* wants AO_t: the same bits as ours, at times another name. */
# define FROZENREF__AO32(p)       ((volatile unsigned int *)(p))
# define FROZENREF__AO32_CONST(p) ((const volatile unsigned int *)(p))
# define FROZENREF__AOPTR(p)      ((volatile AO_t *)(p))
# define FROZENREF__AOPTR_CONST(p) ((const volatile AO_t *)(p))

# define FROZENREF__AO_LOAD32_relaxed  AO_int_load
# define FROZENREF__AO_LOAD32_acquire  AO_int_load_acquire
# define FROZENREF__AO_STORE32_relaxed AO_int_store
# define FROZENREF__AO_STORE32_release AO_int_store_release
# define FROZENREF__AO_ADD32_relaxed   AO_int_fetch_and_add
# define FROZENREF__AO_ADD32_acquire   AO_int_fetch_and_add_acquire
# define FROZENREF__AO_ADD32_release   AO_int_fetch_and_add_release
# define FROZENREF__AO_CAS32_relaxed   AO_int_fetch_compare_and_swap
# define FROZENREF__AO_CAS32_acquire   AO_int_fetch_compare_and_swap_acquire
# define FROZENREF__AO_CAS32_release   AO_int_fetch_compare_and_swap_release
/* libatomic_ops has no name for acq_rel; full is the next stronger, and the same code on x86. */
# define FROZENREF__AO_CAS32_acq_rel   AO_int_fetch_compare_and_swap_full

# define FROZENREF__AO_LOADPTR_relaxed  AO_load
# define FROZENREF__AO_LOADPTR_acquire  AO_load_acquire
# define FROZENREF__AO_STOREPTR_relaxed AO_store
# define FROZENREF__AO_STOREPTR_release AO_store_release
# define FROZENREF__AO_ADDPTR_relaxed   AO_fetch_and_add
# define FROZENREF__AO_CASPTR_acq_rel   AO_fetch_compare_and_swap_full

/*
 * A read (write) barrier of libatomic_ops is the compiler's acquire (release) fence under gcc; but
 * on ARM a write barrier orders stores alone, and a release fence what was read before them, too.
 */
# define FROZENREF__AO_FENCE_acquire AO_nop_read
# if defined(__arm__) || defined(__aarch64__)
#  define FROZENREF__AO_FENCE_release AO_nop_full
# else
#  define FROZENREF__AO_FENCE_release AO_nop_write
# endif

# define frozenref__load32(p, order)     (FROZENREF__AO_LOAD32_##order(FROZENREF__AO32_CONST(p)))
# define frozenref__store32(p, v, order) (FROZENREF__AO_STORE32_##order(FROZENREF__AO32(p), (v)))
# define frozenref__add32(p, n, order)   (FROZENREF__AO_ADD32_##order(FROZENREF__AO32(p), (n)))
# define frozenref__and32(p, mask, order) (frozenref__and32_##order((p), (mask)))
# define frozenref__cas32(p, old, new, order)                                                      \
	(FROZENREF__AO_CAS32_##order(FROZENREF__AO32(p), (old), (new)))

# define frozenref__loadptr(p, order)     (FROZENREF__AO_LOADPTR_##order(FROZENREF__AOPTR_CONST(p)))
# define frozenref__storeptr(p, v, order) (FROZENREF__AO_STOREPTR_##order(FROZENREF__AOPTR(p), (v)))
# define frozenref__addptr(p, n, order)   (FROZENREF__AO_ADDPTR_##order(FROZENREF__AOPTR(p), (n)))
# define frozenref__casptr(p, old, new, order)                                                     \
	(FROZENREF__AO_CASPTR_##order(FROZENREF__AOPTR(p), (old), (new)))

# define frozenref__fence(order) (FROZENREF__AO_FENCE_##order())

FROZENREF__BEGIN_DECLS

/* AO_int_and does not return the old value; this is never on a hot path, so a loop will do. */
# define FROZENREF__DEFINE_AND32(order)                                                            \
	FROZENREF__HELPER uint32_t frozenref__and32_##order(uint32_t *p, uint32_t mask)            \
	{                                                                                          \
		uint32_t seen = frozenref__load32(p, relaxed);                                     \
                                                                                                   \
		for (;;) {                                                                         \
			uint32_t found = frozenref__cas32(p, seen, seen & mask, order);            \
                                                                                                   \
			if (found == seen)                                                         \
				return seen;                                                       \
			seen = found;                                                              \
		}                                                                                  \
	}

FROZENREF__DEFINE_AND32(release)
FROZENREF__DEFINE_AND32(acq_rel)

FROZENREF__END_DECLS

#else

/* ------------------------------------------------------------------------- compiler's builtins */

# define FROZENREF__ORDER_relaxed __ATOMIC_RELAXED
# define FROZENREF__ORDER_acquire __ATOMIC_ACQUIRE
# define FROZENREF__ORDER_release __ATOMIC_RELEASE
# define FROZENREF__ORDER_acq_rel __ATOMIC_ACQ_REL

# define frozenref__load32(p, order)      (__atomic_load_n((p), FROZENREF__ORDER_##order))
# define frozenref__store32(p, v, order)  (__atomic_store_n((p), (v), FROZENREF__ORDER_##order))
# define frozenref__add32(p, n, order)    (__atomic_fetch_add((p), (n), FROZENREF__ORDER_##order))
# define frozenref__and32(p, mask, order)                                                          \
	(__atomic_fetch_and((p), (mask), FROZENREF__ORDER_##order))
# define frozenref__cas32(p, old, new, order) (frozenref__cas32_##order((p), (old), (new)))

# define frozenref__loadptr(p, order)     (__atomic_load_n((p), FROZENREF__ORDER_##order))
# define frozenref__storeptr(p, v, order) (__atomic_store_n((p), (v), FROZENREF__ORDER_##order))
# define frozenref__addptr(p, n, order)   (__atomic_fetch_add((p), (n), FROZENREF__ORDER_##order))
# define frozenref__casptr(p, old, new, order) (frozenref__casptr_##order((p), (old), (new)))

# define frozenref__fence(order) (frozenref__fence_##order())

/* One function for each order: the builtin wants a variable for the value found, and a constant. */
# define FROZENREF__DEFINE_CAS(suffix, type, order)                                                \
	FROZENREF__HELPER type frozenref__cas##suffix##_##order(type *p, type old, type desired)   \
	{                                                                                          \
		__atomic_compare_exchange_n(p, &old, desired, 0, FROZENREF__ORDER_##order,         \
					    __ATOMIC_RELAXED);                                     \
		return old;                                                                        \
	}

# if defined(__SANITIZE_THREAD__) && defined(__GNUC__) && !defined(__clang__)
/* gcc warns that ThreadSanitizer knows no fences; ours order atomic accesses, which never race. */
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wtsan"
# endif

FROZENREF__HELPER void frozenref__fence_acquire(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

FROZENREF__HELPER void frozenref__fence_release(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

# if defined(__SANITIZE_THREAD__) && defined(__GNUC__) && !defined(__clang__)
#  pragma GCC diagnostic pop
# endif

FROZENREF__DEFINE_CAS(32, uint32_t, relaxed)
FROZENREF__DEFINE_CAS(32, uint32_t, acquire)
FROZENREF__DEFINE_CAS(32, uint32_t, release)
FROZENREF__DEFINE_CAS(32, uint32_t, acq_rel)
FROZENREF__DEFINE_CAS(ptr, uintptr_t, acq_rel)

# undef FROZENREF__DEFINE_CAS
#endif
/* clang-format on */

/* ------------------------------------------------------------------------------------- copying */

FROZENREF__BEGIN_DECLS

#define FROZENREF__BLOCK_WORDS (16 / sizeof(uintptr_t))

/*
 * One block. Its bytes may come one after the other and in any order, so a register of 16 bytes
 * will do where there is one: volatile makes it a single load that is neither dropped nor repeated.
 * ThreadSanitizer wants atomic loads, and so does the explorer.
 */
FROZENREF__HELPER void frozenref__copy_block(void *to, const uintptr_t *from)
{
#if (defined(__SSE2__) || defined(__aarch64__)) && !defined(FROZENREF__TSAN) && \
	!defined(FROZENREF_ATOMIC_BACKEND)
	typedef uintptr_t block
		__attribute__((vector_size(16), aligned(sizeof(uintptr_t)), may_alias));
	block words = *(const volatile block *)from;
#else
	uintptr_t words[FROZENREF__BLOCK_WORDS];

	for (size_t i = 0; i < FROZENREF__BLOCK_WORDS; i++)
		words[i] = frozenref__loadptr(from + i, relaxed);
#endif
	memcpy(to, &words, sizeof(words));
}

FROZENREF__HELPER void frozenref__copy_words(void *to, const uintptr_t *from, size_t n)
{
	char *p = (char *)to;

	/* A cache line each time: at -O2 compilers do not unroll by themselves. */
	for (; n >= 4 * FROZENREF__BLOCK_WORDS; n -= 4 * FROZENREF__BLOCK_WORDS) {
		frozenref__copy_block(p, from);
		frozenref__copy_block(p + 16, from + FROZENREF__BLOCK_WORDS);
		frozenref__copy_block(p + 32, from + 2 * FROZENREF__BLOCK_WORDS);
		frozenref__copy_block(p + 48, from + 3 * FROZENREF__BLOCK_WORDS);
		p += 64;
		from += 4 * FROZENREF__BLOCK_WORDS;
	}
	for (; n >= FROZENREF__BLOCK_WORDS; n -= FROZENREF__BLOCK_WORDS) {
		frozenref__copy_block(p, from);
		p += 16;
		from += FROZENREF__BLOCK_WORDS;
	}
	for (; n; n--) {
		uintptr_t word = frozenref__loadptr(from, relaxed);

		memcpy(p, &word, sizeof(word));
		p += sizeof(word);
		from++;
	}
}

FROZENREF__END_DECLS

#endif /* FROZENREF_ATOMIC_H */
