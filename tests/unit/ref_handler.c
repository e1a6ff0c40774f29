/* SPDX-License-Identifier: MIT */
/*
 * The misuse handler: setting, restoring and calling it, and what the default does.
 *
 * Run by `make check` twice, like ref.c. The default handler aborts, so it is run in forked
 * children whose stderr is read here.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "misuse.h"
#include "process.h"

/* ------------------------------------------------------------------------- setting and restoring
 */

static void *seen_arg;

static void remember_arg(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word,
			 void *arg)
{
	misuse_remember(kind, ref, word, arg);
	seen_arg = arg;
}

Test(ref_handler, returns_the_one_before_with_its_argument)
{
	int first;
	int second;
	void *old_arg = &first;

	cr_assert(!frozenref_set_misuse_handler(remember_arg, &first, &old_arg));
	cr_assert(old_arg == NULL);
	cr_assert(frozenref_set_misuse_handler(misuse_remember, &second, &old_arg) == remember_arg);
	cr_assert(old_arg == &first);
	cr_assert(frozenref_set_misuse_handler(NULL, NULL, NULL) == misuse_remember);
	cr_assert(!frozenref_set_misuse_handler(NULL, NULL, &old_arg));
	cr_assert(old_arg == NULL);
}

Test(ref_handler, is_called_with_its_argument)
{
	frozenref_t ref = FROZENREF_INIT;
	int args[40];

	/* More than the library has room for without malloc. */
	for (int i = 0; i < 40; i++) {
		(void)frozenref_set_misuse_handler(remember_arg, &args[i], NULL);
		cr_assert(!frozenref_put_and_lock(&ref));
		assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &ref, 0);
		cr_assert(seen_arg == &args[i]);
	}
}

static void replace_itself(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word,
			   void *arg)
{
	misuse_remember(kind, ref, word, arg);
	(void)frozenref_set_misuse_handler(remember_arg, arg, NULL);
}

Test(ref_handler, may_set_another)
{
	frozenref_t ref = FROZENREF_INIT;
	int arg;

	(void)frozenref_set_misuse_handler(replace_itself, &arg, NULL);
	frozenref_get(&ref);
	assert_misuse(FROZENREF_MISUSE_GET_FROZEN, &ref, 0);
	cr_assert(!seen_arg);
	frozenref_get(&ref);
	assert_misuse(FROZENREF_MISUSE_GET_FROZEN, &ref, 1);
	cr_assert(seen_arg == &arg);
}

static frozenref_t misused_by_signal;

static void misuse_in_signal(int number)
{
	(void)number;
	if (frozenref_put_and_lock(&misused_by_signal))
		_exit(1);
}

Test(ref_handler, runs_in_signal_handlers)
{
	misuse_watch();
	cr_assert(signal(SIGUSR1, misuse_in_signal) != SIG_ERR);
	cr_assert(raise(SIGUSR1) == 0);
	assert_misuse(FROZENREF_MISUSE_PUT_FROZEN, &misused_by_signal, 0);
}

/* -------------------------------------------------------------------------- setters and misusers
 */

static char pair_a;
static char pair_b;
static uint32_t pairs_seen[2];
static uint32_t mixed_pairs;
static uint32_t setters_stop;

static void handler_a(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word, void *arg)
{
	(void)kind;
	(void)ref;
	(void)word;
	__atomic_fetch_add(&pairs_seen[0], 1, __ATOMIC_RELAXED);
	if (arg != &pair_a)
		__atomic_fetch_add(&mixed_pairs, 1, __ATOMIC_RELAXED);
}

static void handler_b(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word, void *arg)
{
	(void)kind;
	(void)ref;
	(void)word;
	__atomic_fetch_add(&pairs_seen[1], 1, __ATOMIC_RELAXED);
	if (arg != &pair_b)
		__atomic_fetch_add(&mixed_pairs, 1, __ATOMIC_RELAXED);
}

