/* SPDX-License-Identifier: MIT */
/* Two holders put while a getter comes. */
#include "scenario.h"

int main(void)
{
	pthread_t t1, t2, t3;

	prepare();
	publish(2);
	t1 = start(holder);
	t2 = start(holder);
	t3 = start(getter);
	wait_for(t1);
	wait_for(t2);
	wait_for(t3);
	return finish();
}
