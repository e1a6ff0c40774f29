/* SPDX-License-Identifier: MIT */
/*
 * Depth-first search over schedules, by running them.
 *
 * Called by main.c, mutants.c and selftest.c. Relies on coroutine.c for threads and on memory.c for
 * what an operation sees. A node of the search is the place before one operation on a contended
 * word; what a thread does between two of those belongs to the first. The search keeps the nodes of
 * the current schedule, runs it to its end, changes the last node that has something left to try,
 * and runs again.
 *
 * Two steps depend on each other if they belong to one thread, or touch one word and one of them
 * stores. Executions that differ in the order of independent steps are equivalent, and one of each
 * kind is enough: sleep sets see to it that no second one is completed, source sets (Abdulla,
 * Aronis, Jonsson, Sagonas: Optimal dynamic partial order reduction, 2014) that few are begun. A
 * word that no two threads contend for makes no node at all. Which words are contended is learnt:
 * an operation that shows it starts the exploration again.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coroutine.h"
#include "explorer.h"
#include "memory.h"
#include "steps.h"

enum { DEPTH = 1024 };

/* Why the coroutines came back to the explorer. */
enum ending { RUNNING, COMPLETE, ABANDONED, FAILED, LEARNT };

struct thread {
	struct coroutine co;
	int number;
	bool finished;
	bool waiting; /* for another thread, until this execution is given up */
	struct model_op pending;
	struct location *pending_loc;
	uint16_t seen[MODEL_THREADS_MAX]; /* the trace before its next step: steps of each thread */
};

/* A place in the schedule, and the step that was taken from there. */
struct node {
	uint8_t enabled;
	uint8_t sleep;	   /* would only repeat what is done */
	uint8_t backtrack; /* to be tried */
	uint8_t done;	   /* tried, with every choice */
	int thread;
	unsigned choice;
	unsigned choices; /* 0: not known yet */
	/* The step. */
	struct location *loc;
	bool stored;
	uintptr_t old;
	uint16_t seen
		[MODEL_THREADS_MAX]; /* the steps that come before it in any order, and itself */
};

static struct {
	const struct model_scenario *scenario;
	struct explorer_options options;
	struct explorer_result result;
	enum ending ending;
	struct coroutine main;
	struct thread threads[MODEL_THREADS_MAX];
	unsigned nthreads;
	unsigned nstarted;
	struct thread *running; /* NULL: setup, check, teardown */
	jmp_buf checking;
	bool in_check;
	struct node nodes[DEPTH];
	unsigned length; /* nodes known */
	unsigned depth;	 /* nodes passed in this execution */
	unsigned fresh;	 /* the first node that this execution passes for the first time */
} ex;

static uint8_t bit(int thread)
{
	return (uint8_t)(1u << thread);
}

static int lowest(uint8_t set)
{
	return __builtin_ctz(set);
}

/* -------------------------------------------------------------------------------------- endings */

_Noreturn static void leave(enum ending ending)
{
	struct thread *self = ex.running;

	ex.ending = ending;
	ex.running = NULL;
	coroutine_switch(&self->co, &ex.main);
	abort();
}

void model_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ex.result.failure, sizeof(ex.result.failure), format, args);
	va_end(args);
	if (ex.running)
		leave(FAILED);
	ex.ending = FAILED;
	if (ex.in_check)
		longjmp(ex.checking, 1);
	fprintf(stderr, "model: %s: setup: %s\n", ex.scenario->name, ex.result.failure);
	exit(EXIT_FAILURE);
}

/*
 * A fault can make a thread follow a pointer to nowhere, or call itself without end. That is a
 * failure like any other; it is told on a stack of its own, and nobody comes back to this one.
 */
static void on_fault(int number)
{
	model_fail("memory that is not there is used (%s)", strsignal(number));
}

static void watch_faults(void)
{
	static char room[64 * 1024];
	static const stack_t stack = { .ss_sp = room, .ss_size = sizeof(room) };
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_NODEFER };

	if (sigaltstack(&stack, NULL) || sigaction(SIGSEGV, &action, NULL) ||
	    sigaction(SIGBUS, &action, NULL)) {
		perror("sigaction");
		exit(EXIT_FAILURE);
	}
}

