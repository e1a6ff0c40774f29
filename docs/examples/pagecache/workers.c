/* SPDX-License-Identifier: MIT */
/*
 * Threads that read and verify. See workers.h.
 */
#include "workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frames.h"
#include "interrupt.h"
#include "terminal.h"

/* Many enough that reading the clock costs little; few enough that their copies stay in the L2. */
#define BATCH_BYTES	VERIFY_MAX
#define BATCH_MAX	256u
#define DRAWS_MAX	1000000
#define MISMATCHES_SAID 10

struct piece {
	struct file *file;
	uint64_t offset;
	uint32_t length;
	int err;
};

struct worker {
	_Alignas(128) struct crew *crew;
	pthread_t thread;
	unsigned number;
	uint64_t random;
	uint64_t next_page; /* of a slice that goes through pages in order */
	uint64_t ns;	    /* spent reading, in this slice */
	struct tally tally; /* of this slice */
	struct piece pieces[BATCH_MAX];
	unsigned char *buffer;
};

struct crew {
	struct cache *cache;
	struct file_set *set;
	const struct verifier *verifier;
	struct slice slice;
	uint64_t deadline;
	_Atomic uint64_t mismatches_said;
	unsigned threads;
	struct worker *workers;

	/* The threads wait here for the next slice, and main for its end. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t slices; /* begun; under the lock, as are the rest */
	unsigned running;
	bool over;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* -------------------------------------------------------------------------------------- drawing */

/* A counter, and a mix of it (splitmix64): cheap, and any seed is a good one. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Below n, which is at most 2^32, by the upper bits. */
static uint64_t random_below(uint64_t *state, uint64_t n)
{
	return (next_random(state) >> 32) * n >> 32;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Piece number `which` of a page, in pieces of `size`. */
static void set_piece(struct piece *piece, struct file *file, uint64_t pfn, uint64_t which,
		      unsigned size)
{
	piece->file = file;
	piece->offset = ((pfn - file->base) << PAGE_SHIFT) + which * size;
	piece->length = (uint32_t)smaller(size, file->size - piece->offset);
}

static bool nothing_left(const struct file_set *set)
{
	return atomic_load_explicit(&set->pages_gone, memory_order_relaxed) >= set->npages;
}

/* Any page, then any piece of it. False if nothing, or next to nothing, is left to read. */
static bool draw_piece(struct worker *worker, struct piece *piece)
{
	const struct crew *crew = worker->crew;
	unsigned size = crew->slice.read_size;

	for (unsigned draws = 0; draws < DRAWS_MAX && !nothing_left(crew->set); draws++) {
		uint64_t pfn = random_below(&worker->random, crew->slice.pages);
		struct file *file = files_of_page(crew->set, pfn);
		uint64_t offset = (pfn - file->base) << PAGE_SHIFT;
		uint64_t length = smaller(PAGE_BYTES, file->size - offset);
		uint64_t which = random_below(&worker->random, (length + size - 1) / size);

		if (file_is_gone(file))
			continue;
		set_piece(piece, file, pfn, which, size);
		return true;
	}
	return false;
}

/* The next page that is this thread's turn. */
static bool next_page(struct worker *worker, struct piece *piece)
{
	const struct crew *crew = worker->crew;

	while (worker->next_page < crew->slice.warm_pages) {
		uint64_t pfn = worker->next_page;
		struct file *file = files_of_page(crew->set, pfn);

		worker->next_page += crew->threads;
		if (file_is_gone(file))
			continue;
		set_piece(piece, file, pfn, 0, PAGE_BYTES);
		return true;
	}
	return false;
}

static unsigned draw_batch(struct worker *worker)
{
	const struct slice *slice = &worker->crew->slice;
	unsigned want = (unsigned)smaller(BATCH_MAX, BATCH_BYTES / slice->read_size);
	unsigned n = 0;

	while (n < want && (slice->warm_pages ? next_page(worker, &worker->pieces[n])
					      : draw_piece(worker, &worker->pieces[n])))
		n++;
	return n;
}

/* -------------------------------------------------------------------------------------- reading */

/* One function a way: each has its loop to itself, so that none pays for the choice. */

static void read_through_cache(struct worker *worker, unsigned n)
{
	struct cache *cache = worker->crew->cache;
	unsigned char *buffer = worker->buffer;
	unsigned size = worker->crew->slice.read_size;

	for (unsigned i = 0; i < n; i++, buffer += size) {
		struct piece *piece = &worker->pieces[i];

		piece->err = cache_read(cache, piece->file, piece->offset, buffer, piece->length,
					&worker->tally.cache);
	}
}

static void read_through_pread(struct worker *worker, unsigned n)
{
	unsigned char *buffer = worker->buffer;
	unsigned size = worker->crew->slice.read_size;

	for (unsigned i = 0; i < n; i++, buffer += size) {
		struct piece *piece = &worker->pieces[i];

		piece->err = file_read(piece->file, piece->offset, buffer, piece->length);
	}
}

static void (*const read_batch[WAYS])(struct worker *, unsigned) = {
	[WAY_CACHE] = read_through_cache,
	[WAY_PREAD] = read_through_pread,
};

/* ------------------------------------------------------------------------------------ verifying */

static void forget_file(struct crew *crew, struct file *file, int err)
{
	if (!files_forget(crew->set, file, err))
		return;
	cache_drop_file(crew->cache, file);
	cache_shrink(crew->cache);
}

static void report_mismatch(struct crew *crew, const struct piece *piece)
{
	uint64_t before =
		atomic_fetch_add_explicit(&crew->mismatches_said, 1, memory_order_relaxed);

	if (before < MISMATCHES_SAID)
		say("MISMATCH: wrong bytes from %s at offset %llu in %s, length %u",
		    crew->slice.way == WAY_CACHE ? "the cache" : "pread(2)",
		    (unsigned long long)piece->offset, piece->file->path, piece->length);
	else if (before == MISMATCHES_SAID)
		say("more mismatches are only counted");
}

static void verify_piece(struct worker *worker, const struct piece *piece, const void *bytes)
{
	struct crew *crew = worker->crew;
	struct tally *tally = &worker->tally;
	int err = piece->err;

	/* Pieces are aligned: they touch no page more than they need. */
	tally->pages += ((uint64_t)piece->length + PAGE_BYTES - 1) >> PAGE_SHIFT;
	if (!err) {
		tally->reads++;
		if (verify_bytes(crew->verifier, piece->file, piece->offset, bytes, piece->length))
			return;
		if (!verify_file_changed(crew->verifier, piece->file, piece->offset,
					 piece->length)) {
			tally->mismatches++;
			report_mismatch(crew, piece);
			return;
		}
		tally->reads--;
		err = -ESTALE;
	}
	tally->stale++;
	forget_file(crew, piece->file, err);
}

static void verify_batch(struct worker *worker, unsigned n)
{
	unsigned size = worker->crew->slice.read_size;

	for (unsigned i = 0; i < n; i++)
		verify_piece(worker, &worker->pieces[i], worker->buffer + (size_t)i * size);
}

/* -------------------------------------------------------------------------------------- threads */

static void run_slice(struct worker *worker)
{
	struct crew *crew = worker->crew;

	worker->random = crew->slice.seed + ((uint64_t)worker->number << 32);
	worker->next_page = worker->number;
	worker->ns = 0;
	memset(&worker->tally, 0, sizeof(worker->tally));
	while (!interrupt_requested()) {
		unsigned n = draw_batch(worker);
		uint64_t begin = now_ns(), end;

		if (!n)
			break;
		read_batch[crew->slice.way](worker, n);
		end = now_ns();
		worker->ns += end - begin;
		verify_batch(worker, n);
		if (end >= crew->deadline)
			break;
	}
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct crew *crew = worker->crew;
	uint64_t done = 0;

	pthread_mutex_lock(&crew->lock);
	for (;;) {
		while (crew->slices == done && !crew->over)
			pthread_cond_wait(&crew->changed, &crew->lock);
		if (crew->over)
			break;
		done = crew->slices;
		pthread_mutex_unlock(&crew->lock);
		run_slice(worker);
		pthread_mutex_lock(&crew->lock);
		if (!--crew->running)
			pthread_cond_broadcast(&crew->changed);
	}
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

static void add_cache_stats(struct cache_stats *sum, const struct cache_stats *stats)
{
	sum->misses += stats->misses;
	sum->folios += stats->folios;
	sum->pages += stats->pages;
	sum->smaller += stats->smaller;
	sum->waits += stats->waits;
	sum->evictions += stats->evictions;
	sum->evicted_pages += stats->evicted_pages;
	sum->moved += stats->moved;
	sum->in_use += stats->in_use;
	sum->peeks += stats->peeks;
	sum->unpeeked += stats->unpeeked;
	sum->batches += stats->batches;
	sum->batch_references += stats->batch_references;
	sum->batch_pages += stats->batch_pages;
}

void tally_add(struct tally *sum, const struct tally *tally)
{
	sum->reads += tally->reads;
	sum->pages += tally->pages;
	sum->mismatches += tally->mismatches;
	sum->stale += tally->stale;
	add_cache_stats(&sum->cache, &tally->cache);
}

void crew_run(struct crew *crew, const struct slice *slice, struct tally *tally)
{
	pthread_mutex_lock(&crew->lock);
	crew->slice = *slice;
	crew->deadline = slice->ns ? now_ns() + slice->ns : UINT64_MAX;
	crew->running = crew->threads;
	crew->slices++;
	pthread_cond_broadcast(&crew->changed);
	while (crew->running)
		pthread_cond_wait(&crew->changed, &crew->lock);
	pthread_mutex_unlock(&crew->lock);

	memset(tally, 0, sizeof(*tally));
	for (unsigned i = 0; i < crew->threads; i++) {
		const struct worker *worker = &crew->workers[i];

		tally_add(tally, &worker->tally);
		if (worker->ns)
			tally->per_second += (double)worker->tally.reads * 1e9 / (double)worker->ns;
	}
}

static int start_worker(struct crew *crew, unsigned number)
{
	struct worker *worker = &crew->workers[number];
	int err;

	worker->crew = crew;
	worker->number = number;
	worker->buffer = malloc(BATCH_BYTES);
	if (!worker->buffer)
		return -ENOMEM;
	/* A page touched for the first time would count as time spent reading. */
	memset(worker->buffer, 0, BATCH_BYTES);
	err = pthread_create(&worker->thread, NULL, work, worker);
	if (err)
		free(worker->buffer);
	return -err;
}

int crew_create(struct crew **crewp, unsigned threads, struct cache *cache, struct file_set *set,
		const struct verifier *verifier)
{
	struct crew *crew = calloc(1, sizeof(*crew));

	if (!crew)
		return -ENOMEM;
	crew->workers = aligned_alloc(_Alignof(struct worker), threads * sizeof(struct worker));
	if (!crew->workers) {
		free(crew);
		return -ENOMEM;
	}
	crew->cache = cache;
	crew->set = set;
	crew->verifier = verifier;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->changed, NULL);
	for (crew->threads = 0; crew->threads < threads; crew->threads++) {
		int err = start_worker(crew, crew->threads);

		if (err) {
			crew_destroy(crew);
			return err;
		}
	}
	*crewp = crew;
	return 0;
}

void crew_destroy(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->over = true;
	pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->lock);
	for (unsigned i = 0; i < crew->threads; i++) {
		pthread_join(crew->workers[i].thread, NULL);
		free(crew->workers[i].buffer);
	}
	pthread_cond_destroy(&crew->changed);
	pthread_mutex_destroy(&crew->lock);
	free(crew->workers);
	free(crew);
}