static void *keep_setting(void *unused)
{
	void *old_arg;

	while (!__atomic_load_n(&setters_stop, __ATOMIC_RELAXED)) {
		frozenref_misuse_fn *old =
			frozenref_set_misuse_handler(handler_a, &pair_a, &old_arg);

		if ((old == handler_a) != (old_arg == &pair_a))
			__atomic_fetch_add(&mixed_pairs, 1, __ATOMIC_RELAXED);
		(void)frozenref_set_misuse_handler(handler_b, &pair_b, NULL);
	}
	return unused;
}

Test(ref_handler, never_gets_the_argument_of_another)
{
	frozenref_t ref = FROZENREF_INIT;
	pthread_t setters[2];

	(void)frozenref_set_misuse_handler(handler_b, &pair_b, NULL);
	for (int i = 0; i < 2; i++)
		cr_assert(pthread_create(&setters[i], NULL, keep_setting, NULL) == 0);
	for (int i = 0; i < 100000; i++)
		cr_assert(!frozenref_put_and_lock(&ref));
	__atomic_store_n(&setters_stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		cr_assert(pthread_join(setters[i], NULL) == 0);
	cr_assert(mixed_pairs == 0);
	cr_assert(pairs_seen[0] + pairs_seen[1] == 100000);
}

static int set_and_misuse(void *arg)
{
	frozenref_t ref = FROZENREF_INIT;

	(void)arg;
	(void)frozenref_set_misuse_handler(remember_arg, &ref, NULL);
	return frozenref_put_and_lock(&ref) || seen_arg != &ref;
}

/*
 * A child has a handler to set whatever the other threads of its parent were in the midst of, and
 * is not kept waiting for them.
 */
Test(ref_handler, can_be_set_after_any_fork)
{
	pthread_t setters[2];

	for (int i = 0; i < 2; i++)
		cr_assert(pthread_create(&setters[i], NULL, keep_setting, NULL) == 0);
	for (int i = 0; i < 100; i++)
		cr_assert(run_in_child(set_and_misuse, NULL) == 0, "child %d", i);
	__atomic_store_n(&setters_stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		cr_assert(pthread_join(setters[i], NULL) == 0);
}

/* -------------------------------------------------------------------------------- the default */

/*
 * Children that die of a signal would take what they covered with them; `make coverage` has this.
 */
#ifdef FROZENREF_TEST_COVERAGE
void __gcov_dump(void);
#else
# define __gcov_dump() ((void)0)
#endif

/* abort() goes on to kill the process when this returns. */
static void on_abort(int number)
{
	(void)number;
	__gcov_dump();
}

struct call {
	void (*body)(frozenref_t *);
	frozenref_t *ref;
};

static void run_call(void *arg)
{
	const struct call *call = arg;

	/* Instead of any that the runner may have. */
	(void)signal(SIGABRT, on_abort);
	call->body(call->ref);
	__gcov_dump();
}

/* Runs body(ref) in a child with the default handler, and collects what it wrote to stderr. */
static struct outcome in_child(void (*body)(frozenref_t *), frozenref_t *ref)
{
	struct call call = { body, ref };

	return listen_to_child(run_call, &call);
}

static void assert_line_about(const struct outcome *outcome, const char *kind,
			      const frozenref_t *ref, uint32_t word)
{
	const char *end = strchr(outcome->text, '\n');
	char address[40];
	char found[40];

	/* An emulator adds a line of its own about the end. */
	cr_assert(end && (end[1] == '\0' || is_emulated()), "not one line: %s", outcome->text);
	(void)snprintf(address, sizeof(address), "%#" PRIxPTR, (uintptr_t)ref);
	(void)snprintf(found, sizeof(found), word ? "word %#lx" : "word 0x%lx",
		       (unsigned long)word);
	cr_assert(strncmp(outcome->text, "frozenref: ", 11) == 0, "%s", outcome->text);
	cr_assert(strstr(outcome->text, kind), "%s", outcome->text);
	cr_assert(strstr(outcome->text, address), "%s", outcome->text);
	cr_assert(strstr(outcome->text, found), "%s", outcome->text);
}

static void put_it(frozenref_t *ref)
{
	if (frozenref_put_and_lock(ref))
		_exit(98);
}

static void unfreeze_it(frozenref_t *ref)
{
	frozenref_unfreeze(ref, 1);
}

static void get_it(frozenref_t *ref)
{
	frozenref_get(ref);
}

static void get_none(frozenref_t *ref)
{
	frozenref_get_n(ref, 0);
}

Test(ref_handler, default_says_what_happened_and_aborts)
{
	static const struct {
		void (*body)(frozenref_t *);
		uint32_t word;
		const char *kind;
	} cases[] = {
		{ put_it, 0, "PUT_FROZEN" },
		{ put_it, 0x1234, "PUT_FROZEN" },
		{ get_it, 7, "GET_FROZEN" },
		{ unfreeze_it, FROZENREF__ONE, "UNFREEZE_LIVE" },
		{ get_none, FROZENREF__ONE + 3, "BAD_COUNT" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		frozenref_t ref = { .word = cases[i].word };
		struct outcome outcome = in_child(cases[i].body, &ref);

		assert_line_about(&outcome, cases[i].kind, &ref, cases[i].word);
		cr_assert(WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == SIGABRT);
	}
}

static void restore_and_put(frozenref_t *ref)
{
	misuse_watch();
	(void)frozenref_set_misuse_handler(NULL, ref, NULL);
	put_it(ref);
}

Test(ref_handler, null_restores_the_default)
{
	frozenref_t ref = FROZENREF_INIT;
	struct outcome outcome = in_child(restore_and_put, &ref);

	assert_line_about(&outcome, "PUT_FROZEN", &ref, 0);
	cr_assert(WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == SIGABRT);
}

static void saturate_twice(frozenref_t *ref)
{
	frozenref_t another = *ref;

	frozenref_get(ref);
	frozenref_get(ref);
	frozenref_get(&another);
	if (frozenref_count(ref) != FROZENREF_SATURATED ||
	    frozenref_count(&another) != FROZENREF_SATURATED)
		_exit(1);
}

Test(ref_handler, default_reports_saturation_once_and_goes_on)
{
	frozenref_t ref = { .word = FROZENREF__SATURATED_FIRST - 1 };
	struct outcome outcome = in_child(saturate_twice, &ref);

	assert_line_about(&outcome, "SATURATED", &ref, FROZENREF__SATURATED_FIRST - 1);
	cr_assert(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 0);
}

static void *get_cancelled(void *ref)
{
	(void)pthread_cancel(pthread_self());
	frozenref_get(ref);
	return ref;
}

static void saturate_in_cancelled_thread(frozenref_t *ref)
{
	pthread_t thread;
	void *returned = NULL;

	if (pthread_create(&thread, NULL, get_cancelled, ref) || pthread_join(thread, &returned) ||
	    returned != ref)
		_exit(1);
}

/* A get may be in the midst of what others wait for. */
Test(ref_handler, default_does_not_end_a_thread_that_is_cancelled)
{
	frozenref_t ref = { .word = FROZENREF__SATURATED_FIRST - 1 };
	struct outcome outcome = in_child(saturate_in_cancelled_thread, &ref);

	assert_line_about(&outcome, "SATURATED", &ref, FROZENREF__SATURATED_FIRST - 1);
	cr_assert(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 0);
}

/* A kind from a newer header: said, not crashed on. */
static void report_unknown(frozenref_t *ref)
{
	frozenref__misuse((enum frozenref_misuse)99, ref, 1);
}

Test(ref_handler, default_knows_that_it_does_not_know)
{
	frozenref_t ref = FROZENREF_INIT;
	struct outcome outcome = in_child(report_unknown, &ref);

	assert_line_about(&outcome, "unknown", &ref, 1);
	cr_assert(WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == SIGABRT);
}
