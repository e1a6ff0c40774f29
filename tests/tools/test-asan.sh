#!/bin/sh
# SPDX-License-Identifier: MIT
# AddressSanitizer reports what a program does to free objects of a cache, and behind objects, and nothing
# else: with the library built for it, and with a library that was not.
#
# Run by `make check` in the top build directory; skipped where the compiler has no AddressSanitizer.
set -eu

. "${srcdir:-.}/tests/tools/common.sh"

flags="-g -O1 -fsanitize=address"
# shellcheck disable=SC2086 # several options
works_with $flags || skip "no program runs with AddressSanitizer"
# shellcheck disable=SC2086
compile "$work/whole" $flags "$srcdir/tests/tools/memory.c" $library_sources
# shellcheck disable=SC2086
compile "$work/mixed" $flags "$srcdir/tests/tools/memory.c" "$built_library"
# Without the tool nobody notices, or these tests would show nothing.
compile "$work/bare" -g -O1 "$srcdir/tests/tools/memory.c" "$built_library"

mistakes="read-key-after-free write-after-free write-end-after-free overflow far-overflow never-allocated"
for program in whole mixed; do
	expect_quiet "$work/$program"
	for mistake in $mistakes; do
		expect_report use-after-poison "$work/$program" "$mistake"
	done
done
for mistake in $mistakes; do
	expect_quiet "$work/bare" "$mistake"
done
