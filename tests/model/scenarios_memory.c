/* SPDX-License-Identifier: MIT */
/*
 * What the explorer's memory model allows and forbids, in the shapes that every such model is known
 * by.
 *
 * Run by selftest.c. A scenario that must show an outcome witnesses it; one that must not asserts
 * that it does not happen; one whose name begins with "race", "freed" or "fault" must be reported.
 */
#include <string.h>

#include "model.h"

static struct {
	uint32_t x, y;
	int payload;
	uint32_t a, b, c, d; /* what was read, each by one thread */
	uint32_t spare;	     /* makes a and b words that two threads touch, where need be */
} s;

static void setup(void)
{
	memset(&s, 0, sizeof(s));
	model_region(&s, sizeof(s), "words");
	model_label(&s.x, "x");
	model_label(&s.y, "y");
	model_label(&s.payload, "payload");
}

/* ------------------------------------------------------------------------------ store buffering */

static void store_x_load_y(void)
{
	frozenref__store32(&s.x, 1, release);
	s.a = frozenref__load32(&s.y, acquire);
}

static void store_y_load_x(void)
{
	frozenref__store32(&s.y, 1, release);
	s.b = frozenref__load32(&s.x, acquire);
}

static void check_both_old(void)
{
	if (s.a == 0 && s.b == 0)
		model_witness();
}

/* The same with read-modify-writes on one word in between: those two are ordered. */
static void store_x_add_load_y(void)
{
	frozenref__store32(&s.x, 1, relaxed);
	s.c = frozenref__add32(&s.spare, 1, acq_rel);
	s.a = frozenref__load32(&s.y, relaxed);
}

static void store_y_add_load_x(void)
{
	frozenref__store32(&s.y, 1, relaxed);
	s.d = frozenref__add32(&s.spare, 1, acq_rel);
	s.b = frozenref__load32(&s.x, relaxed);
}

static void check_not_both_old(void)
{
	model_assert(s.a || s.b);
	if (!s.a || !s.b)
		model_witness();
}

/* ------------------------------------------------------------------------------ message passing */

static void send_release(void)
{
	frozenref__store32(&s.x, 1, relaxed);
	frozenref__store32(&s.y, 1, release);
}

static void send_relaxed(void)
{
	frozenref__store32(&s.x, 1, relaxed);
	frozenref__store32(&s.y, 1, relaxed);
}

static void send_fence(void)
{
	frozenref__store32(&s.x, 1, relaxed);
	frozenref__fence(release);
	frozenref__store32(&s.y, 1, relaxed);
}

static void receive_acquire(void)
{
	s.a = frozenref__load32(&s.y, acquire);
	s.b = frozenref__load32(&s.x, relaxed);
}

static void receive_fence(void)
{
	s.a = frozenref__load32(&s.y, relaxed);
	frozenref__fence(acquire);
	s.b = frozenref__load32(&s.x, relaxed);
}

static void check_message(void)
{
	model_assert(!s.a || s.b);
	if (s.a)
		model_witness();
}

static void check_message_late(void)
{
	if (s.a && !s.b)
		model_witness();
}

/* ---------------------------------------------------------------------------- release sequences */

static void add_relaxed_y(void)
{
	s.c = frozenref__add32(&s.y, 1, relaxed);
}

static void store_relaxed_y(void)
{
	frozenref__store32(&s.y, 2, relaxed);
}

static void check_sequence(void)
{
	/* 2: the add read the message, and passed it on. */
	if (s.a != 2)
		return;
	model_assert(s.b);
	model_witness();
}

static void check_no_sequence(void)
{
	if (s.a == 2 && !s.b)
		model_witness();
}

/* A compare-and-swap that fails acquires nothing. */
static void receive_failing_cas(void)
{
	s.a = frozenref__cas32(&s.y, 7, 8, acq_rel);
	s.b = frozenref__load32(&s.x, relaxed);
}

/* ------------------------------------------------------------------------------------ coherence */

static void store_x_twice(void)
{
	frozenref__store32(&s.x, 1, relaxed);
	frozenref__store32(&s.x, 2, relaxed);
}

