/* SPDX-License-Identifier: MIT */
/*
 * The counter: one 32-bit word that is either live, with n references, or frozen.
 *
 * Used by programs that place counters themselves, and by the registry and the caches. Relies on
 * atomic.h alone; the cold halves are in lib/ref.c. The reasoning is in docs/design.md; in short:
 *
 *	00000000		frozen. Whoever zeroes memory freezes what counters are in it
 *	00000001 - 3fffffff	frozen, plus what failed gets added; they reset it from 20000000 on
 *	40000000 - 7ffffffe	only a surplus put gets here: misuse, put back to frozen
 *	7fffffff		dying: the last reference is gone and nobody has frozen it yet
 *	80000000 - bfffffff	live with 1 .. 2^30 references
 *	c0000000 - efffffff	saturated: sticky, reset to the middle, the object is leaked
 *	f0000000 - ffffffff	a put on a frozen word wrapped: misuse, put back to frozen
 *
 * Live is one signed comparison, of the word after the add, for gets and for puts. A frozen word is
 * made live by frozenref_unfreeze() and by nothing else. The add of a failed get is never undone:
 * an unfreeze in between would turn the undoing into a put that nobody is entitled to.
 *
 * A put that takes the word to dying touches it once more, perhaps after somebody else revived it,
 * dropped it, won and freed the object. So the memory of a counter that others may
 * frozenref_try_get() must outlive every put: type-stable memory (registry.h, cache.h do that), or
 * a grace period that covers gets and puts, or frozenref_put_and_lock_rcu() for every put. For the
 * same reason a winner must learn what to destroy from the object as it is now: it may have won for
 * a later lifetime than the one whose reference it dropped.
 *
 * Every function here but frozenref_set_misuse_handler() is safe to call from any thread and from
 * signal handlers, and takes no lock.
 */
#ifndef FROZENREF_REF_H
#define FROZENREF_REF_H

#include <stdbool.h>
#include <stdint.h>

#ifndef FROZENREF_NO_INLINE
# include <frozenref/atomic.h>
# include <frozenref/probe.h>
#endif
#include <frozenref/compiler.h>

FROZENREF__BEGIN_DECLS

/* ---------------------------------------------------------------------------------- interface */

/* All zero bytes are a frozen counter. Address-free: it works in memory shared by processes. */
typedef struct frozenref_t {
	uint32_t word; /* private: only the functions below touch it */
} frozenref_t;

/* clang-format off */
#define FROZENREF_INIT { 0 }
/* clang-format on */

#define FROZENREF_MAX	    (UINT32_C(1) << 30) /* most references one object may have */
#define FROZENREF_BULK_MAX  UINT32_C(65536)	/* most references one call may take or drop */
#define FROZENREF_SATURATED UINT32_MAX		/* frozenref_count() of an overflowed counter */

/*
 * Makes the counter frozen, whatever it held: for memory that is not zero, before it is reachable.
 */
FROZENREF__INLINE void frozenref_init_as_frozen(frozenref_t *ref);

/*
 * Publishes a frozen object with `refs` references, 1 to FROZENREF_MAX; only its owner may.
 * Release: what the owner wrote before is seen by whoever gets a reference.
 */
FROZENREF__INLINE void frozenref_unfreeze(frozenref_t *ref, uint32_t refs);

/*
 * Takes one reference, or n (1 to FROZENREF_BULK_MAX), if the object is live; false if it is
 * frozen. One unconditional atomic add. Acquire on success. True for a saturated counter.
 */
FROZENREF__INLINE FROZENREF__MUST_CHECK bool frozenref_try_get(frozenref_t *ref);
FROZENREF__INLINE FROZENREF__MUST_CHECK bool frozenref_try_get_n(frozenref_t *ref, uint32_t n);

/* The same for a caller who already holds a reference, and so cannot fail. Relaxed. */
FROZENREF__INLINE void frozenref_get(frozenref_t *ref);
FROZENREF__INLINE void frozenref_get_n(frozenref_t *ref, uint32_t n);

/*
 * Drops one reference, or n (1 to FROZENREF_BULK_MAX). True: it was the last, the word is frozen by
 * this call, and the caller owns the object; exactly one caller gets true in each lifetime.
 * Release; acquire when true.
 */
FROZENREF__INLINE FROZENREF__MUST_CHECK bool frozenref_put_and_lock(frozenref_t *ref);
FROZENREF__INLINE FROZENREF__MUST_CHECK bool frozenref_put_and_lock_n(frozenref_t *ref, uint32_t n);

/*
 * The same, for a caller who expects to hold the last reference: one atomic instead of two if so.
 */
