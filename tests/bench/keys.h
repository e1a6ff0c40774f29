/* SPDX-License-Identifier: MIT */
/*
 * Which keys the maps of maps.h are asked for, and how often they are written: the same for all.
 *
 * Used by registry_maps.c and index.c, which make one, and by every map's loop. A draw is a few
 * instructions and reads a table of 1.5 KiB at most, so that it neither hides what a lookup costs
 * nor takes the cache away from it.
 *
 * By Zipf's law with exponent 0.99 the key of rank r comes with a probability proportional to
 * r^-0.99. First an octave of ranks is drawn, 2^k to 2^(k+1) - 1, by the exact sums; within it the
 * rank is drawn by a parabola for 1/r: the share of a rank is within 4 % of the law's. Popular keys
 * are then scattered over all keys, or they would share cache lines.
 */
#ifndef FROZENREF_TESTS_BENCH_KEYS_H
#define FROZENREF_TESTS_BENCH_KEYS_H

#include <stdbool.h>

#include "random.h"

enum { BENCH_OCTAVES = 32 };

struct bench_keys {
	uint64_t n;	  /* keys are 0 .. n - 1; below 2^32 */
	uint32_t writers; /* operations of 65,536 that erase a key and insert it again */
	bool zipf;
	struct {
		uint32_t last;	/* of the draws that fall into it, of 2^32 */
		uint32_t width; /* log2 of its end by its beginning, times 2^31 */
	} octave[BENCH_OCTAVES];
	uint8_t guide[256]; /* the octave that draws with these upper bits begin in */
};

/* keys->n is set; fills in the rest. */
void bench_keys_init(struct bench_keys *keys, bool zipf, unsigned writers_percent);

/* 2^x of a fraction x, of 2^31: one less than that, of 2^32. A parabola, off by 0.3 % at most. */
static inline uint64_t bench_exp2(uint64_t x)
{
	return x * (UINT64_C(2817498546) + (x * UINT64_C(2954937498) >> 32)) >> 31;
}

/* In the last octave it may be a little more than n, which does no harm to the key. */
static inline uint64_t bench_zipf_rank(uint64_t *random, const struct bench_keys *keys)
{
	uint32_t draw = (uint32_t)bench_random(random, UINT64_C(1) << 32);
	uint64_t within = bench_random(random, UINT64_C(1) << 31);
	unsigned k = keys->guide[draw >> 24];

	while (draw > keys->octave[k].last)
		k++;
	within = within * keys->octave[k].width >> 31;
	return (UINT64_C(1) << k) + ((bench_exp2(within) << k) >> 32);
}

static inline uint64_t bench_key(uint64_t *random, const struct bench_keys *keys)
{
	if (!keys->zipf)
		return bench_random(random, keys->n);
	return (bench_zipf_rank(random, keys) * UINT64_C(2654435761) & UINT32_MAX) * keys->n >> 32;
}

/* Whether this operation is a writer's. */
static inline bool bench_writes(uint64_t random, const struct bench_keys *keys)
{
	return (random >> 16 & 0xffff) < keys->writers;
}

#endif /* FROZENREF_TESTS_BENCH_KEYS_H */