static void load_x_twice(void)
{
	s.a = frozenref__load32(&s.x, relaxed);
	s.b = frozenref__load32(&s.x, relaxed);
}

static void check_coherent(void)
{
	model_assert(s.a <= s.b);
	if (s.a < s.b)
		model_witness();
}

static void add_x(void)
{
	(void)frozenref__add32(&s.x, 1, relaxed);
}

static void check_sum(void)
{
	model_assert(s.x == 3);
	model_witness();
}

/* ----------------------------------------------------------------------- two words, two writers */

static void store_x_y(void)
{
	frozenref__store32(&s.x, 1, relaxed);
	frozenref__store32(&s.y, 2, relaxed);
}

static void store_y_x(void)
{
	frozenref__store32(&s.y, 1, relaxed);
	frozenref__store32(&s.x, 2, relaxed);
}

/* Each word ends with what was stored to it first. */
static void check_first_stores(void)
{
	if (s.x == 1 && s.y == 1)
		model_witness();
}

static void store_x_y_release(void)
{
	frozenref__store32(&s.x, 1, relaxed);
	frozenref__store32(&s.y, 2, release);
}

static void store_x_if_y(void)
{
	if (frozenref__load32(&s.y, acquire) != 2)
		return;
	frozenref__store32(&s.x, 2, relaxed);
	s.a = 1;
}

static void check_not_late(void)
{
	if (!s.a)
		return;
	model_witness();
	model_assert(s.x == 2);
}

static void add_x_twice(void)
{
	(void)frozenref__add32(&s.x, 1, relaxed);
	(void)frozenref__add32(&s.x, 1, relaxed);
}

static void store_x_5(void)
{
	frozenref__store32(&s.x, 5, relaxed);
}

/* Before, between or after the adds, which lose nothing that they read. */
static void check_store_and_adds(void)
{
	model_assert(s.x == 7 || s.x == 6 || s.x == 5);
	model_witness();
}

/* --------------------------------------------------------------------- two readers, two writers */

static void store_x(void)
{
	frozenref__store32(&s.x, 1, release);
}

static void store_y(void)
{
	frozenref__store32(&s.y, 1, release);
}

static void load_x_y(void)
{
	s.a = frozenref__load32(&s.x, acquire);
	s.b = frozenref__load32(&s.y, acquire);
}

static void load_y_x(void)
{
	s.c = frozenref__load32(&s.y, acquire);
	s.d = frozenref__load32(&s.x, acquire);
}

static void check_readers_disagree(void)
{
	if (s.a && !s.b && s.c && !s.d)
		model_witness();
}

/* ------------------------------------------------------------------------------ races and frees */

static void write_release(void)
{
	model_write(&s.payload, 1);
	frozenref__store32(&s.y, 1, release);
}

static void write_relaxed(void)
{
	model_write(&s.payload, 1);
	frozenref__store32(&s.y, 1, relaxed);
}

static void read_if_acquire(void)
{
	if (!frozenref__load32(&s.y, acquire))
		return;
	model_witness();
	model_assert(model_read(&s.payload) == 1);
}

static void read_if_relaxed(void)
{
	if (frozenref__load32(&s.y, relaxed))
		(void)model_read(&s.payload);
}

static void free_it(void)
{
	model_free(&s);
}

/* As a mutant may: the explorer must tell of it, and go on. */
static void follow_nowhere(void)
{
	volatile int *volatile nowhere = (volatile int *)(uintptr_t)0x10000;

	*nowhere = 1;
}

static unsigned recurse_to(volatile unsigned *depth)
{
	volatile unsigned here[256];

	here[0] = *depth + 1;
	return here[0] ? recurse_to(here) + here[0] : 0;
}

static void recurse(void)
{
	volatile unsigned depth = 0;

	(void)recurse_to(&depth);
}

