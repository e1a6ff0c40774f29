/* SPDX-License-Identifier: MIT */
/*
 * A registry for tests whose release() remembers what it was called with.
 *
 * Used by the unit tests of the registry; relies on misuse.h.
 */
#ifndef FROZENREF_TESTS_UNIT_REGISTRY_FIXTURE_H
#define FROZENREF_TESTS_UNIT_REGISTRY_FIXTURE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <frozenref/registry.h>

#include "misuse.h"
#include "process.h"

/* Slots of a leaf: ranges that cross a multiple of this lie in two pieces of memory. */
#define LEAF (UINT64_C(1) << FROZENREF__LEAF_SHIFT)

static struct {
	unsigned times;
	void *object;
	uint64_t pfn;
	uint64_t npages;
} released;

static inline void remember_release(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	(void)arg;
	released.times++;
	released.object = object;
	released.pfn = pfn;
	released.npages = npages;
}

/* One release() since the last look, with these arguments. */
#define assert_released(expected_object, expected_pfn, expected_npages)                 \
 do {                                                                                   \
  cr_assert(released.times == 1, "released %u times", released.times);                  \
  cr_assert(released.object == (expected_object));                                      \
  cr_assert(released.pfn == (expected_pfn), "%#llx", (unsigned long long)released.pfn); \
  cr_assert(released.npages == (expected_npages));                                      \
  released.times = 0;                                                                   \
 } while (0)

#define assert_nothing_released() cr_assert(released.times == 0)

#define assert_state(reg, pfn, expected)                                 \
 cr_assert(frozenref_registry_state(reg, pfn) == (expected), "state %d", \
	   (int)frozenref_registry_state(reg, pfn))

/* What a test starts with; members that are zero mean the default. */
static inline struct frozenref_registry_config default_config(void)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;

	misuse_watch();
	released.times = 0;
	config.release = remember_release;
	return config;
}

static inline struct frozenref_registry *
make_registry(const struct frozenref_registry_config *config)
{
	struct frozenref_registry *reg = NULL;

	cr_assert(frozenref_registry_create(&reg, config) == 0);
	cr_assert(reg);
	return reg;
}

static inline struct frozenref_registry *make_default_registry(void)
{
	struct frozenref_registry_config config = default_config();

	return make_registry(&config);
}

/* For forked children, which must not assert: an object comes and goes, or which call went wrong. */
static inline int live_once(struct frozenref_registry *reg, uint64_t pfn, void *object)
{
	struct frozenref_slot *slot;

	if (frozenref_registry_insert(reg, pfn, object) != 0)
		return 1;
	slot = frozenref_registry_try_get(reg, pfn);
	if (!slot || frozenref_slot_put(reg, slot))
		return 2;
	return frozenref_registry_erase(reg, pfn) == 0 ? 0 : 3;
}

static inline void assert_destroys(struct frozenref_registry *reg)
{
	cr_assert(frozenref_registry_destroy(reg) == 0);
	assert_no_misuse();
}

#endif /* FROZENREF_TESTS_UNIT_REGISTRY_FIXTURE_H */
