/* SPDX-License-Identifier: MIT */
/*
 * A consumer's hot path, for hotpath.sh to look at; compiled, never run.
 *
 * With CONTROL defined the same functions are made with a compare-and-swap loop, and with calls:
 * what the test must find fault with.
 */
#include <frozenref/ref.h>

bool hot_get(frozenref_t *ref);
bool hot_put(frozenref_t *ref);

#ifndef CONTROL

bool hot_get(frozenref_t *ref)
{
	return frozenref_try_get(ref);
}

bool hot_put(frozenref_t *ref)
{
	return frozenref_put_and_lock(ref);
}

#else

bool hot_get(frozenref_t *ref)
{
	uint32_t seen = frozenref__load32(&ref->word, relaxed);

	while (frozenref__word_is_live(seen)) {
		uint32_t found = frozenref__cas32(&ref->word, seen, seen + 1, acquire);

		if (found == seen)
			return true;
		seen = found;
	}
	return false;
}

bool hot_put(frozenref_t *ref)
{
	return frozenref_put_and_lock_rcu(ref);
}

#endif
