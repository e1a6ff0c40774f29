/* SPDX-License-Identifier: MIT */
/*
 * The command line. Used by main.c; relies on getopt_long().
 */
#ifndef PAGECACHE_OPTIONS_H
#define PAGECACHE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cache.h"

#define OPTIONS_SIZES_MAX 3
#define OPTIONS_SIZE_MAX  65536 /* largest piece that is read at once */

struct options {
	enum cache_mode mode;
	const struct frames_ops *frames;
	unsigned threads;
	double seconds;
	/*
	 * How much memory the pages may take: bytes, or a share of the data, or as much as all
	 * need.
	 */
	enum { MEMORY_SHARE, MEMORY_BYTES, MEMORY_ALL } memory;
	uint64_t memory_bytes;
	double memory_percent;
	bool memory_given;		   /* by the user, so that too little is an error */
	unsigned sizes[OPTIONS_SIZES_MAX]; /* of the pieces that are read */
	unsigned nsizes;
	unsigned folio_pages;
	bool shrink; /* halve the memory while threads read */
	bool json;
	bool self_test;
	char *const *dirs; /* the user's, up to a NULL; may be empty */
};

enum options_answer {
	OPTIONS_RUN,
	OPTIONS_DONE,  /* --help was asked for and given */
	OPTIONS_WRONG, /* said on stderr */
};

/* As the user writes it. */
const char *options_mode_name(enum cache_mode mode);

enum options_answer options_parse(struct options *options, int argc, char **argv);

#endif /* PAGECACHE_OPTIONS_H */
