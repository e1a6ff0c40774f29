/* SPDX-License-Identifier: MIT */
/*
 * Coroutines by sigaltstack(2) and setjmp(3), which every libc and architecture has.
 *
 * Called by explorer.c. A signal handler that runs on an alternative stack marks its place with
 * setjmp and returns; a later longjmp to that mark continues on that stack, which nobody else uses.
 * Fortified longjmps take a jump to another stack for an error, hence no fortification in this
 * file.
 */
#undef _FORTIFY_SOURCE

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "coroutine.h"

#ifndef MAP_ANONYMOUS
# define MAP_ANONYMOUS MAP_ANON
#endif

enum { STACK_BYTES = 256 * 1024 };

/* The one being created, or about to be entered at its top. */
static struct coroutine *volatile entering;

static void on_new_stack(int number)
{
	(void)number;
	if (_setjmp(entering->top))
		entering->body(entering->arg);
}

static void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* Whatever does not fit meets a page that may not be touched. */
static void *make_stack(void)
{
	size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	char *stack = mmap(NULL, guard + STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED || mprotect(stack, guard, PROT_NONE))
		fail("mmap");
	return stack + guard;
}

void coroutine_create(struct coroutine *co, void (*body)(void *arg), void *arg)
{
	struct sigaction action = { .sa_handler = on_new_stack, .sa_flags = SA_ONSTACK };
	struct sigaction old_action;
	stack_t stack = { .ss_size = STACK_BYTES };
	stack_t old_stack;

	co->body = body;
	co->arg = arg;
	stack.ss_sp = make_stack();
	if (sigaltstack(&stack, &old_stack) || sigaction(SIGUSR2, &action, &old_action))
		fail("sigaltstack");
	entering = co;
	if (raise(SIGUSR2))
		fail("raise");
	if (sigaction(SIGUSR2, &old_action, NULL) || sigaltstack(&old_stack, NULL))
		fail("sigaltstack");
	coroutine_restart(co);
}

void coroutine_restart(struct coroutine *co)
{
	memcpy(&co->at, &co->top, sizeof(co->at));
}

void coroutine_switch(struct coroutine *from, struct coroutine *to)
{
	if (_setjmp(from->at))
		return;
	entering = to;
	_longjmp(to->at, 1);
}
