/* SPDX-License-Identifier: MIT */
/*
 * The index that scenarios race on, its items, and what must hold of both in the end.
 *
 * Used by scenarios_index.c and mutants.c. The items come from a real cache, in which each of the
 * explorer's threads has its own magazines. Each has a key, which lookups compare, and a payload,
 * which holders read and whoever ends the item writes.
 */
#ifndef MODEL_ITEMS_H
#define MODEL_ITEMS_H

#include "../../lib/index.h"
#include "scenario.h"

/*
 * With two buckets: C is in bucket 1, all others in bucket 0. A third bucket takes D from bucket 0.
 * E has the very hash of A. With two stripes C is in the second one.
 */
enum key { A, B, C, D, E, F, KEYS };

enum { ITEMS = 4, NO_ITEM = -1, OTHER_ITEM = ITEMS };

/* Payloads: whoever looks for an item in a table must never find one that was never in it. */
enum { ENDED, IN_USE, NEVER_IN };

struct item {
	frozenref_t ref;
	int key;
	int payload;
	struct frozenref_index_node node;
};

/* What threads note, each in a place of its own. */
struct notes {
	int found[MODEL_THREADS_MAX]; /* which item, OTHER_ITEM, or NO_ITEM */
	int result[MODEL_THREADS_MAX];
	unsigned ended[MODEL_THREADS_MAX];
	unsigned made[MODEL_THREADS_MAX];
	uint32_t flag; /* by which a thread tells another what it knows */
};

extern struct frozenref_index *table;
extern struct frozenref_index *other_table; /* or NULL */
extern struct item *item[ITEMS];	    /* none of them is in a table at first */
extern struct notes notes;

/* Where the library's own numbers of indexes would depend on what ran before. */
enum { TABLE_NUMBER = 7, OTHER_NUMBER = 8 };

void setup_items(unsigned stripes, bool two_tables);
void items_are_set_up(void); /* the last step of every setup */
void teardown_items(void);

/* As frozenref_index_*(), by key. */
uint64_t hash_of(enum key key);
void *find(struct frozenref_index *index, enum key key);
int insert(struct frozenref_index *index, struct item *it);
void *get_or_insert(struct frozenref_index *index, struct item *it);

/* In setup: makes the item one with this key, held by the caller; and, if so, puts it in. */
void make_item(unsigned i, enum key key);
void put_in(unsigned i, enum key key); /* only the table holds it then */

/* Looks a key up, uses what is there, and notes what it was. */
void look_for(int me, enum key key);
void put_item(struct item *it);
/* Frees nothing, or ends the item if it was the last; whether it did. */
bool drop_item(struct item *it);
/* A new item with this key, live and held; most likely the one that the thread freed last. */
struct item *new_item(enum key key, int payload);
int item_number(const struct item *it);

/* What is in the tables is whole, live, and found; and everything else ended as often as made. */
void check_items(void);

/* Lookups and inserts with a fault. */
void *try_get_any_end(struct frozenref_index *index, uint64_t user_hash, const void *key);
void *try_get_zero_ends(struct frozenref_index *index, uint64_t user_hash, const void *key);
int insert_shows_first(struct frozenref_index *index, uint64_t user_hash, const void *key,
		       void *object);

#endif /* MODEL_ITEMS_H */
