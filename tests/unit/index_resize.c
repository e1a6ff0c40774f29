/* SPDX-License-Identifier: MIT */
/*
 * An index that grows and shrinks: what it keeps, what it gives back, walks, and no memory.
 *
 * Run by `make check`.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h> /* for Windows, where this hides the /proc that Wine would show */
#include <unistd.h>

#include "index_fixture.h"
#include "process.h"

#define HASH(key) (UINT64_C(0xd1342543de82ef95) * ((key) + 1))

static void insert_keys(uint64_t from, uint64_t to)
{
	for (uint64_t key = from; key < to; key++)
		(void)insert_item(items, HASH(key), key);
}

static void evict_keys(uint64_t from, uint64_t to)
{
	for (uint64_t key = from; key < to; key++)
		evict(items, HASH(key), key);
}

static void assert_there(uint64_t from, uint64_t to, uint64_t end)
{
	for (uint64_t key = 0; key < end; key++)
		cr_assert(has(items, HASH(key), key) == (key >= from && key < to), "key %llu",
			  (unsigned long long)key);
}

Test(index_resize, follows_the_number_of_objects)
{
	enum { N = 100000 };
	struct frozenref_index_stats empty;
	struct frozenref_index_stats full;
	struct frozenref_index_stats after;

	make_items();
	empty = stats_of(items);
	for (uint64_t n = 1000; n <= N; n *= 10) {
		insert_keys(n == 1000 ? 0 : n / 10, n);
		assert_there(0, n, n + 1000);
		full = stats_of(items);
		/* One for each object, give or take what the stripes differ by. */
		cr_assert(full.buckets * 10 >= n * 9 && full.buckets * 10 <= n * 13,
			  "%llu buckets for %llu objects", (unsigned long long)full.buckets,
			  (unsigned long long)n);
	}
	cr_assert(full.splits == full.buckets - empty.buckets);
	evict_keys(0, N / 2);
	assert_there(N / 2, N, N);
	cr_assert(stats_of(items).merges == 0, "half full is no reason to shrink");
	evict_keys(N / 2, N);
	after = stats_of(items);
	cr_assert(after.buckets == empty.buckets, "%llu buckets",
		  (unsigned long long)after.buckets);
	cr_assert(after.merges == after.splits);
	cr_assert(after.bytes_resident <= empty.bytes_resident + (1 << 16),
		  "%llu bytes, and %llu at first", (unsigned long long)after.bytes_resident,
		  (unsigned long long)empty.bytes_resident);
	cr_assert(full.bytes_resident >= empty.bytes_resident + full.buckets * sizeof(void *) / 2);
	insert_keys(0, N);
	assert_there(0, N, N);
	evict_keys(0, N);
	destroy_items();
}

/* Numbers in a row and addresses may be their own hashes: no long chains, no full stripes. */
Test(index_resize, spreads_poor_hashes)
{
	enum { N = 100000 };
	static const unsigned shifts[] = { 0, 4, 12, 32 };

	for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		struct frozenref_index_stats stats;

		make_items();
		for (uint64_t key = 0; key < N; key++)
			(void)insert_item(items, key << shifts[i], key);
		stats = stats_of(items);
		/* A stripe with too many would grow, one with too few would not. */
		cr_assert(stats.buckets >= N * 9 / 10 && stats.buckets <= N * 11 / 10,
			  "%llu buckets for keys << %u", (unsigned long long)stats.buckets,
			  shifts[i]);
		for (uint64_t key = 0; key < N; key++)
			evict(items, key << shifts[i], key);
		destroy_items();
	}
}

/* ---------------------------------------------------------------------------------------- walks */

/* Marks what comes; how many that were. */
static uint64_t walk_on(uint64_t *cursor, uint64_t at_most)
{
	struct item *item;
	uint64_t n = 0;

	while (n < at_most && (item = frozenref_index_next(items, cursor))) {
		item->seen++;
		n++;
		cr_assert(!frozenref_cache_put(cache, item));
	}
	return n;
}

