/* SPDX-License-Identifier: MIT */
/*
 * What the unit tests use of POSIX and Windows does not have. A test that comes to call it ends
 * there, as one that cannot run here, and says why.
 *
 * Included by the headers of the same names as POSIX's, which only builds for Windows find.
 */
#ifndef FROZENREF_TESTS_UNIT_PLAIN_WINDOWS_POSIX_H
#define FROZENREF_TESTS_UNIT_PLAIN_WINDOWS_POSIX_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <io.h>
#include <signal.h>
#include <stdlib.h>

#define WINDOWS_SKIP(what) cr_skip_test(what " does not exist on Windows")

/* -- processes -- */

static inline int windows_fork(void)
{
	WINDOWS_SKIP("fork");
}

/* Not a function of this name, since the compiler knows one. */
#define fork() windows_fork()

static inline pid_t waitpid(pid_t child, int *status, int options)
{
	(void)child;
	(void)status;
	(void)options;
	WINDOWS_SKIP("waitpid");
}

#define WIFEXITED(status)   ((void)(status), 0)
#define WEXITSTATUS(status) ((void)(status), 0)
#define WIFSIGNALED(status) ((void)(status), 0)
#define WTERMSIG(status)    ((void)(status), 0)
#define WCOREDUMP(status)   ((void)(status), 0)

static inline int pipe(int ends[2])
{
	(void)ends;
	WINDOWS_SKIP("pipe");
}

static inline unsigned alarm(unsigned seconds)
{
	(void)seconds;
	WINDOWS_SKIP("alarm");
}

static inline int setenv(const char *name, const char *value, int overwrite)
{
	return overwrite || !getenv(name) ? _putenv_s(name, value) : 0;
}

/* C's own signals are all that there are. */
#define SIGUSR1 SIGTERM

/* -- limits and memory -- */

typedef unsigned long long rlim_t;

struct rlimit {
	rlim_t rlim_cur;
	rlim_t rlim_max;
};

#define RLIM_INFINITY (~0ULL)
#define RLIMIT_AS     0
#define RLIMIT_CORE   1

static inline int getrlimit(int resource, struct rlimit *limit)
{
	(void)resource;
	(void)limit;
	WINDOWS_SKIP("getrlimit");
}

static inline int setrlimit(int resource, const struct rlimit *limit)
{
	(void)resource;
	(void)limit;
	WINDOWS_SKIP("setrlimit");
}

#define MCL_CURRENT 1
#define MCL_FUTURE  2

static inline int mlockall(int flags)
{
	(void)flags;
	WINDOWS_SKIP("mlockall");
}

/* -- files -- */

/* Through Wine the host's /proc can be seen, where "self" is another process. */
static inline FILE *windows_fopen(const char *path, const char *mode)
{
	return strncmp(path, "/proc/", 6) == 0 ? NULL : fopen(path, mode);
}

#define fopen(path, mode) windows_fopen(path, mode)

static inline char *mkdtemp(char *template)
{
	(void)template;
	WINDOWS_SKIP("mkdtemp");
}

static inline int dirfd(DIR *directory)
{
	(void)directory;
	WINDOWS_SKIP("dirfd");
}

struct stat;

static inline int fstatat(int directory, const char *path, struct stat *status, int flags)
{
	(void)directory;
	(void)path;
	(void)status;
	(void)flags;
	WINDOWS_SKIP("fstatat");
}

static inline int unlinkat(int directory, const char *path, int flags)
{
	(void)directory;
	(void)path;
	(void)flags;
	WINDOWS_SKIP("unlinkat");
}

#endif /* FROZENREF_TESTS_UNIT_PLAIN_WINDOWS_POSIX_H */
