/* SPDX-License-Identifier: MIT */
/*
 * A registry whose memory runs out at every possible moment: an error, nothing leaked, all undone.
 *
 * Run by `make check` twice, like registry.c.
 */
#include "registry_fixture.h"

static char objects[4];

/* The default backend, which fails once, after so many calls; and what it has given out. */
static struct {
	unsigned calls_left;
	bool failed;
	long ranges;
	size_t bytes;
} failing;

static bool fails_now(void)
{
	if (failing.failed || failing.calls_left--)
		return false;
	failing.failed = true;
	return true;
}

static int reserve(void *context, size_t size, size_t align, void **address)
{
	int err = fails_now() ? -ENOMEM
			      : frozenref_mmap_backend()->reserve(context, size, align, address);

	if (!err) {
		failing.ranges++;
		failing.bytes += size;
	}
	return err;
}

static int commit(void *context, void *address, size_t size)
{
	return fails_now() ? -ENOMEM : frozenref_mmap_backend()->commit(context, address, size);
}

static int purge(void *context, void *address, size_t size)
{
	return frozenref_mmap_backend()->purge(context, address, size);
}

static int give_back(void *context, void *address, size_t size)
{
	failing.ranges--;
	failing.bytes -= size;
	return frozenref_mmap_backend()->release(context, address, size);
}

static struct frozenref_backend backend = {
	.size = sizeof(backend),
	.reserve = reserve,
	.commit = commit,
	.purge = purge,
	.release = give_back,
};

/*
 * Inserts a range over three leaves with the call'th reserve or commit failing; false: none failed.
 */
static bool insert_with_failure(unsigned call, uint64_t pfn)
{
	struct frozenref_registry_config config = default_config();
	struct frozenref_registry *reg;
	int err;

	config.pfn_bits = 52;
	config.backend = &backend;
	failing.failed = false;
	failing.calls_left = call;
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
