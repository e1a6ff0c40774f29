/* SPDX-License-Identifier: MIT */
/*
 * The default backend, which fails once, after so many calls; and what it has given out.
 *
 * Used by the unit tests of registries and caches; relies on each test running in a process of its
 * own.
 */
#ifndef FROZENREF_TESTS_UNIT_FAILING_BACKEND_H
#define FROZENREF_TESTS_UNIT_FAILING_BACKEND_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include <frozenref/backend.h>

static struct {
	unsigned calls_left;
	bool purges_too; /* count as calls that may fail */
	bool failed;
	long ranges;
	size_t bytes;
} failing;

/* From now on, the call'th one fails, counted from 0; all others succeed. */
static inline void failing_begin(unsigned call, bool purges_too)
{
	failing.calls_left = call;
	failing.purges_too = purges_too;
	failing.failed = false;
}

static inline bool failing_now(void)
{
	if (failing.failed || failing.calls_left--)
		return false;
	failing.failed = true;
	return true;
}

static int failing_reserve(void *context, size_t size, size_t align, void **address)
{
	int err = failing_now() ? -ENOMEM
				: frozenref_mmap_backend()->reserve(context, size, align, address);

	if (!err) {
		failing.ranges++;
		failing.bytes += size;
	}
	return err;
}

static int failing_commit(void *context, void *address, size_t size)
{
	return failing_now() ? -ENOMEM : frozenref_mmap_backend()->commit(context, address, size);
}

static int failing_purge(void *context, void *address, size_t size)
{
	if (failing.purges_too && failing_now())
		return -ENOMEM;
	return frozenref_mmap_backend()->purge(context, address, size);
}

static int failing_release(void *context, void *address, size_t size)
{
	failing.ranges--;
	failing.bytes -= size;
	return frozenref_mmap_backend()->release(context, address, size);
}

static struct frozenref_backend failing_backend = {
	.size = sizeof(failing_backend),
	.reserve = failing_reserve,
	.commit = failing_commit,
	.purge = failing_purge,
	.release = failing_release,
};

#endif /* FROZENREF_TESTS_UNIT_FAILING_BACKEND_H */
