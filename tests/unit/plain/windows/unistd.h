/* SPDX-License-Identifier: MIT */
/* For Windows, whose <unistd.h> does not tell the size of a page. */
#ifndef FROZENREF_TESTS_UNIT_PLAIN_WINDOWS_UNISTD_H
#define FROZENREF_TESTS_UNIT_PLAIN_WINDOWS_UNISTD_H

#include_next <unistd.h>

#define _SC_PAGESIZE 1

/* In process_spawn.c: <windows.h> has too many names of its own. */
long sysconf(int name);

#endif /* FROZENREF_TESTS_UNIT_PLAIN_WINDOWS_UNISTD_H */
