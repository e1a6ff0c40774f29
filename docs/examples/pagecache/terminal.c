/* SPDX-License-Identifier: MIT */
/*
 * Messages and the progress line. See terminal.h.
 */
#include "terminal.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MS_ON_TERMINAL 200
#define MS_ELSEWHERE   5000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool line_is_open; /* a progress line stands on the terminal; under the lock */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wipe(void)
{
	if (line_is_open)
		fputs("\r\033[K", stderr);
	line_is_open = false;
}

void say(const char *format, ...)
{
	va_list arguments;

	pthread_mutex_lock(&lock);
	wipe();
	fputs("pagecache: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	pthread_mutex_unlock(&lock);
}

bool progress_due(void)
{
	static int64_t last;
	int64_t now = now_ms();

	if (!last)
		last = now;
	if (now - last < (isatty(STDERR_FILENO) ? MS_ON_TERMINAL : MS_ELSEWHERE))
		return false;
	last = now;
	return true;
}

void progress(const char *format, ...)
{
	va_list arguments;

	pthread_mutex_lock(&lock);
	wipe();
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	line_is_open = isatty(STDERR_FILENO);
	if (!line_is_open)
		fputc('\n', stderr);
	fflush(stderr);
	pthread_mutex_unlock(&lock);
}

void progress_end(void)
{
	pthread_mutex_lock(&lock);
	wipe();
	pthread_mutex_unlock(&lock);
}
