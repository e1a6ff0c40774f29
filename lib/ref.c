/* SPDX-License-Identifier: MIT */
/*
 * The counter's cold half: what happens when the word after an add is not live, and misuse.
 *
 * Called by the inline functions of ref.h. Relies on atomic.h, and for reports on write(2) and
 * abort(3), so that all of it may run in a signal handler. The zones are drawn at the top of ref.h.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "misuse.h"
#include "thread_local.h"

/* --------------------------------------------------------------------------------- the resets */

/*
 * Moves the word to `target` as long as it lies in first .. last, and leaves it alone elsewhere.
 *
 * A loop, because with a single attempt two threads can keep failing each other's while their adds
 * climb out of the zone; a thread in the loop adds nothing, so the excess stays below the number of
 * threads. Going on with any other value would be wrong as well: it could freeze a dying word that
 * another thread is about to win, or overwrite a live one.
 */
static void reset(frozenref_t *ref, uint32_t seen, uint32_t first, uint32_t last, uint32_t target)
{
	while (seen >= first && seen <= last) {
		/* Relaxed: orders nothing; the next unfreeze publishes by a store of its own. */
		uint32_t found = frozenref__cas32(&ref->word, seen, target, relaxed);

		if (found == seen) {
			FROZENREF__PROBE(reset, ref, seen);
			return;
		}
		seen = found;
	}
}

static void reset_residue(frozenref_t *ref, uint32_t word)
{
	reset(ref, word, FROZENREF__RESIDUE_LIMIT, FROZENREF__DYING - 1, 0);
}

static void reset_wrapped(frozenref_t *ref, uint32_t word)
{
	reset(ref, word, FROZENREF__WRAPPED, UINT32_MAX, 0);
}

static void reset_saturated(frozenref_t *ref, uint32_t word)
{
	reset(ref, word, FROZENREF__SATURATED_FIRST, FROZENREF__WRAPPED - 1,
	      FROZENREF__SATURATED_MIDDLE);
}

static bool is_saturated(uint32_t word)
{
	return frozenref__word_count(word) == FROZENREF_SATURATED;
}

/*
 * An add of n arrived in the saturated zone: report the one that crossed the border, pin the word.
 */
static void saturate(frozenref_t *ref, uint32_t word, uint32_t n)
{
	FROZENREF__PROBE(saturated, ref, word);
	reset_saturated(ref, word);
	if (frozenref__word_is_live(word - n))
		frozenref__misuse(FROZENREF_MISUSE_SATURATED, ref, word - n);
}

/* ------------------------------------------------------------------------------ the slow halves */

bool frozenref__try_get_slow(frozenref_t *ref, uint32_t word, uint32_t n)
{
	if (is_saturated(word)) {
		saturate(ref, word, n);
		return true;
	}
	FROZENREF__PROBE(get_failed, ref, word);
	reset_residue(ref, word);
	return false;
}

void frozenref__get_slow(frozenref_t *ref, uint32_t word, uint32_t n)
{
	if (is_saturated(word)) {
		saturate(ref, word, n);
		return;
	}
	reset_residue(ref, word);
	frozenref__misuse(FROZENREF_MISUSE_GET_FROZEN, ref, word - n);
}

bool frozenref__put_slow(frozenref_t *ref, uint32_t word, uint32_t n)
{
	if (word == FROZENREF__DYING) {
		/*
		 * Acquire: pairs with the release of every put of this lifetime, so that the
		 * winner's writes come after the holders' reads. Nothing to do on failure: somebody
		 * revived the object, or won it.
		 */
		if (frozenref__cas32(&ref->word, word, 0, acquire) != word)
			return false;
		FROZENREF__PROBE(frozen, ref, word);
		return true;
	}
	if (is_saturated(word)) {
		reset_saturated(ref, word);
		return false;
	}
	reset_wrapped(ref, word);
	reset_residue(ref, word);
	frozenref__misuse(FROZENREF_MISUSE_PUT_FROZEN, ref, word + n);
	return false;
}

