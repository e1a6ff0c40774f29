/* SPDX-License-Identifier: MIT */
/*
 * Finding, opening and numbering files, and noticing that they changed. See files.h.
 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frames.h"
#include "interrupt.h"
#include "terminal.h"

#define FOLDER_DEPTH_MAX 128
#define SKIPPED_SAID	 5 /* no more than this many get a line of their own */
#define GONE_SAID	 20
#define FDS_SPARE	 32	    /* for everything but the files */
#define PAGES_MAX	 (1u << 30) /* 4 TiB */

/* ------------------------------------------------------------------------------------ finding */

static void skip(struct file_set *set, const char *path, int err)
{
	set->skipped++;
	if (set->skipped <= SKIPPED_SAID)
		say("skipped %s: %s", path, strerror(err));
	else if (set->skipped == SKIPPED_SAID + 1)
		say("more is skipped, and only counted");
}

/* Open files are kept open, as the kernel keeps inodes; ask for as many as one may have. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
#ifdef __APPLE__
	if (limit.rlim_cur > OPEN_MAX)
		limit.rlim_cur = OPEN_MAX;
#endif
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static bool fd_is_spare(int fd)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY ||
	       (rlim_t)fd + FDS_SPARE < limit.rlim_cur;
}

static int add_file(struct file_set *set, char *path, int fd, const struct stat *status)
{
	uint64_t pages = ((uint64_t)status->st_size + PAGE_BYTES - 1) >> PAGE_SHIFT;
	struct file *file;

	if (pages > PAGES_MAX - set->npages)
		return -EFBIG;
	if (set->nfiles == set->room) {
		uint32_t room = set->room ? set->room * 2 : 1024;
		struct file *files = aligned_alloc(_Alignof(struct file), room * sizeof(*files));

		if (!files)
			return -ENOMEM;
		if (set->nfiles)
			memcpy(files, set->files, set->nfiles * sizeof(*files));
		free(set->files);
		set->files = files;
		set->room = room;
	}
	file = &set->files[set->nfiles++];
	file->base = set->npages;
	file->size = (uint64_t)status->st_size;
	file->fd = fd;
	atomic_init(&file->gone, false);
	file->path = path;
	file->modified = status->st_mtim;
	set->npages += pages;
	set->bytes += file->size;
	return 0;
}

/* Takes path over. Returns 0 as long as the search can go on. */
static int open_file(struct file_set *set, int dir, const char *name, int nofollow, char *path)
{
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | nofollow);
	struct stat status;
	int err = 0;

	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		set->fds_exhausted = true;
	} else if (fd < 0 || fstat(fd, &status)) {
		skip(set, path, errno);
	} else if (!fd_is_spare(fd)) {
		set->fds_exhausted = true;
	} else if (S_ISREG(status.st_mode) && status.st_size > 0) {
		err = add_file(set, path, fd, &status);
		if (!err)
			return 0;
		say("cannot take %s: %s", path, strerror(-err));
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return err;
}

static char *join(const char *folder, const char *name)
{
	size_t length = strlen(folder);
	const char *slash = length && folder[length - 1] == '/' ? "" : "/";
	size_t room = length + strlen(slash) + strlen(name) + 1;
	char *path = malloc(room);

	if (path)
		snprintf(path, room, "%s%s%s", folder, slash, name);
	return path;
}

static int search_folder(struct file_set *set, int dir, const char *path, unsigned depth);

/* One name in a folder: a file is opened, a folder is searched, all else is passed by. */
static int take_entry(struct file_set *set, int dir, const char *folder, const char *name,
		      unsigned depth)
{
	char *path = join(folder, name);
	struct stat status;
	int fd, err;

	if (!path)
		return -ENOMEM;
	/* Before it is opened: opening a device or a pipe may have consequences. */
	if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW)) {
		skip(set, path, errno);
	} else if (S_ISREG(status.st_mode)) {
		return open_file(set, dir, name, O_NOFOLLOW, path);
	} else if (S_ISDIR(status.st_mode)) {
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0) {
			err = search_folder(set, fd, path, depth + 1);
			free(path);
			return err;
		}
		skip(set, path, errno);
	}
	free(path);
	return 0;
}

/* Takes dir over. */
static int search_folder(struct file_set *set, int dir, const char *path, unsigned depth)
{
	DIR *stream = depth < FOLDER_DEPTH_MAX ? fdopendir(dir) : NULL;
	const struct dirent *entry;
	int err = 0;

	if (!stream) {
		skip(set, path, depth < FOLDER_DEPTH_MAX ? errno : ELOOP);
		close(dir);
		return 0;
	}
	while (!err && !set->fds_exhausted && !interrupt_requested() && (entry = readdir(stream))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			err = take_entry(set, dirfd(stream), path, entry->d_name, depth);
	}
	closedir(stream);
	return err;
}