FROZENREF__INLINE FROZENREF__MUST_CHECK bool frozenref_put_and_lock_likely_last(frozenref_t *ref);

/*
 * The same, and how many references this very put left behind: 0 with false means that another
 * caller became the owner, or revived the object; FROZENREF_SATURATED that nobody knows any more.
 */
FROZENREF__INLINE FROZENREF__MUST_CHECK bool frozenref_put_and_lock_left(frozenref_t *ref,
									 uint32_t *left);

/*
 * For counters in memory that is freed after a grace period: never passes through dying and never
 * touches the word after giving up its reference, so only gets need the read-side section. Every
 * put of such a counter must be this one. A compare-and-swap loop.
 */
FROZENREF__INLINE FROZENREF__MUST_CHECK bool frozenref_put_and_lock_rcu(frozenref_t *ref);

/*
 * Freezes an object that has exactly `expected` references (1 to FROZENREF_MAX), all of them the
 * caller's to give; the caller owns it then. False, and nothing changed, if it has any other
 * number. Acquire and release on success, relaxed on failure.
 */
FROZENREF__INLINE FROZENREF__MUST_CHECK bool frozenref_freeze(frozenref_t *ref, uint32_t expected);

/*
 * Snapshots, relaxed; never a basis for freeing anything. The count of a frozen or dying one is 0.
 */
FROZENREF__INLINE uint32_t frozenref_count(const frozenref_t *ref);
FROZENREF__INLINE bool frozenref_is_frozen(const frozenref_t *ref);

enum frozenref_misuse {
	FROZENREF_MISUSE_PUT_FROZEN = 1, /* a put on a frozen or dying object: it was not held */
	FROZENREF_MISUSE_GET_FROZEN,	 /* a get on a frozen object: it was not held */
	FROZENREF_MISUSE_SATURATED,	 /* more than FROZENREF_MAX references: it will be leaked */
	FROZENREF_MISUSE_UNFREEZE_LIVE,	 /* an unfreeze of an object that its caller does not own */
	FROZENREF_MISUSE_BAD_COUNT,	 /* a number of references that is 0 or too large */
	FROZENREF_MISUSE_FREE_LIVE,	 /* cache_free of an object that is not frozen */
	FROZENREF_MISUSE_FREE_TWICE,	 /* cache_free of an object that is free */
	FROZENREF_MISUSE_FREE_FOREIGN,	 /* cache_free of what is no object of the cache */
	FROZENREF_MISUSE_WRITE_FREE,	 /* a free object was written */
	FROZENREF_MISUSE_WRITE_BEYOND,	 /* the bytes behind an object were written */
};

/*
 * Called on misuse, in the thread and at the place that misused: from a signal handler, too, if the
 * call was made from one. `word` is what the call found. If it returns, the misused call has made
 * nothing live and nobody an owner: at worst the object is leaked.
 */
typedef void frozenref_misuse_fn(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word,
				 void *arg);

/*
 * Sets the handler for the whole process and returns the one before, with its argument in *old_arg
 * unless that is NULL. A NULL handler restores the default, which writes a line to stderr and
 * aborts; _SATURATED it reports once and goes on. Not for signal handlers: it may take memory.
 */
FROZENREF__API frozenref_misuse_fn *frozenref_set_misuse_handler(frozenref_misuse_fn *handler,
								 void *arg, void **old_arg);

/*
 * For a handler: what the misuse that it was called for is about, such as a cache's name and an
 * object's address; "" if the counter is all that is known. Valid until the handler returns.
 */
FROZENREF__API const char *frozenref_misuse_subject(void);

/* ------------------------------------------------------------------------------------- zones */

/* Macros, so that tests can scale the zones down; a program that changes them breaks its ABI. */
#ifndef FROZENREF__RESIDUE_LIMIT
# define FROZENREF__RESIDUE_LIMIT UINT32_C(0x20000000) /* failed gets reset the word from here */
#endif
#define FROZENREF__DYING UINT32_C(0x7fffffff)
#define FROZENREF__ONE	 UINT32_C(0x80000000) /* live with one reference */
#ifndef FROZENREF__SATURATED_FIRST
# define FROZENREF__SATURATED_FIRST UINT32_C(0xc0000000)
#endif
#ifndef FROZENREF__SATURATED_MIDDLE
# define FROZENREF__SATURATED_MIDDLE UINT32_C(0xd8000000)
#endif
#ifndef FROZENREF__WRAPPED
# define FROZENREF__WRAPPED UINT32_C(0xf0000000)
#endif

/* What the inline functions need; not for programs. The slow halves take the word after the add. */
FROZENREF__API FROZENREF__COLD bool frozenref__try_get_slow(frozenref_t *ref, uint32_t word,
							    uint32_t n);
