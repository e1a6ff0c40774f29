/* SPDX-License-Identifier: MIT */
/*
 * What caches cost, beside mimalloc, jemalloc and the C library's malloc; and what a lookup by
 * address costs, beside a bare counter.
 *
 * Run by `make bench`. Relies on harness.h for the measuring and on allocators.h for the others,
 * which are called through pointers, as a cache is called through the library's symbols. Where
 * lookups are involved the others have a counter that is taken by a compare-and-swap loop; they
 * can have no lookup by a stale address, so they are spared the question.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <frozenref/atomic.h>
#include <frozenref/cache.h>

#include "allocators.h"
#include "cas.h"
#include "harness.h"
#include "random.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define BATCH		1000
#define TABLE		4096 /* objects that each thread has in the mixed work */
#define PIPE		256

struct object {
	frozenref_t ref;
	uint32_t key;
};

/* 0 in the main thread; there is one other at a time, a new one for each slice. */
static __thread unsigned side = 1;

/* One contender's state. */
struct work {
	struct allocator allocator;
	size_t size;
};

static void *alloc_object(const struct work *work)
{
	void *object = work->allocator.alloc(work->size);

	BENCH_REQUIRE(object);
	return object;
}

/* What is written to a new object: the line that its user touches in any case. */
static void touch(void *object)
{
	*(volatile uint32_t *)((char *)object + sizeof(frozenref_t)) = 1;
}

/* ------------------------------------------------------------------------- alloc, free, batches */

BENCH_LOOP(one_cache, struct work, {
	void *object = frozenref_cache_alloc(x->allocator.cache);

	BENCH_REQUIRE(object);
	touch(object);
	frozenref_cache_free(x->allocator.cache, object);
})

BENCH_LOOP(one_other, struct work, {
	void *object = alloc_object(x);

	touch(object);
	x->allocator.free(object);
})

/* Alternately so many allocs and so many frees; what is left over stays for the next chunk. */
struct batch {
	void *object[BATCH];
	unsigned n;
	bool fills;
};

static struct batch batches[BENCH_THREADS_MAX][ALLOCATORS_MAX + 1];

static inline bool batch_next(struct batch *batch)
{
	if (batch->n == BATCH)
		batch->fills = false;
	else if (!batch->n)
		batch->fills = true;
	return batch->fills;
}

/* Half an alloc and free each time: so two steps are one operation. */
BENCH_LOOP(batch_cache, struct work, {
	struct batch *batch = &batches[side][0];

	for (unsigned step = 0; step < 2; step++) {
		if (batch_next(batch)) {
			void *object = frozenref_cache_alloc(x->allocator.cache);

			BENCH_REQUIRE(object);
			touch(object);
			batch->object[batch->n++] = object;
		} else {
			frozenref_cache_free(x->allocator.cache, batch->object[--batch->n]);
		}
	}
})

static unsigned number_of(const struct work *work);

BENCH_LOOP(batch_other, struct work, {
	struct batch *batch = &batches[side][number_of(x)];

	for (unsigned step = 0; step < 2; step++) {
		if (batch_next(batch)) {
			void *object = alloc_object(x);

			touch(object);
			batch->object[batch->n++] = object;
		} else {
			x->allocator.free(batch->object[--batch->n]);
		}
	}
})

/* ------------------------------------------------------------------------ producer and consumer */

/* What the producer allocates, a thread that runs for the whole group frees. */
static struct {
	uintptr_t slot[PIPE];
	struct work *work;
	uint64_t freed;
	uint32_t stop;
	uint64_t next; /* the producer's */
} pipeline;

static void free_object(const struct work *work, void *object)
{
	if (work->allocator.cache)
		frozenref_cache_free(work->allocator.cache, object);
	else
		work->allocator.free(object);
}

static void *consume(void *arg)
{
	for (uint64_t i = 0;; i++) {
		uintptr_t *slot = &pipeline.slot[i % PIPE];
		uintptr_t object;

		/* Acquire: pairs with the producer's release. */
		while (!(object = frozenref__loadptr(slot, acquire))) {
			if (frozenref__load32(&pipeline.stop, relaxed))
				return arg;
		}
		free_object(pipeline.work, (void *)object);
		frozenref__storeptr(slot, 0, release);
	}
}