static void assert_each_seen_once(uint64_t from, uint64_t to)
{
	for (uint64_t key = from; key < to; key++) {
		struct item *item = look_up(items, HASH(key), key);

		cr_assert(item);
		cr_assert(item->seen == 1, "key %llu came %u times", (unsigned long long)key,
			  item->seen);
		cr_assert(!frozenref_cache_put(cache, item));
	}
}

Test(index_resize, walk_of_an_empty_index)
{
	uint64_t cursor = 0;

	make_items();
	cr_assert(!frozenref_index_next(items, &cursor));
	cr_assert(!frozenref_index_next(items, &cursor), "the end is the end");
	(void)insert_item(items, 1, 1);
	cr_assert(!frozenref_index_next(items, &cursor));
	evict(items, 1, 1);
	destroy_items();
}

Test(index_resize, walk_sees_each_once)
{
	uint64_t cursor = 0;

	make_items();
	insert_keys(0, 5000);
	cr_assert(walk_on(&cursor, UINT64_MAX) == 5000);
	assert_each_seen_once(0, 5000);
	evict_keys(0, 5000);
	destroy_items();
}

Test(index_resize, walk_sees_each_once_in_a_chain_of_one_hash)
{
	uint64_t cursor = 0;
	struct item *item;
	uint64_t seen = 0;

	make_items();
	for (uint64_t key = 0; key < 200; key++)
		(void)insert_item(items, 77, key);
	while ((item = frozenref_index_next(items, &cursor))) {
		cr_assert(++item->seen == 1);
		/* Others may leave while the walk stands here. */
		if (++seen % 4 == 0) {
			cr_assert(!frozenref_cache_put(cache, item));
			cr_assert(frozenref_index_erase_if_unused(items, item));
		} else {
			cr_assert(!frozenref_cache_put(cache, item));
		}
	}
	cr_assert(seen == 200);
	cr_assert(stats_of(items).objects == 150);
	for (uint64_t key = 0; key < 200; key++) {
		if (has(items, 77, key))
			evict(items, 77, key);
	}
	destroy_items();
}

/* Between any two steps the table may have another size. */
Test(index_resize, walk_while_the_table_grows)
{
	enum { KEPT = 1000, STEPS = 50 };
	uint64_t cursor = 0;
	uint64_t buckets;

	make_items();
	insert_keys(0, KEPT);
	buckets = stats_of(items).buckets;
	for (uint64_t i = 0; i < STEPS; i++) {
		(void)walk_on(&cursor, KEPT / STEPS / 2);
		insert_keys(KEPT + i * KEPT, KEPT + (i + 1) * KEPT);
	}
	(void)walk_on(&cursor, UINT64_MAX);
	cr_assert(stats_of(items).buckets > 20 * buckets);
	assert_each_seen_once(0, KEPT);
	evict_keys(0, KEPT + (uint64_t)STEPS * KEPT);
	destroy_items();
}

Test(index_resize, walk_while_the_table_shrinks)
{
	enum { KEPT = 1000, STEPS = 50 };
	uint64_t cursor = 0;
	uint64_t buckets;

	make_items();
	insert_keys(0, KEPT + (uint64_t)STEPS * KEPT);
	buckets = stats_of(items).buckets;
	for (uint64_t i = 0; i < STEPS; i++) {
		(void)walk_on(&cursor, KEPT / 2);
		evict_keys(KEPT + i * KEPT, KEPT + (i + 1) * KEPT);
	}
	(void)walk_on(&cursor, UINT64_MAX);
	cr_assert(stats_of(items).buckets * 10 < buckets);
	assert_each_seen_once(0, KEPT);
	evict_keys(0, KEPT);
	destroy_items();
}

/* ------------------------------------------------------------------------------------ no memory */

