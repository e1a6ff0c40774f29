/* SPDX-License-Identifier: MIT */
/*
 * Deliberate faults: what the scenarios are worth is what they catch.
 *
 * Called by main.c, and through model_atomic.h by everything that is compiled for the explorer.
 * Most faults change single operations of the library at run time, found by the function they are
 * in: an order that is weaker, a compare-and-swap that is none. The others replace a call by a
 * version of it from faults.c or items.c, or are made by the scenario. A rule that never matches is
 * an error: the library has changed, and the fault with it.
 */
#include <errno.h>
#include <string.h>

#include "../../lib/table.h"
#include "explorer.h"
#include "faults.h"
#include "items.h"
#include "memory.h"
#include "mutants.h"

static const struct mutant *active;
static unsigned applied[MUTANT_RULES];

/* The function of each thread's last operation; the last entry is for setup and check. */
static const char *last[MODEL_THREADS_MAX + 1];

/* ----------------------------------------------------------------------------------- operations */

static uintptr_t in_two_steps(const struct model_op *op)
{
	struct model_op load = *op;
	struct model_op store = *op;
	uintptr_t found;

	load.kind = MODEL_LOAD;
	load.order = op->order & MODEL_acquire;
	store.kind = MODEL_STORE;
	store.order = op->order & MODEL_release;
	found = explorer_perform(&load);
	if (found == op->expected)
		(void)explorer_perform(&store);
	return found;
}

static uintptr_t just_stores(const struct model_op *op)
{
	struct model_op store = *op;

	store.kind = MODEL_STORE;
	(void)explorer_perform(&store);
	return op->expected;
}

static uintptr_t blindly_again(const struct model_op *op)
{
	struct model_op again = *op;

	for (;;) {
		uintptr_t found = explorer_perform(&again);

		if (found == again.expected || frozenref__word_is_live((uint32_t)found))
			return op->expected;
		again.expected = found;
	}
}

static uintptr_t change(const struct mutant_rule *rule, const struct model_op *op)
{
	struct model_op changed = *op;

	switch (rule->action) {
	case MUTANT_ORDER:
		changed.order = (enum model_order)rule->argument;
		return explorer_perform(&changed);
	case MUTANT_LOAD_STORE:
		return in_two_steps(op);
	case MUTANT_STORE:
		return just_stores(op);
	case MUTANT_ONCE:
		(void)explorer_perform(op);
		return op->expected;
	case MUTANT_BLIND:
		return blindly_again(op);
	case MUTANT_ADD:
		changed.kind = MODEL_ADD;
		changed.value = op->value - op->expected;
		(void)explorer_perform(&changed);
		return op->expected;
	case MUTANT_STAYS:
		return op->expected;
	case MUTANT_SKIP:
		return rule->argument;
	case MUTANT_SET:
		return explorer_perform(op) | rule->argument;
	case MUTANT_CLEAR:
		return explorer_perform(op) & ~(uintptr_t)rule->argument;
	case MUTANT_WEAK:
	case MUTANT_NONE:
		break;
	}
	return explorer_perform(op);
}

static bool matches(const struct mutant_rule *rule, const struct model_op *op, const char *before)
{
	if (rule->action == MUTANT_NONE || rule->kind != op->kind)
		return false;
	if (strcmp(rule->function, op->function))
		return false;
	if (rule->order != MODEL_relaxed && rule->order != op->order)
		return false;
	if (rule->text && strcmp(rule->text, op->text))
		return false;
	return !rule->after || (before && !strcmp(rule->after, before));
}

uintptr_t model_atomic(struct model_op op)
{
	int thread = explorer_thread();
	const char *before = last[thread < 0 ? MODEL_THREADS_MAX : thread];

	last[thread < 0 ? MODEL_THREADS_MAX : thread] = op.function;
	if (active && thread >= 0) {
		for (unsigned i = 0; i < MUTANT_RULES; i++) {
			if (!matches(&active->rules[i], &op, before))
				continue;
			applied[i]++;
			return change(&active->rules[i], &op);
		}
	}
	return explorer_perform(&op);
}

/* --------------------------------------------------------------------------- starting, stopping */

static void replace_calls(const struct model_calls *calls)
{
	if (calls->put_rcu)
		model_calls.put_rcu = calls->put_rcu;
	if (calls->try_get)
		model_calls.try_get = calls->try_get;
	if (calls->freeze)
		model_calls.freeze = calls->freeze;
	if (calls->insert)
		model_calls.insert = calls->insert;
	if (calls->erase)
		model_calls.erase = calls->erase;
	if (calls->try_get_handle)
		model_calls.try_get_handle = calls->try_get_handle;
	if (calls->handle_state)
		model_calls.handle_state = calls->handle_state;
	if (calls->peek)
		model_calls.peek = calls->peek;
	if (calls->index_try_get)
		model_calls.index_try_get = calls->index_try_get;
	if (calls->index_insert)
		model_calls.index_insert = calls->index_insert;
}