static void hand_over(void *object)
{
	uintptr_t *slot = &pipeline.slot[pipeline.next++ % PIPE];

	/* Acquire: pairs with the consumer's release. */
	while (frozenref__loadptr(slot, acquire))
		continue;
	frozenref__storeptr(slot, (uintptr_t)object, release);
}

/* The consumer frees by what `work` says, so it has to be done before the next contender comes. */
static void drain_pipe(void)
{
	for (unsigned i = 0; i < PIPE; i++) {
		while (frozenref__loadptr(&pipeline.slot[i], acquire))
			continue;
	}
}

static void produce_cache(void *state, uint64_t n)
{
	pipeline.work = state;
	for (; n; n--) {
		void *object = frozenref_cache_alloc(pipeline.work->allocator.cache);

		BENCH_REQUIRE(object);
		touch(object);
		hand_over(object);
	}
	drain_pipe();
}

static void produce_other(void *state, uint64_t n)
{
	pipeline.work = state;
	for (; n; n--) {
		void *object = alloc_object(pipeline.work);

		touch(object);
		hand_over(object);
	}
	drain_pipe();
}

/* ------------------------------------------------------------------ lookups, and 5 % of changes */

static struct object *tables[BENCH_THREADS_MAX][ALLOCATORS_MAX + 1][TABLE];

static struct object *publish_cache(struct work *work)
{
	struct object *object = frozenref_cache_alloc(work->allocator.cache);

	BENCH_REQUIRE(object);
	object->key = 1;
	frozenref_unfreeze(&object->ref, 1);
	return object;
}

static struct object *publish_other(struct work *work)
{
	struct object *object = alloc_object(work);

	object->key = 1;
	/* Release: as an unfreeze would. */
	frozenref__store32(&object->ref.word, 1, release);
	return object;
}

static inline bool cas_put(frozenref_t *ref)
{
	return frozenref__add32(&ref->word, UINT32_MAX, release) == 1;
}

BENCH_RANDOM_LOOP(lookup_cache, struct work, {
	struct object **place = &tables[side][0][bench_random(&random, TABLE)];

	if (!*place) {
		*place = publish_cache(x);
	} else if (bench_random(&random, 100) < 5) {
		BENCH_REQUIRE(frozenref_cache_put(x->allocator.cache, *place));
		*place = publish_cache(x);
	} else {
		struct object *object = frozenref_cache_try_get(x->allocator.cache, *place);

		BENCH_REQUIRE(object && object->key == 1);
		BENCH_REQUIRE(!frozenref_cache_put(x->allocator.cache, object));
	}
})

BENCH_RANDOM_LOOP(lookup_other, struct work, {
	struct object **place = &tables[side][number_of(x)][bench_random(&random, TABLE)];

	if (!*place) {
		*place = publish_other(x);
	} else if (bench_random(&random, 100) < 5) {
		BENCH_REQUIRE(cas_put(&(*place)->ref));
		x->allocator.free(*place);
		*place = publish_other(x);
	} else {
		BENCH_REQUIRE(cas_try_get(&(*place)->ref.word) && (*place)->key == 1);
		BENCH_REQUIRE(!cas_put(&(*place)->ref));
	}
})

/* 2 threads, each with a table of its own: half of the places are given new objects. */
BENCH_RANDOM_LOOP(mixed_cache, struct work, {
	struct object **place = &tables[side][0][bench_random(&random, TABLE)];

	if (*place)
		BENCH_REQUIRE(frozenref_cache_put(x->allocator.cache, *place));
	*place = publish_cache(x);
})

BENCH_RANDOM_LOOP(mixed_other, struct work, {
	struct object **place = &tables[side][number_of(x)][bench_random(&random, TABLE)];

	if (*place) {
		BENCH_REQUIRE(cas_put(&(*place)->ref));
		x->allocator.free(*place);
	}
	*place = publish_other(x);
})

/* -------------------------------------------------------------------------- by address, or bare */

struct addresses {
	struct frozenref_cache *cache;
	struct object **object;
	uint64_t n;
};

BENCH_RANDOM_LOOP(by_address, struct addresses, {
	struct object *object =
		frozenref_cache_try_get(x->cache, x->object[bench_random(&random, x->n)]);

	BENCH_REQUIRE(object);
	BENCH_REQUIRE(!frozenref_cache_put(x->cache, object));
})

