/* SPDX-License-Identifier: MIT */
/*
 * Bit 31 set is locked, the other bits count: the encoding proposed for the kernel's page counts.
 *
 * A zero word is live without references, so whoever zeroes memory unlocks what is in it; and a put
 * of a locked word borrows from the bit and leaves a huge live count.
 */
#include "enc.h"

#define ENC_NAME	     "locked bit 31"
#define ENC_MAX		     UINT32_C(0x7fffffff)
#define ENC_ZERO_IS_FROZEN   false
#define ENC_DOUBLE_PUT	     ENC_REVIVES
#define ENC_OVERFLOW_IS_SAFE false

#define ENC_LOCKED UINT32_C(0x80000000)

static inline void enc_init_frozen(struct enc *enc)
{
	frozenref__store32(&enc->word, ENC_LOCKED, relaxed);
}

static inline void enc_unfreeze(struct enc *enc, uint32_t refs)
{
	/* Release: pairs with the acquire of try_get. */
	frozenref__store32(&enc->word, refs, release);
}

static inline bool enc_try_get(struct enc *enc)
{
	/* Acquire: pairs with the release of unfreeze. */
	uint32_t word = frozenref__add32(&enc->word, 1, acquire) + 1;

	if (FROZENREF__LIKELY(!(word & ENC_LOCKED)))
		return true;
	if (FROZENREF__UNLIKELY(word >= UINT32_C(0xc0000000)))
		enc_reset(enc, word, UINT32_C(0xc0000000), UINT32_MAX, ENC_LOCKED);
	return false;
}

static inline bool enc_put_and_lock(struct enc *enc)
{
	/* Release: pairs with the acquire of the winner below, and of freeze. */
	if (FROZENREF__LIKELY(frozenref__add32(&enc->word, UINT32_MAX, release) != 1))
		return false;
	/* Acquire: pairs with the release of every put before. A get may have come in between. */
	return frozenref__cas32(&enc->word, 0, ENC_LOCKED, acquire) == 0;
}

static inline bool enc_freeze(struct enc *enc, uint32_t expected)
{
	/* Acquire: pairs with the puts. Release: for those whose get fails now. */
	return frozenref__cas32(&enc->word, expected, ENC_LOCKED, acq_rel) == expected;
}

static inline uint32_t enc_count(struct enc *enc)
{
	uint32_t word = frozenref__load32(&enc->word, relaxed);

	return word & ENC_LOCKED ? 0 : word;
}
