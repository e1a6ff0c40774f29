/* SPDX-License-Identifier: MIT */
/* Three getters, of which each failing one resets the residue, and the owner. */
#define FROZENREF__RESIDUE_LIMIT UINT32_C(1)
#include "scenario.h"

int main(void)
{
	pthread_t t1, t2, t3, t4;

	prepare();
	t1 = start(publisher);
	t2 = start(getter);
	t3 = start(getter);
	t4 = start(getter);
	wait_for(t1);
	wait_for(t2);
	wait_for(t3);
	wait_for(t4);
	return finish();
}
