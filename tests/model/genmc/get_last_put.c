/* SPDX-License-Identifier: MIT */
/* A get against the last put: it fails, or it takes part, or it revives the dying object. */
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
