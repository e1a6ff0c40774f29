/* SPDX-License-Identifier: MIT */
/*
 * Pages that tell whose they are; see everything_payload.h.
 *
 * On the heap and in place they are plain memory, so that ThreadSanitizer sees every missing order.
 * A peek reads them while their owner may be writing, and throws away what it read: in the pool,
 * where that happens, they are read and written by relaxed atomics, as the two sides of a peek must
 * be.
 */
#include <stdbool.h>
#include <stdlib.h>

#include <frozenref/registry.h>

#include "everything_payload.h"
#include "stress.h"

/* Word 0 is the object's number, word 1 is its page's pfn and how often it was written. */
enum { VERSION_SHIFT = 56, POOL = 64, PLACES = PAYLOAD_PFNS + PAYLOAD_PAGES_MAX };

#define OBJECT_WORDS ((size_t)PAYLOAD_PAGES_MAX * PAYLOAD_PAGE_WORDS)
#define POISON	     UINT64_C(0xdeaddeaddeaddead)
#define PFN_MASK     ((UINT64_C(1) << VERSION_SHIFT) - 1)

static enum payload_place place;
static uint64_t first_pfn;
static uint64_t alive;
static uint64_t numbers;

/* In the pool: a bit for each object that is taken. In place: for each pfn. */
static uint64_t taken;
static uint64_t pool[POOL][OBJECT_WORDS] __attribute__((aligned(64)));

/* Two leaves' worth of addresses at the most: a border lies in the middle somewhere. */
static uint64_t *arena;

void payload_begin(enum payload_place new_place)
{
	const uint64_t leaf_bytes = (UINT64_C(1) << FROZENREF__LEAF_SHIFT) << PAYLOAD_PAGE_SHIFT;
	uint64_t border;

	place = new_place;
	stress_check(alive == 0 && taken == 0);
	if (!arena)
		arena = malloc((size_t)(2 * leaf_bytes));
	stress_check(arena != NULL);
	border = ((uintptr_t)arena + leaf_bytes) / leaf_bytes * leaf_bytes;
	if (border - (uintptr_t)arena < (uintptr_t)PLACES << PAYLOAD_PAGE_SHIFT)
		border += leaf_bytes;
	if (place != PAYLOAD_IN_PLACE)
		border = leaf_bytes;
	first_pfn = (border >> PAYLOAD_PAGE_SHIFT) - PLACES / 2;
}

uint64_t payload_first_pfn(void)
{
	return first_pfn;
}

