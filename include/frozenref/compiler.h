/* SPDX-License-Identifier: MIT */
/*
 * What the compiler is told: linkage of the inline functions, branch hints, attributes.
 *
 * Included by every other public header; relies on nothing. gcc and clang are supported, in C99 and
 * later and in C++11 and later.
 *
 * The hot paths are inline in the headers, and the same names are real symbols of the library, so
 * each header is read in one of three ways:
 *
 *	by a program				functions with their bodies, always inline
 *	with FROZENREF_NO_INLINE defined	declarations only, for foreign-function interfaces
 *	by lib/symbols.c			bodies with external linkage: the library's symbols
 */
#ifndef FROZENREF_COMPILER_H
#define FROZENREF_COMPILER_H

/*
 * Between these all is C, also where it is compiled as C++: its casts and its NULL do not concern
 * programs that want to be warned of such in what they wrote themselves.
 */
/* clang-format off */
#ifdef __cplusplus
# define FROZENREF__BEGIN_DECLS                                                                    \
	_Pragma("GCC diagnostic push")                                                             \
	_Pragma("GCC diagnostic ignored \"-Wold-style-cast\"")                                     \
	_Pragma("GCC diagnostic ignored \"-Wzero-as-null-pointer-constant\"")                      \
	extern "C" {
# define FROZENREF__END_DECLS                                                                      \
	}                                                                                          \
	_Pragma("GCC diagnostic pop")
#else
# define FROZENREF__BEGIN_DECLS
# define FROZENREF__END_DECLS
#endif
/* clang-format on */

/* C++ would expect any function to throw, and write instructions for it at each call. */
#if defined(_WIN32)
# define FROZENREF__API __attribute__((nothrow))
#else
# define FROZENREF__API __attribute__((visibility("default"), nothrow))
#endif

#if defined(FROZENREF_NO_INLINE) || defined(FROZENREF__EMIT_SYMBOLS)
# define FROZENREF__INLINE FROZENREF__API
#else
/* Or gcc makes calls of them in files that use one of them often. */
# define FROZENREF__INLINE static inline __attribute__((always_inline))
#endif

/* Helpers that never become symbols, and so must not exist where only declarations are wanted. */
#define FROZENREF__HELPER static inline __attribute__((always_inline))

/* The same for members of C++ classes. */
#define FROZENREF__MEMBER inline __attribute__((always_inline))

#define FROZENREF__LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define FROZENREF__UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Sanitizers that have to be told what the inline functions do. */
#if defined(__has_feature)
# if __has_feature(address_sanitizer)
#  define FROZENREF__ASAN 1
# endif
# if __has_feature(thread_sanitizer)
#  define FROZENREF__TSAN 1
# endif
#else
# if defined(__SANITIZE_ADDRESS__)
#  define FROZENREF__ASAN 1
# endif
# if defined(__SANITIZE_THREAD__)
#  define FROZENREF__TSAN 1
# endif
#endif

/* Out-of-line halves of the hot paths: kept away from them, and never thought likely. */
#define FROZENREF__COLD	      __attribute__((cold, noinline))
#define FROZENREF__MUST_CHECK __attribute__((warn_unused_result))

#endif /* FROZENREF_COMPILER_H */