bool frozenref__bad_count(const frozenref_t *ref)
{
	frozenref__misuse(FROZENREF_MISUSE_BAD_COUNT, ref, frozenref__load32(&ref->word, relaxed));
	return false;
}

/* ------------------------------------------------------------------------------------- misuse */

/* Of the misuse that this thread is reporting, unless its counter says all. */
static FROZENREF__THREAD_LOCAL const char *subject;

const char *frozenref_misuse_subject(void)
{
	return subject ? subject : "";
}

struct line {
	char text[400];
	unsigned used;
};

static void append(struct line *line, const char *text)
{
	while (*text && line->used < sizeof(line->text))
		line->text[line->used++] = *text++;
}

static void append_hex(struct line *line, uintptr_t number)
{
	char digits[2 * sizeof(number) + 1];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[number % 16];
		number /= 16;
	} while (number);
	append(line, "0x");
	append(line, &digits[at]);
}

/* What happened, and what usually causes it. */
static const char *describe(enum frozenref_misuse kind)
{
	switch (kind) {
	case FROZENREF_MISUSE_PUT_FROZEN:
		return "put on a frozen object (PUT_FROZEN): "
		       "usually a reference that was put twice";
	case FROZENREF_MISUSE_GET_FROZEN:
		return "get on a frozen object (GET_FROZEN): "
		       "usually get called without holding a reference, where try_get belongs";
	case FROZENREF_MISUSE_SATURATED:
		return "too many references (SATURATED): "
		       "usually a path that forgets its put; the object will never be freed";
	case FROZENREF_MISUSE_UNFREEZE_LIVE:
		return "unfreeze of an object that is not frozen (UNFREEZE_LIVE): "
		       "usually published twice, or by somebody who does not own it";
	case FROZENREF_MISUSE_BAD_COUNT:
		return "number of references out of range (BAD_COUNT): "
		       "usually a computed count that was 0 or overflowed";
	case FROZENREF_MISUSE_FREE_LIVE:
		return "free of an object that is not frozen (FREE_LIVE): "
		       "usually freed where it should have been put";
	case FROZENREF_MISUSE_FREE_TWICE:
		return "free of an object that is free (FREE_TWICE): "
		       "usually freed by its owner after a put that freed it already";
	case FROZENREF_MISUSE_FREE_FOREIGN:
		return "free of what is no object of the cache (FREE_FOREIGN): "
		       "usually an object of another cache, or a pointer into one";
	case FROZENREF_MISUSE_WRITE_FREE:
		return "a free object was written (WRITE_FREE): "
		       "usually by a holder that had put its reference";
	case FROZENREF_MISUSE_WRITE_BEYOND:
		return "the bytes behind an object were written (WRITE_BEYOND): "
		       "usually a length that was not checked";
	}
	return "unknown misuse";
}

/* A write would end a thread that is cancelled, which may be in the midst of anything. */
static void print(const struct line *line)
{
	int saved_errno = errno;
	int state;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	/* One write, so that two threads' lines do not mix; there is nobody to tell if it fails. */
	if (write(STDERR_FILENO, line->text, line->used) < 0)
		errno = saved_errno;
	(void)pthread_setcancelstate(state, &state);
}

static void default_handler(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word,
			    void *arg)
{
	static uint32_t saturation_reported;
	struct line line = { .used = 0 };

	(void)arg;
	/* Relaxed: only the number of reports depends on it. */
	if (kind == FROZENREF_MISUSE_SATURATED &&
	    frozenref__cas32(&saturation_reported, 0, 1, relaxed) != 0)
		return;
	append(&line, "frozenref: ");
	append(&line, describe(kind));
	if (*frozenref_misuse_subject()) {
		append(&line, "; ");
		append(&line, frozenref_misuse_subject());
	}
	append(&line, "; counter ");
	append_hex(&line, (uintptr_t)ref);
	append(&line, ", word ");
	append_hex(&line, word);
	append(&line, "\n");
	print(&line);
	if (kind != FROZENREF_MISUSE_SATURATED)
		abort();
}

