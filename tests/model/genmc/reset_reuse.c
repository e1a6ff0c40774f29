/* SPDX-License-Identifier: MIT */
/*
 * The same across two lifetimes: a reset that stalls meets dying, frozen and live words of the next
 * one.
 */
#define FROZENREF__RESIDUE_LIMIT UINT32_C(1)
#define LIFETIMES		 2
#include "scenario.h"

int main(void)
{
	pthread_t t1, t2, t3;

	prepare();
	publish(1);
	t1 = start(holder);
	t2 = start(getter);
	t3 = start(getter);
	wait_for(t1);
	wait_for(t2);
	wait_for(t3);
	return finish();
}
