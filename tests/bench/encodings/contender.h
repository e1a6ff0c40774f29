/* SPDX-License-Identifier: MIT */
/*
 * One encoding as data: its functions for behaviour.c, its loops for bench.c.
 *
 * The list is ENCODINGS. Each has a source of a few lines, which includes this header, the
 * encoding's and contender_define.h, which fills in the structure.
 */
#ifndef FROZENREF_TESTS_BENCH_CONTENDER_H
#define FROZENREF_TESTS_BENCH_CONTENDER_H

/* What an encoding reports: counted for behaviour.c. */
void contender_misuse(void);
#define ENC_MISUSE() contender_misuse()

#include "../harness.h"
#include "enc.h"

struct contender {
	const char *name;
	uint32_t max;
	bool zero_is_frozen;
	enum enc_double_put double_put;
	bool overflow_is_safe;

	void (*init_frozen)(struct enc *enc);
	void (*unfreeze)(struct enc *enc, uint32_t refs);
	bool (*try_get)(struct enc *enc);
	bool (*put_and_lock)(struct enc *enc);
	bool (*freeze)(struct enc *enc, uint32_t expected);
	uint32_t (*count)(struct enc *enc);

	bench_loop *pair; /* get and put, not the last */
	bench_loop *last; /* unfreeze and last put */
	bench_loop *fail; /* a get on a frozen counter */
};

#define ENCODINGS(X) \
 X(zone)             \
 X(locked31)         \
 X(inverted31)       \
 X(live0)            \
 X(casloop)          \
 X(casguess)         \
 X(rcuref)           \
 X(sticky)           \
 X(flags)            \
 X(keeprefs)

#define CONTENDER_DECLARE(id) extern const struct contender contender_##id;
ENCODINGS(CONTENDER_DECLARE)
#undef CONTENDER_DECLARE

#endif /* FROZENREF_TESTS_BENCH_CONTENDER_H */
