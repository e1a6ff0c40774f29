/* SPDX-License-Identifier: MIT */
/*
 * Histories of a map, and whether they can have happened; see history.h.
 *
 * Of each version two ticks are kept: `seen`, the earliest end, and `still`, the latest beginning,
 * of an operation that met it. It was the key's at some moment up to `seen`, and at some moment
 * from `still` on. If `seen` comes first it was the key's all the time from one to the other.
 */
#include <stdio.h>
#include <stdlib.h>

#include <frozenref/atomic.h>

#include "history.h"

enum { NOTES = 1 << 16, VERSIONS = 1 << 18 };

struct note {
	uint32_t key;
	uint32_t version;
	uint32_t begin;
	uint32_t end;
};

struct log {
	uint32_t n;
	struct note notes[NOTES];
};

struct version {
	uint32_t key;
	uint32_t seen;
	uint32_t still;
};

static uint32_t ticks;
static uint32_t versions;
static uint32_t nr_logs;
static uint32_t
	run; /* the number of this one; threads that still have an older log get a new one */
static struct log *logs[HISTORY_THREADS];
static struct version version_of[VERSIONS];

static _Thread_local struct log *own_log;
static _Thread_local uint32_t own_run;

/* ------------------------------------------------------------------------------------- noting */

uint32_t history_now(void)
{
	/* Release for what was done before, acquire for what comes after: on one word, in turns. */
	uint32_t now = frozenref__add32(&ticks, 1, release);

	frozenref__fence(acquire);
	return now + 1;
}

uint32_t history_version(void)
{
	uint32_t version = frozenref__add32(&versions, 1, relaxed) + 1;

	return version < VERSIONS ? version : HISTORY_NONE;
}

static struct log *new_log(void)
{
	uint32_t i = frozenref__add32(&nr_logs, 1, relaxed);

	if (i >= HISTORY_THREADS)
		return NULL;
	if (!logs[i])
		logs[i] = malloc(sizeof(*logs[i]));
	if (logs[i])
		logs[i]->n = 0;
	return logs[i];
}

bool history_note(uint32_t key, uint32_t version, uint32_t begin, uint32_t end)
{
	if (!own_log || own_run != run) {
		own_log = new_log();
		own_run = run;
	}
	if (!own_log || own_log->n == NOTES)
		return false;
	own_log->notes[own_log->n++] = (struct note){ key, version, begin, end };
	return true;
}

/* ------------------------------------------------------------------------------------ checking */

static void gather_versions(void)
{
	for (uint32_t i = 0; i < VERSIONS; i++)
		version_of[i] = (struct version){ .key = UINT32_MAX, .seen = UINT32_MAX };
	for (uint32_t l = 0; l < nr_logs && l < HISTORY_THREADS && logs[l]; l++) {
		for (uint32_t i = 0; i < logs[l]->n; i++) {
			const struct note *note = &logs[l]->notes[i];
			struct version *version = &version_of[note->version];

			version->key = note->key;
			if (note->end < version->seen)
				version->seen = note->end;
			if (note->begin > version->still)
				version->still = note->begin;
		}
	}
}

static int by_seen(const void *a, const void *b)
{
	const struct version *first = a;
	const struct version *second = b;

	return (first->seen > second->seen) - (first->seen < second->seen);
}

/* The key's versions that had it for a while for certain, in order; how many. */
static size_t certain_versions(uint32_t key, struct version *certain)
{
	size_t n = 0;

	for (uint32_t i = 1; i < VERSIONS; i++) {
		if (version_of[i].key == key && version_of[i].seen < version_of[i].still)
			certain[n++] = version_of[i];
	}
	qsort(certain, n, sizeof(*certain), by_seen);
	return n;
}

/* Whether something else lies, from first to last, within the time of one certain version. */
static bool is_within_one(const struct version *certain, size_t n, uint32_t first, uint32_t last)
{
	size_t low = 0;

	/* The last one that begins before. */
	while (n > low) {
		size_t middle = low + (n - low) / 2;

		if (certain[middle].seen < first)
			low = middle + 1;
		else
			n = middle;
	}
	return low && last < certain[low - 1].still;
}

static bool complain(const char *what, uint32_t key, uint32_t first, uint32_t last)
{
	(void)fprintf(stderr, "history: key %u: %s, ticks %u to %u\n", key, what, first, last);
	return false;
}

static bool misses_are_possible(uint32_t key, const struct version *certain, size_t n)
{
	for (uint32_t l = 0; l < nr_logs && l < HISTORY_THREADS && logs[l]; l++) {
		for (uint32_t i = 0; i < logs[l]->n; i++) {
			const struct note *note = &logs[l]->notes[i];

			if (note->key == key && note->version == HISTORY_NONE &&
			    is_within_one(certain, n, note->begin, note->end))
				return complain("a miss of what was there", key, note->begin,
						note->end);
		}
	}
	return true;
}

static bool key_is_linearisable(uint32_t key, struct version *certain)
{
	size_t n = certain_versions(key, certain);

	for (size_t i = 1; i < n; i++) {
		if (certain[i].seen < certain[i - 1].still)
			return complain("two objects at once", key, certain[i].seen,
					certain[i - 1].still);
	}
	for (uint32_t i = 1; i < VERSIONS; i++) {
		const struct version *version = &version_of[i];

		if (version->key == key && version->seen >= version->still &&
		    is_within_one(certain, n, version->still, version->seen))
			return complain("an object beside another", key, version->still,
					version->seen);
	}
	return misses_are_possible(key, certain, n);
}

bool history_is_linearisable(void)
{
	static struct version certain[VERSIONS];
	bool possible = true;

	gather_versions();
	for (uint32_t key = 0; key < HISTORY_KEYS; key++)
		possible = key_is_linearisable(key, certain) && possible;
	ticks = 0;
	versions = 0;
	nr_logs = 0;
	run++;
	return possible;
}

/* ------------------------------------------------------------------------------------ self test */

/* Key 0, operations of one version each from tick to tick, ended by one without an end. */
static bool is_possible(const struct note *notes)
{
	for (; notes->end; notes++)
		(void)history_note(notes->key, notes->version, notes->begin, notes->end);
	return history_is_linearisable();
}

bool history_works(void)
{
	/* Inserted, missed while that may not have been yet, found, erased, missed. */
	static const struct note good[] = { { 0, 1, 1, 4 }, { 0, 0, 2, 3 },  { 0, 1, 5, 8 },
					    { 0, 1, 6, 9 }, { 0, 0, 7, 10 }, { 0, 2, 8, 11 },
					    { 1, 3, 6, 7 }, { 0, 0, 0, 0 } };
	/* Found before and after a miss. */
	static const struct note missed[] = {
		{ 0, 1, 1, 2 }, { 0, 0, 3, 4 }, { 0, 1, 5, 6 }, { 0, 0, 0, 0 }
	};
	/* Found, then another one, then the first one again. */
	static const struct note back[] = {
		{ 0, 1, 1, 2 }, { 0, 2, 3, 4 }, { 0, 1, 5, 6 }, { 0, 0, 0, 0 }
	};
	/* Two that are both there for a while. */
	static const struct note both[] = {
		{ 0, 1, 1, 2 }, { 0, 2, 3, 4 }, { 0, 1, 5, 6 }, { 0, 2, 7, 8 }, { 0, 0, 0, 0 }
	};
	bool works = is_possible(good);

	(void)fprintf(stderr, "history: three complaints must follow\n");
	return works && !is_possible(missed) && !is_possible(back) && !is_possible(both);
}
