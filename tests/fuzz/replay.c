/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzzing target without libFuzzer: on its corpus, on random bytes, on files, under AFL++.
 *
 *	PROGRAM [--trace] [FILE | FOLDER]...	each file, and each file of each folder
 *	PROGRAM [--trace] -			what is on standard input, as AFL++ calls it
 *	PROGRAM					the corpus in the source tree, and then random bytes
 *
 * The last is what `make check` does; the folder is $srcdir/tests/fuzz/corpus/PROGRAM. Aborts where
 * an answer is wrong. --trace prints every call before it is made.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

enum { LONGEST = 1 << 16, RANDOM_INPUTS = 1000 };

static uint8_t buffer[LONGEST];
static unsigned inputs;

static void run(size_t size)
{
	/* Of exactly that size, so that sanitizers see a read beyond its end. */
	uint8_t *data = malloc(size ? size : 1);

	if (!data)
		abort();
	memcpy(data, buffer, size);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	inputs++;
}

static void run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		perror(path);
		exit(2);
	}
	size = fread(buffer, 1, sizeof(buffer), file);
	(void)fclose(file);
	/* Who looks for the input that aborts finds it in the last line but one. */
	if (fuzz_trace)
		fprintf(stderr, "%s\n", path);
	run(size);
}

static void run_path(const char *path);

static void run_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);
	char name[4096];

	if (n < 0) {
		perror(path);
		exit(2);
	}
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.') {
			(void)snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
			run_path(name);
		}
		free(entries[i]);
	}
	free(entries);
}

static void run_path(const char *path)
{
	struct stat status;

	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		run_folder(path);
	else
		run_file(path);
}

/* The same bytes each time: xorshift, in inputs of several lengths. */
static void run_random(void)
{
	uint64_t random = 88172645463325252u;

	for (unsigned i = 0; i < RANDOM_INPUTS; i++) {
		size_t size = i % 512;

		for (size_t at = 0; at < size; at++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			buffer[at] = (uint8_t)(random >> 32);
		}
		run(size);
	}
}

/* Not by stdio, which would remember where the first input of AFL++'s has ended. */
static size_t read_stdin(void)
{
	size_t used = 0;
	ssize_t got;

	while ((got = read(STDIN_FILENO, buffer + used, sizeof(buffer) - used)) > 0)
		used += (size_t)got;
	return used;
}

/* AFL++ runs many inputs in one process, where its compiler has said so. */
static void run_stdin(void)
{
#ifdef __AFL_HAVE_MANUAL_CONTROL
	__AFL_INIT();
	while (__AFL_LOOP(10000))
#endif
		run(read_stdin());
}

static void run_corpus(const char *program)
{
	const char *srcdir = getenv("srcdir");
	const char *name = strrchr(program, '/');
	unsigned from_corpus;
	char path[4096];

	name = name ? name + 1 : program;
	/* libtool's name for a program that it has linked but not installed */
	if (strncmp(name, "lt-", 3) == 0)
		name += 3;
	(void)snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", name);
	run_folder(path);
	from_corpus = inputs;
	if (!from_corpus) {
		fprintf(stderr, "%s is empty\n", path);
		exit(1);
	}
	run_random();
	printf("%u inputs of the corpus and %u random ones, %ju calls\n", from_corpus,
	       inputs - from_corpus, (uintmax_t)fuzz_calls);
}

/* The models know of no refusals but those that an input asks for: of addresses there are enough. */
static bool has_few_addresses(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur < (rlim_t)1 << 31;
}

int main(int argc, char **argv)
{
	int arg = 1;

	if (has_few_addresses()) {
		fprintf(stderr, "fewer than 2 GiB of addresses: skipped\n");
		return 77;
	}
	if (arg < argc && strcmp(argv[arg], "--trace") == 0) {
		fuzz_trace = true;
		arg++;
	}
	if (arg == argc)
		run_corpus(argv[0]);
	for (; arg < argc; arg++) {
		if (strcmp(argv[arg], "-") == 0)
			run_stdin();
		else
			run_path(argv[arg]);
	}
	return 0;
}
