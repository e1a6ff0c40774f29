/* SPDX-License-Identifier: MIT */
/*
 * Calls with a fault, to be put in the place of the library's.
 *
 * Used by mutants.c; each is explained in faults.c. Those of the index are in items.h.
 */
#ifndef MODEL_FAULTS_H
#define MODEL_FAULTS_H

#include <frozenref/registry.h>

bool freeze_any(frozenref_t *ref, uint32_t expected);
bool put_not_rcu(frozenref_t *ref);
bool try_get_and_undo(frozenref_t *ref);
bool try_get_checked_first(frozenref_t *ref);
int insert_used_first(struct frozenref_registry *reg, uint64_t pfn, void *object);
int erase_under_freezer(struct frozenref_registry *reg, uint64_t pfn);
int erase_unheld(struct frozenref_registry *reg, uint64_t pfn);
int erase_impatiently(struct frozenref_registry *reg, uint64_t pfn);
struct frozenref_slot *try_get_handle_any(struct frozenref_registry *reg,
					  struct frozenref_handle handle);
struct frozenref_slot *try_get_handle_any_slot(struct frozenref_registry *reg,
					       struct frozenref_handle handle);
enum frozenref_state handle_state_once(struct frozenref_registry *reg,
				       struct frozenref_handle handle);
bool peek_word_first(struct frozenref_registry *reg, uint64_t pfn, size_t offset, void *buffer,
		     size_t length);
bool peek_no_middle(struct frozenref_registry *reg, uint64_t pfn, size_t offset, void *buffer,
		    size_t length);
bool peek_tail_no_middle(struct frozenref_registry *reg, uint64_t pfn, size_t offset, void *buffer,
			 size_t length);

#endif /* MODEL_FAULTS_H */
