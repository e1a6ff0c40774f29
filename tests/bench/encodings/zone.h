/* SPDX-License-Identifier: MIT */
/*
 * The library's own: zero is frozen, live words lie above the middle, zones catch what goes wrong.
 */
#include <frozenref/ref.h>

#include "enc.h"

#define ENC_NAME	     "zone (libfrozenref)"
#define ENC_MAX		     FROZENREF_MAX
#define ENC_ZERO_IS_FROZEN   true
#define ENC_DOUBLE_PUT	     ENC_CAUGHT
#define ENC_OVERFLOW_IS_SAFE true

static inline frozenref_t *enc_ref(struct enc *enc)
{
	return (frozenref_t *)&enc->word;
}

static inline void enc_init_frozen(struct enc *enc)
{
	frozenref_init_as_frozen(enc_ref(enc));
}

static inline void enc_unfreeze(struct enc *enc, uint32_t refs)
{
	frozenref_unfreeze(enc_ref(enc), refs);
}

static inline bool enc_try_get(struct enc *enc)
{
	return frozenref_try_get(enc_ref(enc));
}

static inline bool enc_put_and_lock(struct enc *enc)
{
	return frozenref_put_and_lock(enc_ref(enc));
}

static inline bool enc_freeze(struct enc *enc, uint32_t expected)
{
	return frozenref_freeze(enc_ref(enc), expected);
}

static inline uint32_t enc_count(struct enc *enc)
{
	return frozenref_count(enc_ref(enc));
}
