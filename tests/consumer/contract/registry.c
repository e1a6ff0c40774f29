/* SPDX-License-Identifier: MIT */
/*
 * A foreign program that holds registries to their interface: what each function returns in each
 * state of a pfn, at both ends of the keys, and for configurations that make no sense; in plain,
 * padded and peekable registries.
 *
 * Run by tests/consumer/test-contract.sh, as C and as C++.
 */
#include "check.h"

#define LAST ((UINT64_C(1) << 36) - 1)

static uint64_t pages[3][512]; /* of 4096 bytes, for peeks */

static struct {
	void *object;
	uint64_t pfn;
	uint64_t npages;
	unsigned times;
} released;

/* Takes the pfn again at once, which is allowed, if `arg` says in which registry. */
static void release(void *object, uint64_t pfn, uint64_t npages, void *arg)
{
	struct frozenref_registry *reg;

	memcpy(&reg, arg, sizeof(reg));
	released.object = object;
	released.pfn = pfn;
	released.npages = npages;
	released.times++;
	if (!reg)
		return;
	CHECK(frozenref_registry_state(reg, pfn) == FROZENREF_EMPTY);
	CHECK(frozenref_registry_destroy(reg) == -EBUSY);
	CHECK(frozenref_registry_insert(reg, pfn, object) == 0);
	memset(arg, 0, sizeof(reg));
}

static void check_empty(struct frozenref_registry *reg, uint64_t pfn)
{
	struct frozenref_handle nothing = { 0, 0 };

	CHECK(frozenref_registry_state(reg, pfn) == FROZENREF_EMPTY);
	CHECK(!frozenref_registry_try_get(reg, pfn) && !frozenref_registry_slot(reg, pfn));
	CHECK(frozenref_registry_erase(reg, pfn) == -ENOENT);
	CHECK(!frozenref_registry_try_get_handle(reg, nothing));
	CHECK(frozenref_registry_handle_state(reg, nothing) == FROZENREF_EMPTY);
}

static void check_live(struct frozenref_registry *reg, uint64_t pfn, void *object)
{
	struct frozenref_slot *slot;
	struct frozenref_handle handle;
	uint32_t left = 99;

	CHECK(frozenref_registry_insert(reg, pfn, object) == 0);
	CHECK(frozenref_registry_insert(reg, pfn, object) == -EEXIST);
	CHECK(frozenref_registry_state(reg, pfn) == FROZENREF_LIVE);
	slot = frozenref_registry_try_get(reg, pfn);
	CHECK(slot && slot == frozenref_registry_slot(reg, pfn));
	CHECK(frozenref_slot_object(slot) == object && frozenref_slot_pfn(reg, slot) == pfn);
	CHECK(frozenref_slot_npages(reg, slot) == 1 && !frozenref_slot_is_erased(slot));
	CHECK(*frozenref_slot_user(slot) == 0 && frozenref_slot_count(slot) == 2);
	*frozenref_slot_user(slot) = 7;
	frozenref_slot_get(reg, slot);
	CHECK(!frozenref_slot_put_left(reg, slot, &left) && left == 2);
	handle = frozenref_slot_handle(reg, slot);
	CHECK(handle.generation && frozenref_registry_try_get_handle(reg, handle) == slot);
	frozenref_slot_put(reg, slot);
	CHECK(frozenref_registry_erase(reg, pfn) == 0);
	CHECK(frozenref_slot_is_erased(slot) && frozenref_slot_count(slot) == 1);
	CHECK(frozenref_registry_state(reg, pfn) == FROZENREF_ERASED);
	CHECK(frozenref_registry_handle_state(reg, handle) == FROZENREF_ERASED);
	CHECK(frozenref_registry_erase(reg, pfn) == -ENOENT);
	CHECK(frozenref_registry_insert(reg, pfn, object) == -EBUSY);
	CHECK(!frozenref_slot_freeze(reg, slot, 1));
	CHECK(frozenref_slot_replace(reg, slot, 1, object, NULL) == -EBUSY);
	released.times = 0;
	CHECK(frozenref_slot_put(reg, slot) && released.times == 1);
	CHECK(released.object == object && released.pfn == pfn && released.npages == 1);
	CHECK(frozenref_registry_handle_state(reg, handle) == FROZENREF_EMPTY);
	check_empty(reg, pfn);
}

