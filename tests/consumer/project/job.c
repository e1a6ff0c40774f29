/* SPDX-License-Identifier: MIT */
/*
 * What a program outside this tree does with an installed libfrozenref, in C99, C11 and C++11.
 *
 * Readers look blocks up by number in a registry while the main thread replaces them; and they sit
 * down at desks, counters in static memory that move to other tenants by freeze. Everything that
 * was read under a reference is verified, everything published is counted, and the sums must come
 * out even.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <frozenref/frozenref.h>

#ifdef __cplusplus
# define STANDARD __cplusplus
#else
# define STANDARD __STDC_VERSION__
#endif

/* Unlike assert() it stays with NDEBUG, which foreign build systems like to define. */
#define MUST(condition) \
 ((condition) ? (void)0 : (fprintf(stderr, "line %d: %s\n", __LINE__, #condition), abort()))

enum { READERS = 2, HITS = 20000, BLOCKS = 32, DESKS = 4, ROUNDS = 200 };

struct block {
	uint64_t number;
	uint64_t version;
	uint64_t check;
};

struct desk {
	frozenref_t ref;
	uint64_t tenant; /* written by who froze it, read by who holds a reference */
	uint64_t check;
};

struct reader {
	pthread_t thread;
	struct frozenref_registry *registry;
	uint64_t random;
	uint64_t hits;
	uint64_t moves;
};

static struct desk desks[DESKS]; /* zero: frozen, and there for as long as the program */

/* What threads tell each other beside what the library is for. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t released;
static int satisfied; /* readers with their HITS */
static bool stop;

static uint64_t check_of(uint64_t a, uint64_t b)
{
	return (a + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ b;
}

static void release(void *object, uint64_t number, uint64_t npages, void *arg)
{
	struct block *block = (struct block *)object;

	MUST(arg == desks && npages == 1 && block->number == number);
	MUST(block->check == check_of(number, block->version));
	block->check = 0;
	free(block);
	MUST(!pthread_mutex_lock(&lock));
	released++;
	MUST(!pthread_mutex_unlock(&lock));
}

static bool read_block(struct reader *reader, uint64_t number)
{
	struct frozenref_slot *slot = frozenref_registry_try_get(reader->registry, number);
	const struct block *block;

	if (!slot)
		return false;
	block = (const struct block *)frozenref_slot_object(slot);
	MUST(block->number == number && block->check == check_of(number, block->version));
	frozenref_slot_put(reader->registry, slot);
	return true;
}

static void visit_desk(struct reader *reader, struct desk *desk)
{
	if (frozenref_try_get(&desk->ref)) {
		MUST(desk->check == check_of(desk->tenant, 0));
		/* The desk keeps one reference until the end, so a visitor's is never the last. */
		MUST(!frozenref_put_and_lock(&desk->ref));
	}
	if (frozenref_freeze(&desk->ref, 1)) {
		desk->tenant++;
		desk->check = check_of(desk->tenant, 0);
		frozenref_unfreeze(&desk->ref, 1);
		reader->moves++;
	}
}

/* Whether the readers shall stop; `first` says that this one has just had its HITS. */
static bool report(bool first)
{
	bool answer;

	MUST(!pthread_mutex_lock(&lock));
	satisfied += first;
	answer = stop;
	MUST(!pthread_mutex_unlock(&lock));
	return answer;
}

static void *read_all(void *arg)
{
	struct reader *reader = (struct reader *)arg;

	for (;;) {
		uint64_t before = reader->hits;
		int i;

		for (i = 0; i < 250; i++) {
			reader->random = reader->random * UINT64_C(6364136223846793005) + 1;
			reader->hits += read_block(reader, (reader->random >> 33) % BLOCKS);
			visit_desk(reader, &desks[(reader->random >> 40) % DESKS]);
		}
		if (report(before < HITS && reader->hits >= HITS))
			return NULL;
	}
}

static void publish(struct frozenref_registry *registry, uint64_t number, uint64_t version)
{
	struct block *block = (struct block *)malloc(sizeof(*block));
	int err;

	MUST(block);
	block->number = number;
	block->version = version;
	block->check = check_of(number, version);
	/* -EBUSY: a reader has not left the block that was erased. */
	while ((err = frozenref_registry_insert(registry, number, block)) == -EBUSY)
		sched_yield();
	MUST(!err);
}

/* Whether every reader has its HITS; stops them if so, and if the writer wants it. */
static bool all_satisfied(bool and_stop)
{
	bool answer;

	MUST(!pthread_mutex_lock(&lock));
	answer = satisfied == READERS;
	stop = answer && and_stop;
	MUST(!pthread_mutex_unlock(&lock));
	return answer;
}

/* At least ROUNDS, and until every reader has read enough; returns how many rounds that were. */
static uint64_t replace_blocks(struct frozenref_registry *registry)
{
	uint64_t version = 0, number;

	do {
		version++;
		for (number = 0; number < BLOCKS; number++) {
			MUST(!frozenref_registry_erase(registry, number));
			publish(registry, number, version);
		}
	} while (!all_satisfied(version >= ROUNDS) || version < ROUNDS);
	for (number = 0; number < BLOCKS; number++)
		MUST(!frozenref_registry_erase(registry, number));
	return version;
}

int main(void)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct frozenref_registry *registry;
	struct reader readers[READERS];
	uint64_t hits = 0, moves = 0, tenants = 0, rounds, number;
	int i;

	config.pfn_bits = 20;
	config.release = release;
	config.arg = desks;
	MUST(!frozenref_registry_create(&registry, &config));
	for (number = 0; number < BLOCKS; number++)
		publish(registry, number, 0);
	for (i = 0; i < DESKS; i++) {
		MUST(frozenref_is_frozen(&desks[i].ref) && !frozenref_try_get(&desks[i].ref));
		desks[i].check = check_of(0, 0);
		frozenref_unfreeze(&desks[i].ref, 1);
	}

	for (i = 0; i < READERS; i++) {
		readers[i].registry = registry;
		readers[i].random = (uint64_t)i;
		readers[i].hits = readers[i].moves = 0;
		MUST(!pthread_create(&readers[i].thread, NULL, read_all, &readers[i]));
	}
	rounds = replace_blocks(registry);
	for (i = 0; i < READERS; i++) {
		MUST(!pthread_join(readers[i].thread, NULL));
		hits += readers[i].hits;
		moves += readers[i].moves;
	}

	for (i = 0; i < DESKS; i++) {
		tenants += desks[i].tenant;
		MUST(frozenref_put_and_lock(&desks[i].ref));
		MUST(frozenref_count(&desks[i].ref) == 0 && !frozenref_try_get(&desks[i].ref));
	}
	MUST(frozenref_registry_state(registry, 0) == FROZENREF_EMPTY);
	MUST(!frozenref_registry_destroy(registry));
	MUST(hits >= READERS * HITS && moves && moves == tenants);
	MUST(released == BLOCKS * (rounds + 1));
	printf("%ld: %" PRIu64 " reads verified, %" PRIu64
	       " blocks published and released, %" PRIu64 " moves\n",
	       (long)STANDARD, hits, released, moves);
	return 0;
}
