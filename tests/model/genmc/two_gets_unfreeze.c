/* SPDX-License-Identifier: MIT */
/*
 * Two gets against unfreeze: those too early fail, and unfreeze overwrites the residue they left.
 */
#include "scenario.h"

int main(void)
{
	pthread_t t1, t2, t3;

	prepare();
	t1 = start(publisher);
	t2 = start(getter);
	t3 = start(getter);
	wait_for(t1);
	wait_for(t2);
	wait_for(t3);
	return finish();
}
