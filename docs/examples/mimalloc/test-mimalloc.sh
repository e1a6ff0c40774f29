#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the compaction of mimalloc's memory: every read is right, and the memory goes back.
# Run by `make check` in the top build directory.
set -eu

# Two spaces of 4 GiB, and what else there is.
# shellcheck disable=SC3045 # not in POSIX, but in every sh that we know
limit=$(ulimit -v)
if [ "$limit" != unlimited ] && [ "$limit" -lt $((16 << 20)) ]; then
	echo "mimalloc: not enough addresses: skipped"
	exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Reads that were right.
verified() { sed -n 's/^verified \([0-9]*\) .*/\1/p' "$work/out"; }
# Whole MiB, in the line that begins with $1.
resident() { sed -n "s/^$1 *\([0-9]*\)\.[0-9] MiB.*/\1/p" "$work/out"; }
# Pages of the first space, likewise.
pages() { sed -n "s/^$1.* \([0-9]*\) sparse or full pages.*/\1/p" "$work/out"; }

# How much is read meanwhile is luck on a busy machine: some more chances for those who read.
for _ in 1 2 3 4 5 6 7 8 9 10; do
	docs/examples/mimalloc/mimalloc >"$work/out"
	cat "$work/out"
	[ "$(verified)" -le 1000 ] || break
done
grep -q ' 0 mismatches$' "$work/out"
[ "$(verified)" -gt 1000 ]
[ "$(sed -n 's/^moved \([0-9]*\) .*/\1/p' "$work/out")" -eq 12500 ]
[ "$(pages 'moved together')" -eq 0 ]
[ "$(pages 'a few left on every page')" -gt 500 ]
[ "$(resident 'moved together')" -lt "$(($(resident 'a few left on every page') / 2))" ]
if docs/examples/mimalloc/mimalloc 5 >"$work/out" 2>&1; then
	echo "five objects were not refused"
	exit 1
fi
