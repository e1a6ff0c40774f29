/* SPDX-License-Identifier: MIT */
/*
 * A test in a process of its own on Windows, which has no fork(2): the program again, with the name
 * of the test.
 *
 * Called by runner.c.
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <criterion/criterion.h>

#include "runner.h"

/* Declared by windows/unistd.h for the tests, which ask for nothing but the size of a page. */
long sysconf(int name);

long sysconf(int name)
{
	SYSTEM_INFO info;

	(void)name;
	GetSystemInfo(&info);
	return (long)info.dwPageSize;
}

/* What the process left: an exception's code, too, is its exit code, and looks like one. */
static struct plain_end end_with(DWORD code)
{
	struct plain_end end = { PLAIN_FAIL, (unsigned)code };

	if (code == 0)
		end.outcome = PLAIN_PASS;
	else if (code == PLAIN_SKIPPED)
		end.outcome = PLAIN_SKIP;
	else if (code != PLAIN_FAILED)
		end.outcome = PLAIN_CRASH;
	return end;
}

struct plain_end plain_run_apart(const char *program, const struct plain_test *test,
				 unsigned timeout)
{
	STARTUPINFOA startup = { .cb = sizeof(startup) };
	PROCESS_INFORMATION process;
	char path[MAX_PATH];
	char command[2 * MAX_PATH];
	DWORD code = STILL_ACTIVE;

	(void)program;
	if (!GetModuleFileNameA(NULL, path, sizeof(path)))
		return end_with(GetLastError());
	(void)snprintf(command, sizeof(command), "\"%s\" --run %s::%s", path, test->suite,
		       test->name);
	if (!CreateProcessA(path, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
		return end_with(STILL_ACTIVE);
	if (WaitForSingleObject(process.hProcess, timeout * 1000) != WAIT_OBJECT_0)
		(void)TerminateProcess(process.hProcess, WAIT_TIMEOUT);
	(void)WaitForSingleObject(process.hProcess, INFINITE);
	(void)GetExitCodeProcess(process.hProcess, &code);
	(void)CloseHandle(process.hThread);
	(void)CloseHandle(process.hProcess);
	return end_with(code);
}
