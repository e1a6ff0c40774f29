/* SPDX-License-Identifier: MIT */
/*
 * The command line: reads it, checks it, and says in a sentence what is wrong with it. See
 * options.h.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"

#define THREADS_MAX 1024
#define SECONDS_MAX 1e6
#define SIZE_MIN    64

static const char usage[] =
	"Usage: pagecache [OPTION]... [DIR]...\n"
	"Reads random pieces of all regular files under each DIR (default: /usr/include and\n"
	"the source tree) through a page cache in user space, verifies every byte, and reports\n"
	"beside it the same reads through pread(2).\n"
	"\n"
	"  -f, --folio=N           pages that are read and held together, where the file has as\n"
	"                          many: a power of two from 1 to 512 (default: 1)\n"
	"      --mode=MODE         how a page is found and held (default: try_get)\n"
	"                            try_get   by a reference from the registry\n"
	"                            peek      as try_get, but 64-byte reads do without one\n"
	"                            cas       by a loop around a compare-and-swap\n"
	"                            rwlock    in a hash table under a reader-writer lock\n"
	"      --allocator=NAME    where the pages' memory comes from (default: mmap)\n"
	"                            mmap      one mapping, divided by a buddy allocator\n"
	"                            cache     objects of a frozenref_cache for each size\n"
	"                            mimalloc  libfrozenref-mimalloc, if it can be loaded\n"
	"                            malloc    the C library\n"
	"  -t, --threads=N         threads that read (default: one a CPU, at least 2)\n"
	"  -s, --seconds=N         how long to run (default: 10)\n"
	"  -m, --memory=SIZE       most memory for pages: bytes with K, M or G, a share of the\n"
	"                          data with %, or all (default: 25%)\n"
	"  -r, --read-size=SIZE    bytes a read: a power of two from 64 to 65536; page; both, for\n"
	"                          64 and page; or all, for these and 65536 (default: all)\n"
	"      --shrink            halfway through, halve the memory while the threads read on\n"
	"      --json              report as JSON\n"
	"      --self-test         spoil one cached page on purpose: the run has to find it\n"
	"  -h, --help              this text\n"
	"\n"
	"Ctrl-C ends a run early, with its report. The exit status is 0 if all bytes were right,\n"
	"1 if one was not, and 2 if the run could not be made.\n";

enum { OPTION_JSON = 256, OPTION_ALLOCATOR, OPTION_MODE, OPTION_SELF_TEST, OPTION_SHRINK };

static const char *const mode_names[CACHE_MODES] = {
	[CACHE_TRY_GET] = "try_get",
	[CACHE_PEEK] = "peek",
	[CACHE_CAS] = "cas",
	[CACHE_RWLOCK] = "rwlock",
};

static const struct frames_ops *const allocators[] = {
	&frames_mmap,
	&frames_cache,
	&frames_mimalloc,
	&frames_malloc,
};

static const struct option long_options[] = {
	{ "threads", required_argument, NULL, 't' },
	{ "seconds", required_argument, NULL, 's' },
	{ "memory", required_argument, NULL, 'm' },
	{ "read-size", required_argument, NULL, 'r' },
	{ "folio", required_argument, NULL, 'f' },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "allocator", required_argument, NULL, OPTION_ALLOCATOR },
	{ "shrink", no_argument, NULL, OPTION_SHRINK },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "self-test", no_argument, NULL, OPTION_SELF_TEST },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool complain(const char *name, const char *value, const char *wanted)
{
	say("--%s=%s: %s", name, value, wanted);
	return false;
}

/* A number at the start of text that is neither negative nor infinite; *end is what follows it. */
static bool parse_number(const char *text, double *number, char **end)
{
	errno = 0;
	*number = strtod(text, end);
	return *end != text && !errno && isfinite(*number) && *number >= 0;
}

static bool parse_mode(struct options *options, const char *text)
{
	for (unsigned mode = 0; mode < CACHE_MODES; mode++) {
		if (!strcmp(text, mode_names[mode])) {
			options->mode = (enum cache_mode)mode;
			return true;
		}
	}
	return complain("mode", text, "give try_get, peek, cas or rwlock");
}

static bool parse_allocator(struct options *options, const char *text)
{
	for (unsigned i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++) {
		if (!strcmp(text, allocators[i]->name)) {
			options->frames = allocators[i];
			return true;
		}
	}
	return complain("allocator", text, "give mmap, cache, mimalloc or malloc");
}

/* A whole number from 1 to most. */
static bool parse_whole(const char *text, unsigned most, unsigned *whole)
{
	char *end;
	double number;

	if (!parse_number(text, &number, &end) || *end || number < 1 || number > most ||
	    number != (double)(unsigned)number)
		return false;
	*whole = (unsigned)number;
	return true;
}

static bool parse_threads(struct options *options, const char *text)
{
	return parse_whole(text, THREADS_MAX, &options->threads) ||
	       complain("threads", text, "give a whole number from 1 to 1024");
}