static void check_range(struct frozenref_registry *reg, uint64_t pfn, void *object)
{
	struct frozenref_slot *slot;
	uint64_t cursor = 0;
	uint64_t skipped = 99;

	CHECK(frozenref_registry_insert_range(reg, pfn, 4, object) == 0);
	CHECK(frozenref_registry_insert_range(reg, pfn - 2, 3, object) == -EEXIST);
	check_empty(reg, pfn - 2);
	slot = frozenref_registry_try_get(reg, pfn + 3);
	CHECK(slot && frozenref_slot_pfn(reg, slot) == pfn &&
	      frozenref_slot_npages(reg, slot) == 4);
	CHECK(slot == frozenref_registry_slot(reg, pfn + 1));
	frozenref_slot_put(reg, slot);
	CHECK(frozenref_registry_next(reg, &cursor, UINT64_MAX) == slot && cursor == pfn + 4);
	CHECK(!frozenref_registry_next(reg, &cursor, UINT64_MAX));
	frozenref_slot_put(reg, slot);
	released.times = 0;
	CHECK(frozenref_registry_erase_range(reg, pfn + 1, UINT64_MAX, &skipped) == 1);
	CHECK(skipped == 0 && released.times == 1 && released.npages == 4);
	for (unsigned i = 0; i < 4; i++)
		check_empty(reg, pfn + i);
}

static void check_frozen(struct frozenref_registry *reg, uint64_t pfn, void *object, void *other)
{
	struct frozenref_handle handle;
	struct frozenref_slot *slot = NULL;
	uint64_t skipped = 0;
	void *old = NULL;

	CHECK(frozenref_registry_insert_frozen(reg, pfn, 2, object, &slot) == 0 && slot);
	CHECK(frozenref_registry_state(reg, pfn + 1) == FROZENREF_FROZEN);
	CHECK(!frozenref_registry_try_get(reg, pfn) && frozenref_registry_slot(reg, pfn) == slot);
	CHECK(frozenref_registry_erase(reg, pfn) == -EBUSY);
	CHECK(frozenref_registry_insert(reg, pfn + 1, object) == -EEXIST);
	CHECK(frozenref_registry_erase_range(reg, pfn, pfn, &skipped) == 0 && skipped == 1);
	handle = frozenref_slot_handle(reg, slot);
	frozenref_slot_unfreeze(reg, slot, 2);
	CHECK(!frozenref_slot_freeze(reg, slot, 1) && frozenref_slot_freeze(reg, slot, 2));
	frozenref_slot_set_object(reg, slot, other);
	frozenref_slot_unfreeze(reg, slot, 2);
	CHECK(frozenref_slot_object(slot) == other);
	CHECK(frozenref_slot_replace(reg, slot, 1, object, &old) == -EBUSY);
	CHECK(frozenref_slot_replace(reg, slot, 2, object, &old) == 0 && old == other);
	CHECK(frozenref_registry_handle_state(reg, handle) == FROZENREF_LIVE);
	CHECK(frozenref_slot_freeze(reg, slot, 2));
	released.times = 0;
	CHECK(frozenref_slot_erase_frozen(reg, slot) == object && released.times == 0);
	check_empty(reg, pfn + 1);
}

