/* SPDX-License-Identifier: MIT */
/* See failing_malloc.h. */
#include <errno.h>
#include <stdlib.h>

#include "failing_malloc.h"

__thread struct failing_malloc failing_malloc;

static bool fails_now(void)
{
	struct failing_malloc *mine = &failing_malloc;

	mine->calls++;
	if (!mine->fails_at || mine->calls < mine->fails_at ||
	    (mine->calls > mine->fails_at && !mine->from_then_on))
		return false;
	mine->failures++;
	errno = ENOMEM;
	return true;
}

static void tell(void)
{
	if (failing_malloc.on_call)
		failing_malloc.on_call();
}

void *failing_malloc_malloc(size_t size)
{
	void *memory = fails_now() ? NULL : malloc(size);

	tell();
	return memory;
}

void *failing_malloc_calloc(size_t n, size_t size)
{
	void *memory = fails_now() ? NULL : calloc(n, size);

	tell();
	return memory;
}

void *failing_malloc_realloc(void *old, size_t size)
{
	void *memory = fails_now() ? NULL : realloc(old, size);

	tell();
	return memory;
}

void failing_malloc_free(void *memory)
{
	tell();
	free(memory);
	tell();
}