/* clang-format off */
const struct model_scenario model_scenarios_memory[] = {
	{ .name = "store-buffering", .about = "both see the old value",
	  .setup = setup, .thread = { store_x_load_y, store_y_load_x },
	  .check = check_both_old, .witnessed = 1 },
	{ .name = "store-buffering-rmw", .about = "not with a read-modify-write in between",
	  .setup = setup, .thread = { store_x_add_load_y, store_y_add_load_x },
	  .check = check_not_both_old, .witnessed = 1 },
	{ .name = "message", .about = "release and acquire pass a message",
	  .setup = setup, .thread = { send_release, receive_acquire },
	  .check = check_message, .witnessed = 1 },
	{ .name = "message-relaxed", .about = "a relaxed store does not",
	  .setup = setup, .thread = { send_relaxed, receive_acquire },
	  .check = check_message_late, .witnessed = 1 },
	{ .name = "message-fences", .about = "fences do",
	  .setup = setup, .thread = { send_fence, receive_fence },
	  .check = check_message, .witnessed = 1 },
	{ .name = "message-one-fence", .about = "one fence alone does not",
	  .setup = setup, .thread = { send_relaxed, receive_fence },
	  .check = check_message_late, .witnessed = 1 },
	{ .name = "message-failed-cas", .about = "nor does a compare-and-swap that fails",
	  .setup = setup, .thread = { send_release, receive_failing_cas },
	  .check = check_message_late, .witnessed = 1 },
	{ .name = "sequence-add", .about = "a relaxed add continues a release sequence",
	  .setup = setup, .thread = { send_release, add_relaxed_y, receive_acquire },
	  .check = check_sequence, .witnessed = 1 },
	{ .name = "sequence-store", .about = "a relaxed store ends it",
	  .setup = setup, .thread = { send_release, store_relaxed_y, receive_acquire },
	  .check = check_no_sequence, .witnessed = 1 },
	{ .name = "coherence", .about = "a thread never sees an older value than before",
	  .setup = setup, .thread = { store_x_twice, load_x_twice },
	  .check = check_coherent, .witnessed = 1 },
	{ .name = "sum", .about = "read-modify-writes lose nothing",
	  .setup = setup, .thread = { add_x, add_x, add_x },
	  .check = check_sum, .witnessed = 1 },
	{ .name = "readers-disagree", .about = "two readers see two writes in different order",
	  .setup = setup, .thread = { store_x, store_y, load_x_y, load_y_x },
	  .check = check_readers_disagree, .witnessed = 1 },
	{ .name = "late-stores", .about = "two writers of two words, each last where it was first",
	  .setup = setup, .thread = { store_x_y, store_y_x },
	  .check = check_first_stores, .witnessed = 1 },
	{ .name = "late-ordered", .about = "not if one happens before the other",
	  .setup = setup, .thread = { store_x_y_release, store_x_if_y },
	  .check = check_not_late, .witnessed = 1 },
	{ .name = "late-adds", .about = "nor between an add and what it read",
	  .setup = setup, .thread = { add_x_twice, store_x_5 },
	  .check = check_store_and_adds, .witnessed = 1 },
	{ .name = "no-race", .about = "release and acquire order plain accesses",
	  .setup = setup, .thread = { write_release, read_if_acquire }, .witnessed = 1 },
	{ .name = "race-relaxed-store", .about = "a relaxed store does not",
	  .setup = setup, .thread = { write_relaxed, read_if_acquire } },
	{ .name = "race-relaxed-load", .about = "nor a relaxed load",
	  .setup = setup, .thread = { write_release, read_if_relaxed } },
	{ .name = "freed-atomic", .about = "an atomic access to freed memory",
	  .setup = setup, .thread = { add_x, free_it } },
	{ .name = "freed-plain", .about = "a plain one",
	  .setup = setup, .thread = { write_release, free_it } },
	{ .name = "fault-wild", .about = "a pointer to nowhere",
	  .setup = setup, .thread = { follow_nowhere, write_release } },
	{ .name = "fault-stack", .about = "a recursion without end",
	  .setup = setup, .thread = { recurse, write_release } },
	{ .name = NULL },
};
/* clang-format on */
