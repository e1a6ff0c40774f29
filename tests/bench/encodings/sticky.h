/* SPDX-License-Identifier: MIT */
/*
 * A sticky counter: bit 31 says that zero was reached and stays, and a reader who finds a zero
 * without it sets it on behalf of the put, with a second bit that lets the put know and still win.
 *
 * So a count of 0 is final when it is read, and every operation ends in a bounded number of steps.
 * A zero word is live, as with the locked bit, and a put of a frozen word borrows from it.
 */
#include "enc.h"

#define ENC_NAME	     "sticky counter"
#define ENC_MAX		     UINT32_C(0x7fffffff)
#define ENC_ZERO_IS_FROZEN   false
#define ENC_DOUBLE_PUT	     ENC_REVIVES
#define ENC_OVERFLOW_IS_SAFE false

#define ENC_ZERO UINT32_C(0x80000000)
#define ENC_HELP UINT32_C(0x40000000)

static inline void enc_init_frozen(struct enc *enc)
{
	frozenref__store32(&enc->word, ENC_ZERO, relaxed);
}

static inline void enc_unfreeze(struct enc *enc, uint32_t refs)
{
	/* Release: pairs with the acquire of try_get. */
	frozenref__store32(&enc->word, refs, release);
}

/* From the middle of the free bits on failed gets clear their residue, but not the helper's bit. */
static inline bool enc_try_get(struct enc *enc)
{
	/* Acquire: pairs with the release of unfreeze. */
	uint32_t word = frozenref__add32(&enc->word, 1, acquire) + 1;

	if (FROZENREF__LIKELY(!(word & ENC_ZERO)))
		return true;
	if (FROZENREF__UNLIKELY((word & (ENC_HELP - 1)) >= ENC_HELP / 2)) {
		uint32_t flags = word & (ENC_ZERO | ENC_HELP);

		enc_reset(enc, word, flags + ENC_HELP / 2, flags + (ENC_HELP - 1), flags);
	}
	return false;
}

static inline bool enc_put_and_lock(struct enc *enc)
{
	uint32_t found;

	/* Release: pairs with the acquire of the winner below, and of freeze. */
	if (FROZENREF__LIKELY(frozenref__add32(&enc->word, UINT32_MAX, release) != 1))
		return false;
	/* Acquire: pairs with the release of every put before. */
	found = frozenref__cas32(&enc->word, 0, ENC_ZERO, acquire);
	if (FROZENREF__LIKELY(found == 0))
		return true;
	/* A reader was faster: of the puts that saw zero, the one that takes its bit away wins. */
	return (found & ENC_HELP) && (frozenref__and32(&enc->word, ~ENC_HELP, acq_rel) & ENC_HELP);
}

static inline bool enc_freeze(struct enc *enc, uint32_t expected)
{
	/* Acquire: pairs with the puts. Release: for those whose get fails now. */
	return frozenref__cas32(&enc->word, expected, ENC_ZERO, acq_rel) == expected;
}

static inline uint32_t enc_count(struct enc *enc)
{
	uint32_t word = frozenref__load32(&enc->word, relaxed);

	/* Relaxed: the put that wins on account of this acquires. */
	if (word == 0 && frozenref__cas32(&enc->word, 0, ENC_ZERO | ENC_HELP, relaxed) == 0)
		return 0;
	return word & ENC_ZERO ? 0 : word;
}