static void check_alloc(struct frozenref_registry *reg, void *object)
{
	struct frozenref_slot *slot;

	CHECK(frozenref_registry_alloc_frozen(reg, LAST - 1, UINT64_MAX, 2, object, &slot) == 0);
	CHECK(frozenref_slot_pfn(reg, slot) == LAST - 1);
	CHECK(frozenref_registry_alloc_frozen(reg, LAST, UINT64_MAX, 1, object, &slot) == -ENOSPC);
	CHECK(frozenref_registry_alloc_frozen(reg, 5, 4, 1, object, &slot) == -EINVAL);
	CHECK(frozenref_registry_alloc_frozen(reg, 5, 9, 0, object, &slot) == -EINVAL);
	frozenref_slot_unfreeze(reg, slot, 1);
	CHECK(frozenref_registry_erase(reg, LAST) == 0);
}

static void check_bad_keys(struct frozenref_registry *reg, void *object)
{
	check_empty(reg, LAST + 1);
	check_empty(reg, UINT64_MAX);
	CHECK(frozenref_registry_insert(reg, LAST + 1, object) == -ERANGE);
	CHECK(frozenref_registry_insert(reg, UINT64_MAX, object) == -ERANGE);
	CHECK(frozenref_registry_insert_range(reg, LAST, 2, object) == -ERANGE);
	CHECK(frozenref_registry_insert_range(reg, 1, UINT64_MAX, object) == -ERANGE);
	CHECK(frozenref_registry_insert_range(reg, 1, 0, object) == -EINVAL);
	CHECK(frozenref_registry_insert(reg, 1, NULL) == -EINVAL);
	CHECK(!frozenref_registry_try_get_addr(reg, NULL));
}

static void check_batch_and_peek(struct frozenref_registry *reg, bool peekable)
{
	const uint64_t pfns[4] = { 4, 5, UINT64_MAX, 6 };
	struct frozenref_slot *slots[4];
	uint64_t word = 0;

	CHECK(frozenref_registry_insert(reg, 4, pages[0]) == 0);
	CHECK(frozenref_registry_insert(reg, 6, pages[1]) == 0);
	CHECK(frozenref_registry_try_get_batch(reg, pfns, 4, slots) == 2);
	CHECK(!slots[1] && !slots[2] && frozenref_slot_object(slots[3]) == pages[1]);
	frozenref_slot_put(reg, slots[0]);
	frozenref_slot_put(reg, slots[3]);
	pages[1][511] = 0x1122334455667788u;
	CHECK(frozenref_registry_peek(reg, 6, 4088, &word, 8) == peekable);
	CHECK(word == (peekable ? pages[1][511] : 0));
	CHECK(!frozenref_registry_peek(reg, 6, 4089, &word, 8));
	CHECK(!frozenref_registry_peek(reg, 6, SIZE_MAX, &word, 2));
	CHECK(!frozenref_registry_peek(reg, 5, 0, &word, 1));
	CHECK(frozenref_registry_erase_range(reg, 0, UINT64_MAX, NULL) == 2);
}

static void check_misuses(struct frozenref_registry *reg)
{
	struct misuse misuse = { FROZENREF_MISUSE_PUT_FROZEN, NULL, 0, 0 };
	struct frozenref_slot *slot;

	(void)frozenref_set_misuse_handler(note_misuse, &misuse, NULL);
	CHECK(frozenref_registry_insert_frozen(reg, 3, 1, pages[0], &slot) == 0);
	CHECK_MISUSE(&misuse, FROZENREF_MISUSE_BAD_COUNT, frozenref_slot_unfreeze(reg, slot, 0));
	frozenref_slot_unfreeze(reg, slot, 2);
	CHECK_MISUSE(&misuse, FROZENREF_MISUSE_UNFREEZE_LIVE,
		     frozenref_slot_unfreeze(reg, slot, 1));
	CHECK_MISUSE(&misuse, FROZENREF_MISUSE_BAD_COUNT,
		     CHECK(!frozenref_slot_freeze(reg, slot, 0)));
	CHECK(frozenref_slot_count(slot) == 2 && !frozenref_slot_put(reg, slot));
	CHECK(frozenref_registry_erase(reg, 3) == 0);
	(void)frozenref_set_misuse_handler(NULL, NULL, NULL);
}