static bool parse_folio(struct options *options, const char *text)
{
	unsigned pages;

	if (!parse_whole(text, FRAMES_PIECE_MAX, &pages) || pages & (pages - 1))
		return complain("folio", text, "give a power of two from 1 to 512");
	options->folio_pages = pages;
	return true;
}

static bool parse_seconds(struct options *options, const char *text)
{
	char *end;
	double number;

	if (!parse_number(text, &number, &end) || *end || number < 0.01 || number > SECONDS_MAX)
		return complain("seconds", text, "give a number from 0.01 to 1000000");
	options->seconds = number;
	return true;
}

/* What a letter after a size stands for, or 0. */
static double unit(const char *text)
{
	if (!*text)
		return 1;
	if (text[1])
		return 0;
	switch (*text) {
	case 'k':
	case 'K':
		return 1024;
	case 'm':
	case 'M':
		return 1024.0 * 1024;
	case 'g':
	case 'G':
		return 1024.0 * 1024 * 1024;
	default:
		return 0;
	}
}

static bool parse_memory(struct options *options, const char *text)
{
	char *end;
	double number;

	options->memory_given = true;
	if (!strcmp(text, "all")) {
		options->memory = MEMORY_ALL;
		return true;
	}
	if (!parse_number(text, &number, &end))
		return complain("memory", text, "give a size as 64M, a share as 25%, or all");
	if (number == 0)
		return complain("memory", text, "a cache without memory holds no page: give more");
	if (!strcmp(end, "%")) {
		options->memory = MEMORY_SHARE;
		options->memory_percent = number;
		return true;
	}
	number *= unit(end);
	if (number < 1 || number >= 0x1p62)
		return complain("memory", text, "give a size as 64M, a share as 25%, or all");
	options->memory = MEMORY_BYTES;
	options->memory_bytes = (uint64_t)number;
	return true;
}

static bool parse_read_size(struct options *options, const char *text)
{
	char *end;
	unsigned long size;

	options->sizes[0] = SIZE_MIN;
	options->sizes[1] = PAGE_BYTES;
	options->sizes[2] = OPTIONS_SIZE_MAX;
	options->nsizes = !strcmp(text, "all") ? 3 : !strcmp(text, "both") ? 2 : 1;
	if (options->nsizes > 1)
		return true;
	if (!strcmp(text, "page")) {
		options->sizes[0] = PAGE_BYTES;
		return true;
	}
	size = strtoul(text, &end, 10);
	if (*end || size < SIZE_MIN || size > OPTIONS_SIZE_MAX || size & (size - 1))
		return complain("read-size", text,
				"give a power of two from 64 to 65536, page, both or all");
	options->sizes[0] = (unsigned)size;
	return true;
}

static enum options_answer parse_one(struct options *options, int option)
{
	bool good = true;

	switch (option) {
	case 't':
		good = parse_threads(options, optarg);
		break;
	case 's':
		good = parse_seconds(options, optarg);
		break;
	case 'm':
		good = parse_memory(options, optarg);
		break;
	case 'r':
		good = parse_read_size(options, optarg);
		break;
	case 'f':
		good = parse_folio(options, optarg);
		break;
	case OPTION_MODE:
		good = parse_mode(options, optarg);
		break;
	case OPTION_ALLOCATOR:
		good = parse_allocator(options, optarg);
		break;
	case OPTION_SHRINK:
		options->shrink = true;
		break;
	case OPTION_JSON:
		options->json = true;
		break;
	case OPTION_SELF_TEST:
		options->self_test = true;
		break;
	case 'h':
		fputs(usage, stdout);
		return OPTIONS_DONE;
	default:
		fputs("Try 'pagecache --help'.\n", stderr);
		return OPTIONS_WRONG;
	}
	return good ? OPTIONS_RUN : OPTIONS_WRONG;
}

const char *options_mode_name(enum cache_mode mode)
{
	return mode_names[mode];
}

enum options_answer options_parse(struct options *options, int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int option;

	*options = (struct options){
		.threads = cpus < 2		? 2
			   : cpus > THREADS_MAX ? THREADS_MAX
						: (unsigned)cpus,
		.seconds = 10,
		.memory = MEMORY_SHARE,
		.memory_percent = 25,
		.sizes = { SIZE_MIN, PAGE_BYTES, OPTIONS_SIZE_MAX },
		.nsizes = OPTIONS_SIZES_MAX,
		.folio_pages = 1,
		.frames = &frames_mmap,
	};
	while ((option = getopt_long(argc, argv, "t:s:m:r:f:h", long_options, NULL)) != -1) {
		enum options_answer answer = parse_one(options, option);

		if (answer != OPTIONS_RUN)
			return answer;
	}
	options->dirs = argv + optind;
	if (options->folio_pages <= options->frames->piece_max)
		return OPTIONS_RUN;
	say("--folio=%u: with --allocator=%s a folio has at most %u pages", options->folio_pages,
	    options->frames->name, (unsigned)options->frames->piece_max);
	return OPTIONS_WRONG;
}
