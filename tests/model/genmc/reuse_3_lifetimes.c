/* SPDX-License-Identifier: MIT */
/* Three lifetimes, two threads: an end of one can meet a beginning two later. */
#define LIFETIMES 3
#include "scenario.h"

int main(void)
{
	pthread_t t1, t2;

	prepare();
	publish(1);
	t1 = start(holder);
	t2 = start(getter);
	wait_for(t1);
	wait_for(t2);
	return finish();
}
