/* SPDX-License-Identifier: MIT */
/*
 * Whether bytes that were read are the right ones: a checksum for each 64 bytes of each file, taken
 * before the run. Small enough that every read, which is made of whole such lines or ends with its
 * file, can be verified to the last byte.
 *
 * Used by main.c to take them and by workers.c to check them. Relies on files.c.
 */
#ifndef PAGECACHE_VERIFY_H
#define PAGECACHE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files.h"

#define VERIFY_LINE 64
#define VERIFY_MAX  ((size_t)64 * 1024) /* bytes that are verified at once */

struct verifier {
	struct file_set *set;
	uint64_t *sums; /* PAGE_BYTES / VERIFY_LINE for each page */
};

/*
 * Reads all files once. Those that change meanwhile are left out. Returns 0, also when interrupted,
 * or -ENOMEM.
 */
int verify_prepare(struct verifier *verifier, struct file_set *set);
void verify_free(struct verifier *verifier);

/* Whether these are the bytes at offset, a multiple of VERIFY_LINE; at most VERIFY_MAX. */
bool verify_bytes(const struct verifier *verifier, const struct file *file, uint64_t offset,
		  const void *bytes, size_t length);

/*
 * After wrong bytes: whether the file itself is another now, so that nobody is to blame for them.
 */
bool verify_file_changed(const struct verifier *verifier, const struct file *file, uint64_t offset,
			 size_t length);

#endif /* PAGECACHE_VERIFY_H */