FROZENREF__API FROZENREF__COLD void frozenref__get_slow(frozenref_t *ref, uint32_t word,
							uint32_t n);
FROZENREF__API FROZENREF__COLD bool frozenref__put_slow(frozenref_t *ref, uint32_t word,
							uint32_t n);
FROZENREF__API FROZENREF__COLD void frozenref__misuse(enum frozenref_misuse kind,
						      const frozenref_t *ref, uint32_t word);
FROZENREF__API FROZENREF__COLD bool frozenref__bad_count(const frozenref_t *ref);

/* -------------------------------------------------------------------------------- definitions */

#ifndef FROZENREF_NO_INLINE

FROZENREF__HELPER bool frozenref__word_is_live(uint32_t word)
{
	return (int32_t)word < (int32_t)FROZENREF__SATURATED_FIRST;
}

/* Neither live nor saturated nor dying: the two frozen zones are one run of numbers, around 0. */
FROZENREF__HELPER bool frozenref__word_is_frozen(uint32_t word)
{
	return word - FROZENREF__WRAPPED < FROZENREF__DYING - FROZENREF__WRAPPED;
}

FROZENREF__HELPER uint32_t frozenref__word_count(uint32_t word)
{
	if (frozenref__word_is_live(word))
		return word - FROZENREF__ONE + 1;
	if (word >= FROZENREF__SATURATED_FIRST && word < FROZENREF__WRAPPED)
		return FROZENREF_SATURATED;
	return 0;
}

FROZENREF__HELPER bool frozenref__count_is_valid(uint32_t n, uint32_t max)
{
	return n - 1 < max;
}

FROZENREF__INLINE void frozenref_init_as_frozen(frozenref_t *ref)
{
	/* Pairs with nothing: the memory is not reachable yet. */
	frozenref__store32(&ref->word, 0, relaxed);
}

FROZENREF__INLINE void frozenref_unfreeze(frozenref_t *ref, uint32_t refs)
{
	/* Relaxed: the owner wrote the word last, but for residue, which changes no answer. */
	uint32_t old = frozenref__load32(&ref->word, relaxed);

	if (FROZENREF__UNLIKELY(!frozenref__count_is_valid(refs, FROZENREF_MAX))) {
		frozenref__bad_count(ref);
		return;
	}
	if (FROZENREF__UNLIKELY(!frozenref__word_is_frozen(old))) {
		frozenref__misuse(FROZENREF_MISUSE_UNFREEZE_LIVE, ref, old);
		return;
	}
	FROZENREF__PROBE(unfreeze, ref, FROZENREF__ONE + (refs - 1));
	/* Release: pairs with the acquire of try_get; overwrites the residue of failed gets. */
	frozenref__store32(&ref->word, FROZENREF__ONE + (refs - 1), release);
}

FROZENREF__INLINE bool frozenref_try_get(frozenref_t *ref)
{
	/* Acquire: pairs with the release of unfreeze, through other gets' adds too. */
	uint32_t word = frozenref__add32(&ref->word, 1, acquire) + 1;

	if (FROZENREF__LIKELY(frozenref__word_is_live(word))) {
		FROZENREF__PROBE_GET(ref, word, 1);
		return true;
	}
	return frozenref__try_get_slow(ref, word, 1);
}

FROZENREF__INLINE bool frozenref_try_get_n(frozenref_t *ref, uint32_t n)
{
	uint32_t word;

	if (FROZENREF__UNLIKELY(!frozenref__count_is_valid(n, FROZENREF_BULK_MAX)))
		return frozenref__bad_count(ref);
	/* Acquire: as in try_get. */
	word = frozenref__add32(&ref->word, n, acquire) + n;
	if (FROZENREF__LIKELY(frozenref__word_is_live(word))) {
		FROZENREF__PROBE_GET(ref, word, n);
		return true;
	}
	return frozenref__try_get_slow(ref, word, n);
}

FROZENREF__INLINE void frozenref_get(frozenref_t *ref)
{
	/* Relaxed: the reference that the caller holds has ordered everything. */
	uint32_t word = frozenref__add32(&ref->word, 1, relaxed) + 1;

	FROZENREF__PROBE_GET(ref, word, 1);
	if (FROZENREF__UNLIKELY(!frozenref__word_is_live(word)))
		frozenref__get_slow(ref, word, 1);
}

FROZENREF__INLINE void frozenref_get_n(frozenref_t *ref, uint32_t n)
{
	uint32_t word;

	if (FROZENREF__UNLIKELY(!frozenref__count_is_valid(n, FROZENREF_BULK_MAX))) {
		frozenref__bad_count(ref);
		return;
	}
	/* Relaxed: as in get. */
	word = frozenref__add32(&ref->word, n, relaxed) + n;
	FROZENREF__PROBE_GET(ref, word, n);
	if (FROZENREF__UNLIKELY(!frozenref__word_is_live(word)))
		frozenref__get_slow(ref, word, n);
}

