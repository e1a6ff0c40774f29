/* SPDX-License-Identifier: MIT */
/*
 * Fills memory with objects, drops most of them, moves the others together while threads look them
 * up and verify what they find, gives the emptied pages back, and prints what memory is left at
 * each step. README.md says what it shows.
 *
 * The pieces: compact.c the mover, arena.c the memory, readers.c the objects and who reads them.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <frozenref/registry.h>

#include "arena.h"
#include "compact.h"
#include "readers.h"

enum { EXIT_RIGHT = 0, EXIT_MISMATCH = 1, EXIT_NO_RUN = 2 };

#define LASTING_IN   8	/* one object in so many stays */
#define HELD_IN	     64 /* and one in so many of these is held at first */
#define FRAMES_MIN   64
#define FRAMES_MAX   (1ul << 22)
#define THREADS_MAX  1024
#define WALKS_MAX    10000 /* readers hold an object for so short a time: then something is wrong */
#define READ_FIRST_S 0.2   /* how long threads read before and after everything */

struct options {
	bool by_hand;
	unsigned long frames;
	unsigned long threads;
};

struct demo {
	const struct options *options;
	struct frozenref_registry *reg;
	struct arena arena;
	uint64_t lasting, transient;
	struct readers *readers;
	struct frozenref_slot **held; /* every HELD_IN-th object that stays */
	void **held_at;
	size_t nheld;
	uint64_t mismatches; /* of main's own */
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "compact: %s: %s\n", what, strerror(-err));
	return EXIT_NO_RUN;
}

static void read_for_a_while(void)
{
	struct timespec time = { 0, (long)(READ_FIRST_S * 1e9) };

	nanosleep(&time, NULL);
}

/* ------------------------------------------------------------------------------------ reporting */

/* The process's resident memory in KiB, or 0 where the system does not say. */
static unsigned long resident_kib(void)
{
	FILE *rollup = fopen("/proc/self/smaps_rollup", "r");
	unsigned long kib = 0;
	char line[256];

	while (rollup && fgets(line, sizeof(line), rollup)) {
		if (sscanf(line, "Rss: %lu kB", &kib) == 1)
			break;
	}
	if (rollup)
		fclose(rollup);
	return kib;
}

static void print_memory(const char *when, size_t frames)
{
	unsigned long kib = resident_kib();

	if (kib)
		printf("%-40s %8.1f MiB resident, %7zu frames in use\n", when, (double)kib / 1024,
		       frames);
	else
		printf("%-40s        ? MiB resident, %7zu frames in use\n", when, frames);
}

/* ---------------------------------------------------------------------------------- the objects */

/*
 * Which of each LASTING_IN neighbours stays: another one in each group, so that they are scattered.
 */
static bool is_lasting(size_t cell)
{
	size_t group = cell / LASTING_IN;

	return cell % LASTING_IN == (group * 2654435761u >> 16) % LASTING_IN;
}

/* A new object in each cell, as if all had been allocated in this order. */
static int fill(struct demo *demo)
{
	size_t cell = 0;
	void *object;

	while ((object = arena_alloc(&demo->arena, &cell, demo->arena.ncells))) {
		uint64_t number =
			is_lasting(cell) ? demo->lasting++ : TRANSIENT_FIRST + demo->transient++;
		int err;

		object_fill(object, number);
		err = frozenref_registry_insert(demo->reg, number, object);
		if (err)
			return err;
	}
	return 0;
}

/* The last holder of an object that was erased has left. */
static void release_object(void *object, uint64_t number, uint64_t npages, void *arg)
{
	struct demo *demo = arg;

	(void)number;
	(void)npages;
	arena_free(&demo->arena, object);
}

static int hold_some(struct demo *demo)
{
	demo->nheld = (size_t)(demo->lasting / HELD_IN);
	demo->held = calloc(demo->nheld, sizeof(*demo->held));
	demo->held_at = calloc(demo->nheld, sizeof(*demo->held_at));
	if (!demo->held || !demo->held_at)
		return -ENOMEM;
	for (size_t i = 0; i < demo->nheld; i++) {
		demo->held[i] = frozenref_registry_try_get(demo->reg, i * HELD_IN);
		if (!demo->held[i])
			return -ENOENT;
		demo->held_at[i] = frozenref_slot_object(demo->held[i]);
	}
	return 0;
}

/* They must be where they were, and what they were, since they were held. */
static void let_go(struct demo *demo)
{
	for (size_t i = 0; i < demo->nheld; i++) {
		if (frozenref_slot_object(demo->held[i]) != demo->held_at[i] ||
		    !object_is_right(demo->held_at[i], i * HELD_IN))
			demo->mismatches++;
		frozenref_slot_put(demo->reg, demo->held[i]);
	}
}

/* -------------------------------------------------------------------------------------- the run */

static int compact(struct demo *demo)
{
	uint64_t before = readers_count(demo->readers).reads;
	struct compaction compaction = {
		.reg = demo->reg,
		.arena = &demo->arena,
		.last = demo->lasting - 1,
		.by_hand = demo->options->by_hand,
	};
	uint64_t held;
	unsigned walks = 2;
	int err = hold_some(demo);

	if (err)
		return err;
	compact_walk(&compaction, (size_t)demo->lasting);
	held = compaction.held;
	print_memory("moved together, but for those held", arena_give_back(&demo->arena));
	let_go(demo);
	/* A reader may be in the way of a move again: only for as long as it reads. */
	for (; compact_walk(&compaction, (size_t)demo->lasting); walks++) {
		if (walks == WALKS_MAX)
			return -EBUSY;
		sched_yield();
	}
	print_memory("and those that were held", arena_give_back(&demo->arena));
	printf("moved       %llu objects in %u walks, %s\n", (unsigned long long)compaction.moved,
	       walks, compaction.by_hand ? "by hand" : "by replace");
	printf("refused     %llu moves, since somebody held the object: %llu in the first walk\n",
	       (unsigned long long)compaction.held, (unsigned long long)held);
	printf("meanwhile   %llu reads\n",
	       (unsigned long long)(readers_count(demo->readers).reads - before));
	return 0;
}

