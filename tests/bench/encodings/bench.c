/* SPDX-License-Identifier: MIT */
/*
 * What the encodings cost, side by side; what they do when things go wrong is in behaviour.c.
 *
 * Run by `make bench`. Relies on ../harness.h, and on contender.h for the loops, which are the same
 * source for all encodings.
 */
#include <stdlib.h>

#include <frozenref/ref.h>

#include "../bare.h"
#include "contender.h"

static const struct contender *const contenders[] = {
#define CONTENDER_ADDRESS(id) &contender_##id,
	ENCODINGS(CONTENDER_ADDRESS)
#undef CONTENDER_ADDRESS
};

enum { N_CONTENDERS = sizeof(contenders) / sizeof(contenders[0]) };

/* On lines of their own: two, since processors fetch pairs. */
static struct {
	_Alignas(128) struct enc enc;
} live[N_CONTENDERS], frozen[N_CONTENDERS], ended[N_CONTENDERS];

static struct {
	_Alignas(128) uint32_t bare;
	_Alignas(128) frozenref_t hinted;
} counters;

BENCH_LOOP(last_hinted, frozenref_t, frozenref_unfreeze(x, 1);
	   BENCH_REQUIRE(frozenref_put_and_lock_likely_last(x));)

void contender_misuse(void)
{
	bench_wrong_answer(__func__);
}

static void run_pairs(struct bench *bench)
{
	struct bench_case cases[1 + N_CONTENDERS] = {
		{ "bare add, sub", bench_bare_pair, &counters.bare, NULL },
	};

	for (size_t i = 0; i < N_CONTENDERS; i++)
		cases[1 + i] = (struct bench_case){ contenders[i]->name, contenders[i]->pair,
						    &live[i].enc, NULL };
	bench_run(bench, &(struct bench_group){
				 .key = "pair",
				 .title = "get and put, one thread",
				 .threads = 1,
				 .cases = cases,
				 .n_cases = 1 + N_CONTENDERS,
			 });
	bench_run(bench, &(struct bench_group){
				 .key = "contended",
				 .title = "get and put, two threads on one word",
				 .threads = 2,
				 .cases = cases,
				 .n_cases = 1 + N_CONTENDERS,
			 });
}

static void run_last(struct bench *bench)
{
	struct bench_case cases[2 + N_CONTENDERS] = {
		{ "bare store, sub and test", bench_bare_last, &counters.bare, NULL },
		{ "zone, likely_last", last_hinted, &counters.hinted, NULL },
	};

	for (size_t i = 0; i < N_CONTENDERS; i++)
		cases[2 + i] = (struct bench_case){ contenders[i]->name, contenders[i]->last,
						    &ended[i].enc, NULL };
	bench_run(bench, &(struct bench_group){
				 .key = "last",
				 .title = "unfreeze and last put, one thread",
				 .threads = 1,
				 .cases = cases,
				 .n_cases = 2 + N_CONTENDERS,
			 });
}

static void run_failing(struct bench *bench)
{
	struct bench_case cases[1 + N_CONTENDERS] = {
		{ "bare add", bench_bare_get, &counters.bare, NULL },
	};

	for (size_t i = 0; i < N_CONTENDERS; i++)
		cases[1 + i] = (struct bench_case){ contenders[i]->name, contenders[i]->fail,
						    &frozen[i].enc, NULL };
	bench_run(bench, &(struct bench_group){
				 .key = "failing",
				 .title = "get on a frozen counter, one thread",
				 .threads = 1,
				 .cases = cases,
				 .n_cases = 1 + N_CONTENDERS,
			 });
	bench_run(bench, &(struct bench_group){
				 .key = "failing_contended",
				 .title = "get on a frozen counter, two threads on one word",
				 .threads = 2,
				 .cases = cases,
				 .n_cases = 1 + N_CONTENDERS,
			 });
}

int main(int argc, char **argv)
{
	struct bench *bench = bench_start(argc, argv, "encodings");

	for (size_t i = 0; i < N_CONTENDERS; i++) {
		contenders[i]->init_frozen(&live[i].enc);
		contenders[i]->unfreeze(&live[i].enc, 1);
		contenders[i]->init_frozen(&frozen[i].enc);
		contenders[i]->init_frozen(&ended[i].enc);
	}
	run_pairs(bench);
	run_last(bench);
	run_failing(bench);
	return bench_finish(bench);
}
