/* SPDX-License-Identifier: MIT */
/*
 * What the encodings of a counter that can be frozen have in common, and the interface of each.
 *
 * Included by every header of this folder. A source includes one of those, and has
 *
 *	void enc_init_frozen(struct enc *)		before the counter can be reached
 *	void enc_unfreeze(struct enc *, uint32_t refs)	by the owner; 1 .. ENC_MAX
 *	bool enc_try_get(struct enc *)			false: frozen
 *	bool enc_put_and_lock(struct enc *)		true: the last, the caller owns it frozen
 *	bool enc_freeze(struct enc *, uint32_t expected)
 *	uint32_t enc_count(struct enc *)		0: frozen, or nearly; may help a put along
 *
 * and what the encoding is known for, which tests/bench/encodings/behaviour holds it to:
 *
 *	ENC_NAME, ENC_MAX
 *	ENC_ZERO_IS_FROZEN	a counter in zeroed memory refuses gets
 *	ENC_DOUBLE_PUT		what a put of a frozen counter does: enum enc_double_put
 *	ENC_OVERFLOW_IS_SAFE	one reference more than ENC_MAX does no harm
 *
 * They are here to be compared, so each is written as tightly as its idea allows, with the weakest
 * orders that its idea needs, on the operations of atomic.h alone: so that the explorer of
 * interleavings can run them too.
 */
#ifndef FROZENREF_TESTS_BENCH_ENC_H
#define FROZENREF_TESTS_BENCH_ENC_H

#include <stdbool.h>
#include <stdint.h>

#include <frozenref/atomic.h>
#include <frozenref/compiler.h>

struct enc {
	uint32_t word;
	uint32_t kept; /* of the owner, in the one encoding that needs it */
};

enum enc_double_put {
	ENC_CAUGHT,    /* it is reported, and the counter stays frozen */
	ENC_UNNOTICED, /* the counter stays frozen */
	ENC_REVIVES,   /* the counter is live afterwards, with nobody's references */
};

/* Called where an encoding notices a misuse; whoever includes it may count them. */
#ifndef ENC_MISUSE
# define ENC_MISUSE() ((void)0)
#endif

/*
 * Takes the residue of failed gets away again: a compare-and-swap loop that goes on only while the
 * word lies in first .. last, so that it disturbs neither a live word nor one about to be won.
 */
static __attribute__((cold, noinline, unused)) void
enc_reset(struct enc *enc, uint32_t seen, uint32_t first, uint32_t last, uint32_t target)
{
	while (seen - first <= last - first) {
		/* Relaxed: the next unfreeze stores, and orders. */
		uint32_t found = frozenref__cas32(&enc->word, seen, target, relaxed);

		if (found == seen)
			return;
		seen = found;
	}
}

#endif /* FROZENREF_TESTS_BENCH_ENC_H */
