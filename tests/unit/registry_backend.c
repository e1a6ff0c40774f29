/* SPDX-License-Identifier: MIT */
/*
 * A registry whose memory runs out at every possible moment: an error, nothing leaked, all undone.
 *
 * Run by `make check` twice, like registry.c.
 */
#include "failing_backend.h"
#include "registry_fixture.h"

static char objects[4];

/*
 * Inserts a range over three leaves with the call'th reserve or commit failing; false: none failed.
 */
static bool insert_with_failure(unsigned call, uint64_t pfn)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;
	int err;

	config.pfn_bits = 52;
	config.backend = &failing_backend;
	failing_begin(call, false);
	reg = make_registry(&config);
	err = frozenref_registry_insert_range(reg, pfn, LEAF + 2, objects);
	cr_assert(err == (failing.failed ? -ENOMEM : 0), "error %d", err);
	if (err) {
		struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;

		frozenref_registry_stats(reg, &stats);
		cr_assert(stats.slots == 0 && stats.objects == 0);
		for (uint64_t i = 0; i < LEAF + 2; i++)
			assert_state(reg, pfn + i, FROZENREF_EMPTY);
		/* There is memory again. */
		cr_assert(frozenref_registry_insert_range(reg, pfn, LEAF + 2, objects) == 0);
	}
	cr_assert(failing.ranges > 0);
	cr_assert(frozenref_registry_erase(reg, pfn + LEAF) == 0);
	assert_released(objects, pfn, LEAF + 2);
	assert_destroys(reg);
	cr_assert(failing.ranges == 0 && failing.bytes == 0);
	return failing.failed;
}

Test(registry_backend, running_out_of_memory_undoes_everything)
{
	static const uint64_t pfns[] = { LEAF - 1, (UINT64_C(1) << 52) - LEAF - 2 };

	for (int i = 0; i < 2; i++) {
		unsigned call = 0;

		while (insert_with_failure(call, pfns[i]))
			call++;
		/* Three leaves, or two, and the nodes above: each is reserved and committed. */
		cr_assert(call >= 6, "only %u calls could fail", call);
	}
}
