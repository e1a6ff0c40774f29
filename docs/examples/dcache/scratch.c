/* SPDX-License-Identifier: MIT */
/*
 * The tree that changes. See scratch.h.
 *
 * There are DIRECTORIES folders; folder i is called d<i> or e<i>, and is renamed from the one to
 * the other. In each is a folder s: so what is renamed or forgotten is not always the folder that a
 * file is in. There are FILES files; file i is called f<i>, and is in one folder's s or nowhere.
 */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORIES 8
#define FILES	    64
#define PATH_SIZE   64
#define NOWHERE	    UINT32_MAX

struct directory {
	pthread_rwlock_t lock; /* for writing by who renames it, for reading by who uses its name */
	atomic_uint version;
	atomic_uint is_e;
};

struct file {
	pthread_mutex_t lock; /* one change at a time */
	atomic_uint version;
	atomic_uint directory; /* or NOWHERE */
	atomic_ullong ino;
};

struct scratch {
	struct dcache *dcache;
	char root[256];
	int root_fd;
	struct directory directories[DIRECTORIES];
	struct file files[FILES];
};

static uint32_t draw(uint64_t *seed, uint32_t n)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((*seed >> 33) % n);
}

static void print_directory(const struct scratch *scratch, uint32_t directory, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%c%u",
		 atomic_load(&scratch->directories[directory].is_e) ? 'e' : 'd', directory);
}

static void print_file(const struct scratch *scratch, uint32_t directory, uint32_t file,
		       char path[PATH_SIZE])
{
	char folder[PATH_SIZE];

	print_directory(scratch, directory, folder);
	snprintf(path, PATH_SIZE, "%.32s/s/f%u", folder, file);
}

/* -------------------------------------------------------------------------------------- changes */

/* Locked: a new file, past the dcache, which may know that there is none: so it forgets. */
static bool make_file(struct scratch *scratch, const char *path, struct file *file,
		      struct scratch_tally *tally)
{
	char fresh[PATH_SIZE];
	struct stat status;
	int fd;

	/* Made under another name and renamed: that goes through the dcache. */
	snprintf(fresh, sizeof(fresh), "new%lu", (unsigned long)(uintptr_t)file);
	fd = openat(scratch->root_fd, fresh, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (fd < 0)
		return false;
	if (fstat(fd, &status) == 0)
		atomic_store(&file->ino, status.st_ino);
	close(fd);
	return dcache_rename(scratch->dcache, fresh, path, &tally->stats) == 0;
}

/* Locked: moves the file, removes it, or makes it. */
static void change_file(struct scratch *scratch, uint32_t number, uint32_t to,
			struct scratch_tally *tally)
{
	struct file *file = &scratch->files[number];
	uint32_t from = atomic_load(&file->directory);
	char from_path[PATH_SIZE];
	char to_path[PATH_SIZE];
	bool done;

	if (from != NOWHERE)
		print_file(scratch, from, number, from_path);
	if (to != NOWHERE)
		print_file(scratch, to, number, to_path);
	if (from == NOWHERE)
		done = to == NOWHERE || make_file(scratch, to_path, file, tally);
	else if (to == NOWHERE)
		done = dcache_unlink(scratch->dcache, from_path, &tally->stats) == 0;
	else
		done = dcache_rename(scratch->dcache, from_path, to_path, &tally->stats) == 0;
	if (done)
		atomic_store(&file->directory, to);
	else
		tally->mismatches++;
}

static void lock_directories(struct scratch *scratch, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < DIRECTORIES; i++) {
		if (i == a || i == b)
			pthread_rwlock_rdlock(&scratch->directories[i].lock);
	}
}

static void unlock_directories(struct scratch *scratch, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < DIRECTORIES; i++) {
		if (i == a || i == b)
			pthread_rwlock_unlock(&scratch->directories[i].lock);
	}
}

static void move_some_file(struct scratch *scratch, uint64_t *seed, struct scratch_tally *tally)
{
	uint32_t number = draw(seed, FILES);
	uint32_t to = draw(seed, DIRECTORIES + 1);
	struct file *file = &scratch->files[number];
	uint32_t from;

	if (to == DIRECTORIES)
		to = NOWHERE;
	pthread_mutex_lock(&file->lock);
	from = atomic_load(&file->directory);
	if (from != to) {
		lock_directories(scratch, from, to);
		atomic_fetch_add(&file->version, 1);
		change_file(scratch, number, to, tally);
		atomic_fetch_add(&file->version, 1);
		unlock_directories(scratch, from, to);
		tally->changes++;
	}
	pthread_mutex_unlock(&file->lock);
}

static void rename_some_directory(struct scratch *scratch, uint64_t *seed,
				  struct scratch_tally *tally)
{
	uint32_t number = draw(seed, DIRECTORIES);
	struct directory *directory = &scratch->directories[number];
	char from[PATH_SIZE];
	char to[PATH_SIZE];

	pthread_rwlock_wrlock(&directory->lock);
	atomic_fetch_add(&directory->version, 1);
	print_directory(scratch, number, from);
	snprintf(to, sizeof(to), "%c%u", *from == 'd' ? 'e' : 'd', number);
	if (dcache_rename(scratch->dcache, from, to, &tally->stats))
		tally->mismatches++;
	else
		atomic_store(&directory->is_e, *to == 'e');
	atomic_fetch_add(&directory->version, 1);
	pthread_rwlock_unlock(&directory->lock);
	tally->changes++;
}

