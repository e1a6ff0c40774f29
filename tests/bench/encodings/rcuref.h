/* SPDX-License-Identifier: MIT */
/*
 * Zones like those of the kernel's rcuref: live words are the lower half and hold the count less
 * one, then come saturated ones, then dead ones, and the very last is dying.
 *
 * As tight as the library's, with a sign test, and as good at catching misuse; but a zero word is
 * live with one reference.
 */
#include "enc.h"

#define ENC_NAME	     "rcuref-like zones"
#define ENC_MAX		     UINT32_C(0x80000000)
#define ENC_ZERO_IS_FROZEN   false
#define ENC_DOUBLE_PUT	     ENC_CAUGHT
#define ENC_OVERFLOW_IS_SAFE true

#define ENC_SATURATED_FIRST UINT32_C(0x80000000)
#define ENC_SATURATED	    UINT32_C(0xa0000000)
#define ENC_DEAD_FIRST	    UINT32_C(0xc0000000)
#define ENC_DEAD	    UINT32_C(0xe0000000)
#define ENC_DYING	    UINT32_C(0xffffffff)

static inline void enc_init_frozen(struct enc *enc)
{
	frozenref__store32(&enc->word, ENC_DEAD, relaxed);
}

static inline void enc_unfreeze(struct enc *enc, uint32_t refs)
{
	/* Release: pairs with the acquire of try_get. */
	frozenref__store32(&enc->word, refs - 1, release);
}

/* Back to the middle of the zone that the word is in: the adds of others pull it to the borders. */
static inline void enc_recentre(struct enc *enc, uint32_t word)
{
	enc_reset(enc, word, ENC_SATURATED_FIRST, ENC_DEAD_FIRST - 1, ENC_SATURATED);
	enc_reset(enc, word, ENC_DEAD_FIRST, ENC_DYING - 1, ENC_DEAD);
}

static __attribute__((cold, noinline, unused)) bool enc_get_slow(struct enc *enc, uint32_t word)
{
	/* Half-way to the border is early enough: between there are more adds than threads. */
	if (word < ENC_DEAD_FIRST || word > ENC_DEAD + (ENC_DYING - ENC_DEAD) / 2)
		enc_recentre(enc, word);
	return word < ENC_DEAD_FIRST;
}

static inline bool enc_try_get(struct enc *enc)
{
	/* Acquire: pairs with the release of unfreeze. */
	uint32_t word = frozenref__add32(&enc->word, 1, acquire) + 1;

	if (FROZENREF__LIKELY((int32_t)word >= 0))
		return true;
	return enc_get_slow(enc, word);
}

static __attribute__((cold, noinline, unused)) bool enc_put_slow(struct enc *enc, uint32_t word)
{
	if (word == ENC_DYING) {
		/* Acquire: pairs with the release of every put before. */
		return frozenref__cas32(&enc->word, ENC_DYING, ENC_DEAD, acquire) == ENC_DYING;
	}
	enc_recentre(enc, word);
	if (word >= ENC_DEAD_FIRST)
		ENC_MISUSE();
	return false;
}

static inline bool enc_put_and_lock(struct enc *enc)
{
	/* Release: pairs with the acquire of the winner, and of freeze. */
	uint32_t word = frozenref__add32(&enc->word, UINT32_MAX, release) - 1;

	if (FROZENREF__LIKELY((int32_t)word >= 0))
		return false;
	return enc_put_slow(enc, word);
}

static inline bool enc_freeze(struct enc *enc, uint32_t expected)
{
	/* Acquire: pairs with the puts. Release: for those whose get fails now. */
	return frozenref__cas32(&enc->word, expected - 1, ENC_DEAD, acq_rel) == expected - 1;
}

static inline uint32_t enc_count(struct enc *enc)
{
	uint32_t word = frozenref__load32(&enc->word, relaxed);

	return word < ENC_DEAD_FIRST ? word + 1 : 0;
}