/* The default backend; commits fail while told to, or one reserve or commit after so many calls. */
static struct {
	bool commits_fail;
	bool once;
	unsigned calls_left;
	size_t most_at_once; /* larger reservations are refused */
	unsigned purges;
	long bytes;
} memory;

static bool fails_now(void)
{
	if (!memory.once || memory.calls_left--)
		return false;
	memory.once = false;
	return true;
}

static int reserve(void *context, size_t size, size_t align, void **address)
{
	int err;

	if (fails_now() || (memory.most_at_once && size > memory.most_at_once))
		return -ENOMEM;
	err = frozenref_mmap_backend()->reserve(context, size, align, address);
	if (!err)
		memory.bytes += (long)size;
	return err;
}

static int commit(void *context, void *address, size_t size)
{
	if (fails_now() || memory.commits_fail)
		return -ENOMEM;
	return frozenref_mmap_backend()->commit(context, address, size);
}

static int purge(void *context, void *address, size_t size)
{
	memory.purges++;
	return frozenref_mmap_backend()->purge(context, address, size);
}

static int give_back(void *context, void *address, size_t size)
{
	memory.bytes -= (long)size;
	return frozenref_mmap_backend()->release(context, address, size);
}

static const struct frozenref_backend backend = {
	.size = sizeof(backend),
	.reserve = reserve,
	.commit = commit,
	.purge = purge,
	.release = give_back,
};

static struct frozenref_index_config scarce_config(void)
{
	struct frozenref_index_config config = index_config();

	memset(&memory, 0, sizeof(memory));
	config.backend = &backend;
	return config;
}

Test(index_resize, create_undoes_everything)
{
	struct frozenref_index_config config;
	unsigned failures = 0;

	make_cache();
	config = scarce_config();
	config.max_buckets = 1 << 20;
	config.initial_buckets = (1 << 18) / sizeof(uintptr_t); /* four chunks */
	for (;; failures++) {
		int err;

		memory.once = true;
		memory.calls_left = failures;
		err = frozenref_index_create(&items, &config);
		if (!err)
			break;
		cr_assert(err == -ENOMEM);
		cr_assert(memory.bytes == 0, "%ld bytes were kept", memory.bytes);
	}
	cr_assert(failures == 5, "only %u calls could fail", failures);
	destroy_items();
	cr_assert(memory.bytes == 0);
}

/* Where a default reservation is refused, a smaller one will do; what was asked for is not cut. */
Test(index_resize, reserves_less_where_it_must)
{
	struct frozenref_index_config config;

	make_cache();
	config = scarce_config();
	memory.most_at_once = 1 << 20;
	items = make_index(&config);
	cr_assert(stats_of(items).bytes_reserved <= memory.most_at_once);
	cr_assert(stats_of(items).buckets_max >= memory.most_at_once / sizeof(void *) / 2);
	insert_keys(0, 1000);
	assert_there(0, 1000, 2000);
	evict_keys(0, 1000);
	cr_assert(frozenref_index_destroy(items) == 0);
	config.max_buckets = 1 << 20;
	cr_assert(frozenref_index_create(&items, &config) == -ENOMEM);
	config.max_buckets = 0;
	memory.most_at_once = 1;
	cr_assert(frozenref_index_create(&items, &config) == -ENOMEM);
	cr_assert(memory.bytes == 0);
	cr_assert(frozenref_cache_destroy(cache) == 0);
}

