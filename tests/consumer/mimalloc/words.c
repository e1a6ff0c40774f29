/* SPDX-License-Identifier: MIT */
/*
 * What a program outside this tree does with an installed libfrozenref-mimalloc, in C99: words of
 * any length, found by any pointer into them, and by none when they are gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <frozenref/mimalloc.h>

/* Unlike assert() it stays with NDEBUG, which foreign build systems like to define. */
#define MUST(condition) \
 ((condition) ? (void)0 : (fprintf(stderr, "line %d: %s\n", __LINE__, #condition), abort()))

static unsigned released;

static void release(void *object, void *arg)
{
	(void)object;
	(void)arg;
	released++;
}

int main(void)
{
	static const char *const words[] = { "a", "granule", "of", "sixty-four", "bytes" };
	enum { WORDS = sizeof(words) / sizeof(words[0]) };
	struct frozenref_mi_space_config config = FROZENREF_MI_SPACE_CONFIG_INIT;
	struct frozenref_mi_space *space = NULL;
	char *copies[WORDS];

	config.release = release;
	MUST(frozenref_mi_space_create(&space, &config) == 0);
	for (size_t i = 0; i < WORDS; i++) {
		copies[i] = frozenref_mi_malloc(space, strlen(words[i]) + 1);
		MUST(copies[i]);
		strcpy(copies[i], words[i]);
		frozenref_mi_unfreeze(space, copies[i], 1);
	}
	for (size_t i = 0; i < WORDS; i++) {
		char *found = frozenref_mi_try_get(space, copies[i] + strlen(words[i]));

		MUST(found == copies[i] && strcmp(found, words[i]) == 0);
		MUST(!frozenref_mi_put(space, found) && frozenref_mi_put(space, found));
		MUST(!frozenref_mi_try_get(space, copies[i]));
	}
	MUST(frozenref_mi_space_destroy(space) == 0);
	printf("%u words found, and released\n", released);
	return 0;
}
