/* SPDX-License-Identifier: MIT */
/*
 * What the registry costs, beside an array of the same slots, other ways to read, and other maps.
 *
 * Run by `make bench`. Relies on harness.h for the measuring; the groups are in registry_*.c.
 */
#include "registry.h"

static void run_quick(struct bench *bench)
{
	bench_registry_singles(bench, 1, false);
	bench_registry_singles(bench, 1024, false);
	bench_registry_singles(bench, 1000000, false);
	bench_registry_ranges(bench, 1024);
	bench_registry_ranges(bench, 1000000);
	bench_registry_batch(bench, 1000000);
	bench_registry_peek(bench, 1);
	bench_registry_peek(bench, 1024);
	bench_registry_maps(bench, 100000);
}

static void run_all(struct bench *bench)
{
	static const uint64_t sizes[] = { 1, 1024, 1000000, 16000000 };

	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		bench_registry_singles(bench, sizes[i], false);
	bench_registry_singles(bench, 1000000, true);
	bench_registry_singles(bench, 16000000, true);
	bench_registry_ranges(bench, 1024);
	bench_registry_ranges(bench, 1000000);
	bench_registry_batch(bench, 1000000);
	bench_registry_batch(bench, 16000000);
	bench_registry_peek(bench, 1);
	bench_registry_peek(bench, 1024);
	bench_registry_peek(bench, 65536);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		if (sizes[i] <= 1000000 || bench_is_long(bench))
			bench_registry_maps(bench, sizes[i]);
	}
}

int main(int argc, char **argv)
{
	struct bench *bench = bench_start(argc, argv, "registry");

	if (bench_is_quick(bench))
		run_quick(bench);
	else
		run_all(bench);
	return bench_finish(bench);
}