FROZENREF__INLINE bool frozenref_put_and_lock(frozenref_t *ref)
{
	/* Release: what the holder did comes before the winner's acquire in put_slow or freeze. */
	uint32_t word = frozenref__add32(&ref->word, UINT32_MAX, release) - 1;

	FROZENREF__PROBE(put, ref, word);
	if (FROZENREF__LIKELY(frozenref__word_is_live(word)))
		return false;
	return frozenref__put_slow(ref, word, 1);
}

FROZENREF__INLINE bool frozenref_put_and_lock_n(frozenref_t *ref, uint32_t n)
{
	uint32_t word;

	if (FROZENREF__UNLIKELY(!frozenref__count_is_valid(n, FROZENREF_BULK_MAX)))
		return frozenref__bad_count(ref);
	/* Release: as in put_and_lock. */
	word = frozenref__add32(&ref->word, UINT32_C(0) - n, release) - n;
	FROZENREF__PROBE(put, ref, word);
	if (FROZENREF__LIKELY(frozenref__word_is_live(word)))
		return false;
	return frozenref__put_slow(ref, word, n);
}

FROZENREF__INLINE bool frozenref_put_and_lock_likely_last(frozenref_t *ref)
{
	/* Acquire and release: this is the subtraction and the compare-and-swap of a put in one. */
	if (FROZENREF__LIKELY(frozenref__cas32(&ref->word, FROZENREF__ONE, 0, acq_rel) ==
			      FROZENREF__ONE)) {
		FROZENREF__PROBE(frozen, ref, FROZENREF__ONE);
		return true;
	}
	return frozenref_put_and_lock(ref);
}

FROZENREF__INLINE bool frozenref_put_and_lock_left(frozenref_t *ref, uint32_t *left)
{
	/* Release: as in put_and_lock. */
	uint32_t word = frozenref__add32(&ref->word, UINT32_MAX, release) - 1;

	FROZENREF__PROBE(put, ref, word);
	*left = frozenref__word_count(word);
	if (FROZENREF__LIKELY(frozenref__word_is_live(word)))
		return false;
	return frozenref__put_slow(ref, word, 1);
}

FROZENREF__INLINE bool frozenref_put_and_lock_rcu(frozenref_t *ref)
{
	uint32_t word = frozenref__load32(&ref->word, relaxed);

	while (FROZENREF__LIKELY(frozenref__word_is_live(word))) {
		bool last = word == FROZENREF__ONE;
		uint32_t found;

		/*
		 * Release: as in put_and_lock. The last one acquires what the others released,
		 * which the unbroken run of read-modify-writes since then carries.
		 */
		if (last)
			found = frozenref__cas32(&ref->word, word, 0, acq_rel);
		else
			found = frozenref__cas32(&ref->word, word, word - 1, release);
		if (FROZENREF__LIKELY(found == word)) {
			if (last)
				FROZENREF__PROBE(frozen, ref, word);
			else
				FROZENREF__PROBE(put, ref, word - 1);
			return last;
		}
		word = found;
	}
	if (frozenref__word_count(word) != FROZENREF_SATURATED)
		frozenref__misuse(FROZENREF_MISUSE_PUT_FROZEN, ref, word);
	return false;
}

FROZENREF__INLINE bool frozenref_freeze(frozenref_t *ref, uint32_t expected)
{
	uint32_t word = FROZENREF__ONE + (expected - 1);

	/* An expected 0 would steal the win of whoever took the word to dying. */
	if (FROZENREF__UNLIKELY(!frozenref__count_is_valid(expected, FROZENREF_MAX)))
		return frozenref__bad_count(ref);
	/*
	 * Acquire: pairs with the release of the puts that left `expected`. Release: a get that
	 * fails because of this store, and acquires it, sees what the freezer did before.
	 */
	if (frozenref__cas32(&ref->word, word, 0, acq_rel) != word)
		return false;
	FROZENREF__PROBE(frozen, ref, word);
	return true;
}

FROZENREF__INLINE uint32_t frozenref_count(const frozenref_t *ref)
{
	return frozenref__word_count(frozenref__load32(&ref->word, relaxed));
}

FROZENREF__INLINE bool frozenref_is_frozen(const frozenref_t *ref)
{
	return frozenref__word_is_frozen(frozenref__load32(&ref->word, relaxed));
}

#endif /* FROZENREF_NO_INLINE */

FROZENREF__END_DECLS

#endif /* FROZENREF_REF_H */
