/* SPDX-License-Identifier: MIT */
/* Two holders put at once: one of them wins, and sees that the other has read. */
#include "scenario.h"

int main(void)
{
	pthread_t t1, t2;

	prepare();
	publish(2);
	t1 = start(holder);
	t2 = start(holder);
	wait_for(t1);
	wait_for(t2);
	return finish();
}
