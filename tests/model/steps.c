/* SPDX-License-Identifier: MIT */
/*
 * The steps of the execution under way, and how they are printed.
 *
 * Called by explorer.c for every operation; only a failure, or a replay, makes text of them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "memory.h"
#include "steps.h"

enum { STEPS = 16384 };

static struct step steps[STEPS];
static unsigned nsteps;

void steps_clear(void)
{
	nsteps = 0;
}

struct step *steps_add(const struct model_op *op, int thread)
{
	if (nsteps == STEPS)
		model_fail("an execution does not end");
	steps[nsteps] = (struct step){ .op = *op, .thread = thread };
	return &steps[nsteps++];
}

static bool is_scheduled(const struct step *step)
{
	return step->op.kind <= MODEL_AWAIT && step->op.kind != MODEL_FENCE;
}

unsigned steps_count(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nsteps; i++)
		n += is_scheduled(&steps[i]);
	return n;
}

static void print_effect(const struct step *step)
{
	const struct model_op *op = &step->op;
	uintptr_t value = op->value;

	if (op->kind == MODEL_ADD)
		value = step->old + op->value;
	if (op->kind == MODEL_AND)
		value = step->old & op->value;
	if (op->size == sizeof(uint32_t))
		value = (uint32_t)value;
	switch (op->kind) {
	case MODEL_LOAD:
	case MODEL_AWAIT:
	case MODEL_READ:
		printf("%#" PRIxPTR, step->old);
		break;
	case MODEL_CAS:
		if (!step->stored) {
			printf("%#" PRIxPTR ", not %#" PRIxPTR, step->old, op->expected);
			break;
		}
		printf("%#" PRIxPTR " -> %#" PRIxPTR, step->old, value);
		break;
	case MODEL_STORE:
	case MODEL_ADD:
	case MODEL_AND:
	case MODEL_WRITE:
		printf("%#" PRIxPTR " -> %#" PRIxPTR, step->old, value);
		break;
	case MODEL_FENCE:
	case MODEL_FREE:
		break;
	}
	if (step->choice)
		printf("   (not the newest value: %u)", step->choice);
}

void steps_print(void)
{
	static const char *const kinds[] = { "load",  "store", "add",  "and",	"cas",
					     "fence", "await", "read", "write", "free" };
	static const char *const orders[] = { "relaxed", "acquire", "release", "acq_rel" };

	for (unsigned i = 0; i < nsteps; i++) {
		const struct step *step = &steps[i];
		bool plain = step->op.kind >= MODEL_READ;
		char buffer[64];
		const char *name = memory_name(step->op.address, buffer, sizeof(buffer));

		printf("  %3u  %c  %-30s %-5s %-8s %-24s ", i + 1, 'A' + step->thread,
		       step->op.function, kinds[step->op.kind],
		       plain ? "plain" : orders[step->op.order], name ? name : step->op.text);
		print_effect(step);
		printf("\n");
	}
}

void steps_schedule(char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < nsteps && at + 8 < size; i++) {
		if (!is_scheduled(&steps[i]))
			continue;
		text[at++] = (char)('A' + steps[i].thread);
		if (steps[i].choice)
			at += (size_t)snprintf(text + at, size - at, "%u", steps[i].choice);
		text[at] = '\0';
	}
}
