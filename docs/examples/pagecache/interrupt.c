/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C: a signal handler that sets a flag. See interrupt.h.
 */
#include "interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* Lock-free, so a signal handler may store to it; atomic, since other threads read it. */
static atomic_int requested;

static void note_signal(int number)
{
	(void)number;
	atomic_store_explicit(&requested, 1, memory_order_relaxed);
}

void interrupt_install(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = note_signal;
	/* No SA_RESTART is needed: whatever is interrupted tries again. */
	action.sa_flags = (int)SA_RESETHAND;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool interrupt_requested(void)
{
	/* Relaxed: nothing else is told by it. */
	return atomic_load_explicit(&requested, memory_order_relaxed) != 0;
}
