/* SPDX-License-Identifier: MIT */
/* Three getters against one put. */
#include "scenario.h"

int main(void)
{
	pthread_t t1, t2, t3, t4;

	prepare();
	publish(1);
	t1 = start(holder);
	t2 = start(getter);
	t3 = start(getter);
	t4 = start(getter);
	wait_for(t1);
	wait_for(t2);
	wait_for(t3);
	wait_for(t4);
	return finish();
}
