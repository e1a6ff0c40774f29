/* SPDX-License-Identifier: MIT */
/*
 * Checksums of 64 bytes each. See verify.h.
 */
#include "verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "interrupt.h"

#define LINES_PER_PAGE (PAGE_BYTES / VERIFY_LINE)

/*
 * Each step can be undone, for a given word as well as for a given sum: so two lines that differ in
 * one word always differ in their sum, and others all but for one in 2^64.
 */
static uint64_t mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * UINT64_C(0xd6e8feb86659fd93);
	return sum ^ sum >> 32;
}

/* At most VERIFY_LINE bytes; less at the end of a file. */
static uint64_t sum_line(const unsigned char *bytes, size_t length)
{
	uint64_t words[VERIFY_LINE / sizeof(uint64_t)] = { 0 };
	uint64_t sum = length;

	memcpy(words, bytes, length);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum = mix(sum, words[i]);
	return sum;
}

static size_t line_length(size_t at, size_t length)
{
	return length - at < VERIFY_LINE ? length - at : VERIFY_LINE;
}

static uint64_t *sums_at(const struct verifier *verifier, const struct file *file, uint64_t offset)
{
	/* Lines are numbered as pages are: a file begins at its base. */
	return verifier->sums + file->base * LINES_PER_PAGE + offset / VERIFY_LINE;
}

static int sum_file(struct verifier *verifier, const struct file *file)
{
	unsigned char page[PAGE_BYTES];

	for (uint64_t offset = 0; offset < file->size; offset += PAGE_BYTES) {
		uint64_t left = file->size - offset;
		size_t length = left < PAGE_BYTES ? (size_t)left : PAGE_BYTES;
		uint64_t *sums = sums_at(verifier, file, offset);
		int err = interrupt_requested() ? -EINTR : file_read(file, offset, page, length);

		if (err)
			return err;
		for (size_t at = 0; at < length; at += VERIFY_LINE)
			sums[at / VERIFY_LINE] = sum_line(page + at, line_length(at, length));
	}
	return file_looks_changed(file) ? -ESTALE : 0;
}

int verify_prepare(struct verifier *verifier, struct file_set *set)
{
	verifier->set = set;
	verifier->sums = malloc((size_t)set->npages * LINES_PER_PAGE * sizeof(uint64_t));
	if (!verifier->sums)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->nfiles && !interrupt_requested(); i++) {
		int err = sum_file(verifier, &set->files[i]);

		if (err && err != -EINTR)
			files_forget(set, &set->files[i], err);
	}
	return 0;
}

void verify_free(struct verifier *verifier)
{
	free(verifier->sums);
}

bool verify_bytes(const struct verifier *verifier, const struct file *file, uint64_t offset,
		  const void *bytes, size_t length)
{
	const uint64_t *sums = sums_at(verifier, file, offset);

	for (size_t at = 0; at < length; at += VERIFY_LINE) {
		if (sums[at / VERIFY_LINE] !=
		    sum_line((const unsigned char *)bytes + at, line_length(at, length)))
			return false;
	}
	return true;
}

bool verify_file_changed(const struct verifier *verifier, const struct file *file, uint64_t offset,
			 size_t length)
{
	unsigned char bytes[VERIFY_MAX];

	/* A time stamp may be too coarse, or late; then what the file says now decides. */
	return file_looks_changed(file) || file_read(file, offset, bytes, length) ||
	       !verify_bytes(verifier, file, offset, bytes, length);
}
