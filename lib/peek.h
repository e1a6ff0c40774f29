/* SPDX-License-Identifier: MIT */
/*
 * The copy of a peek: out of an object that may be freed and written while it is being copied.
 *
 * Used by the peeks of registries and caches, which find out before and after whether the object
 * was live all the while. Relies on atomic.h.
 */
#ifndef FROZENREF_LIB_PEEK_H
#define FROZENREF_LIB_PEEK_H

#include <stddef.h>
#include <string.h>

#include <frozenref/atomic.h>

/* What a peek reads may have been freed; it says so afterwards, and AddressSanitizer must wait. */
#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
# define FROZENREF__NO_ASAN __attribute__((no_sanitize_address))
#else
# define FROZENREF__NO_ASAN
#endif

/*
 * What the helpers of atomic.h load is looked at by AddressSanitizer, whoever calls them: with it
 * words are loaded here, one at a time.
 */
#if defined(__SANITIZE_ADDRESS__)
# define FROZENREF__PEEK_ASAN 1
#elif defined(__has_feature)
# if __has_feature(address_sanitizer)
#  define FROZENREF__PEEK_ASAN 1
# endif
#endif
#ifdef FROZENREF__PEEK_ASAN
# define FROZENREF__PEEK_LOAD(p) (*(const volatile uintptr_t *)(p))
#else
# define FROZENREF__PEEK_ASAN	 0
# define FROZENREF__PEEK_LOAD(p) frozenref__loadptr((const uintptr_t *)(p), relaxed)
#endif

/* Copies what lies within one word, and returns how much that was. */
static inline FROZENREF__NO_ASAN size_t frozenref__peek_part(unsigned char *to, uintptr_t from,
							     size_t length)
{
	size_t skip = from % sizeof(uintptr_t);
	size_t n = sizeof(uintptr_t) - skip < length ? sizeof(uintptr_t) - skip : length;
	uintptr_t word = FROZENREF__PEEK_LOAD(from - skip);

	memcpy(to, (const unsigned char *)&word + skip, n);
	return n;
}

/* Bytes that do not begin or end at a word: what is whole words in the middle comes as such. */
static __attribute__((noinline)) FROZENREF__NO_ASAN void
frozenref__peek_bytes(unsigned char *to, uintptr_t from, size_t length)
{
	while (length) {
		size_t n = length - length % sizeof(uintptr_t);

		if (FROZENREF__PEEK_ASAN || from % sizeof(uintptr_t) || !n)
			n = frozenref__peek_part(to, from, length);
		else
			frozenref__copy_words(to, (const uintptr_t *)from, n / sizeof(uintptr_t));
		to += n;
		from += n;
		length -= n;
	}
}

/*
 * Copies bytes that their owner may be writing: by relaxed loads of whole words, so that the
 * compiler adds nothing. Bytes around them, in the same words, are read as well; objects are
 * aligned for pointers, so these lie within the object.
 */
static inline void frozenref__peek_copy(void *buffer, uintptr_t from, size_t length)
{
	if (!FROZENREF__PEEK_ASAN && (from | length) % sizeof(uintptr_t) == 0)
		frozenref__copy_words(buffer, (const uintptr_t *)from, length / sizeof(uintptr_t));
	else
		frozenref__peek_bytes((unsigned char *)buffer, from, length);
}

#endif /* FROZENREF_LIB_PEEK_H */
