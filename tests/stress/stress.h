/* SPDX-License-Identifier: MIT */
/*
 * What the stress programs share: options, random numbers, a run of threads, failing.
 *
 * Used by the programs of this folder; the functions are in stress.c.
 */
#ifndef FROZENREF_TESTS_STRESS_H
#define FROZENREF_TESTS_STRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stress_options {
	unsigned threads;
	double seconds;
	uint64_t seed;
};

/* One thread's own counts; what they are called is in the subject's file. */
enum { STRESS_COUNTS = 16 };

struct stress_thread {
	uint64_t random;
	uint64_t counts[STRESS_COUNTS];
};

/* --threads, --seconds (else as given), --seed; exits with a usage message on anything else. */
struct stress_options stress_parse(int argc, char **argv, double seconds);

/* xorshift: the sequence of each thread depends on the seed alone. */
uint64_t stress_random(struct stress_thread *thread);

/*
 * Runs step() on all threads until the time is over; returns the sums of their counts. One
 * run after another, not at once.
 *
 * A run in which nothing raced has tested nothing, and how far a busy machine gets is luck: so the
 * threads go on until enough() says of the sums that what matters has happened. After minutes it
 * never will, and that is a failure. NULL: it is the time that matters.
 */
struct stress_thread stress_run(const struct stress_options *options,
				void (*step)(struct stress_thread *),
				bool (*enough)(const struct stress_thread *sums));

/* Prints what the run did, one line; names[i] belongs to counts[i], up to a NULL. */
void stress_report(const char *subject, const struct stress_options *options,
		   const struct stress_thread *sums, const char *const *names);

/* Says what is wrong, and where, and aborts so that a debugger finds the threads as they are. */
#define stress_check(condition) \
 ((condition) ? (void)0 : stress_fail(#condition, __FILE__, __LINE__))
_Noreturn void stress_fail(const char *what, const char *file, int line);

/* Lets others run in the middle of something, now and then. */
void stress_linger(struct stress_thread *thread);

/*
 * Where a peek is to copy so many bytes: the second half of them goes to memory that the system
 * has yet to find. A copy that takes 20 ns is hardly ever met by a writer; one that is interrupted
 * in the middle is. What was there before is lost. The room is the caller's, of its own.
 */
#define STRESS_PAGE ((uintptr_t)4096)

struct stress_room {
	uint64_t words[3 * STRESS_PAGE / sizeof(uint64_t)];
};

void *stress_slow_memory(struct stress_room *room, size_t bytes);

/*
 * The payload: an identity and copies of it, written before publishing and poisoned by the owner.
 */
struct stress_payload {
	uint64_t words[4];
};

void stress_write(struct stress_payload *payload, uint64_t identity);
void stress_poison(struct stress_payload *payload);
/* Whole and not poisoned; returns the identity. */
uint64_t stress_read(const struct stress_payload *payload);

#endif /* FROZENREF_TESTS_STRESS_H */
