/* SPDX-License-Identifier: MIT */
/*
 * What scenarios have in common: the table of calls under test, the misuse handler, and a
 * backend.
 *
 * Called by scenarios_*.c, mutants.c and main.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explorer.h"
#include "scenario.h"

bool model_hinted;
bool model_sign_test;
unsigned model_misuses;
unsigned model_misuses_expected;
enum model_fault model_fault;
struct model_calls model_calls;

static void init(frozenref_t *ref)
{
	frozenref_init_as_frozen(ref);
}

static void unfreeze(frozenref_t *ref, uint32_t refs)
{
	frozenref_unfreeze(ref, refs);
}

static bool is_frozen(frozenref_t *ref)
{
	return frozenref_is_frozen(ref);
}

static uint32_t count(frozenref_t *ref)
{
	return frozenref_count(ref);
}

static bool put_plain(frozenref_t *ref)
{
	return frozenref_put_and_lock(ref);
}

static bool put_hinted(frozenref_t *ref)
{
	return frozenref_put_and_lock_likely_last(ref);
}

static bool put_rcu(frozenref_t *ref)
{
	return frozenref_put_and_lock_rcu(ref);
}

static bool try_get(frozenref_t *ref)
{
	return frozenref_try_get(ref);
}

static bool freeze(frozenref_t *ref, uint32_t expected)
{
	return frozenref_freeze(ref, expected);
}

static void on_misuse(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word, void *arg)
{
	(void)arg;
	(void)ref;
	if (!model_misuses_expected)
		model_fail("misuse %d, word %#x", (int)kind, (unsigned)word);
	model_misuses++;
}

void model_calls_reset(void)
{
	model_calls = (struct model_calls){
		.init = init,
		.unfreeze = unfreeze,
		.is_frozen = is_frozen,
		.count = count,
		.put = model_hinted ? put_hinted : put_plain,
		.put_rcu = put_rcu,
		.try_get = try_get,
		.freeze = freeze,
		.insert = frozenref_registry_insert,
		.erase = frozenref_registry_erase,
		.slot_freeze = frozenref_slot_freeze,
		.try_get_handle = frozenref_registry_try_get_handle,
		.handle_state = frozenref_registry_handle_state,
		.peek = frozenref_registry_peek,
		.index_try_get = frozenref_index_try_get,
		.index_insert = frozenref_index_insert,
	};
	model_fault = FAULT_NONE;
	(void)frozenref_set_misuse_handler(on_misuse, NULL, NULL);
}

/* -------------------------------------------------------------------------------------- locks */

int model_lock(void *mutex)
{
	while (frozenref__cas32((uint32_t *)mutex, 0, 1, acquire))
		model_wait();
	return 0;
}

int model_trylock(void *mutex)
{
	return frozenref__cas32((uint32_t *)mutex, 0, 1, acquire) != 0;
}

int model_unlock(void *mutex)
{
	frozenref__store32((uint32_t *)mutex, 0, release);
	return 0;
}

/* -------------------------------------------------------------------------- what threads have */

unsigned model_acts_for = MODEL_THREADS_MAX;

static _Alignas(16) char own[MODEL_THREADS_MAX + 1][256];

void model_own_changes(void)
{
	model_region(own, sizeof(own), "own");
}

void *model_own(size_t size)
{
	int thread = explorer_thread();

	model_assert(size <= sizeof(own[0]));
	return own[thread < 0 ? model_acts_for : (unsigned)thread];
}

/* ------------------------------------------------------------------------------------- memory */

void *model_malloc(size_t size)
{
	return explorer_thread() < 0 ? (malloc)(size) : NULL;
}

void *model_calloc(size_t n, size_t size)
{
	return explorer_thread() < 0 ? (calloc)(n, size) : NULL;
}

void model_give_back(void *memory)
{
	if (explorer_thread() < 0)
		(free)(memory);
	else if (memory)
		model_free(memory);
}

void *model_backend_memory;

static int memory_reserve(void *context, size_t size, size_t align, void **address)
{
	(void)context;
	if (model_backend_memory) {
		*address = model_backend_memory;
		return 0;
	}
	if (posix_memalign(address, align < sizeof(void *) ? sizeof(void *) : align, size))
		return -ENOMEM;
	memset(*address, 0, size);
	return 0;
}

static int memory_commit(void *context, void *address, size_t size)
{
	(void)context;
	(void)address;
	(void)size;
	return 0;
}

static int memory_release(void *context, void *address, size_t size)
{
	(void)context;
	(void)size;
	free(address);
	return 0;
}

const struct frozenref_backend model_backend = {
	.size = sizeof(struct frozenref_backend),
	.reserve = memory_reserve,
	.commit = memory_commit,
	.purge = memory_commit,
	.release = memory_release,
};
