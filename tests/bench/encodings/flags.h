/* SPDX-License-Identifier: MIT */
/*
 * Flags and count in one word, changed by compare-and-swap loops only, as in cache libraries whose
 * items carry their state beside their references.
 *
 * Nothing can go wrong unseen, since each change looks first: the last put is one atomic, a surplus
 * put or get is refused. Every operation pays for it, most of all when threads contend.
 */
#include "enc.h"

#define ENC_NAME	     "flags and count, CAS both sides"
#define ENC_MAX		     UINT32_C(0x00ffffff)
#define ENC_ZERO_IS_FROZEN   true
#define ENC_DOUBLE_PUT	     ENC_CAUGHT
#define ENC_OVERFLOW_IS_SAFE true

#define ENC_LIVE  UINT32_C(0x80000000)
#define ENC_COUNT ENC_MAX

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
	uint32_t seen = frozenref__load32(&enc->word, relaxed);

	while (FROZENREF__LIKELY((seen & ENC_LIVE) && (seen & ENC_COUNT) != ENC_MAX)) {
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

static inline bool enc_put_and_lock(struct enc *enc)
{
	uint32_t seen = frozenref__load32(&enc->word, relaxed);

	while (FROZENREF__LIKELY((seen & ENC_LIVE) && (seen & ENC_COUNT))) {
		uint32_t next = (seen & ENC_COUNT) == 1 ? 0 : seen - 1;
		/* Release: pairs with the acquire of the last one, which is this as well. */
		uint32_t found = frozenref__cas32(&enc->word, seen, next, acq_rel);

		if (FROZENREF__LIKELY(found == seen))
			return next == 0;
		seen = found;
	}
	ENC_MISUSE();
	return false;
}

static inline bool enc_freeze(struct enc *enc, uint32_t expected)
{
	uint32_t word = ENC_LIVE | expected;

	/* Acquire: pairs with the puts. Release: for those whose get fails now. */
	return frozenref__cas32(&enc->word, word, 0, acq_rel) == word;
}

static inline uint32_t enc_count(struct enc *enc)
{
	return frozenref__load32(&enc->word, relaxed) & ENC_COUNT;
}