/* Each time there is no memory for more buckets, the table goes on as large as it is. */
Test(index_resize, growth_that_fails_loses_nothing)
{
	enum { N = 60000, ROUND = 10000 };
	struct frozenref_index_config config;
	uint64_t failures = 0;

	make_cache();
	config = scarce_config();
	items = make_index(&config);
	for (uint64_t from = 0; from < N; from += ROUND) {
		uint64_t buckets = stats_of(items).buckets;

		memory.commits_fail = true;
		insert_keys(from, from + ROUND / 2);
		assert_there(0, from + ROUND / 2, from + ROUND / 2);
		/* Up to the end of the chunks that it has: some stripes may be in the next one. */
		cr_assert(stats_of(items).buckets <= (buckets / 8192 + 2) * 8192);
		memory.commits_fail = false;
		insert_keys(from + ROUND / 2, from + ROUND);
		assert_there(0, from + ROUND, from + ROUND);
	}
	failures = stats_of(items).grow_failures;
	cr_assert(failures > 0);
	cr_assert(failures < N / 10, "it asks at every insert");
	cr_assert(stats_of(items).buckets > N * 8 / 10, "it does not ask again");
	evict_keys(0, N);
	cr_assert(memory.purges > 0);
	destroy_items();
	cr_assert(memory.bytes == 0);
}

/* ----------------------------------------------------------------------------------- huge pages */

#define HUGE_PAGE (UINT64_C(1) << 21)

/* Ends of such memory that are in the middle of a place, where no page can be huge. */
static unsigned torn_places;

/*
 * Places for huge pages in writable memory that asked for them; nothing but the backend does. -1
 * where there are none, or the system does not say.
 */
static int64_t huge_places(void)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	unsigned long long first, end;
	unsigned long long from = 0;
	unsigned long long to = 0;
	int64_t places = 0;
	bool told = false;
	char line[512];

	if (!maps)
		return -1;
	torn_places = 0;
	while (fgets(line, sizeof(line), maps)) {
		/* Not into from and to: names of other lines begin with such digits, too. */
		if (sscanf(line, "%llx-%llx ", &first, &end) == 2) {
			from = first;
			to = end;
		}
		if (strncmp(line, "VmFlags:", 8) != 0)
			continue;
		told = true;
		if (!strstr(line, " wr ") || !strstr(line, " hg "))
			continue;
		torn_places += from % HUGE_PAGE ? 1 : 0;
		torn_places += to % HUGE_PAGE ? 1 : 0;
		from = (from + HUGE_PAGE - 1) / HUGE_PAGE;
		to /= HUGE_PAGE;
		places += to > from ? (int64_t)(to - from) : 0;
	}
	fclose(maps);
	return told && !access("/sys/kernel/mm/transparent_hugepage", F_OK) ? places : -1;
}

/* A page is huge if all of its place is writable when it is first touched. */
Test(index_resize, commits_whole_huge_pages)
{
	struct frozenref_cache_config config = cache_config();
	struct frozenref_index_config config_of_index;
	int64_t before = huge_places();
	unsigned torn_before = torn_places;

	/* An emulator asks the system for none, and says nothing of that. */
	if (before < 0 || is_emulated() || sizeof(void *) == 4 ||
	    sysconf(_SC_PAGESIZE) >= (long)HUGE_PAGE)
		cr_skip_test("no huge pages of 2 MiB here, or no telling");
	misuse_watch();
	config.backend = frozenref_mmap_hugepage_backend();
	cr_assert(frozenref_cache_create(&cache, &config) == 0);
	config_of_index = index_config();
	config_of_index.backend = frozenref_mmap_hugepage_backend();
	items = make_index(&config_of_index);
	/* The table has one, objects and slabs have one each. */
	cr_assert(huge_places() >= before + 1);
	cr_assert(torn_places == torn_before);
	insert_keys(0, 1);
	cr_assert(huge_places() >= before + 3);
	cr_assert(torn_places == torn_before);
	insert_keys(1, 100000);
	cr_assert(huge_places() > before + 3 && torn_places == torn_before);
	assert_there(0, 100000, 100000);
	evict_keys(0, 100000);
	cr_assert(frozenref_cache_trim(cache) > 0);
	insert_keys(0, 1000);
	assert_there(0, 1000, 2000);
	evict_keys(0, 1000);
	destroy_items();
}
