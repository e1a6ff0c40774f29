/* SPDX-License-Identifier: MIT */
/*
 * A space for tests whose release() counts, and what they ask of a check.
 *
 * Used by the unit tests of libfrozenref-mimalloc; relies on tests/unit/misuse.h.
 */
#ifndef FROZENREF_INTEGRATIONS_MIMALLOC_TESTS_FIXTURE_H
#define FROZENREF_INTEGRATIONS_MIMALLOC_TESTS_FIXTURE_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mimalloc.h>

#include <frozenref/mimalloc.h>

#include "misuse.h"
#include "process.h"

#define MIB ((size_t)1 << 20)

/*
 * Not all versions of mimalloc can do what others can: see frozenref-mimalloc(7). 2.0.9 calls
 * itself 209, 2.4.1 is 20401, 3.1.5 is 315, 3.2.8 is 3208, and 3.4.3 is 30403.
 */
static inline bool is_mimalloc_3(void)
{
	int version = mi_version();

	while (version >= 10)
		version /= 10;
	return version == 3;
}

static inline bool is_mimalloc_3_0_or_3_1(void)
{
	return mi_version() >= 300 && mi_version() < 320;
}

/* Built for debugging or hardening: blocks of whole granules are not on whole granules then. */
static inline bool has_padded_blocks(void)
{
	void *block = mi_malloc(63);
	bool is_padded = mi_usable_size(block) < 64;

	mi_free(block);
	return is_padded;
}

static struct {
	unsigned times;
	void *object;
	void *arg;
} ended;

static inline void remember_end(void *object, void *arg)
{
	ended.times++;
	ended.object = object;
	ended.arg = arg;
}

/* What a test starts with; members that are zero mean the default. */
static inline struct frozenref_mi_space_config default_config(void)
{
	struct frozenref_mi_space_config config = FROZENREF_MI_SPACE_CONFIG_INIT;

	misuse_watch();
	ended.times = 0;
	config.bytes = 64 * MIB;
	config.release = remember_end;
	config.arg = &ended;
	return config;
}

static inline struct frozenref_mi_space *make_space(const struct frozenref_mi_space_config *config)
{
	struct frozenref_mi_space *space = NULL;
	int err = frozenref_mi_space_create(&space, config);

	/* Two zones, aligned, beside what the other spaces and mimalloc have. */
	if (err == -ENOMEM && config && !may_have_addresses(8 * (uint64_t)config->bytes))
		cr_skip_test("not enough addresses");
	cr_assert(err == 0, "create says %d", err);
	cr_assert(space);
	return space;
}

/* NULL where there are no peeks: on this machine, or with this build of mimalloc. */
static inline struct frozenref_mi_space *
make_peekable_space(struct frozenref_mi_space_config *config)
{
	struct frozenref_mi_space *space = NULL;
	int err;

	config->flags |= FROZENREF_MI_PEEKABLE;
	err = frozenref_mi_space_create(&space, config);
	cr_assert(err == 0 || err == -ENOTSUP, "create says %d", err);
	return space;
}

static inline struct frozenref_mi_space *make_default_space(void)
{
	struct frozenref_mi_space_config config = default_config();

	return make_space(&config);
}

/* A published object of this size, with that many references. */
static inline void *make_object(struct frozenref_mi_space *space, size_t size, uint32_t refs)
{
	void *object = frozenref_mi_malloc(space, size);

	cr_assert(object);
	frozenref_mi_unfreeze(space, object, refs);
	return object;
}

static inline struct frozenref_mi_report report_on(struct frozenref_mi_space *space, int expected)
{
	struct frozenref_mi_report report = FROZENREF_MI_REPORT_INIT;
	int result = frozenref_mi_check(space, NULL, NULL, &report);

	cr_assert(result == expected, "the check says %d: %llu leaked, %llu stray", result,
		  (unsigned long long)report.leaked, (unsigned long long)report.stray);
	return report;
}

/* So many live and frozen objects, and nothing wrong. */
#define assert_holds(space, expected_live, expected_frozen)                                    \
 do {                                                                                          \
  struct frozenref_mi_report seen = report_on(space, 0);                                       \
  cr_assert(seen.live == (expected_live), "%llu live", (unsigned long long)seen.live);         \
  cr_assert(seen.frozen == (expected_frozen), "%llu frozen", (unsigned long long)seen.frozen); \
 } while (0)

static inline void assert_destroys(struct frozenref_mi_space *space)
{
	assert_holds(space, 0, 0);
	cr_assert(frozenref_mi_space_destroy(space) == 0);
	assert_no_misuse();
}

#endif /* FROZENREF_INTEGRATIONS_MIMALLOC_TESTS_FIXTURE_H */