void model_witness(void)
{
	ex.result.witnessed++;
}

/* --------------------------------------------------------------------------------- the schedule */

/* Whether two steps on one word depend on each other. */
static bool conflict(bool stored, bool other_stored)
{
	if (ex.options.reduction == EXPLORE_WRONGLY)
		return stored && other_stored;
	return stored || other_stored;
}

static bool depends(const struct node *node, const struct thread *thread)
{
	return node->loc == thread->pending_loc &&
	       conflict(node->stored, memory_would_write(thread->pending_loc, &thread->pending));
}

static uint8_t enabled_threads(void)
{
	uint8_t set = 0;

	for (unsigned t = 0; t < ex.nthreads; t++) {
		const struct thread *thread = &ex.threads[t];

		if (!thread->finished && !thread->waiting &&
		    memory_is_ready(thread->pending_loc, &thread->pending))
			set |= bit((int)t);
	}
	return set;
}

static bool all_finished(void)
{
	for (unsigned t = 0; t < ex.nthreads; t++) {
		if (!ex.threads[t].finished)
			return false;
	}
	return true;
}

static bool some_waiting(void)
{
	for (unsigned t = 0; t < ex.nthreads; t++) {
		if (ex.threads[t].waiting)
			return true;
	}
	return false;
}

static uint8_t sleeping_threads(void)
{
	const struct node *last = &ex.nodes[ex.depth - 1];
	uint8_t set = 0;

	if (ex.options.reduction > EXPLORE_SLEEP_SETS || !ex.depth)
		return 0;
	for (int t = 0; t < (int)ex.nthreads; t++) {
		if ((last->sleep | last->done) & bit(t) && t != last->thread &&
		    !depends(last, &ex.threads[t]))
			set |= bit(t);
	}
	return set;
}

/* A new node at the end of the schedule. False: the execution ends here. */
static bool push_node(void)
{
	struct node *node = &ex.nodes[ex.length];
	uint8_t awake;

	memset(node, 0, sizeof(*node));
	node->enabled = enabled_threads();
	node->sleep = sleeping_threads();
	awake = node->enabled & (uint8_t)~node->sleep;
	if (!node->enabled) {
		ex.ending = some_waiting() ? ABANDONED : COMPLETE;
		return false;
	}
	if (!awake) {
		ex.ending = ABANDONED;
		return false;
	}
	if (ex.length == DEPTH - 1)
		model_fail("an execution does not end");
	node->thread = lowest(awake);
	if (ex.depth && awake & bit(ex.nodes[ex.depth - 1].thread))
		node->thread = ex.nodes[ex.depth - 1].thread;
	node->backtrack =
		ex.options.reduction <= EXPLORE_WRONGLY ? bit(node->thread) : node->enabled;
	ex.length++;
	return true;
}

/* The thread that goes on; NULL: none, the execution has ended. */
static struct thread *decide(void)
{
	struct thread *thread;
	struct node *node;

	if (ex.depth == ex.length && (ex.options.schedule || !push_node())) {
		if (ex.options.schedule)
			ex.ending = COMPLETE;
		return NULL;
	}
	node = &ex.nodes[ex.depth++];
	thread = &ex.threads[node->thread];
	if (node->thread >= (int)ex.nthreads || thread->finished)
		model_fail("step %u of the schedule is not possible", ex.depth);
	if (!node->choices)
		node->choices = memory_choices(thread->pending_loc, &thread->pending, node->thread);
	return thread;
}

/* Lets the others in; returns when it is this thread's turn. */
static void reschedule(struct thread *self)
{
	struct thread *next;

	if (ex.nstarted < ex.nthreads)
		next = &ex.threads[ex.nstarted++];
	else
		next = decide();
	if (next == self)
		return;
	ex.running = next;
	coroutine_switch(&self->co, next ? &next->co : &ex.main);
}

/*
 * The thread has looked for something that another is still busy with, and would look again. What
 * it saw had no effect, so there is another execution in which it looks later and finds what it
 * wants: this one goes on without the thread, to learn what can be reversed, and does not count.
 */