/*
 * A handler and its argument. They must be read together, also by a signal handler that has
 * interrupted frozenref_set_misuse_handler(), and also in a child whose parent's other threads were
 * in the midst of it: so there is no lock, and a pair that others can see is never written again,
 * nor freed. A pair that is set again is found again, so that programs which set and restore
 * handlers all their life do not grow.
 */
struct pair {
	frozenref_misuse_fn *handler;
	void *arg;
	uintptr_t next;
};

static uintptr_t pairs;	  /* all that were ever set, the last one first */
static uintptr_t current; /* the one that is set; 0: the default */

/* The first few come from here, for programs that have no malloc yet. */
static struct pair *new_pair(void)
{
	enum { FEW = 8 };
	static struct pair few[FEW];
	static uint32_t used;

	/* Relaxed, both: it only counts. */
	if (frozenref__load32(&used, relaxed) < FEW) {
		uint32_t mine = frozenref__add32(&used, 1, relaxed);

		if (mine < FEW)
			return &few[mine];
	}
	return malloc(sizeof(struct pair));
}

/* The pair of the two, made if need be; NULL if there is no memory for it. */
static const struct pair *find_pair(frozenref_misuse_fn *handler, void *arg)
{
	/* Acquire: pairs with the release that linked it. */
	uintptr_t first = frozenref__loadptr(&pairs, acquire);
	struct pair *made;

	for (uintptr_t at = first; at; at = ((const struct pair *)at)->next) {
		const struct pair *pair = (const struct pair *)at;

		if (pair->handler == handler && pair->arg == arg)
			return pair;
	}
	made = new_pair();
	if (!made)
		return NULL;
	made->handler = handler;
	made->arg = arg;
	for (;;) {
		uintptr_t found;

		made->next = first;
		/* Release: publishes the pair; and, with acquire, those behind it. */
		found = frozenref__casptr(&pairs, first, (uintptr_t)made, acq_rel);
		if (found == first)
			return made;
		/* A compare-and-swap that fails orders nothing. */
		first = frozenref__loadptr(&pairs, acquire);
	}
}

void frozenref__misuse(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word)
{
	/* Acquire: pairs with the release of whoever set it. */
	const struct pair *pair = (const struct pair *)frozenref__loadptr(&current, acquire);

	FROZENREF__PROBE(misuse, ref, word);
	if (pair)
		pair->handler(kind, ref, word, pair->arg);
	else
		default_handler(kind, ref, word, NULL);
}

frozenref_misuse_fn *frozenref_set_misuse_handler(frozenref_misuse_fn *handler, void *arg,
						  void **old_arg)
{
	const struct pair *pair = handler ? find_pair(handler, arg) : NULL;
	const struct pair *old;
	uintptr_t found;

	do {
		found = frozenref__loadptr(&current, acquire);
		/*
		 * Without memory what is set stays. Release: publishes what its handler will use;
		 * the pair itself, and the old one, are there for whoever acquires it.
		 */
	} while ((pair || !handler) &&
		 frozenref__casptr(&current, found, (uintptr_t)pair, acq_rel) != found);
	old = (const struct pair *)found;
	if (handler && !pair)
		errno = ENOMEM;
	if (old_arg)
		*old_arg = old ? old->arg : NULL;
	return old ? old->handler : NULL;
}

void frozenref__misuse_of_object(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word,
				 const char *cache, const void *object)
{
	const char *outer = subject;
	struct line line = { .used = 0 };

	append(&line, "cache ");
	append(&line, cache);
	append(&line, ", object ");
	append_hex(&line, (uintptr_t)object);
	line.text[line.used] = '\0';
	subject = line.text;
	frozenref__misuse(kind, ref, word);
	subject = outer;
}