void scratch_change(struct scratch *scratch, uint64_t *seed, struct scratch_tally *tally)
{
	char path[PATH_SIZE];

	switch (draw(seed, 16)) {
	case 0:
		rename_some_directory(scratch, seed, tally);
		break;
	case 1:
		print_directory(scratch, draw(seed, DIRECTORIES), path);
		(void)dcache_invalidate(scratch->dcache, path, &tally->stats);
		tally->changes++;
		break;
	case 2:
		dcache_shrink(scratch->dcache, FILES / 2, &tally->stats);
		break;
	default:
		move_some_file(scratch, seed, tally);
	}
}

/* -------------------------------------------------------------------------------------- lookups */

/* What must not have changed while a lookup ran. */
struct moment {
	unsigned file;
	unsigned directory;
};

static struct moment moment_of(const struct scratch *scratch, uint32_t file, uint32_t directory)
{
	struct moment moment = { atomic_load(&scratch->files[file].version),
				 atomic_load(&scratch->directories[directory].version) };

	return moment;
}

static bool is_settled(struct moment before, struct moment after)
{
	return !(before.file & 1) && !(before.directory & 1) && before.file == after.file &&
	       before.directory == after.directory;
}

/* Asks for a file in a folder, where it may be or not. */
void scratch_look(struct scratch *scratch, uint64_t *seed, struct scratch_tally *tally)
{
	uint32_t number = draw(seed, FILES);
	struct file *file = &scratch->files[number];
	uint32_t actual = atomic_load(&file->directory);
	/* Half of the time where it was last seen. */
	uint32_t directory = actual != NOWHERE && draw(seed, 2) ? actual : draw(seed, DIRECTORIES);
	struct moment before = moment_of(scratch, number, directory);
	uint64_t ino = atomic_load(&file->ino);
	bool expected;
	struct dcache_answer answer;
	char path[PATH_SIZE];
	int err;

	actual = atomic_load(&file->directory);
	expected = actual == directory;
	print_file(scratch, directory, number, path);
	err = dcache_lookup(scratch->dcache, path, &answer, &tally->stats);
	if (!is_settled(before, moment_of(scratch, number, directory))) {
		tally->unsettled++;
		return;
	}
	tally->checked++;
	if (err || answer.found != expected || (expected && answer.ino != ino))
		tally->mismatches++;
}

/* --------------------------------------------------------------------------- create and destroy */

static int make_directories(struct scratch *scratch)
{
	char path[PATH_SIZE];

	for (uint32_t i = 0; i < DIRECTORIES; i++) {
		pthread_rwlock_init(&scratch->directories[i].lock, NULL);
		print_directory(scratch, i, path);
		if (mkdirat(scratch->root_fd, path, 0700))
			return -errno;
		strcat(path, "/s");
		if (mkdirat(scratch->root_fd, path, 0700))
			return -errno;
	}
	return 0;
}

int scratch_create(struct scratch **scratchp, uint64_t limit)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));
	const char *folder = getenv("TMPDIR");
	int err;

	if (!scratch)
		return -ENOMEM;
	snprintf(scratch->root, sizeof(scratch->root), "%s/dcache.XXXXXX",
		 folder && *folder ? folder : "/tmp");
	if (!mkdtemp(scratch->root)) {
		err = -errno;
		free(scratch);
		return err;
	}
	for (uint32_t i = 0; i < FILES; i++) {
		pthread_mutex_init(&scratch->files[i].lock, NULL);
		atomic_store(&scratch->files[i].directory, NOWHERE);
	}
	scratch->root_fd = open(scratch->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = scratch->root_fd < 0 ? -errno : make_directories(scratch);
	if (!err)
		err = dcache_create(&scratch->dcache, scratch->root, limit);
	if (err) {
		(void)scratch_destroy(scratch);
		return err;
	}
	*scratchp = scratch;
	return 0;
}

/* Files first, wherever they are. */
static void remove_all(struct scratch *scratch)
{
	char path[PATH_SIZE];

	for (uint32_t i = 0; i < FILES; i++) {
		uint32_t directory = atomic_load(&scratch->files[i].directory);

		if (directory == NOWHERE)
			continue;
		print_file(scratch, directory, i, path);
		(void)unlinkat(scratch->root_fd, path, 0);
	}
	for (uint32_t i = 0; i < DIRECTORIES; i++) {
		print_directory(scratch, i, path);
		strcat(path, "/s");
		(void)unlinkat(scratch->root_fd, path, AT_REMOVEDIR);
		print_directory(scratch, i, path);
		(void)unlinkat(scratch->root_fd, path, AT_REMOVEDIR);
	}
	(void)rmdir(scratch->root);
}

int scratch_destroy(struct scratch *scratch)
{
	int err = scratch->dcache ? dcache_destroy(scratch->dcache) : 0;

	if (err)
		return err;
	remove_all(scratch);
	if (scratch->root_fd >= 0)
		close(scratch->root_fd);
	free(scratch);
	return 0;
}
