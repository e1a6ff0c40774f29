#!/bin/sh
# SPDX-License-Identifier: MIT
# ThreadSanitizer says nothing of objects that one thread after the other uses, and reports holders of one
# object who write to it.
#
# Run by `make check` in the top build directory; skipped where the compiler has no ThreadSanitizer.
set -eu

. "${srcdir:-.}/tests/tools/common.sh"

flags="-g -O1 -fsanitize=thread"
# It does not model fences, and gcc warns of each.
case $($CC --version) in
*clang*) ;;
*) flags="$flags -Wno-tsan" ;;
esac
# shellcheck disable=SC2086 # several options
works_with $flags || skip "no program runs with ThreadSanitizer"
# libatomic_ops adds through inline assembly, which it cannot see.
mkdir -p "$work/include/frozenref"
sed 's/^\(#define FROZENREF_WITH_LIBATOMIC_OPS\) .*/\1 0/' include/frozenref/version.h \
	>"$work/include/frozenref/version.h"
# shellcheck disable=SC2086
compile "$work/threads" $flags "$srcdir/tests/tools/threads.c" $library_sources

TSAN_OPTIONS="halt_on_error=1 ${TSAN_OPTIONS-}"
export TSAN_OPTIONS
expect_quiet "$work/threads"
expect_report 'data race' "$work/threads" race
