/* SPDX-License-Identifier: MIT */
/*
 * How much a registry takes of what a process has: memory for each pfn and each registry, core
 * dumps.
 *
 * Run by `make check` twice, like registry.c. What is measured is printed. Sanitizers and Valgrind
 * take memory of their own for each byte that a program uses: under them there is nothing to
 * measure.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry_fixture.h"

static char objects[4];

/* KiB of memory in use and of page tables, which are memory, too; -1 where nobody tells. */
static long memory_in_use(void)
{
	size_t resident = resident_memory();
	long tables = kib_of("VmPTE");

	return resident && tables >= 0 ? (long)(resident / 1024) + tables : -1;
}

/* Each leaf takes addresses for 2 MiB and a bit. */
static bool has_addresses(void)
{
	struct rlimit limit;

	return sizeof(void *) >= 8 && getrlimit(RLIMIT_AS, &limit) == 0 &&
	       limit.rlim_cur == RLIM_INFINITY;
}

/* ------------------------------------------------------------------------------------- memory */

Test(registry_limits, a_million_pfns_take_forty_bytes_each)
{
	enum { PFNS = 1000000 };
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;
	struct frozenref_registry *reg;
	long before = memory_in_use();
	double each;

	if (before < 0 || is_instrumented())
		cr_skip_test("memory cannot be measured here");
	reg = make_default_registry();
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		cr_assert(frozenref_registry_insert(reg, pfn, objects) == 0);
	each = (double)(memory_in_use() - before) * 1024 / PFNS;
	frozenref_registry_stats(reg, &stats);
	(void)fprintf(stderr, "registry_limits: %.1f bytes for a live pfn, %.1f by the stats\n",
		      each, (double)stats.bytes_resident / PFNS);
	cr_assert(stats.objects == PFNS);
	/* Slots of 32 bytes are under it, so that it cannot be that nothing was measured. */
	cr_assert(each >= 32 && each <= 40, "%.1f bytes", each);
	cr_assert(stats.bytes_resident <= UINT64_C(40) * PFNS);
	cr_assert(frozenref_registry_erase_range(reg, 0, PFNS - 1, NULL) == PFNS);
	assert_destroys(reg);
}

enum { REGISTRIES = 10000 };

Test(registry_limits, ten_thousand_registries_each_with_an_object, .timeout = 600)
{
	static struct frozenref_registry *regs[REGISTRIES];
	double page = (double)sysconf(_SC_PAGESIZE) / 1024;
	long before = memory_in_use();
	double each;

	if (!has_addresses())
		cr_skip_test("not enough addresses");
	if (before < 0 || is_instrumented())
		cr_skip_test("memory cannot be measured here");
	for (unsigned i = 0; i < REGISTRIES; i++) {
		regs[i] = make_default_registry();
		cr_assert(frozenref_registry_insert(regs[i], i, objects) == 0);
	}
	each = (double)(memory_in_use() - before) / REGISTRIES;
	(void)fprintf(stderr, "registry_limits: %.1f KiB for a registry with one object\n", each);
	/* A page each for the root, the slot, and what is known of the leaf; and their tables. */
	cr_assert(each >= 3 * page && each <= 7 * page, "%.1f KiB", each);
	for (unsigned i = 0; i < REGISTRIES; i++) {
		struct frozenref_slot *slot = frozenref_registry_try_get(regs[i], i);

		cr_assert(slot);
		cr_assert(!frozenref_registry_try_get(regs[i], i + 1));
		cr_assert(!frozenref_slot_put(regs[i], slot));
		cr_assert(frozenref_registry_erase(regs[i], i) == 0);
		cr_assert(frozenref_registry_destroy(regs[i]) == 0);
	}
	each = (double)(memory_in_use() - before) / REGISTRIES;
	cr_assert(each < 2, "%.1f KiB are left of each", each);
	assert_no_misuse();
}

/* ---------------------------------------------------------------------------------- core dumps */

/* Where the kernel writes cores into the working directory; elsewhere they cannot be found. */
static bool cores_are_files(void)
{
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");
	char pattern[256] = "|";
	bool are_files;

	if (!file)
		return false;
	are_files =
		fgets(pattern, sizeof(pattern), file) && pattern[0] != '|' && !strchr(pattern, '/');
	(void)fclose(file);
	return are_files;
}

/* Registries of 128 MiB of slots each, most of which were never touched, and then the end. */
static _Noreturn void die_with_registries(const char *directory, unsigned n)
{
	struct rlimit limit;

	if (chdir(directory) != 0 || getrlimit(RLIMIT_CORE, &limit) != 0)
		_exit(1);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_CORE, &limit) != 0 || signal(SIGABRT, SIG_DFL) == SIG_ERR)
		_exit(2);
	for (unsigned i = 0; i < n; i++) {
		struct frozenref_registry *reg = make_default_registry();

		for (uint64_t leaf = 0; leaf < 64; leaf++) {
			if (frozenref_registry_insert(reg, leaf << 30, objects) != 0)
				_exit(3);
		}
	}
	abort();
}

/* How large its files were, holes and all. */
static off_t remove_directory(const char *directory)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;
	struct stat status;
	off_t bytes = 0;

	cr_assert(entries);
	while ((entry = readdir(entries))) {
		if (fstatat(dirfd(entries), entry->d_name, &status, 0) == 0 &&
		    S_ISREG(status.st_mode))
			bytes += status.st_size;
		(void)unlinkat(dirfd(entries), entry->d_name, 0);
	}
	(void)closedir(entries);
	cr_assert(rmdir(directory) == 0);
	return bytes;
}

/* The size of the core of a child that dies with so many registries; 0: it may not write one. */
static off_t dump_core(unsigned registries)
{
	char directory[] = "registry_limits.XXXXXX";
	off_t bytes;
	int status;
	pid_t child;

	cr_assert(mkdtemp(directory));
	child = fork();
	cr_assert(child >= 0);
	if (child == 0)
		die_with_registries(directory, registries);
	cr_assert(waitpid(child, &status, 0) == child);
	bytes = remove_directory(directory);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %#x",
		  (unsigned)status);
	return WCOREDUMP(status) ? bytes : 0;
}

/*
 * What is reserved and not in use stays out: the kernel would have to walk all of it, which takes
 * its time, and leave a hole for it in the file. So the size tells, on a machine of any speed.
 */
Test(registry_limits, a_core_dump_with_ten_registries_has_their_leaves_alone)
{
	const double leaves = 10 * 64 * 2; /* MiB */
	const double mib = 1 << 20;
	struct rlimit limit;
	double without;
	double added;

	if (!has_addresses())
		cr_skip_test("not enough addresses");
	if (!cores_are_files() || is_instrumented())
		cr_skip_test("core dumps do not go to the working directory here");
	if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != RLIM_INFINITY)
		cr_skip_test("core dumps are cut off here");
	without = (double)dump_core(0) / mib;
	added = (double)dump_core(10) / mib - without;
	if (without <= 0)
		cr_skip_test("core dumps are not permitted");
	(void)fprintf(stderr, "registry_limits: ten registries add %.1f MiB to a core dump\n",
		      added);
	cr_assert(added >= leaves && added < leaves + leaves / 10, "%.1f MiB", added);
}
