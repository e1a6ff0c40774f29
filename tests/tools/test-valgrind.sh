#!/bin/sh
# SPDX-License-Identifier: MIT
# Memcheck reports what a program does to free objects of a cache, and behind objects, and nothing else.
#
# Run by `make check` in the top build directory; skipped without Valgrind, or its header when the library
# was built.
set -eu

. "${srcdir:-.}/tests/tools/common.sh"

: "${VALGRIND:=valgrind}"
command -v "$VALGRIND" >/dev/null 2>&1 || skip "no valgrind"
grep -q '^#define HAVE_VALGRIND_MEMCHECK_H 1' config.h || skip "built without Valgrind's headers"
compile "$work/memory" -g -O1 "$srcdir/tests/tools/memory.c" "$built_library"

check="$VALGRIND -q --error-exitcode=9"
# shellcheck disable=SC2086 # several words
{
	expect_quiet $check "$work/memory"
	expect_report 'Invalid read of size 8' $check "$work/memory" read-key-after-free
	for mistake in write-after-free write-end-after-free overflow far-overflow never-allocated; do
		expect_report 'Invalid write of size 1' $check "$work/memory" $mistake
	done
}
