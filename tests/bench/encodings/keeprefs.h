/* SPDX-License-Identifier: MIT */
/*
 * UNSOUND, and here to show it: a freeze that leaves the references in the word and only raises a
 * flag, with gets that take their own add back when they see the flag.
 *
 * A getter adds one to a frozen word and sees the flag. The owner unfreezes with one reference,
 * which keeps the getter's add, and puts: two to one, not the last. Now the getter takes its add
 * back: one to zero, and it is nobody's business to free the object. Were the taking back a full
 * put, a get that failed would own the object.
 */
#include "enc.h"

#define ENC_NAME	     "freeze that keeps references"
#define ENC_MAX		     UINT32_C(0x7fffffff)
#define ENC_ZERO_IS_FROZEN   false
#define ENC_DOUBLE_PUT	     ENC_REVIVES
#define ENC_OVERFLOW_IS_SAFE false

#define ENC_FROZEN UINT32_C(0x80000000)

static inline void enc_init_frozen(struct enc *enc)
{
	enc->kept = 0;
	frozenref__store32(&enc->word, ENC_FROZEN, relaxed);
}

static inline void enc_unfreeze(struct enc *enc, uint32_t refs)
{
	/*
	 * An add and not a store, or it would overwrite adds that are going to be taken back.
	 * Release: pairs with the acquire of try_get.
	 */
	(void)frozenref__add32(&enc->word, refs - enc->kept - ENC_FROZEN, release);
}

static inline bool enc_try_get(struct enc *enc)
{
	/* Acquire: pairs with the release of unfreeze. */
	if (FROZENREF__LIKELY(!(frozenref__add32(&enc->word, 1, acquire) & ENC_FROZEN)))
		return true;
	(void)frozenref__add32(&enc->word, UINT32_MAX, relaxed);
	return false;
}

static inline bool enc_put_and_lock(struct enc *enc)
{
	/* Release: pairs with the acquire of the winner below, and of freeze. */
	if (FROZENREF__LIKELY(frozenref__add32(&enc->word, UINT32_MAX, release) != 1))
		return false;
	/* Acquire: pairs with the release of every put before. */
	if (frozenref__cas32(&enc->word, 0, ENC_FROZEN, acquire) != 0)
		return false;
	enc->kept = 0;
	return true;
}

static inline bool enc_freeze(struct enc *enc, uint32_t expected)
{
	/* Acquire: pairs with the puts. Release: for those whose get fails now. */
	if (frozenref__cas32(&enc->word, expected, ENC_FROZEN | expected, acq_rel) != expected)
		return false;
	enc->kept = expected;
	return true;
}

static inline uint32_t enc_count(struct enc *enc)
{
	uint32_t word = frozenref__load32(&enc->word, relaxed);

	return word & ENC_FROZEN ? 0 : word;
}
