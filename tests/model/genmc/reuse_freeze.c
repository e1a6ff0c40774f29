/* SPDX-License-Identifier: MIT */
/* As reuse, with a holder that freezes if it is alone. */
#define LIFETIMES 2
#include "scenario.h"

int main(void)
{
	pthread_t t1, t2, t3;

	prepare();
	publish(1);
	t1 = start(freezer);
	t2 = start(getter);
	t3 = start(getter);
	wait_for(t1);
	wait_for(t2);
	wait_for(t3);
	return finish();
}