/* What the user named: a folder, or a file, or a link to one of them. */
static int take_argument(struct file_set *set, const char *name)
{
	struct stat status;
	char *path;
	int fd;

	if (stat(name, &status))
		goto failed;
	if (S_ISDIR(status.st_mode)) {
		fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			goto failed;
		return search_folder(set, fd, name, 0);
	}
	if (!S_ISREG(status.st_mode)) {
		say("%s is neither a folder nor a regular file", name);
		return -EINVAL;
	}
	path = strdup(name);
	return path ? open_file(set, AT_FDCWD, name, 0, path) : -ENOMEM;
failed:
	say("cannot open %s: %s", name, strerror(errno));
	return -EINVAL;
}

/* ---------------------------------------------------------------------------------- numbering */

static int number_pages(struct file_set *set)
{
	set->page_file = malloc((size_t)set->npages * sizeof(*set->page_file));
	if (!set->page_file)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->nfiles; i++) {
		uint64_t pages = file_pages(&set->files[i]);

		for (uint64_t page = 0; page < pages; page++)
			set->page_file[set->files[i].base + page] = i;
	}
	return 0;
}

int files_collect(struct file_set *set, char *const *dirs)
{
	int err = 0;

	memset(set, 0, sizeof(*set));
	raise_fd_limit();
	for (; !err && *dirs && !set->fds_exhausted; dirs++)
		err = take_argument(set, *dirs);
	if (set->fds_exhausted)
		say("no more than %u files can be open at once: the others are left out (ulimit "
		    "-n)",
		    set->nfiles);
	if (!err && !interrupt_requested() && !set->nfiles) {
		say("nothing to read: no regular file with anything in it was found");
		err = -ENOENT;
	}
	if (!err && set->npages)
		err = number_pages(set);
	if (err == -ENOMEM)
		say("out of memory while collecting files");
	return err;
}

void files_free(struct file_set *set)
{
	for (uint32_t i = 0; i < set->nfiles; i++) {
		close(set->files[i].fd);
		free(set->files[i].path);
	}
	free(set->files);
	free(set->page_file);
}

struct file *files_of_page(const struct file_set *set, uint64_t pfn)
{
	return &set->files[set->page_file[pfn]];
}

uint64_t file_pages(const struct file *file)
{
	return (file->size + PAGE_BYTES - 1) >> PAGE_SHIFT;
}

/* ---------------------------------------------------------------------------- reading, changes */

int file_read(const struct file *file, uint64_t offset, void *buffer, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = pread(file->fd, (char *)buffer + done, length - done,
				  (off_t)(offset + done));

		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			return -ESTALE;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int file_read_pages(const struct file *file, uint64_t index, uint64_t npages, void *memory)
{
	uint64_t offset = index << PAGE_SHIFT;
	uint64_t left = file->size - offset;
	uint64_t length = npages << PAGE_SHIFT;

	return file_read(file, offset, memory, (size_t)(left < length ? left : length));
}

bool file_looks_changed(const struct file *file)
{
	struct stat status;

	return fstat(file->fd, &status) || (uint64_t)status.st_size != file->size ||
	       status.st_mtim.tv_sec != file->modified.tv_sec ||
	       status.st_mtim.tv_nsec != file->modified.tv_nsec;
}

static void say_why(const struct file *file, int err)
{
	struct stat status;

	if (err != -ESTALE)
		say("%s cannot be read any more (%s): left out from now on", file->path,
		    strerror(-err));
	else if (!fstat(file->fd, &status) && (uint64_t)status.st_size < file->size)
		say("%s shrank from %llu to %llu bytes: left out from now on", file->path,
		    (unsigned long long)file->size, (unsigned long long)status.st_size);
	else
		say("%s changed on disk: left out from now on", file->path);
}

bool files_forget(struct file_set *set, struct file *file, int err)
{
	uint64_t before;

	if (atomic_exchange_explicit(&file->gone, true, memory_order_relaxed))
		return false;
	atomic_fetch_add_explicit(&set->pages_gone, file_pages(file), memory_order_relaxed);
	before = atomic_fetch_add_explicit(&set->files_gone, 1, memory_order_relaxed);
	if (before < GONE_SAID)
		say_why(file, err);
	else if (before == GONE_SAID)
		say("more files change, and are only counted");
	return true;
}