static void check_registry(unsigned flags)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct frozenref_registry_stats stats = FROZENREF_REGISTRY_STATS_INIT;
	struct frozenref_registry *inserts_again = NULL;
	struct frozenref_registry *reg;
	int err;

	config.flags = flags;
	config.release = release;
	config.arg = &inserts_again;
	err = frozenref_registry_create(&reg, &config);
	if (err == -ENOTSUP && flags & FROZENREF_REGISTRY_PEEKABLE)
		return;
	CHECK(err == 0);
	check_empty(reg, 0);
	check_live(reg, 0, pages[0]);
	check_live(reg, LAST, pages[0]);
	check_range(reg, 65534, pages[0]);
	check_frozen(reg, 7, pages[0], pages[2]);
	check_alloc(reg, pages[0]);
	check_bad_keys(reg, pages[0]);
	check_misuses(reg);
	check_batch_and_peek(reg, flags & FROZENREF_REGISTRY_PEEKABLE);
	CHECK(frozenref_registry_insert(reg, 9, pages[0]) == 0);
	inserts_again = reg;
	CHECK(frozenref_registry_erase(reg, 9) == 0 && !inserts_again);
	frozenref_registry_stats(reg, &stats);
	CHECK(stats.objects == 1 && stats.slots == 1 && stats.bytes_reserved > 0);
	CHECK(frozenref_registry_destroy(reg) == -EBUSY);
	CHECK(frozenref_registry_erase(reg, 9) == 0 && frozenref_registry_trim(reg) > 0);
	CHECK(frozenref_registry_destroy(reg) == 0);
}

static void check_refused(const struct frozenref_registry_config *config)
{
	struct frozenref_registry *reg = NULL;

	CHECK(frozenref_registry_create(&reg, config) == -EINVAL && !reg);
}

static void check_configs(void)
{
	const struct frozenref_registry_config init = FROZENREF_REGISTRY_CONFIG_INIT;
	struct frozenref_registry_config config = init;
	struct frozenref_backend backend;
	struct frozenref_registry *reg;

	CHECK(frozenref_registry_create(NULL, &init) == -EINVAL);
	CHECK(frozenref_registry_destroy(NULL) == -EINVAL);
	config.size = 0;
	check_refused(&config);
	config.size = sizeof(config.size);
	check_refused(&config);
	config.size = UINT32_MAX;
	check_refused(&config);
	config = init;
	config.pfn_bits = 53;
	check_refused(&config);
	config = init;
	config.page_shift = 64;
	check_refused(&config);
	config = init;
	config.flags = 1u << 31;
	check_refused(&config);
	config.flags = FROZENREF_REGISTRY_COMPACT | FROZENREF_REGISTRY_PEEKABLE;
	check_refused(&config);
	config = init;
	memset(&backend, 0, sizeof(backend));
	config.backend = &backend;
	check_refused(&config);
	backend.size = sizeof(backend);
	check_refused(&config);

	memset(&config, 0, sizeof(config));
	config.size = sizeof(config);
	CHECK(frozenref_registry_create(&reg, &config) == 0);
	CHECK(frozenref_registry_destroy(reg) == 0);
	CHECK(frozenref_registry_create(&reg, NULL) == 0);
	CHECK(frozenref_registry_insert(reg, LAST, pages) == 0);
	CHECK(frozenref_registry_erase(reg, LAST) == 0);
	CHECK(frozenref_registry_destroy(reg) == 0);
}

int main(void)
{
	check_registry(0);
	check_registry(FROZENREF_REGISTRY_PADDED);
	check_registry(FROZENREF_REGISTRY_PEEKABLE);
	check_configs();
	puts("registry");
	return 0;
}
