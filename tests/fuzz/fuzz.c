/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzing targets share; fuzz.h tells what each function is for.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

/* ------------------------------------------------------------------------------------ verdicts */

bool fuzz_trace;
uint64_t fuzz_calls;
static char op[160];
static unsigned op_number;

void fuzz_op(const char *format, ...)
{
	va_list args;

	fuzz_calls++;
	op_number++;
	va_start(args, format);
	vsnprintf(op, sizeof(op), format, args);
	va_end(args);
	if (fuzz_trace)
		fprintf(stderr, "%5u  %s\n", op_number, op);
}

void fuzz_fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: call %u, %s: not so: %s\n", file, line, op_number, op, what);
	abort();
}

/* -------------------------------------------------------------------------------------- misuse */

static struct {
	enum frozenref_misuse kind; /* 0: none */
	const frozenref_t *ref;
	uint32_t word;
} expected;

void fuzz_misuse(enum frozenref_misuse kind, const frozenref_t *ref, uint32_t word, void *arg)
{
	(void)arg;
	fuzz_check(kind == expected.kind);
	fuzz_check(ref == expected.ref);
	fuzz_check(word == expected.word);
	expected.kind = 0;
}

void fuzz_expect_misuse(enum frozenref_misuse kind, const frozenref_t *ref)
{
	fuzz_check(!expected.kind);
	expected.kind = kind;
	expected.ref = ref;
	expected.word = ref->word;
}

void fuzz_expect_misuse_at(enum frozenref_misuse kind, const void *address)
{
	fuzz_check(!expected.kind);
	expected.kind = kind;
	expected.ref = (const frozenref_t *)address;
	expected.word = 0;
}

void fuzz_settle(void)
{
	/* Else misuse that was expected has not been reported. */
	fuzz_check(!expected.kind);
}

/* -------------------------------------------------------------------------------------- input */

static const uint8_t *input;
static const uint8_t *input_end;

bool fuzz_more(void)
{
	return input < input_end;
}

uint8_t fuzz_byte(void)
{
	return input < input_end ? *input++ : 0;
}

uint32_t fuzz_u32(void)
{
	uint32_t number = 0;

	for (unsigned i = 0; i < 4; i++)
		number = number << 8 | fuzz_byte();
	return number;
}

uint64_t fuzz_u64(void)
{
	uint64_t high = fuzz_u32();

	return high << 32 | fuzz_u32();
}

uint32_t fuzz_below(uint32_t limit)
{
	return (limit > 256 ? fuzz_u32() : fuzz_byte()) % limit;
}

uint32_t fuzz_refs(uint32_t count)
{
	static const uint32_t limits[] = { 0, 1, FROZENREF_BULK_MAX, FROZENREF_MAX, UINT32_MAX };
	uint8_t choice = fuzz_byte();

	switch (choice & 7) {
	case 0:
		return limits[(choice >> 3) % 5] + (uint32_t)(choice >> 3) / 5 % 3 - 1;
	case 1:
		return fuzz_u32();
	case 2:
		return fuzz_byte();
	case 3:
		return count + (uint32_t)(choice >> 3) % 3 - 1;
	default:
		return count ? count : 1;
	}
}

/* ------------------------------------------------------------------------------------- backend */

enum { RANGES = 256 };

static struct range {
	char *address;
	size_t size;
	bool committed;
} ranges[RANGES];

static struct {
	bool armed;
	bool failed;
	unsigned calls_left;
} failing;

enum fuzz_purge fuzz_purge;

void fuzz_fail_after(unsigned calls)
{
	failing.armed = true;
	failing.calls_left = calls;
}

bool fuzz_has_failed(void)
{
	bool failed = failing.failed;

	failing.failed = false;
	return failed;
}

static bool fails_now(void)
{
	if (!failing.armed || failing.calls_left--)
		return false;
	failing.armed = false;
	failing.failed = true;
	return true;
}

static size_t rounded(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

size_t fuzz_bytes_reserved(void)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < RANGES; i++)
		bytes += rounded(ranges[i].size);
	return bytes;
}

/* The range that begins at this address; NULL's is a free place. */
static struct range *range_at(const void *address)
{
	for (unsigned i = 0; i < RANGES; i++) {
		if (ranges[i].address == address)
			return &ranges[i];
	}
	fuzz_fail("a range that was reserved", __FILE__, __LINE__);
}

/* The range that these bytes are part of. */
static struct range *range_around(const char *address, size_t size)
{
	for (unsigned i = 0; i < RANGES; i++) {
		struct range *range = &ranges[i];

		if (!range->address || address < range->address ||
		    address >= range->address + rounded(range->size))
			continue;
		fuzz_check(size <= (size_t)(range->address + rounded(range->size) - address));
		return range;
	}
	fuzz_fail("part of a range that was reserved", __FILE__, __LINE__);
}

static void check_context(void *context)
{
	fuzz_check(context == &ranges);
}

static int reserve(void *context, size_t size, size_t align, void **address)
{
	struct range *range = range_at(NULL);
	int err;

	check_context(context);
	fuzz_check(size && align && !(align & (align - 1)));
	if (fails_now())
		return -ENOMEM;
	err = frozenref_mmap_backend()->reserve(NULL, size, align, address);
	if (err)
		return err;
	fuzz_check(!((uintptr_t)*address & (align - 1)));
	*range = (struct range){ *address, size, false };
	return 0;
}

static int commit(void *context, void *address, size_t size)
{
	struct range *range = range_around(address, size);
	int err;

	check_context(context);
	fuzz_check((uintptr_t)address % rounded(1) == 0);
	if (fails_now())
		return -ENOMEM;
	err = frozenref_mmap_backend()->commit(NULL, address, size);
	fuzz_check(!err);
	range->committed = true;
	return 0;
}

static int purge(void *context, void *address, size_t size)
{
	size_t half = rounded(size / 2);

	check_context(context);
	fuzz_check(range_around(address, size)->committed);
	switch (fuzz_purge) {
	case FUZZ_PURGE_FAILS:
		return -ENOMEM;
	case FUZZ_PURGE_KEEPS:
		return 0;
	case FUZZ_PURGE_ZEROES_HALF:
		return half < size ? frozenref_mmap_backend()->purge(NULL, (char *)address + half,
								     size - half)
				   : 0;
	case FUZZ_PURGE_ZEROES:
		break;
	}
	return frozenref_mmap_backend()->purge(NULL, address, size);
}

static int give_back(void *context, void *address, size_t size)
{
	struct range *range = range_at(address);

	check_context(context);
	fuzz_check(address && range->size == size);
	*range = (struct range){ NULL, 0, false };
	return frozenref_mmap_backend()->release(NULL, address, size);
}

const struct frozenref_backend fuzz_backend = {
	.size = sizeof(fuzz_backend),
	.context = &ranges,
	.reserve = reserve,
	.commit = commit,
	.purge = purge,
	.release = give_back,
};

void fuzz_begin(const uint8_t *data, size_t size)
{
	input = data;
	input_end = data + size;
	op_number = 0;
	expected.kind = 0;
	memset(ranges, 0, sizeof(ranges));
	memset(&failing, 0, sizeof(failing));
	fuzz_purge = FUZZ_PURGE_ZEROES;
	(void)frozenref_set_misuse_handler(fuzz_misuse, NULL, NULL);
}
