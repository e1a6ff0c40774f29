/* SPDX-License-Identifier: MIT */
/*
 * How much memory the process has. See resident.h.
 */
#include "resident.h"

#include <stdio.h>
#include <unistd.h>

/* Exact, which takes a walk over all pages, and a kernel of 4.14 or later. */
static uint64_t count_resident(void)
{
	FILE *rollup = fopen("/proc/self/smaps_rollup", "r");
	unsigned long long kib = 0;
	char line[256];

	while (rollup && fgets(line, sizeof(line), rollup)) {
		if (sscanf(line, "Rss: %llu kB", &kib) == 1)
			break;
	}
	if (rollup)
		fclose(rollup);
	return kib * 1024;
}

/* On many processors this may be wrong by megabytes. */
static uint64_t estimate_resident(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	unsigned long long pages = 0;

	if (!statm)
		return 0;
	if (fscanf(statm, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(statm);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t resident_bytes(void)
{
	uint64_t counted = count_resident();

	return counted ? counted : estimate_resident();
}