/* While the readers run. */
static int shrink(struct demo *demo)
{
	size_t trimmed;
	int err;

	read_for_a_while();
	frozenref_registry_erase_range(demo->reg, TRANSIENT_FIRST,
				       TRANSIENT_FIRST + demo->transient - 1, NULL);
	print_memory("one object in 8 left", arena_give_back(&demo->arena));
	err = compact(demo);
	if (err)
		return err;
	trimmed = frozenref_registry_trim(demo->reg);
	print_memory("the registry trimmed", arena_give_back(&demo->arena));
	printf("trimmed     %.1f MiB of the registry's tables\n", (double)trimmed / (1024 * 1024));
	read_for_a_while();
	return 0;
}

static int report_reads(struct demo *demo)
{
	struct readers_count count = readers_count(demo->readers);

	count.mismatches += demo->mismatches;
	printf("verified    %llu reads; %llu times an object was frozen and looked up again\n",
	       (unsigned long long)count.reads, (unsigned long long)count.frozen);
	printf("mismatches  %llu\n", (unsigned long long)count.mismatches);
	return count.mismatches ? EXIT_MISMATCH : EXIT_RIGHT;
}

static int run_demo(struct demo *demo)
{
	int status;
	int err = fill(demo);

	if (err)
		return fail("cannot make the objects", err);
	printf("%zu frames of %zu bytes with %zu objects of %d bytes; %lu threads read them\n",
	       demo->arena.nframes, demo->arena.frame_bytes, demo->arena.ncells, CELL_BYTES,
	       demo->options->threads);
	print_memory("full", demo->arena.nframes);
	err = readers_start(&demo->readers, demo->reg, (unsigned)demo->options->threads,
			    demo->lasting, demo->transient);
	if (err)
		return fail("cannot start the readers", err);
	err = shrink(demo);
	readers_stop(demo->readers);
	status = err ? fail("cannot compact", err) : report_reads(demo);
	readers_free(demo->readers);
	return status;
}

static int run(const struct options *options)
{
	struct frozenref_registry_config config = FROZENREF_REGISTRY_CONFIG_INIT;
	struct demo demo = { .options = options };
	int status, err;

	err = arena_init(&demo.arena, options->frames);
	if (err)
		return fail("cannot map the frames", err);
	config.release = release_object;
	config.arg = &demo;
	err = frozenref_registry_create(&demo.reg, &config);
	if (err) {
		arena_exit(&demo.arena);
		return fail("cannot make the registry", err);
	}
	status = run_demo(&demo);
	free(demo.held);
	free(demo.held_at);
	frozenref_registry_erase_range(demo.reg, 0, TRANSIENT_FIRST + demo.transient, NULL);
	err = frozenref_registry_destroy(demo.reg);
	if (err)
		return fail("an object was still held at the end", err);
	arena_exit(&demo.arena);
	return status;
}

/* ----------------------------------------------------------------------------- the command line */

static const char usage[] =
	"Usage: compact [OPTION]...\n"
	"Moves scattered objects together while threads read them, and gives memory back.\n"
	"\n"
	"  -f, --frames=N     page frames to fill at first: 64 to 4194304 (default: 32768)\n"
	"  -t, --threads=N    threads that read: 1 to 1024 (default: 2)\n"
	"      --by-hand      move by freeze, copy, set_object and unfreeze, not by replace\n"
	"  -h, --help         this text\n"
	"\n"
	"The exit status is 0 if every read was right, 1 if one was not, and 2 if the run could "
	"not\n"
	"be made.\n";

static bool parse_count(const char *name, unsigned long least, unsigned long most,
			unsigned long *count)
{
	char *end;

	errno = 0;
	*count = strtoul(optarg, &end, 10);
	if (!errno && end != optarg && !*end && *count >= least && *count <= most)
		return true;
	fprintf(stderr, "compact: --%s=%s: give a whole number from %lu to %lu\n", name, optarg,
		least, most);
	return false;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "frames", required_argument, NULL, 'f' },
		{ "threads", required_argument, NULL, 't' },
		{ "by-hand", no_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { .frames = 32768, .threads = 2 };
	int option;

	while ((option = getopt_long(argc, argv, "f:t:h", long_options, NULL)) != -1) {
		switch (option) {
		case 'f':
			if (!parse_count("frames", FRAMES_MIN, FRAMES_MAX, &options.frames))
				return EXIT_NO_RUN;
			break;
		case 't':
			if (!parse_count("threads", 1, THREADS_MAX, &options.threads))
				return EXIT_NO_RUN;
			break;
		case 'b':
			options.by_hand = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_RIGHT;
		default:
			fputs("Try 'compact --help'.\n", stderr);
			return EXIT_NO_RUN;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "compact: what is '%s'? Try 'compact --help'.\n", argv[optind]);
		return EXIT_NO_RUN;
	}
	return run(&options);
}