BENCH_RANDOM_LOOP(bare_counter, struct addresses, {
	struct object *object = x->object[bench_random(&random, x->n)];

	BENCH_REQUIRE(frozenref_try_get(&object->ref));
	BENCH_REQUIRE(!frozenref_put_and_lock(&object->ref));
})

/* --------------------------------------------------------------------------------------- set-up */

static struct work works[ALLOCATORS_MAX + 1];
static size_t n_works;

/* Whose batch and table it is. */
static unsigned number_of(const struct work *work)
{
	return (unsigned)(work - works);
}

static struct frozenref_cache *make_cache(size_t size)
{
	struct frozenref_cache_config config = FROZENREF_CACHE_CONFIG_INIT;
	struct frozenref_cache *cache;

	config.object_size = size;
	if (frozenref_cache_create(&cache, &config)) {
		fprintf(stderr, "frozenref_cache_create failed\n");
		exit(EXIT_FAILURE);
	}
	return cache;
}

static void make_works(const struct allocator *allocators, size_t n, size_t size)
{
	works[0] = (struct work){ { "libfrozenref cache", NULL, NULL, make_cache(size) }, size };
	for (size_t i = 0; i < n; i++)
		works[1 + i] = (struct work){ allocators[i], size };
	n_works = 1 + n;
}

static void put_object(const struct work *work, struct object *object)
{
	if (work->allocator.cache)
		(void)frozenref_cache_put(work->allocator.cache, object);
	else
		work->allocator.free(object);
}

/* Gives back what both threads still have. */
static void empty_tables(void)
{
	for (size_t i = 0; i < n_works * BENCH_THREADS_MAX; i++) {
		struct batch *batch = &batches[i / n_works][i % n_works];
		struct object **table = tables[i / n_works][i % n_works];

		while (batch->n)
			free_object(&works[i % n_works], batch->object[--batch->n]);
		for (unsigned at = 0; at < TABLE; at++) {
			if (table[at])
				put_object(&works[i % n_works], table[at]);
			table[at] = NULL;
		}
	}
}

static void destroy_cache(struct frozenref_cache *cache)
{
	BENCH_REQUIRE(frozenref_cache_destroy(cache) == 0);
}

/* --------------------------------------------------------------------------------------- groups */

struct plan {
	const char *key;
	const char *title;
	bench_loop *cache;
	bench_loop *other;
	unsigned threads;
	unsigned stretch;
};

static void run_plan(struct bench *bench, const struct plan *plan, size_t size, double at_most)
{
	const struct bench_target targets[] = {
		{ "libfrozenref cache", "mimalloc", at_most },
		{ NULL, NULL, 0 },
	};
	struct bench_case cases[ALLOCATORS_MAX + 1];
	char key[40];
	char title[120];

	for (size_t i = 0; i < n_works; i++)
		cases[i] = (struct bench_case){ works[i].allocator.name,
						i ? plan->other : plan->cache, &works[i], NULL };
	snprintf(key, sizeof(key), "%s_%zu", plan->key, size);
	snprintf(title, sizeof(title), "%s, %zu bytes", plan->title, size);
	bench_run(bench, &(struct bench_group){
				 .key = key,
				 .title = title,
				 .threads = plan->threads,
				 .cases = cases,
				 .n_cases = n_works,
				 .targets = at_most > 0 ? targets : NULL,
				 .stretch = plan->stretch,
			 });
	empty_tables();
}

static void run_pipeline(struct bench *bench, size_t size)
{
	static const struct plan plan = {
		"pipeline", "alloc here, free there", produce_cache, produce_other, 1, 2
	};
	pthread_t consumer;

	pipeline.stop = 0;
	if (pthread_create(&consumer, NULL, consume, NULL) != 0)
		return;
	run_plan(bench, &plan, size, size == 64 ? 1.0 : 0);
	drain_pipe();
	frozenref__store32(&pipeline.stop, 1, relaxed);
	pthread_join(consumer, NULL);
	/* The next consumer begins at the first slot. */
	pipeline.next = 0;
}

