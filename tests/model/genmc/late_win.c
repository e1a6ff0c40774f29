/* SPDX-License-Identifier: MIT */
/*
 * A put stalls between its subtraction and its compare-and-swap, and wins for a later lifetime.
 * That this does happen is shown by -DNO_LATE_WIN, which must fail.
 */
#define LIFETIMES 2
#include "scenario.h"

/* Holds a reference of the first lifetime. */
static void *staller(void *unused)
{
	use();
	if (!put())
		return unused;
#ifdef NO_LATE_WIN
	assert(object.begun == 1);
#endif
	destroy();
	if (object.begun < LIFETIMES) {
		publish(1);
		drop();
	}
	return unused;
}

int main(void)
{
	pthread_t t1, t2;

	prepare();
	publish(1);
	t1 = start(staller);
	t2 = start(getter);
	wait_for(t1);
	wait_for(t2);
	return finish();
}
