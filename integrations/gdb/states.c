/* SPDX-License-Identifier: MIT */
/*
 * Puts counters and registries into every state that frozenref-gdb.py has words for, and stops.
 *
 * Debugged by test-gdb.sh, which has a breakpoint at stop_here(). States that last for a moment,
 * and those that other threads cause, are written into the words by hand.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <frozenref/frozenref.h>

__attribute__((noinline)) void stop_here(void);

frozenref_t frozen, residue, surplus, dying, live_once, live, saturated, wrapped;
struct frozenref_registry *plain, *padded, *compact;
struct frozenref_slot *held, *tail, *taken, *empty;
uint64_t objects[8];
struct frozenref_cache *things;
struct frozenref_index *by_key;

/* What the cache holds, and the index finds. */
struct thing {
	uint64_t key;
	frozenref_t ref;
	struct frozenref_index_node node;
};

static void must(int ok)
{
	if (!ok) {
		fprintf(stderr, "states: a call failed\n");
		exit(1);
	}
}

static void make_counters(void)
{
	residue.word = 3;
	surplus.word = 0x7ffffffe;
	dying.word = 0x7fffffff;
	frozenref_unfreeze(&live_once, 1);
	frozenref_unfreeze(&live, 12);
	saturated.word = 0xd8000000;
	wrapped.word = 0xffffffff;
}

static struct frozenref_registry *make_registry(unsigned flags)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct frozenref_registry *reg;

	config.flags = flags;
	must(frozenref_registry_create(&reg, &config) == 0);
	return reg;
}

static void fill_plain(void)
{
	struct frozenref_slot *slot;

	plain = make_registry(FROZENREF_REGISTRY_PEEKABLE);
	/* Live, over the border of two tables, with three references and user bits. */
	must(frozenref_registry_insert_range(plain, 0xfffe, 4, &objects[1]) == 0);
	held = frozenref_registry_try_get(plain, 0x10001);
	must(held != NULL);
	frozenref_slot_get(plain, held);
	*frozenref_slot_user(held) = 0xabc;
	/* Frozen by an owner; a lookup that was late has left its add. */
	must(frozenref_registry_insert_frozen(plain, 0x20, 1, &objects[2], &taken) == 0);
	must(!frozenref_try_get((frozenref_t *)taken));
	/* Erased, with two holders. */
	must(frozenref_registry_insert(plain, 0x30, &objects[3]) == 0);
	slot = frozenref_registry_try_get(plain, 0x30);
	must(slot != NULL);
	frozenref_slot_get(plain, slot);
	must(frozenref_registry_erase(plain, 0x30) == 0);
	/* Far from the first, so that the tree is higher; saturated. */
	must(frozenref_registry_insert_frozen(plain, UINT64_C(0x400000005), 1, &objects[4],
					      &slot) == 0);
	frozenref_slot_unfreeze(plain, slot, FROZENREF_MAX);
	frozenref_slot_get(plain, slot);
	/* Empty again, in its second life, with the adds of two late lookups. */
	must(frozenref_registry_insert(plain, 0x40, &objects[5]) == 0);
	must(frozenref_registry_erase(plain, 0x40) == 0);
	must(frozenref_registry_insert(plain, 0x40, &objects[5]) == 0);
	empty = frozenref_registry_slot(plain, 0x40);
	must(frozenref_registry_erase(plain, 0x40) == 0);
	must(!frozenref_try_get((frozenref_t *)empty) && !frozenref_try_get((frozenref_t *)empty));
}

static void fill_others(void)
{
	struct frozenref_slot *slot;

	padded = make_registry(FROZENREF_REGISTRY_PADDED);
	for (uint64_t pfn = 0; pfn < 300; pfn++)
		must(frozenref_registry_insert(padded, 7 * pfn, &objects[6]) == 0);
	/* In the middle of being freed. */
	slot = frozenref_registry_slot(padded, 7);
	((frozenref_t *)slot)->word = 0x7fffffff;

	compact = make_registry(FROZENREF_REGISTRY_COMPACT);
	must(frozenref_registry_insert(compact, 0x50, (void *)0x50000) == 0);
	must(frozenref_registry_insert_frozen(compact, 0x51, 2, NULL, &slot) == 0);
}

static bool equal(const void *object, const void *key, void *arg)
{
	(void)arg;
	return ((const struct thing *)object)->key == *(const uint64_t *)key;
}

static struct thing *make_thing(uint64_t key)
{
	struct thing *thing = frozenref_cache_alloc(things);

	must(thing != NULL);
	thing->key = key;
	frozenref_unfreeze(&thing->ref, 1);
	must(frozenref_index_insert(by_key, key, &key, thing) == 0);
	return thing;
}

static void fill_cache(void)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;
	struct frozenref_index_config index_config = FROZENREF_INDEX_CONFIG_INIT;
	struct thing *thing;

	config.name = "things";
	config.object_size = 40;
	config.align = 8;
	config.ref_offset = offsetof(struct thing, ref);
	config.stable_offset = offsetof(struct thing, node);
	config.stable_size = sizeof(struct frozenref_index_node);
	must(frozenref_cache_create(&things, &config) == 0);
	index_config.cache = things;
	index_config.node_offset = offsetof(struct thing, node);
	index_config.equal = equal;
	index_config.stripes = 2;
	must(frozenref_index_create(&by_key, &index_config) == 0);
	/* Two live ones, the second held by the index alone; one frozen; one free, with residue. */
	(void)make_thing(1);
	must(!frozenref_cache_put(things, make_thing(2)));
	thing = frozenref_cache_alloc(things);
	must(thing && frozenref_is_frozen(&thing->ref));
	thing = frozenref_cache_alloc(things);
	must(thing != NULL);
	frozenref_cache_free(things, thing);
	must(!frozenref_try_get(&thing->ref));
}

/* A saturated object is meant, and its line would be in the way. */
static void ignore(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word, void *arg)
{
	(void)ref;
	(void)word;
	(void)arg;
	must(kind == FROZENREF_MISUSE_SATURATED);
}

void stop_here(void)
{
	__asm__ volatile("" ::: "memory");
}

int main(void)
{
	(void)frozenref_set_misuse_handler(ignore, NULL, NULL);
	make_counters();
	fill_plain();
	tail = (struct frozenref_slot *)((char *)held + sizeof(struct frozenref_slot));
	fill_others();
	fill_cache();
	stop_here();
	return 0;
}