void model_wait(void)
{
	struct thread *self = ex.running;

	if (!self)
		model_fail("a single thread waits");
	self->waiting = true;
	reschedule(self);
	abort();
}

static void thread_body(void *arg)
{
	struct thread *self = (struct thread *)arg;

	ex.scenario->thread[self->number]();
	self->finished = true;
	reschedule(self);
	abort();
}

/* ----------------------------------------------------------------------- what could be reversed */

static bool precedes(const struct node *earlier, const struct node *later)
{
	return later->seen[earlier->thread] >= earlier->seen[earlier->thread];
}

/*
 * The steps at `first` and `last` depend on each other and nothing orders them otherwise. Sees to
 * it that the search also goes the other way round, from the node before the first: by a thread
 * that could begin what followed without it.
 */
static void reverse(unsigned first, unsigned last)
{
	const struct node *begins[MODEL_THREADS_MAX] = { NULL };
	uint8_t initials = 0;
	struct node *node = &ex.nodes[first];

	for (unsigned i = first + 1; i <= last; i++) {
		const struct node *step = &ex.nodes[i];
		bool initial = !begins[step->thread];

		if (i < last && precedes(node, step))
			continue;
		for (unsigned t = 0; t < ex.nthreads; t++) {
			if (begins[t] && precedes(begins[t], step))
				initial = false;
		}
		if (!begins[step->thread])
			begins[step->thread] = step;
		if (initial)
			initials |= bit(step->thread);
	}
	if (initials & node->backtrack)
		return;
	initials &= node->enabled;
	/* What was waiting for the first step cannot come before it: then let everybody try. */
	node->backtrack |= initials ? bit(lowest(initials)) : node->enabled;
}

/* The step just taken: which steps come before it in every equivalent execution. */
static void order_step(struct thread *self)
{
	unsigned at = ex.depth - 1;
	struct node *node = &ex.nodes[at];

	if (at < ex.fresh) {
		memcpy(self->seen, node->seen, sizeof(node->seen));
		return;
	}
	self->seen[self->number]++;
	memcpy(node->seen, self->seen, sizeof(node->seen));
	for (unsigned i = at; i--;) {
		const struct node *earlier = &ex.nodes[i];

		if (earlier->loc != node->loc || !conflict(earlier->stored, node->stored) ||
		    precedes(earlier, node))
			continue;
		for (int t = 0; t < MODEL_THREADS_MAX; t++) {
			if (node->seen[t] < earlier->seen[t])
				node->seen[t] = earlier->seen[t];
		}
		if (ex.options.reduction <= EXPLORE_WRONGLY)
			reverse(i, at);
	}
	memcpy(self->seen, node->seen, sizeof(node->seen));
}

/* --------------------------------------------------------------------------------------- steps */

static struct step *note(const struct model_op *op)
{
	return steps_add(op, ex.running->number);
}

static uintptr_t perform(struct thread *self, const struct model_op *op, struct location *loc,
			 unsigned choice, bool *stored)
{
	struct step *step = note(op);

	step->choice = choice;
	memory_touch(loc, op->text, self->number);
	step->old = memory_perform(loc, op, self->number, choice, stored);
	step->stored = *stored;
	return step->old;
}

static uintptr_t scheduled(struct thread *self, const struct model_op *op, struct location *loc)
{
	struct node *node;

	self->pending = *op;
	self->pending_loc = loc;
	reschedule(self);
	node = &ex.nodes[ex.depth - 1];
	node->loc = loc;
	node->old = perform(self, op, loc, node->choice, &node->stored);
	order_step(self);
	return node->old;
}

int explorer_thread(void)
{
	return ex.running ? ex.running->number : MODEL_MAIN;
}