void mutant_start(const struct mutant *mutant)
{
	active = mutant;
	memset(applied, 0, sizeof(applied));
	replace_calls(&mutant->calls);
	model_fault = mutant->fault;
	model_sign_test = mutant->sign_test;
	for (unsigned i = 0; i < MUTANT_RULES; i++) {
		if (mutant->rules[i].action == MUTANT_WEAK)
			memory_weak_cas_function = mutant->rules[i].function;
	}
}

void mutant_stop(void)
{
	active = NULL;
	memory_weak_cas_function = NULL;
	model_sign_test = false;
	model_calls_reset();
}

bool mutant_was_applied(void)
{
	for (unsigned i = 0; i < MUTANT_RULES; i++) {
		if (active->rules[i].action != MUTANT_NONE && !applied[i])
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------------------------ the table */

/* The flags of one page's head that somebody has frozen, or tries to. */
#define BUSY_HEAD  (FROZENREF__SLOT_USED | FROZENREF__SLOT_BUSY | 1u << FROZENREF__SLOT_PAGES_SHIFT)
/* And of one that nobody has. */
#define PLAIN_HEAD (FROZENREF__SLOT_USED | 1u << FROZENREF__SLOT_PAGES_SHIFT)

/* clang-format off */
#define WEAKER(weaker, in, what) \
	{ .action = MUTANT_ORDER, .argument = MODEL_##weaker, .function = (in), .kind = (what) }
#define WEAKER_FROM(strong, weaker, in, what) \
	{ .action = MUTANT_ORDER, .argument = MODEL_##weaker, .function = (in), .kind = (what), \
	  .order = MODEL_##strong }
#define CAS_BECOMES(fault, in) \
	{ .action = (fault), .function = (in), .kind = MODEL_CAS }

const struct mutant mutants[] = {
	/* The orders of the counter. */
	{ .name = "try_get: relaxed", .scenario = "get-put",
	  .rules = { WEAKER(relaxed, "frozenref_try_get", MODEL_ADD) } },
	{ .name = "try_get_n: relaxed", .scenario = "bulk-publish",
	  .rules = { WEAKER(relaxed, "frozenref_try_get_n", MODEL_ADD) } },
	{ .name = "put: relaxed", .scenario = "put-put",
	  .rules = { WEAKER(relaxed, "frozenref_put_and_lock", MODEL_ADD) } },
	{ .name = "put: acquire", .scenario = "put-put",
	  .rules = { WEAKER(acquire, "frozenref_put_and_lock", MODEL_ADD) } },
	{ .name = "put_n: relaxed", .scenario = "bulk",
	  .rules = { WEAKER(relaxed, "frozenref_put_and_lock_n", MODEL_ADD) } },
	{ .name = "put_left: relaxed", .scenario = "left",
	  .rules = { WEAKER(relaxed, "frozenref_put_and_lock_left", MODEL_ADD) } },
	{ .name = "put: its CAS relaxed", .scenario = "put-put",
	  .rules = { WEAKER(relaxed, "frozenref__put_slow", MODEL_CAS) } },
	{ .name = "put: its CAS release", .scenario = "put-put",
	  .rules = { WEAKER(release, "frozenref__put_slow", MODEL_CAS) } },
	{ .name = "put: acq_rel, and its CAS relaxed", .scenario = "reuse",
	  .rules = { WEAKER(acq_rel, "frozenref_put_and_lock", MODEL_ADD),
		     WEAKER(relaxed, "frozenref__put_slow", MODEL_CAS) } },
	{ .name = "put, hinted: relaxed", .scenario = "holders+hinted",
	  .rules = { WEAKER(relaxed, "frozenref_put_and_lock_likely_last", MODEL_CAS) } },
	{ .name = "put, hinted: release", .scenario = "holders+hinted",
	  .rules = { WEAKER(release, "frozenref_put_and_lock_likely_last", MODEL_CAS) } },
	{ .name = "put, hinted: acquire", .scenario = "aside-put+hinted",
	  .rules = { WEAKER(acquire, "frozenref_put_and_lock_likely_last", MODEL_CAS) } },
	{ .name = "put_rcu: relaxed", .scenario = "rcu",
	  .rules = { WEAKER_FROM(release, relaxed, "frozenref_put_and_lock_rcu", MODEL_CAS) } },
	{ .name = "put_rcu: the last relaxed", .scenario = "rcu",
	  .rules = { WEAKER_FROM(acq_rel, relaxed, "frozenref_put_and_lock_rcu", MODEL_CAS) } },
	{ .name = "put_rcu: the last release", .scenario = "rcu",
	  .rules = { WEAKER_FROM(acq_rel, release, "frozenref_put_and_lock_rcu", MODEL_CAS) } },
	{ .name = "unfreeze: relaxed", .scenario = "get-put",
	  .rules = { WEAKER(relaxed, "frozenref_unfreeze", MODEL_STORE) } },
	{ .name = "freeze: relaxed", .scenario = "freeze",
	  .rules = { WEAKER(relaxed, "frozenref_freeze", MODEL_CAS) } },
	{ .name = "freeze: release", .scenario = "freeze",
	  .rules = { WEAKER(release, "frozenref_freeze", MODEL_CAS) } },
	{ .name = "freeze: acquire", .scenario = "aside",
	  .rules = { WEAKER(acquire, "frozenref_freeze", MODEL_CAS) } },

	/* The shape of the counter. */
	{ .name = "try_get: undone when it fails", .scenario = "get-put",
	  .calls = { .try_get = try_get_and_undo } },
	{ .name = "try_get: looks first, then adds", .scenario = "get-put",
	  .calls = { .try_get = try_get_checked_first } },
	{ .name = "put: its CAS in two steps", .scenario = "holders",
	  .rules = { CAS_BECOMES(MUTANT_LOAD_STORE, "frozenref__put_slow") } },
	{ .name = "put: its CAS weak", .scenario = "put-put",
	  .rules = { CAS_BECOMES(MUTANT_WEAK, "frozenref__put_slow") } },
	{ .name = "put: its CAS a store", .scenario = "holders",
	  .rules = { CAS_BECOMES(MUTANT_STORE, "frozenref__put_slow") } },
	{ .name = "put, hinted: its CAS in two steps", .scenario = "holders+hinted",
	  .rules = { CAS_BECOMES(MUTANT_LOAD_STORE, "frozenref_put_and_lock_likely_last") } },
	{ .name = "put_rcu: through dying, memory freed", .scenario = "rcu",
	  .calls = { .put_rcu = put_not_rcu } },
	{ .name = "freeze: its CAS in two steps", .scenario = "freeze",
	  .rules = { CAS_BECOMES(MUTANT_LOAD_STORE, "frozenref_freeze") } },
	{ .name = "freeze(0) let through", .scenario = "freeze-none",
	  .calls = { .freeze = freeze_any } },
	{ .name = "the winner acts on what it remembers", .scenario = "late-win",
	  .fault = FAULT_REMEMBERS_CONTENT },
	{ .name = "a sign test instead of zones", .scenario = "put-frozen", .sign_test = true },
	{ .name = "reset: a store", .scenario = "reset-unfreeze-1",
	  .rules = { CAS_BECOMES(MUTANT_STORE, "reset") } },
	{ .name = "reset: in two steps", .scenario = "reset-unfreeze-1",
	  .rules = { CAS_BECOMES(MUTANT_LOAD_STORE, "reset") } },
	{ .name = "reset: of whatever is not live", .scenario = "reset-two-lives-3",
	  .rules = { CAS_BECOMES(MUTANT_BLIND, "reset") } },
	{ .name = "reset: tried once", .scenario = "reset-loop",
	  .rules = { CAS_BECOMES(MUTANT_ONCE, "reset") } },
	{ .name = "saturation: not pinned", .scenario = "saturation",
	  .rules = { { .action = MUTANT_STAYS, .function = "reset", .kind = MODEL_CAS } } },

	/* The registry. */
	{ .name = "lookup: relaxed", .scenario = "reg-insert-emptying",
	  .rules = { WEAKER(relaxed, "frozenref_try_get", MODEL_ADD) } },
	{ .name = "lookup: put back relaxed", .scenario = "reg-lookup-erase-put",
	  .rules = { WEAKER(relaxed, "frozenref_slot_put", MODEL_ADD) } },
	{ .name = "slot_put_left: relaxed", .scenario = "reg-alone-left",
	  .rules = { WEAKER(relaxed, "frozenref_slot_put_left", MODEL_ADD) } },
	{ .name = "lookup: does not look at ERASED", .scenario = "reg-alone",
	  .rules = { { .action = MUTANT_CLEAR, .argument = FROZENREF__SLOT_ERASED,
		       .function = "frozenref__registry_try_get_at", .kind = MODEL_LOAD,
		       .after = "frozenref_try_get" } } },
	{ .name = "lookup: does not look at USED", .scenario = "reg-insert-emptying",
	  .rules = { { .action = MUTANT_SET, .argument = FROZENREF__SLOT_USED,
		       .function = "frozenref__registry_settle", .kind = MODEL_LOAD } } },
	{ .name = "lookup: does not look at the cover", .scenario = "reg-tail-single",
	  .rules = { { .action = MUTANT_SET, .argument = 0xffffff00,
		       .function = "keep_if_covering", .kind = MODEL_LOAD } } },
	{ .name = "lookup through a tail: relaxed", .scenario = "reg-tail-new",
	  .rules = { WEAKER(relaxed, "frozenref__registry_try_get_tail", MODEL_ADD) } },
	{ .name = "lookup through a tail: does not look again", .scenario = "reg-tail-single",
	  .rules = { { .action = MUTANT_SKIP, .argument = FROZENREF__SLOT_USED | 2 << 8,
		       .function = "frozenref__registry_try_get_tail", .kind = MODEL_LOAD,
		       .after = "frozenref__registry_try_get_tail" } } },
	{ .name = "lookup: a miss keeps its reference", .scenario = "reg-lookup-erase",
	  .rules = { { .action = MUTANT_SKIP, .argument = FROZENREF__ONE + 1,
		       .function = "frozenref_slot_put", .kind = MODEL_ADD,
		       .after = "frozenref__registry_settle" } } },
	{ .name = "insert: USED before the word is live", .scenario = "reg-insert-erase",
	  .calls = { .insert = insert_used_first } },
	{ .name = "insert: claims in two steps", .scenario = "reg-insert-insert",
	  .rules = { CAS_BECOMES(MUTANT_LOAD_STORE, "claim_slot") } },
	{ .name = "insert: takes a claim for an object", .scenario = "reg-overlap-refused",
	  .rules = { { .action = MUTANT_SET, .argument = 1,
		       .function = "is_being_claimed", .kind = MODEL_LOAD } } },
	{ .name = "alloc_frozen: takes a claim for an object", .scenario = "walk-alloc-claimed",
	  .rules = { { .action = MUTANT_SET, .argument = 1,
		       .function = "is_being_claimed", .kind = MODEL_LOAD } } },
	{ .name = "insert: claims relaxed", .scenario = "reg-reinsert",
	  .rules = { WEAKER(relaxed, "claim_slot", MODEL_CAS) } },
	{ .name = "insert: USED relaxed", .scenario = "reg-insert-erase",
	  .rules = { WEAKER(relaxed, "frozenref_registry_insert_range", MODEL_STORE) } },
	{ .name = "the end: clears flags relaxed", .scenario = "reg-reinsert",
	  .rules = { WEAKER(relaxed, "empty_slots", MODEL_STORE) } },
	{ .name = "erase: marks in two steps", .scenario = "reg-erase-erase",
	  .rules = { CAS_BECOMES(MUTANT_LOAD_STORE, "try_erase") } },
	{ .name = "erase: drops under a freezer", .scenario = "reg-erase-or-freeze-get",
	  .calls = { .erase = erase_under_freezer } },
	{ .name = "unfreeze: forgets what an erase left", .scenario = "reg-erase-freeze",
	  .rules = { { .action = MUTANT_CLEAR, .argument = FROZENREF__SLOT_ERASED,
		       .function = "unbusy", .kind = MODEL_AND } } },
	{ .name = "freeze: marks in two steps", .scenario = "reg-erase-freeze",
	  .rules = { CAS_BECOMES(MUTANT_LOAD_STORE, "freeze") } },
	{ .name = "freeze: does not look for an erase", .scenario = "reg-erase-or-freeze",
	  .rules = { { .action = MUTANT_CLEAR, .argument = FROZENREF__SLOT_ERASED,
		       .function = "freeze", .kind = MODEL_LOAD,
		       .after = "frozenref_freeze" } } },
	{ .name = "freeze: keeps the word of what was erased", .scenario = "reg-erase-or-freeze",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref_unfreeze",
		       .kind = MODEL_STORE } } },
	{ .name = "erase: no reference under a freezer", .scenario = "reg-erase-or-freeze",
	  .calls = { .erase = erase_unheld } },
	{ .name = "erase: takes a replace for an owner", .scenario = "reg-replace-erase",
	  .calls = { .erase = erase_impatiently } },
	{ .name = "erase: takes any frozen word for an owner's", .scenario = "reg-erase-or-hand",
	  .rules = { { .action = MUTANT_SKIP, .argument = BUSY_HEAD, .function = "has_owner",
		       .kind = MODEL_LOAD, .text = "&head->flags" } } },
	{ .name = "erase: of whichever object", .scenario = "reg-erase-in-vain",
	  .rules = { { .action = MUTANT_SKIP, .function = "has_owner", .kind = MODEL_LOAD,
		       .text = "&head->sequence" } } },

	/* Erase and freeze: the orders of their operations on flags, and who fails when. */
	{ .name = "erase: relaxed", .scenario = "reg-erase-freeze",
	  .rules = { WEAKER(relaxed, "try_erase", MODEL_CAS) } },
	{ .name = "has_owner: the sequence relaxed", .scenario = "reg-erase-in-vain",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "has_owner", .kind = MODEL_LOAD, .order = MODEL_acquire,
		       .text = "&head->sequence" } } },
	{ .name = "has_owner: the word relaxed", .scenario = "reg-erase-in-vain",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "has_owner", .kind = MODEL_LOAD,
		       .text = "&head->ref.word" } } },
	{ .name = "has_owner: flags relaxed", .scenario = "reg-erase-in-vain",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "has_owner", .kind = MODEL_LOAD,
		       .text = "&head->flags" } } },
	{ .name = "freeze: marks relaxed", .scenario = "reg-hand-fresh",
	  .rules = { WEAKER(relaxed, "freeze", MODEL_CAS) } },
	{ .name = "unbusy: relaxed", .scenario = "reg-erase-freeze",
	  .rules = { WEAKER(relaxed, "unbusy", MODEL_AND) } },
	{ .name = "find_head: relaxed", .scenario = "reg-replace",
	  .rules = { WEAKER(relaxed, "find_head", MODEL_LOAD) } },
	{ .name = "lookup: does not wait for a replace", .scenario = "reg-replace",
	  .rules = { { .action = MUTANT_CLEAR, .argument = FROZENREF__SLOT_REPLACE,
		       .function = "find_head", .kind = MODEL_LOAD } } },
	{ .name = "lookup: kept out by a freeze that is tried", .scenario = "reg-freeze-in-vain",
	  .rules = { { .action = MUTANT_SKIP, .argument = 0,
		       .function = "frozenref_is_frozen", .kind = MODEL_LOAD,
		       .after = "find_head" } } },
	{ .name = "erase: kept out by a freeze that is tried",
	  .scenario = "reg-freeze-in-vain-erase",
	  .rules = { { .action = MUTANT_SKIP, .argument = 0,
		       .function = "has_owner", .kind = MODEL_LOAD,
		       .text = "&head->ref.word" } } },

	/* Trim. */
	{ .name = "trim: an insert does not wait for it", .scenario = "trim-insert",
	  .rules = { CAS_BECOMES(MUTANT_ADD, "enter"),
		     { .action = MUTANT_CLEAR, .argument = LEAF_PURGING, .function = "enter",
		       .kind = MODEL_LOAD } } },
	{ .name = "trim: does not look at what is in use", .scenario = "trim-insert",
	  .rules = { CAS_BECOMES(MUTANT_ONCE, "purge_leaf") } },
	{ .name = "trim: opens the leaf before it is purged", .scenario = "trim-insert",
	  .fault = FAULT_PURGES_LATE,
	  .rules = { { .action = MUTANT_SKIP, .function = "purge_leaf", .kind = MODEL_STORE } } },
	{ .name = "trim: opens the leaf relaxed", .scenario = "trim-insert",
	  .rules = { WEAKER(relaxed, "purge_leaf", MODEL_STORE) } },
	{ .name = "trim: closes the leaf relaxed", .scenario = "trim-insert-twice",
	  .rules = { WEAKER(relaxed, "purge_leaf", MODEL_CAS) } },
	{ .name = "trim: forgets generations", .scenario = "trim-reinsert",
	  .rules = { { .action = MUTANT_SKIP, .function = "slot_generation", .kind = MODEL_LOAD,
		       .after = "remember" },
		     { .action = MUTANT_SKIP, .function = "slot_generation", .kind = MODEL_LOAD,
		       .after = "remember_slot" } } },
	{ .name = "trim: remembers nothing", .scenario = "trim-reinsert",
	  .rules = { { .action = MUTANT_SKIP, .function = "remember", .kind = MODEL_LOAD } } },
	{ .name = "automatic trim: does not look at what is in use", .scenario = "autotrim-insert",
	  .rules = { CAS_BECOMES(MUTANT_ONCE, "purge_leaf") } },
	{ .name = "automatic trim: uncounts relaxed", .scenario = "autotrim-erase",
	  .rules = { WEAKER(relaxed, "set_idle", MODEL_CAS) } },
	{ .name = "automatic trim: counts in two steps", .scenario = "autotrim-erase",
	  .rules = { CAS_BECOMES(MUTANT_LOAD_STORE, "set_idle") } },
	{ .name = "insert: leaves the table counted", .scenario = "autotrim-taken",
	  .rules = { { .action = MUTANT_SKIP, .function = "set_idle", .kind = MODEL_LOAD,
		       .after = "enter" } } },
	{ .name = "the end: counts without a fence", .scenario = "autotrim-emptied",
	  .rules = { { .action = MUTANT_SKIP, .function = "leave", .kind = MODEL_FENCE } } },
	{ .name = "insert: enters relaxed", .scenario = "trim-insert",
	  .rules = { WEAKER(relaxed, "enter", MODEL_CAS) } },
	{ .name = "the end: leaves relaxed", .scenario = "end-destroy",
	  .rules = { WEAKER(relaxed, "leave", MODEL_ADD), WEAKER(relaxed, "depart", MODEL_ADD) } },

	/* Owned registries. */
	{ .name = "owned: memory is freed before its slot is empty",
	  .scenario = "owned-reuse-elsewhere", .fault = FAULT_FREES_FIRST },
	{ .name = "owned: leaves the slot as it is", .scenario = "owned-reuse",
	  .rules = { { .action = MUTANT_SKIP, .function = "owned_leave", .kind = MODEL_STORE } } },
	{ .name = "owned unfreeze: the word relaxed", .scenario = "owned-reuse",
	  .rules = { WEAKER(relaxed, "frozenref_unfreeze", MODEL_STORE) } },
	{ .name = "owned unfreeze: keeps BUSY", .scenario = "owned-reuse",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref_mi_unfreeze",
		       .kind = MODEL_STORE } } },
	{ .name = "owned unfreeze: the word before the flags", .scenario = "owned-publish",
	  .fault = FAULT_WORD_FIRST },
	{ .name = "owned unfreeze: flags relaxed", .scenario = "peek-owned-write",
	  .rules = { WEAKER_FROM(release, relaxed, "owned_unfreeze", MODEL_STORE) } },
	{ .name = "owned unfreeze: keeps the sequence", .scenario = "peek-owned-write",
	  .rules = { { .action = MUTANT_SKIP, .function = "owned_unfreeze", .kind = MODEL_STORE,
		       .text = "&slot->sequence" } } },
	{ .name = "owned lookup: relaxed", .scenario = "owned-reuse",
	  .rules = { WEAKER(relaxed, "frozenref_try_get", MODEL_ADD) } },
	{ .name = "owned put: relaxed", .scenario = "owned-late-put",
	  .rules = { WEAKER(relaxed, "frozenref_put_and_lock", MODEL_ADD) } },
	{ .name = "owned put: its CAS takes what is not its own", .scenario = "owned-late-put",
	  .rules = { CAS_BECOMES(MUTANT_ONCE, "frozenref__put_slow") } },
	{ .name = "owned lookup: does not look at the cover", .scenario = "owned-tail",
	  .rules = { { .action = MUTANT_SET, .argument = 0xffffff00,
		       .function = "keep_if_covering", .kind = MODEL_LOAD } } },
	{ .name = "owned trim: does not look at the slots", .scenario = "owned-trim",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref__next_slot",
		       .kind = MODEL_LOAD } } },
	{ .name = "owned: taken again as if there had been no trim",
	  .scenario = "owned-trim-reuse",
	  .rules = { { .action = MUTANT_SET, .argument = 1, .function = "owned_take_again",
		       .kind = MODEL_LOAD, .text = "&slot->generation_low" } } },

	/* Handles. */
	{ .name = "handle: does not look at the generation", .scenario = "handle-reinsert",
	  .calls = { .try_get_handle = try_get_handle_any } },
	{ .name = "handle: any slot of that generation", .scenario = "handle-range",
	  .calls = { .try_get_handle = try_get_handle_any_slot } },
	{ .name = "insert: keeps the generation", .scenario = "handle-reinsert",
	  .rules = { { .action = MUTANT_SKIP, .function = "begin_lifetime",
		       .kind = MODEL_STORE } } },
	{ .name = "handle_state: does not look again", .scenario = "handle-state",
	  .calls = { .handle_state = handle_state_once } },
	{ .name = "handle_state: no fence", .scenario = "handle-state",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref_registry_handle_state",
		       .kind = MODEL_FENCE } } },
	{ .name = "handle_state: sequence relaxed", .scenario = "handle-state",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "frozenref_registry_handle_state", .kind = MODEL_LOAD,
		       .order = MODEL_acquire, .after = "frozenref__table_window_slot" } } },
	{ .name = "handle_state: flags relaxed", .scenario = "handle-state",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "frozenref_registry_handle_state", .kind = MODEL_LOAD,
		       .order = MODEL_acquire, .after = "frozenref_registry_handle_state" } } },
	{ .name = "insert: no fence behind the sequence", .scenario = "handle-state",
	  .rules = { { .action = MUTANT_SKIP, .function = "begin_lifetime",
		       .kind = MODEL_FENCE } } },
	{ .name = "insert: sequence relaxed", .scenario = "handle-state",
	  .rules = { WEAKER_FROM(release, relaxed, "begin_lifetime", MODEL_STORE) } },
	{ .name = "insert: keeps the sequence", .scenario = "handle-state",
	  .rules = { { .action = MUTANT_SKIP, .function = "begin_lifetime",
		       .kind = MODEL_STORE, .order = MODEL_release } } },

	/* Peek, and what owners do for it. */
	{ .name = "peek: the word before the sequence", .scenario = "peek-replace",
	  .calls = { .peek = peek_word_first } },
	{ .name = "peek: the sequence relaxed", .scenario = "peek-call-replace",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "take_glance", .kind = MODEL_LOAD, .order = MODEL_acquire,
		       .after = "peek_head" } } },
	{ .name = "peek: the word relaxed", .scenario = "peek-call-reinsert",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "take_glance", .kind = MODEL_LOAD, .order = MODEL_acquire,
		       .after = "take_glance" } } },
	{ .name = "peek: no check in the middle", .scenario = "peek-longer",
	  .calls = { .peek = peek_no_middle } },
	{ .name = "peek: no fence before the second look", .scenario = "peek-call-free",
	  .rules = { { .action = MUTANT_SKIP, .function = "is_still", .kind = MODEL_FENCE } } },
	{ .name = "peek: the second look at the word relaxed", .scenario = "peek-call-write",
	  .rules = { WEAKER_FROM(acquire, relaxed, "is_still", MODEL_LOAD) } },
	{ .name = "inline peek: the sequence relaxed", .scenario = "peek-replace",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "frozenref_registry_peek", .kind = MODEL_LOAD,
		       .order = MODEL_acquire, .after = "frozenref__table_window_slot" } } },
	{ .name = "inline peek: the flags relaxed", .scenario = "peek-write",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "frozenref_registry_peek", .kind = MODEL_LOAD,
		       .order = MODEL_acquire, .after = "frozenref_registry_peek" } } },
	{ .name = "inline peek: does not look at the flags", .scenario = "peek-free",
	  .rules = { { .action = MUTANT_SKIP, .argument = PLAIN_HEAD,
		       .function = "frozenref__slot_is_same", .kind = MODEL_LOAD,
		       .order = MODEL_acquire } } },
	{ .name = "inline peek: does not look at the sequence", .scenario = "peek-write",
	  .rules = { { .action = MUTANT_SKIP, .argument = 1,
		       .function = "frozenref__slot_is_same", .kind = MODEL_LOAD,
		       .text = "&slot->sequence" } } },
	{ .name = "inline peek: no fence", .scenario = "peek-free",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref__slot_is_same",
		       .kind = MODEL_FENCE } } },
	{ .name = "inline peek: the second look at the flags relaxed", .scenario = "peek-write",
	  .rules = { WEAKER_FROM(acquire, relaxed, "frozenref__slot_is_same", MODEL_LOAD) } },
	{ .name = "peek through a tail: no look in the middle", .scenario = "peek-tail",
	  .calls = { .peek = peek_tail_no_middle } },
	{ .name = "peek through a tail: the sequence relaxed", .scenario = "peek-tail-replace",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "frozenref__slot_copy_behind", .kind = MODEL_LOAD,
		       .order = MODEL_acquire, .text = "&head->sequence" } } },
	{ .name = "peek through a tail: the flags relaxed", .scenario = "peek-tail-replace",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "frozenref__slot_copy_behind", .kind = MODEL_LOAD,
		       .order = MODEL_acquire, .text = "&head->flags" } } },
	{ .name = "the end: no fence before the first write", .scenario = "peek-free",
	  .rules = { { .action = MUTANT_SKIP, .function = "empty", .kind = MODEL_FENCE } } },
	{ .name = "the end: no fence behind the flags", .scenario = "peek-owned",
	  .rules = { { .action = MUTANT_SKIP, .function = "empty", .kind = MODEL_FENCE,
		       .after = "empty_slots" } } },
	{ .name = "freeze: no fence before the first write", .scenario = "peek-write",
	  .rules = { { .action = MUTANT_SKIP, .function = "freeze", .kind = MODEL_FENCE } } },
	{ .name = "freed memory taken without a fence", .scenario = "peek-reuse",
	  .fault = FAULT_NO_FENCE },
	{ .name = "set_object: no fence", .scenario = "peek-move",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref_slot_set_object",
		       .kind = MODEL_FENCE } } },
	{ .name = "unfreeze: keeps the sequence", .scenario = "peek-write",
	  .rules = { { .action = MUTANT_SKIP, .function = "publish", .kind = MODEL_STORE } } },
	{ .name = "replace: keeps the sequence", .scenario = "peek-replace",
	  .rules = { { .action = MUTANT_SKIP, .function = "publish", .kind = MODEL_STORE } } },
	{ .name = "trim: forgets sequences", .scenario = "peek-trim",
	  .rules = { { .action = MUTANT_SKIP, .function = "remember_slot", .kind = MODEL_LOAD } } },

	/* Caches. */
	{ .name = "cache: the depot's lock in two steps", .scenario = "cache-reuse-elsewhere",
	  .rules = { CAS_BECOMES(MUTANT_LOAD_STORE, "model_trylock") } },
	{ .name = "cache: the slabs' lock in two steps", .scenario = "cache-trim-alloc",
	  .rules = { CAS_BECOMES(MUTANT_LOAD_STORE, "model_lock") } },
	{ .name = "cache trim: purges what may be allocated", .scenario = "cache-trim-alloc",
	  .fault = FAULT_PURGES_LATE },
	{ .name = "cache free: keeps the generation", .scenario = "cache-handle",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref__cache_freeing",
		       .kind = MODEL_STORE } } },
	{ .name = "cache handle: does not look at the generation", .scenario = "cache-handle",
	  .rules = { { .action = MUTANT_SKIP, .argument = 1,
		       .function = "frozenref_cache_try_get_handle", .kind = MODEL_LOAD } } },
	{ .name = "cache alloc: the limit relaxed", .scenario = "cache-limit",
	  .rules = { WEAKER_FROM(release, relaxed, "claim_absent", MODEL_STORE) } },
	{ .name = "cache lookup: the limit relaxed", .scenario = "cache-limit",
	  .rules = { WEAKER(relaxed, "frozenref__cache_find", MODEL_LOAD) } },
	{ .name = "cache lookup: the word relaxed", .scenario = "cache-reuse",
	  .rules = { WEAKER(relaxed, "frozenref_try_get", MODEL_ADD) } },
	{ .name = "cache put: its CAS takes what is not its own", .scenario = "cache-late-put",
	  .rules = { CAS_BECOMES(MUTANT_ONCE, "frozenref__put_slow") } },
	{ .name = "cache put: no fence before the first write", .scenario = "cache-peek-free",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref__cache_end",
		       .kind = MODEL_FENCE } } },
	{ .name = "cache alloc: no fence before the first write",
	  .scenario = "cache-peek-elsewhere",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref__cache_disturb_peeks",
		       .kind = MODEL_FENCE } } },
	{ .name = "cache alloc: keeps the sequence", .scenario = "cache-peek-reuse",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref__cache_disturb_peeks",
		       .kind = MODEL_STORE } } },
	{ .name = "cache freeze: keeps the sequence", .scenario = "cache-peek-write",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref__cache_disturb_peeks",
		       .kind = MODEL_STORE } } },
	{ .name = "cache freeze: no fence before the first write", .scenario = "cache-peek-write",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref__cache_disturb_peeks",
		       .kind = MODEL_FENCE } } },
	{ .name = "cache trim: no fence before the purge", .scenario = "cache-peek-purge",
	  .rules = { { .action = MUTANT_SKIP, .function = "purge_slab",
		       .kind = MODEL_FENCE } } },
	{ .name = "cache alloc: no fence before the constructor",
	  .scenario = "cache-peek-construct",
	  .rules = { { .action = MUTANT_SKIP, .function = "frozenref__slabs_construct",
		       .kind = MODEL_FENCE } } },
	{ .name = "cache peek: no fence before the second look", .scenario = "cache-peek-free",
	  .rules = { { .action = MUTANT_SKIP, .function = "still_there",
		       .kind = MODEL_FENCE } } },
	{ .name = "cache peek: the second look at the word relaxed",
	  .scenario = "cache-peek-reuse",
	  .rules = { WEAKER_FROM(acquire, relaxed, "still_there", MODEL_LOAD) } },
	{ .name = "cache peek: the word relaxed", .scenario = "cache-peek-reuse",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "frozenref_cache_peek", .kind = MODEL_LOAD,
		       .text = "&ref->word" } } },
	{ .name = "cache peek: the sequence relaxed", .scenario = "cache-peek-reuse",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "frozenref_cache_peek", .kind = MODEL_LOAD,
		       .text = "sequence" } } },

	/* The index. */
	{ .name = "index: any chain's end will do", .scenario = "index-reuse-before",
	  .calls = { .index_try_get = try_get_any_end } },
	{ .name = "index: zero is an end", .scenario = "index-trim",
	  .calls = { .index_try_get = try_get_zero_ends } },
	{ .name = "index: does not look twice whether it is in", .scenario = "index-never-in",
	  .rules = { { .action = MUTANT_SKIP, .argument = TABLE_NUMBER, .function = "try_node",
		       .kind = MODEL_LOAD, .order = MODEL_acquire } } },
	{ .name = "index: whether it is in, relaxed", .scenario = "index-heard-astray",
	  .rules = { WEAKER_FROM(acquire, relaxed, "try_node", MODEL_LOAD) } },
	{ .name = "index: links relaxed", .scenario = "index-insert-before",
	  .rules = { WEAKER_FROM(acquire, relaxed, "frozenref_index_try_get", MODEL_LOAD) } },
	{ .name = "index insert: a bucket's link relaxed", .scenario = "index-insert-before",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "set_link", .kind = MODEL_STORE, .after = "set_link" } } },
	{ .name = "index insert: a node's link relaxed", .scenario = "index-insert-two",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "set_link", .kind = MODEL_STORE, .after = "link_locked" } } },
	{ .name = "index insert: in before it is linked", .scenario = "index-heard-astray",
	  .calls = { .index_insert = insert_shows_first } },
	{ .name = "index insert: in relaxed", .scenario = "index-heard-astray",
	  .rules = { WEAKER(relaxed, "link_in", MODEL_STORE) } },
	{ .name = "index insert: does not claim", .scenario = "index-move",
	  .rules = { CAS_BECOMES(MUTANT_ONCE, "link_in") } },
	{ .name = "index insert: claims relaxed", .scenario = "index-move-linked",
	  .rules = { WEAKER(relaxed, "link_in", MODEL_CAS) } },
	{ .name = "index erase: out relaxed", .scenario = "index-move-linked",
	  .rules = { WEAKER(relaxed, "take_out", MODEL_STORE) } },
	{ .name = "index erase: whether it is in, relaxed", .scenario = "index-move-erase",
	  .rules = { WEAKER_FROM(acquire, relaxed, "lock_stripe_of", MODEL_LOAD) } },
	{ .name = "index insert: does not look under the lock",
	  .scenario = "index-get-or-insert",
	  .rules = { { .action = MUTANT_SKIP, .function = "next_of_hash",
		       .kind = MODEL_LOAD } } },
	{ .name = "index evict: counts, and freezes then", .scenario = "index-evict",
	  .rules = { CAS_BECOMES(MUTANT_LOAD_STORE, "frozenref_freeze") } },
	{ .name = "index split: keeps the sequence", .scenario = "index-split",
	  .rules = { { .action = MUTANT_SKIP, .function = "begin_moves", .kind = MODEL_STORE },
		     { .action = MUTANT_SKIP, .function = "end_moves", .kind = MODEL_STORE,
		       .after = "end_moves" } } },
	{ .name = "index split: the end relaxed", .scenario = "index-split",
	  .rules = { WEAKER(relaxed, "end_moves", MODEL_STORE) } },
	{ .name = "index: the sequence relaxed", .scenario = "index-split",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "frozenref_index_try_get", .kind = MODEL_LOAD,
		       .text = "&stripe->sequence" } } },
	{ .name = "index: the number of buckets relaxed", .scenario = "index-split",
	  .rules = { { .action = MUTANT_ORDER, .argument = MODEL_relaxed,
		       .function = "frozenref_index_try_get", .kind = MODEL_LOAD,
		       .text = "&stripe->buckets" } } },
	{ .name = "index: does not look at the sequence again", .scenario = "index-split",
	  .rules = { { .action = MUTANT_SKIP, .function = "is_unmoved",
		       .kind = MODEL_LOAD } } },
	{ .name = NULL },
};
/* clang-format on */