uint64_t payload_alive(void)
{
	return __atomic_load_n(&alive, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------------------------- memory */

/* Takes the bits if all are free. Acquire: pairs with the release of who freed the memory. */
static bool take(uint64_t bits)
{
	uint64_t seen = __atomic_load_n(&taken, __ATOMIC_RELAXED);

	while (!(seen & bits)) {
		if (__atomic_compare_exchange_n(&taken, &seen, seen | bits, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	}
	return false;
}

static void give_back(uint64_t bits)
{
	stress_check((__atomic_fetch_and(&taken, ~bits, __ATOMIC_RELEASE) & bits) == bits);
}

static uint64_t place_bits(uint64_t pfn, uint64_t npages)
{
	return ((UINT64_C(1) << npages) - 1) << (pfn - first_pfn);
}

static void *take_from_pool(void)
{
	for (unsigned i = 0; i < POOL; i++) {
		if (!take(UINT64_C(1) << i))
			continue;
		/*
		 * A peek may still be reading what is written from here on; if so it must see that
		 * the object it was in has ended: pairs with its acquire fence after the copy.
		 */
		__atomic_thread_fence(__ATOMIC_RELEASE);
		return pool[i];
	}
	return NULL;
}

static void *take_memory(uint64_t pfn, uint64_t npages)
{
	switch (place) {
	case PAYLOAD_ON_HEAP:
		return malloc((size_t)npages << PAYLOAD_PAGE_SHIFT);
	case PAYLOAD_IN_POOL:
		return take_from_pool();
	default:
		if (!take(place_bits(pfn, npages)))
			return NULL;
		return (void *)(uintptr_t)(pfn << PAYLOAD_PAGE_SHIFT);
	}
}

/* -------------------------------------------------------------------------------------- words */

static void store(uint64_t *word, uint64_t value)
{
	if (place == PAYLOAD_IN_POOL)
		__atomic_store_n(word, value, __ATOMIC_RELAXED);
	else
		*word = value;
}

static uint64_t load(const uint64_t *word)
{
	return place == PAYLOAD_IN_POOL ? __atomic_load_n(word, __ATOMIC_RELAXED) : *word;
}

/* No two words of two pages are alike, but for numbers, unless by a chance of one in 2^64. */
static uint64_t derived(uint64_t number, uint64_t pfn_and_version, size_t i)
{
	uint64_t x = (number * 64 + i) * UINT64_C(0x9e3779b97f4a7c15) ^ pfn_and_version;

	x *= UINT64_C(0xff51afd7ed558ccd);
	return x ^ x >> 32;
}

static void write_pages(uint64_t *words, uint64_t number, uint64_t version, uint64_t pfn,
			uint64_t npages)
{
	for (uint64_t end = pfn + npages; pfn < end; pfn++, words += PAYLOAD_PAGE_WORDS) {
		uint64_t second = pfn | version << VERSION_SHIFT;

		store(words, number);
		store(words + 1, second);
		for (size_t i = 2; i < PAYLOAD_PAGE_WORDS; i++)
			store(words + i, derived(number, second, i));
	}
}

void payload_check_words(const uint64_t *words, size_t n, uint64_t pfn)
{
	stress_check(words[0] != POISON);
	if (n > 1)
		stress_check((words[1] & PFN_MASK) == pfn);
	for (size_t i = 2; i < n; i++)
		stress_check(words[i] == derived(words[0], words[1], i));
}

/* ------------------------------------------------------------------------------------- objects */

void *payload_make(uint64_t pfn, uint64_t npages)
{
	void *object = take_memory(pfn, npages);

	if (!object)
		return NULL;
	__atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
	write_pages(object, __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED), 0, pfn, npages);
	return object;
}

void *payload_copy(const void *object, uint64_t pfn, uint64_t npages)
{
	const uint64_t *words = object;
	void *copy;

	if (place == PAYLOAD_IN_PLACE)
		return NULL;
	copy = take_memory(pfn, npages);
	if (!copy)
		return NULL;
	__atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
	write_pages(copy, load(words), (load(words + 1) >> VERSION_SHIFT) + 1, pfn, npages);
	return copy;
}

void payload_rewrite(void *object, uint64_t pfn, uint64_t npages)
{
	uint64_t *words = object;
	uint64_t number = load(words);
	uint64_t version = load(words + 1) >> VERSION_SHIFT;

	for (size_t i = 0; i < npages * PAYLOAD_PAGE_WORDS; i++)
		store(words + i, POISON);
	write_pages(words, number, version + 1, pfn, npages);
}

uint64_t payload_check(const void *object, uint64_t pfn, uint64_t npages)
{
	const uint64_t *words = object;
	uint64_t number;

	stress_check(words != NULL);
	number = load(words);
	for (uint64_t i = 0; i < npages; i++, words += PAYLOAD_PAGE_WORDS) {
		uint64_t page[PAYLOAD_PAGE_WORDS];

		for (size_t j = 0; j < PAYLOAD_PAGE_WORDS; j++)
			page[j] = load(words + j);
		payload_check_words(page, PAYLOAD_PAGE_WORDS, pfn + i);
		stress_check(page[0] == number);
	}
	return number;
}

void payload_free(void *object, uint64_t pfn, uint64_t npages)
{
	uint64_t *words = object;

	(void)payload_check(object, pfn, npages);
	for (size_t i = 0; i < npages * PAYLOAD_PAGE_WORDS; i++)
		store(words + i, POISON);
	__atomic_sub_fetch(&alive, 1, __ATOMIC_RELAXED);
	if (place == PAYLOAD_ON_HEAP)
		free(object);
	else if (place == PAYLOAD_IN_POOL)
		give_back(UINT64_C(1) << (size_t)(words - pool[0]) / OBJECT_WORDS);
	else
		give_back(place_bits(pfn, npages));
}
