/* SPDX-License-Identifier: MIT */
/* Every inline function of the counter once, for test-usdt.sh to look at what it compiles to. */
#include <frozenref/registry.h>

uint32_t hotpath(frozenref_t *ref, struct frozenref_registry *reg, struct frozenref_slot *slot,
		 uint32_t n);

uint32_t hotpath(frozenref_t *ref, struct frozenref_registry *reg, struct frozenref_slot *slot,
		 uint32_t n)
{
	uint32_t left = 0;
	uint32_t wins = 0;

	frozenref_unfreeze(ref, n);
	wins += frozenref_try_get(ref);
	wins += frozenref_try_get_n(ref, n);
	frozenref_get(ref);
	frozenref_get_n(ref, n);
	wins += frozenref_put_and_lock(ref);
	wins += frozenref_put_and_lock_n(ref, n);
	wins += frozenref_put_and_lock_likely_last(ref);
	wins += frozenref_put_and_lock_left(ref, &left);
	wins += frozenref_put_and_lock_rcu(ref);
	wins += frozenref_freeze(ref, n);
	wins += frozenref_registry_try_get(reg, n) != NULL;
	wins += frozenref_slot_put(reg, slot);
	wins += frozenref_slot_put_left(reg, slot, &left);
	return wins + left;
}
