/* SPDX-License-Identifier: MIT */
/*
 * Two holders put with put_and_lock_rcu, and the winner frees the memory of the counter as soon as
 * a getter, who may look at it until it says that it is done, has left.
 */
#include <stdlib.h>
#include "scenario.h"

static struct {
	frozenref_t ref;
	int payload;
} * memory;

static uint32_t getter_left;

static void free_if_last(void)
{
	assert(memory->payload == 1);
	if (!frozenref_put_and_lock_rcu(&memory->ref))
		return;
	memory->payload = POISON;
	object.ended++;
	/* Acquire: pairs with the getter's release; this stands for the grace period. */
	while (!frozenref__load32(&getter_left, acquire))
		continue;
	free(memory);
}

static void *rcu_holder(void *unused)
{
	free_if_last();
	return unused;
}

/* Its reference, if it gets one, is put only after the grace period has ceased to wait for it. */
static void *rcu_getter(void *unused)
{
	bool got = frozenref_try_get(&memory->ref);

	/* Release: the add above comes before the memory is freed. */
	frozenref__store32(&getter_left, 1, release);
	if (got)
		free_if_last();
	return unused;
}

int main(void)
{
	pthread_t t1, t2, t3;

	prepare();
	memory = malloc(sizeof(*memory));
	if (!memory)
		abort();
	memory->payload = ++object.begun;
	frozenref_init_as_frozen(&memory->ref);
	frozenref_unfreeze(&memory->ref, 2);
	t1 = start(rcu_holder);
	t2 = start(rcu_holder);
	t3 = start(rcu_getter);
	wait_for(t1);
	wait_for(t2);
	wait_for(t3);
	return finish();
}
