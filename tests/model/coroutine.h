/* SPDX-License-Identifier: MIT */
/*
 * Coroutines: several stacks on one operating-system thread, switched by hand.
 *
 * Used by explorer.c, which restarts the same few coroutines millions of times: a switch and a
 * restart cost a setjmp and a longjmp, and no system call.
 */
#ifndef MODEL_COROUTINE_H
#define MODEL_COROUTINE_H

#include <setjmp.h>

struct coroutine {
	jmp_buf at;  /* where it goes on */
	jmp_buf top; /* where its body begins */
	void (*body)(void *arg);
	void *arg;
};

/* Gives the coroutine a stack, for the rest of the process. The body must never return. */
void coroutine_create(struct coroutine *co, void (*body)(void *arg), void *arg);

/* The next switch to it begins at the top of its body, whatever it was doing. */
void coroutine_restart(struct coroutine *co);

/* Leaves one and goes on with the other; `from` may also be a plain thread's own stack. */
void coroutine_switch(struct coroutine *from, struct coroutine *to);

#endif /* MODEL_COROUTINE_H */
