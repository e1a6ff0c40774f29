/* SPDX-License-Identifier: MIT */
/* Sums up the octaves of Zipf's law; see keys.h. */
#include <math.h>
#include <string.h>

#include "keys.h"

#define EXPONENT 0.99

/* The sum of r^-EXPONENT over first <= r < end: by terms, and the integral where that will do. */
static double sum(double first, double end)
{
	const double rest = 1 - EXPONENT;
	double total = 0;

	if (first > 1000)
		return (pow(end - 0.5, rest) - pow(first - 0.5, rest)) / rest;
	for (double r = first; r < end; r++)
		total += pow(r, -EXPONENT);
	return total;
}

static double octave_end(const struct bench_keys *keys, int k)
{
	return fmin(ldexp(1, k + 1), (double)keys->n + 1);
}

void bench_keys_init(struct bench_keys *keys, bool zipf, unsigned writers_percent)
{
	double total = sum(1, 2);
	double so_far = 0;
	int octaves = 1;

	keys->zipf = zipf;
	keys->writers = writers_percent * 65536 / 100;
	while (ldexp(1, octaves) <= (double)keys->n) {
		total += sum(ldexp(1, octaves), octave_end(keys, octaves));
		octaves++;
	}
	for (int k = 0; k < octaves; k++) {
		double first = ldexp(1, k);
		double end = octave_end(keys, k);

		so_far += sum(first, end);
		keys->octave[k].last = (uint32_t)(so_far / total * UINT32_MAX);
		keys->octave[k].width = (uint32_t)(log2(end / first) * 0x7fffffff);
	}
	/* The largest draw belongs to the last one, whatever was rounded. */
	keys->octave[octaves - 1].last = UINT32_MAX;
	memset(keys->guide, 0, sizeof(keys->guide));
	for (unsigned i = 0, k = 0; i < 256; i++) {
		while (keys->octave[k].last < i << 24)
			k++;
		keys->guide[i] = (uint8_t)k;
	}
}
