/* SPDX-License-Identifier: MIT */
/*
 * The table of an index, and how it grows and shrinks: a bucket at a time, under one stripe's lock.
 *
 * Called by index.c and index_change.c. Relies on a backend for addresses that are reserved once:
 * the table is never copied, and lookups never wait. By linear hashing a stripe with n buckets, of
 * which 2^k is the largest power of two, splits bucket n - 2^k next; the nodes whose hash has bit k
 * set move to the new bucket n. A merge takes that back.
 *
 * Memory of the table is had in chunks, which hold a number of buckets of each stripe. A stripe
 * counts how many chunks it reaches into; those that none reaches into are given back.
 */
#include "index.h"

#include <errno.h>

#include "backend.h"

/* Splits or merges that one insert or erase may do, so that the table keeps up with them. */
#define STEPS_AT_ONCE 4

/* The least that is committed, or given back, at once. */
#define CHUNK_MIN ((size_t)1 << 16)

/* It shrinks when there is less than a part of this of the load at which it grows. */
#define SLACK 4

size_t frozenref__index_table_bytes(const struct frozenref_index *index)
{
	return ((size_t)index->max_buckets << index->stripe_shift) * sizeof(*index->table);
}

/* --------------------------------------------------------------------------------------- chunks */

static char *chunk_address(const struct frozenref_index *index, uint32_t chunk)
{
	return (char *)index->table + chunk * index->chunk_bytes;
}

/* The last one may be smaller. */
static size_t chunk_bytes(const struct frozenref_index *index, uint32_t chunk)
{
	size_t left = frozenref__index_table_bytes(index) - chunk * index->chunk_bytes;

	return left < index->chunk_bytes ? left : index->chunk_bytes;
}

/* Under grow_lock, or before there is anybody else. */
static int commit_chunk(struct frozenref_index *index)
{
	uint32_t chunk = index->committed;
	int err = index->backend->commit(index->backend->context, chunk_address(index, chunk),
					 chunk_bytes(index, chunk));

	if (!err)
		index->committed++;
	return err;
}

/* Before a stripe begins to use a bucket; false if there is no memory for it. */
static bool reach(struct frozenref_index *index, struct stripe *stripe, uint32_t bucket)
{
	bool reached;

	if (bucket / index->chunk_rows < stripe->chunks)
		return true;
	pthread_mutex_lock(&index->grow_lock);
	reached = stripe->chunks < index->committed || commit_chunk(index) == 0;
	if (reached)
		stripe->chunks++;
	pthread_mutex_unlock(&index->grow_lock);
	return reached;
}

static uint32_t chunks_in_use(const struct frozenref_index *index)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i <= index->stripe_mask; i++) {
		if (index->stripes[i].chunks > most)
			most = index->stripes[i].chunks;
	}
	return most;
}

/*
 * After a merge. A stripe leaves a chunk when it is half a chunk away from it, or one that goes up
 * and down by a bucket would call the system each time. Lookups that come late read the bucket as
 * empty or as zero, and begin again in either case.
 */
static void leave(struct frozenref_index *index, struct stripe *stripe)
{
	uint32_t last = stripe->chunks - 1;

	if (stripe->buckets + index->chunk_rows / 2 > last * index->chunk_rows)
		return;
	pthread_mutex_lock(&index->grow_lock);
	stripe->chunks = last;
	if (chunks_in_use(index) == last)
		(void)index->backend->purge(index->backend->context, chunk_address(index, last),
					    chunk_bytes(index, last));
	pthread_mutex_unlock(&index->grow_lock);
}

/* ---------------------------------------------------------------------------- splits and merges */

/* From here to end_moves() a lookup that finds nothing in this stripe has proved nothing. */
static void begin_moves(struct stripe *stripe)
{
	/* Relaxed: the releases of what is moved go behind it. */
	frozenref__store32(&stripe->sequence, stripe->sequence + 1, relaxed);
}

static void end_moves(struct stripe *stripe, uint32_t buckets)
{
	/* Release, both: pair with the acquire of lookups, which see all moves then. */
	frozenref__store32(&stripe->buckets, buckets, release);
	frozenref__store32(&stripe->sequence, stripe->sequence + 1, release);
}