uintptr_t explorer_perform(const struct model_op *op)
{
	struct thread *self = ex.running;
	struct location *loc;
	bool contended;
	bool learnt;
	bool stored;

	if (!self)
		return memory_direct(op);
	if (op->kind == MODEL_FENCE) {
		(void)note(op);
		memory_fence(op->order, self->number);
		return 0;
	}
	if ((uintptr_t)op->address < 4096)
		model_fail("%s is not in memory", op->text);
	loc = memory_location(op);
	contended = memory_is_contended(loc, op, self->number, &learnt);
	if (ex.options.reduction == EXPLORE_ALL_WORDS)
		return scheduled(self, op, loc);
	if (learnt)
		leave(LEARNT);
	if (contended || op->kind == MODEL_AWAIT)
		return scheduled(self, op, loc);
	return perform(self, op, loc, 0, &stored);
}

void model_await(uint32_t *word, uint32_t value)
{
	struct model_op op = { .kind = MODEL_AWAIT,
			       .order = MODEL_acquire,
			       .address = word,
			       .size = sizeof(*word),
			       .expected = value,
			       .function = __func__,
			       .text = "await" };

	(void)explorer_perform(&op);
}

static struct model_op plain(enum model_kind kind, const void *address, int value,
			     const char *function, const char *text)
{
	return (struct model_op){ .kind = kind,
				  .address = MODEL__ADDRESS(address),
				  .size = sizeof(int),
				  .value = (uintptr_t)value,
				  .function = function,
				  .text = text };
}

int model_read_at(const int *variable, const char *function, const char *text)
{
	struct model_op op = plain(MODEL_READ, variable, 0, function, text);

	if (ex.running) {
		note(&op)->old = (uintptr_t)*variable;
		memory_read(variable, ex.running->number, text);
	}
	return *variable;
}

void model_write_at(int *variable, int value, const char *function, const char *text)
{
	struct model_op op = plain(MODEL_WRITE, variable, value, function, text);

	if (ex.running) {
		note(&op)->old = (uintptr_t)*variable;
		memory_write(variable, ex.running->number, text);
	}
	*variable = value;
}

void model_free(void *region)
{
	struct model_op op = plain(MODEL_FREE, region, 0, __func__, "region");

	(void)note(&op);
	memory_free(region, ex.running->number);
}

/* ---------------------------------------------------------------------------------- executions */

/* A hash of the equivalence class: each step with what comes before it, in no order. */
static uint64_t trace_hash(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ex.depth; i++) {
		const struct node *node = &ex.nodes[i];
		uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(node->thread + 1);

		for (int t = 0; t < MODEL_THREADS_MAX; t++)
			hash = (hash ^ node->seen[t]) * UINT64_C(0x100000001b3) + 1;
		hash = (hash ^ node->old) * UINT64_C(0xff51afd7ed558ccd);
		hash = (hash ^ node->choice) * UINT64_C(0xc4ceb9fe1a85ec53);
		hash ^= hash >> 29;
		hash = (hash ^ memory_number(node->loc)) * UINT64_C(0xff51afd7ed558ccd);
		sum += hash ^ hash >> 32;
	}
	return sum;
}

static void run_check(void)
{
	if (!all_finished())
		model_fail("no thread can go on");
	if (model_misuses != model_misuses_expected && model_misuses_expected == 0)
		model_fail("%u misuses", model_misuses);
	if (ex.scenario->check)
		ex.scenario->check();
}

static void finish_execution(void)
{
	if (ex.ending == COMPLETE) {
		ex.in_check = true;
		if (!setjmp(ex.checking))
			run_check();
		ex.in_check = false;
	}
	if (ex.ending == ABANDONED)
		ex.result.abandoned++;
	if (ex.ending != COMPLETE && ex.ending != FAILED)
		return;
	ex.result.executions++;
	if (ex.ending == FAILED) {
		ex.result.failed = true;
		ex.result.steps = steps_count();
		steps_schedule(ex.result.schedule, sizeof(ex.result.schedule));
		return;
	}
	if (ex.result.steps < steps_count())
		ex.result.steps = steps_count();
	if (ex.options.visit)
		ex.options.visit(trace_hash(), memory_outcome(), ex.options.arg);
}

