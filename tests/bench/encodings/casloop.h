/* SPDX-License-Identifier: MIT */
/*
 * A plain count, and gets that add unless it is zero: a load and a compare-and-swap loop. What most
 * programs do today. The last put is one atomic, since nothing can get in between.
 */
#include "enc.h"

#ifndef ENC_NAME
# define ENC_NAME "CAS loop"
#endif
#define ENC_MAX		     UINT32_MAX
#define ENC_ZERO_IS_FROZEN   true
#define ENC_DOUBLE_PUT	     ENC_REVIVES
#define ENC_OVERFLOW_IS_SAFE false

static inline void enc_init_frozen(struct enc *enc)
{
	frozenref__store32(&enc->word, 0, relaxed);
}

static inline void enc_unfreeze(struct enc *enc, uint32_t refs)
{
	/* Release: pairs with the acquire of try_get. */
	frozenref__store32(&enc->word, refs, release);
}

/* Adds one to a word last seen as `seen`, unless that is or becomes zero. */
static inline bool enc_add_unless_zero(struct enc *enc, uint32_t seen)
{
	while (FROZENREF__LIKELY(seen)) {
		/* Acquire: pairs with the release of unfreeze. */
		uint32_t found = frozenref__cas32(&enc->word, seen, seen + 1, acquire);

		if (FROZENREF__LIKELY(found == seen))
			return true;
		seen = found;
	}
	/* Acquire: pairs with the release of the freeze or put that made it fail. */
	frozenref__fence(acquire);
	return false;
}

#ifndef ENC_FIRST_GUESS
# define ENC_FIRST_GUESS(enc) frozenref__load32(&(enc)->word, relaxed)
#endif

static inline bool enc_try_get(struct enc *enc)
{
	return enc_add_unless_zero(enc, ENC_FIRST_GUESS(enc));
}

static inline bool enc_put_and_lock(struct enc *enc)
{
	/* Release: pairs with the fence of the last put, and the acquire of freeze. */
	if (FROZENREF__LIKELY(frozenref__add32(&enc->word, UINT32_MAX, release) != 1))
		return false;
	/* Pairs with the release of every put before. */
	frozenref__fence(acquire);
	return true;
}

static inline bool enc_freeze(struct enc *enc, uint32_t expected)
{
	/* Acquire: pairs with the puts. Release: for those whose get fails now. */
	return frozenref__cas32(&enc->word, expected, 0, acq_rel) == expected;
}

static inline uint32_t enc_count(struct enc *enc)
{
	return frozenref__load32(&enc->word, relaxed);
}
