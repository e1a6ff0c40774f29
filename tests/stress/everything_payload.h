/* SPDX-License-Identifier: MIT */
/*
 * The payloads of tests/stress/everything.c: pages whose every word follows from one number.
 *
 * Used by that program alone; the functions are in everything_payload.c.
 */
#ifndef FROZENREF_TESTS_STRESS_EVERYTHING_PAYLOAD_H
#define FROZENREF_TESTS_STRESS_EVERYTHING_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

/* Small pages, so that a short run goes through many; a few of them are hot. */
enum {
	PAYLOAD_PAGE_SHIFT = 6,
	PAYLOAD_PAGE_WORDS = (1 << PAYLOAD_PAGE_SHIFT) / sizeof(uint64_t),
	PAYLOAD_PFNS = 14,
	PAYLOAD_PAGES_MAX = 5,
};

enum payload_place {
	PAYLOAD_ON_HEAP,  /* where a memory checker sees every use after the end */
	PAYLOAD_IN_POOL,  /* readable for ever, and soon used again: for peeks */
	PAYLOAD_IN_PLACE, /* the pfn is the address: for compact slots */
};

/* Before the threads start; all that follows is about this place. */
void payload_begin(enum payload_place place);

/* The hot pfns begin here, and lie on both sides of the border between two leaves. */
uint64_t payload_first_pfn(void);

/* A payload with a number of its own, for its owner alone; NULL if there is no room. */
void *payload_make(uint64_t pfn, uint64_t npages);

/* One with the same number, elsewhere; NULL if there is no room, or no elsewhere. */
void *payload_copy(const void *object, uint64_t pfn, uint64_t npages);

/* By the owner: other bytes, the same number. */
void payload_rewrite(void *object, uint64_t pfn, uint64_t npages);

/* By the owner: checks it a last time, and leaves nothing in it that would pass for an object. */
void payload_free(void *object, uint64_t pfn, uint64_t npages);

/* By a holder or the owner: all pages whole and of one object, which is returned by its number. */
uint64_t payload_check(const void *object, uint64_t pfn, uint64_t npages);

/* A copy of the first n words of a page that belongs on this pfn. */
void payload_check_words(const uint64_t *words, size_t n, uint64_t pfn);

/* How many are not freed yet. */
uint64_t payload_alive(void);

#endif /* FROZENREF_TESTS_STRESS_EVERYTHING_PAYLOAD_H */
