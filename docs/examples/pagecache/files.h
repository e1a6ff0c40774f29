/* SPDX-License-Identifier: MIT */
/*
 * The files that are read: found under the user's folders, opened, and numbered page by page, so
 * that a file's base and a page's index in it make a key: the pfn. Also who notices that a file on
 * disk is no longer what it was.
 *
 * Used by everything here. Relies on POSIX.
 */
#ifndef PAGECACHE_FILES_H
#define PAGECACHE_FILES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* What a read needs of a file comes first and fits into one cache line. */
struct file {
	_Alignas(64) uint64_t base; /* pfn of its first page */
	uint64_t size;		    /* when it was opened; later growth is ignored */
	int fd;
	atomic_bool gone; /* it changed on disk: nothing is read from it any more */
	char *path;
	struct timespec modified;
};

struct file_set {
	struct file *files;
	uint32_t nfiles;
	uint32_t room;
	uint64_t npages;
	uint64_t bytes;
	uint32_t *page_file; /* for each pfn, the number of its file */
	uint64_t skipped;    /* files and folders that could not be read; said on stderr */
	bool fds_exhausted;
	_Atomic uint64_t pages_gone;
	_Atomic uint64_t files_gone;
};

/*
 * Collects the regular files under dirs, up to a NULL; symbolic links below them are not followed.
 * Returns 0 or a negative errno, which was said on stderr.
 */
int files_collect(struct file_set *set, char *const *dirs);
void files_free(struct file_set *set);

struct file *files_of_page(const struct file_set *set, uint64_t pfn);

uint64_t file_pages(const struct file *file);

/* Reads exactly length bytes. 0; -ESTALE: the file is shorter by now; or another negative errno. */
int file_read(const struct file *file, uint64_t offset, void *buffer, size_t length);

/*
 * Reads all that the file has of these pages. A short read is an error and never a page: what is
 * behind it in the memory are zeros, or some other page's bytes.
 */
int file_read_pages(const struct file *file, uint64_t index, uint64_t npages, void *memory);

/* Whether size or time say that the file is another than was opened. */
bool file_looks_changed(const struct file *file);

static inline bool file_is_gone(const struct file *file)
{
	/* Relaxed: a hint to leave the file alone; whoever misses it finds out by itself. */
	return atomic_load_explicit(&file->gone, memory_order_relaxed);
}

/* Leaves a file out from now on. True for the first who says so, after telling the user why. */
bool files_forget(struct file_set *set, struct file *file, int err);

#endif /* PAGECACHE_FILES_H */