static void execute(void)
{
	memory_restart();
	steps_clear();
	model_misuses = 0;
	ex.ending = RUNNING;
	ex.depth = 0;
	for (unsigned t = 0; t < ex.nthreads; t++) {
		struct thread *thread = &ex.threads[t];

		thread->finished = false;
		thread->waiting = false;
		memset(thread->seen, 0, sizeof(thread->seen));
		coroutine_restart(&thread->co);
	}
	ex.nstarted = 1;
	ex.running = &ex.threads[0];
	coroutine_switch(&ex.main, &ex.threads[0].co);
	ex.running = NULL;
	finish_execution();
}

/* Changes the last node that has something left. False: everything has been tried. */
static bool backtrack(void)
{
	while (ex.length) {
		struct node *node = &ex.nodes[ex.length - 1];
		uint8_t left;

		ex.fresh = ex.length - 1;
		if (++node->choice < node->choices)
			return true;
		node->done |= bit(node->thread);
		left = node->backtrack & (uint8_t) ~(node->done | node->sleep);
		if (left) {
			node->thread = lowest(left);
			node->choice = 0;
			node->choices = 0;
			return true;
		}
		ex.length--;
	}
	return false;
}

/* --------------------------------------------------------------------------------- explorations */

static void start_search(void)
{
	ex.result = (struct explorer_result){ .failed = false };
	ex.length = 0;
	ex.fresh = 0;
	if (ex.options.restart)
		ex.options.restart(ex.options.arg);
}

static void load_schedule(const char *text)
{
	while (*text >= 'A' && *text < 'A' + MODEL_THREADS_MAX && ex.length < DEPTH) {
		struct node *node = &ex.nodes[ex.length++];
		char *end;

		memset(node, 0, sizeof(*node));
		node->thread = *text++ - 'A';
		node->choice = (unsigned)strtoul(text, &end, 10);
		node->choices = node->choice + 1;
		text = end;
	}
}

static void create_threads(void)
{
	for (int t = 0; t < MODEL_THREADS_MAX; t++) {
		struct thread *thread = &ex.threads[t];

		if (thread->co.body)
			continue;
		thread->number = t;
		coroutine_create(&thread->co, thread_body, thread);
	}
}

static void set_zones(const struct model_zones *zones)
{
	model_zones.residue_limit = zones->residue_limit ? zones->residue_limit : 0x20000000;
	model_zones.saturated_first = zones->saturated_first ? zones->saturated_first : 0xc0000000;
	model_zones.saturated_middle =
		zones->saturated_middle ? zones->saturated_middle : 0xd8000000;
	model_zones.wrapped = zones->wrapped ? zones->wrapped : 0xf0000000;
	if (model_sign_test) {
		model_zones.saturated_first = 0;
		model_zones.wrapped = 0;
	}
}

static void search(void)
{
	do {
		execute();
		if (ex.ending == LEARNT)
			start_search();
		else if (ex.ending == FAILED || !backtrack())
			return;
	} while (true);
}

static void fail_search(const char *why)
{
	ex.result.failed = true;
	snprintf(ex.result.failure, sizeof(ex.result.failure), "%s", why);
}

struct explorer_result explore(const struct model_scenario *scenario,
			       const struct explorer_options *options)
{
	ex.scenario = scenario;
	ex.options = *options;
	ex.running = NULL;
	for (ex.nthreads = 0; ex.nthreads < MODEL_THREADS_MAX && scenario->thread[ex.nthreads];)
		ex.nthreads++;
	create_threads();
	watch_faults();
	memory_forget();
	set_zones(&scenario->zones);
	model_tries = scenario->tries ? scenario->tries : 16;
	model_misuses_expected = 0;
	scenario->setup();
	memory_snapshot();
	start_search();
	if (options->schedule) {
		ex.options.reduction = EXPLORE_ALL_WORDS;
		load_schedule(options->schedule);
		execute();
		steps_print();
	} else {
		search();
	}
	memory_restart();
	if (scenario->teardown)
		scenario->teardown();
	if (!ex.result.failed && !ex.result.executions)
		fail_search("every execution waits for ever");
	if (!ex.result.failed && !options->schedule && scenario->witnessed && !ex.result.witnessed)
		fail_search("what the scenario is about never happened");
	return ex.result;
}