/* Moves those nodes of a chain whose home will be elsewhere, among so many buckets. */
static void move_nodes(const struct frozenref_index *index, uintptr_t *from, uint32_t buckets)
{
	uintptr_t *at = from;

	while (!is_end(link_locked(at))) {
		struct frozenref_index_node *node = node_at(link_locked(at));
		uint32_t hash = frozenref__load32(&node->hash, relaxed);
		uintptr_t *to = home_of(index, hash, buckets);

		if (to == from) {
			at = &node->next;
			continue;
		}
		set_link(at, link_locked(&node->next));
		set_link(&node->next, link_locked(to));
		set_link(to, (uintptr_t)node);
	}
}

/* The largest power of two up to n. */
static uint32_t floor_power(uint32_t n)
{
	return UINT32_C(0x80000000) >> __builtin_clz(n);
}

static uintptr_t *head_at(const struct frozenref_index *index, const struct stripe *stripe,
			  uint32_t bucket)
{
	return &index->table[((size_t)bucket << index->stripe_shift) +
			     (size_t)(stripe - index->stripes)];
}

static void split(struct frozenref_index *index, struct stripe *stripe)
{
	uint32_t buckets = stripe->buckets;
	uintptr_t *added = head_at(index, stripe, buckets);

	set_link(added, chain_end(added));
	begin_moves(stripe);
	move_nodes(index, head_at(index, stripe, buckets - floor_power(buckets)), buckets + 1);
	end_moves(stripe, buckets + 1);
	stripe->splits++;
}

static void merge(struct frozenref_index *index, struct stripe *stripe)
{
	uint32_t last = stripe->buckets - 1;

	begin_moves(stripe);
	move_nodes(index, head_at(index, stripe, last), last);
	end_moves(stripe, last);
	stripe->merges++;
}

void frozenref__index_grow(struct frozenref_index *index, struct stripe *stripe)
{
	for (unsigned i = 0; i < STEPS_AT_ONCE; i++) {
		if ((uint64_t)stripe->objects * 100 <= (uint64_t)stripe->buckets * index->load ||
		    stripe->buckets == index->max_buckets || stripe->objects < stripe->retry)
			return;
		stripe->retry = 0;
		if (!reach(index, stripe, stripe->buckets)) {
			/* Longer chains work as well; do not ask at each insert from now on. */
			stripe->retry = stripe->objects + stripe->objects / 8 + 1;
			stripe->grow_failures++;
			return;
		}
		split(index, stripe);
	}
}

void frozenref__index_shrink(struct frozenref_index *index, struct stripe *stripe)
{
	for (unsigned i = 0; i < STEPS_AT_ONCE; i++) {
		if ((uint64_t)stripe->objects * 100 * SLACK >=
			    (uint64_t)stripe->buckets * index->load ||
		    stripe->buckets == index->min_buckets)
			return;
		merge(index, stripe);
		leave(index, stripe);
	}
}

/* --------------------------------------------------------------------------------------- set-up */

static int fill_table(struct frozenref_index *index)
{
	uint32_t chunks = (index->min_buckets - 1) / index->chunk_rows + 1;

	while (index->committed < chunks) {
		int err = commit_chunk(index);

		if (err)
			return err;
	}
	for (uint32_t i = 0; i <= index->stripe_mask; i++) {
		struct stripe *stripe = &index->stripes[i];

		stripe->chunks = chunks;
		stripe->buckets = index->min_buckets;
		for (uint32_t bucket = 0; bucket < index->min_buckets; bucket++) {
			uintptr_t *head = head_at(index, stripe, bucket);

			*head = chain_end(head);
		}
	}
	return 0;
}

int frozenref__index_make_table(struct frozenref_index *index, bool or_fewer)
{
	size_t granule = frozenref__backend_granule(index->backend);
	void *table;
	int err;

	index->chunk_bytes = granule > CHUNK_MIN ? granule : CHUNK_MIN;
	index->chunk_rows =
		(uint32_t)(index->chunk_bytes / sizeof(*index->table) >> index->stripe_shift);
	for (;;) {
		size_t bytes = frozenref__index_table_bytes(index);

		err = index->backend->reserve(index->backend->context, bytes, granule, &table);
		if (!err || !or_fewer || index->max_buckets == index->min_buckets)
			break;
		index->max_buckets /= 2;
		if (index->max_buckets < index->min_buckets)
			index->max_buckets = index->min_buckets;
	}
	if (err)
		return err;
	index->table = table;
	err = fill_table(index);
	if (err)
		frozenref__index_free_table(index);
	return err;
}

void frozenref__index_free_table(struct frozenref_index *index)
{
	frozenref__backend_unmap(index->backend, index->table, frozenref__index_table_bytes(index));
}
