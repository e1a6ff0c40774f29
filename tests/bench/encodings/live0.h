/* SPDX-License-Identifier: MIT */
/*
 * Bit 0 set is live, the bits above count by twos: adds never touch the flag, so a put of a frozen
 * word leaves it frozen and can be noticed. Not so a surplus put between the two steps of the last
 * one: the word is live still, and wraps to a huge count. What is left of overflow is that the
 * count wraps to the word of a dying object.
 */
#include "enc.h"

#define ENC_NAME	     "live bit 0"
#define ENC_MAX		     UINT32_C(0x7fffffff)
#define ENC_ZERO_IS_FROZEN   true
#define ENC_DOUBLE_PUT	     ENC_CAUGHT
#define ENC_OVERFLOW_IS_SAFE false

#define ENC_LIVE UINT32_C(1)
#define ENC_UNIT UINT32_C(2)

static inline void enc_init_frozen(struct enc *enc)
{
	frozenref__store32(&enc->word, 0, relaxed);
}

static inline void enc_unfreeze(struct enc *enc, uint32_t refs)
{
	/* Release: pairs with the acquire of try_get. */
	frozenref__store32(&enc->word, refs * ENC_UNIT | ENC_LIVE, release);
}

/* Any residue is harmless here: it wraps within the frozen words. */
static inline bool enc_try_get(struct enc *enc)
{
	/* Acquire: pairs with the release of unfreeze. */
	return FROZENREF__LIKELY(frozenref__add32(&enc->word, ENC_UNIT, acquire) & ENC_LIVE);
}

/* The word was not live with two references or more: the last put, or a surplus one. */
static __attribute__((cold, noinline, unused)) bool enc_put_slow(struct enc *enc, uint32_t word)
{
	if (!(word & ENC_LIVE)) {
		ENC_MISUSE();
		return false;
	}
	/* Acquire: pairs with the release of every put before. A get may have come in between. */
	return frozenref__cas32(&enc->word, ENC_LIVE, 0, acquire) == ENC_LIVE;
}

static inline bool enc_put_and_lock(struct enc *enc)
{
	/* Release: pairs with the acquire of the winner, and of freeze. */
	uint32_t word = frozenref__add32(&enc->word, UINT32_C(0) - ENC_UNIT, release) - ENC_UNIT;

	if (FROZENREF__LIKELY(word != ENC_LIVE && word & ENC_LIVE))
		return false;
	return enc_put_slow(enc, word);
}

static inline bool enc_freeze(struct enc *enc, uint32_t expected)
{
	uint32_t word = expected * ENC_UNIT | ENC_LIVE;

	/* Acquire: pairs with the puts. Release: for those whose get fails now. */
	return frozenref__cas32(&enc->word, word, 0, acq_rel) == word;
}

static inline uint32_t enc_count(struct enc *enc)
{
	uint32_t word = frozenref__load32(&enc->word, relaxed);

	return word & ENC_LIVE ? word / ENC_UNIT : 0;
}
