/* SPDX-License-Identifier: MIT */
/*
 * Defines the contender CONTENDER_ID from the encoding included before: the end of each encoding's
 * source. contender.h says what it is for.
 */
BENCH_LOOP(pair, struct enc, BENCH_REQUIRE(enc_try_get(x)); BENCH_REQUIRE(!enc_put_and_lock(x));)

BENCH_LOOP(last, struct enc, enc_unfreeze(x, 1); BENCH_REQUIRE(enc_put_and_lock(x));)

BENCH_LOOP(fail, struct enc, BENCH_REQUIRE(!enc_try_get(x));)

const struct contender CONTENDER_ID = {
	.name = ENC_NAME,
	.max = ENC_MAX,
	.zero_is_frozen = ENC_ZERO_IS_FROZEN,
	.double_put = ENC_DOUBLE_PUT,
	.overflow_is_safe = ENC_OVERFLOW_IS_SAFE,
	.init_frozen = enc_init_frozen,
	.unfreeze = enc_unfreeze,
	.try_get = enc_try_get,
	.put_and_lock = enc_put_and_lock,
	.freeze = enc_freeze,
	.count = enc_count,
	.pair = pair,
	.last = last,
	.fail = fail,
};
