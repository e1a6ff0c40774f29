/* SPDX-License-Identifier: MIT */
/*
 * How much memory the process has. See resident.h.
 */
#include "resident.h"

#include <stdio.h>
#include <unistd.h>

uint64_t resident_bytes(void)
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