static void run_size(struct bench *bench, size_t size)
{
	static const struct plan plans[] = {
		{ "one", "alloc and free of one object", one_cache, one_other, 1, 1 },
		{ "one_2", "the same on two threads", one_cache, one_other, 2, 1 },
		{ "batch", "batches of 1,000", batch_cache, batch_other, 1, 1 },
		{ "mixed_2", "random places get new objects, two threads", mixed_cache, mixed_other,
		  2, 1 },
		{ "lookup", "95 % lookups, 5 % new objects", lookup_cache, lookup_other, 1, 1 },
		{ "lookup_2", "the same on two threads", lookup_cache, lookup_other, 2, 1 },
	};

	for (size_t i = 0; i < COUNT_OF(plans); i++)
		run_plan(bench, &plans[i], size, size == 64 && i < 2 ? 1.0 : 0);
	run_pipeline(bench, size);
}

static void run_by_address(struct bench *bench, uint64_t n)
{
	struct addresses addresses = { make_cache(64), malloc(n * sizeof(struct object *)), n };
	struct work work = { { "", NULL, NULL, addresses.cache }, 64 };
	const struct bench_case cases[] = {
		{ "bare counter", bare_counter, &addresses, NULL },
		{ "by address", by_address, &addresses, NULL },
	};
	static const struct bench_target targets[] = {
		{ "by address", "bare counter", 1.30 },
		{ NULL, NULL, 0 },
	};
	char key[40];
	char title[80];

	if (!addresses.object)
		exit(EXIT_FAILURE);
	for (uint64_t i = 0; i < n; i++)
		addresses.object[i] = publish_cache(&work);
	snprintf(key, sizeof(key), "address_%llu", (unsigned long long)n);
	snprintf(title, sizeof(title), "try_get and put by address: %llu objects of 64 bytes",
		 (unsigned long long)n);
	bench_run(bench, &(struct bench_group){
				 .key = key,
				 .title = title,
				 .threads = 1,
				 .cases = cases,
				 .n_cases = COUNT_OF(cases),
				 .targets = targets,
			 });
	for (uint64_t i = 0; i < n; i++)
		(void)frozenref_cache_put(addresses.cache, addresses.object[i]);
	destroy_cache(addresses.cache);
	free(addresses.object);
}

/* --------------------------------------------------------------------------------------- memory */

static long resident_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long resident = 0;

	if (!file || fscanf(file, "%*d %ld", &resident) != 1)
		resident = 0;
	if (file)
		fclose(file);
	return resident;
}

/* In a child, so that all begin with the same heap. */
static void print_memory_of(const struct work *work, uint64_t n)
{
	long before = resident_pages();
	double bytes;

	for (uint64_t i = 0; i < n; i++) {
		void *object = work->allocator.cache ? frozenref_cache_alloc(work->allocator.cache)
						     : work->allocator.alloc(work->size);

		BENCH_REQUIRE(object);
		touch(object);
	}
	bytes = (double)(resident_pages() - before) * (double)sysconf(_SC_PAGESIZE) / (double)n;
	printf("  %-34s %9.2f bytes an object, %.3f x the payload\n", work->allocator.name, bytes,
	       bytes / (double)work->size);
	fflush(stdout);
}

static void print_memory(uint64_t n, size_t size)
{
	printf("\nresident memory of %llu live objects of %zu bytes\n", (unsigned long long)n,
	       size);
	fflush(stdout);
	for (size_t i = 0; i < n_works; i++) {
		pid_t child = fork();

		if (!child) {
			print_memory_of(&works[i], n);
			_exit(EXIT_SUCCESS);
		}
		if (child > 0)
			(void)waitpid(child, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 64, 256, 4096 };
	struct allocator allocators[ALLOCATORS_MAX];
	struct bench *bench;
	size_t n;

	side = 0;
	bench_allocators_prepare(argv);
	bench = bench_start(argc, argv, "cache");
	n = bench_allocators(allocators);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		make_works(allocators, n, sizes[i]);
		print_memory(sizes[i] == 4096 ? 50000 : 1000000, sizes[i]);
		run_size(bench, sizes[i]);
		destroy_cache(works[0].allocator.cache);
	}
	run_by_address(bench, 1);
	run_by_address(bench, 1024);
	run_by_address(bench, 100000);
	return bench_finish(bench);
}
