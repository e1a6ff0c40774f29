/* SPDX-License-Identifier: MIT */
/*
 * Bit 31 set is live, the other bits count: zero is frozen, but a put of a frozen word still
 * borrows its way into the live half.
 */
#include "enc.h"

#define ENC_NAME	     "inverted bit 31"
#define ENC_MAX		     UINT32_C(0x7fffffff)
#define ENC_ZERO_IS_FROZEN   true
#define ENC_DOUBLE_PUT	     ENC_REVIVES
#define ENC_OVERFLOW_IS_SAFE false

#define ENC_LIVE UINT32_C(0x80000000)

static inline void enc_init_frozen(struct enc *enc)
{
	frozenref__store32(&enc->word, 0, relaxed);
}

static inline void enc_unfreeze(struct enc *enc, uint32_t refs)
{
	/* Release: pairs with the acquire of try_get. */
	frozenref__store32(&enc->word, ENC_LIVE | refs, release);
}

static inline bool enc_try_get(struct enc *enc)
{
	/* Acquire: pairs with the release of unfreeze. */
	uint32_t word = frozenref__add32(&enc->word, 1, acquire) + 1;

	if (FROZENREF__LIKELY(word & ENC_LIVE))
		return true;
	if (FROZENREF__UNLIKELY(word >= UINT32_C(0x40000000)))
		enc_reset(enc, word, UINT32_C(0x40000000), ENC_LIVE - 1, 0);
	return false;
}

static inline bool enc_put_and_lock(struct enc *enc)
{
	/* Release: pairs with the acquire of the winner below, and of freeze. */
	if (FROZENREF__LIKELY(frozenref__add32(&enc->word, UINT32_MAX, release) != (ENC_LIVE | 1)))
		return false;
	/* Acquire: pairs with the release of every put before. A get may have come in between. */
	return frozenref__cas32(&enc->word, ENC_LIVE, 0, acquire) == ENC_LIVE;
}

static inline bool enc_freeze(struct enc *enc, uint32_t expected)
{
	uint32_t word = ENC_LIVE | expected;

	/* Acquire: pairs with the puts. Release: for those whose get fails now. */
	return frozenref__cas32(&enc->word, word, 0, acq_rel) == word;
}

static inline uint32_t enc_count(struct enc *enc)
{
	uint32_t word = frozenref__load32(&enc->word, relaxed);

	return word & ENC_LIVE ? word & ~ENC_LIVE : 0;
}
