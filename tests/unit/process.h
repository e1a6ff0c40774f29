/* SPDX-License-Identifier: MIT */
/*
 * What tests ask of the process they run in.
 *
 * Used by the unit tests; relies on /proc/self, where there is one.
 */
#ifndef FROZENREF_TESTS_UNIT_PROCESS_H
#define FROZENREF_TESTS_UNIT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
# include <sys/resource.h>
#endif

/* Whoever runs the tests in an emulator of another machine or system says so. */
static inline bool is_emulated(void)
{
	return getenv("FROZENREF_TEST_EMULATED") != NULL;
}

static inline bool runs_on_tsan(void)
{
#if defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
	return true;
# endif
#endif
	return false;
}

/*
 * Sanitizers, Valgrind and emulators take memory of their own for what a program does: under them
 * its memory tells nothing, and all takes longer.
 */
static inline bool is_instrumented(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
# if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	return true;
# endif
#endif
	const char *preloaded = getenv("LD_PRELOAD");

	return is_emulated() || (preloaded && strstr(preloaded, "vgpreload"));
}

/*
 * Whether the process was given that many addresses, with what it has already: what takes more is
 * not tested under a limit of them, and what the library answers there is tested by itself.
 */
static inline bool may_have_addresses(uint64_t bytes)
{
#ifndef _WIN32
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		return limit.rlim_cur >= bytes;
#endif
	return bytes <= UINTPTR_MAX;
}

/* A line of /proc/self/status that is in KiB; -1 where there is none. */
static inline long kib_of(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	size_t length = strlen(name);
	char line[256];
	long kib = -1;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			kib = strtol(line + length + 1, NULL, 10);
	}
	if (file)
		(void)fclose(file);
	return kib;
}

/*
 * In bytes; 0 where the system does not tell. Only memory that is no file's, as all of the library's
 * is: pages of programs and their libraries come and go as the system likes. Not from the status file
 * of kib_of(), where the kernel estimates: on many processors that may be wrong by megabytes.
 */
static inline size_t resident_memory(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	char line[128];
	size_t kilobytes = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Anonymous: %zu kB", &kilobytes) == 1)
			break;
	}
	fclose(file);
	return kilobytes * 1024;
}

#endif /* FROZENREF_TESTS_UNIT_PROCESS_H */
