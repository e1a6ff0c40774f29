/* SPDX-License-Identifier: MIT */
/*
 * Registries in mimalloc's memory: what a backend promises, and that it is kept.
 *
 * Run by `make check` twice, like object.c.
 */
#include <frozenref/registry.h>

#include "fixture.h"

static char objects[2];

static bool is_zero(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

Test(mi_backend, memory_is_zero_aligned_and_stays)
{
	const struct frozenref_backend *backend = frozenref_mimalloc_backend();

	cr_assert(backend->size == sizeof(*backend));
	for (size_t align = 1; align <= 4 * MIB; align *= 4) {
		for (size_t size = 1; size <= 4 * MIB; size *= 8) {
			void *address;

			/* Twice, so that the second may get what the first has written. */
			for (unsigned round = 0; round < 2; round++) {
				cr_assert(backend->reserve(backend->context, size, align,
							   &address) == 0);
				cr_assert((uintptr_t)address % align == 0);
				cr_assert(backend->commit(backend->context, address, size) == 0);
				cr_assert(is_zero(address, size));
				memset(address, 0xff, size);
				cr_assert(backend->purge(backend->context, address, size) == 0);
				cr_assert(is_zero(address, size));
				memset(address, 0xff, size);
				cr_assert(backend->release(backend->context, address, size) == 0);
			}
		}
	}
}

Test(mi_backend, refuses_what_it_cannot_allocate)
{
	const struct frozenref_backend *backend = frozenref_mimalloc_backend();
	void *address;

	cr_assert(backend->reserve(backend->context, SIZE_MAX, 4096, &address) == -ENOMEM);
	cr_assert(backend->reserve(backend->context, SIZE_MAX / 2, 4096, &address) == -ENOMEM);
	cr_assert(backend->reserve(backend->context, 0, 4096, &address) == -ENOMEM);
}

Test(mi_backend, hosts_a_registry)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct frozenref_registry *reg;

	misuse_watch();
	config.backend = frozenref_mimalloc_backend();
	cr_assert(frozenref_registry_create(&reg, &config) == 0);
	for (uint64_t pfn = 0; pfn < 1000000; pfn += 997)
		cr_assert(frozenref_registry_insert(reg, pfn, objects) == 0);
	for (uint64_t pfn = 0; pfn < 1000000; pfn++) {
		struct frozenref_slot *slot = frozenref_registry_try_get(reg, pfn);

		cr_assert(!slot == !!(pfn % 997));
		if (slot)
			cr_assert(!frozenref_slot_put(reg, slot));
	}
	cr_assert(frozenref_registry_trim(reg) == 0);
	for (uint64_t pfn = 0; pfn < 1000000; pfn += 997)
		cr_assert(frozenref_registry_erase(reg, pfn) == 0);
	cr_assert(frozenref_registry_trim(reg) > 0);
	cr_assert(frozenref_registry_insert(reg, 5, objects) == 0);
	cr_assert(frozenref_registry_erase(reg, 5) == 0);
	cr_assert(frozenref_registry_destroy(reg) == 0);
	assert_no_misuse();
}
