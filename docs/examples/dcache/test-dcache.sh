#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the dentry cache in short form: on a small tree, under a limit, on bad input.
# Run by `make check`, or by hand in the build folder, or with DCACHE=/path/to/dcache.

# shellcheck disable=SC2317 # patiently calls what it is given
program=${DCACHE:-./docs/examples/dcache/dcache}
# shellcheck source=docs/examples/test-helper.sh
. "${0%/*}/../test-helper.sh"

export TMPDIR="$work/scratch"

# The number in front of some words of the report.
number()
{
	sed -n "s/^.* \\([0-9][0-9]*\\) $1.*\$/\\1/p" "$work/out" | head -n 1
}

# 14 folders, 392 files: 406 names, one of them too long for the room inside a dentry.
make_tree()
{
	mkdir -p "$1" "$TMPDIR"
	for folder in a a/b a/b/c a/b/c/d a/b/c/d/e f g h i j k l m n; do
		mkdir "$1/$folder"
		for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26; do
			: >"$1/$folder/file-$i"
		done
		ln -s file-1 "$1/$folder/link"
	done
	mv "$1/n/file-0" "$1/n/$(printf '%0200d' 7)"
}

# At the end the shrinker has found nothing that was still held.
is_right()
{
	[ $status -eq 0 ] && says '^mismatches  0$' && says '^changed     0 ' &&
		says '^            and .* MiB for 0$' && [ -z "$(ls "$TMPDIR")" ]
}

hits_all()
{
	is_right && says ': 406 paths; 2 threads, and 2 that' && says '^present names .* 100.00 %$' &&
		says '^evictions   0$' && [ "$(number renames)" -gt 100 ] &&
		[ "$(number 'lookups checked')" -gt 100 ] && [ "$(number 'of paths')" -gt 10000 ]
}

test_all_in_cache()
{
	patiently hits_all 1 --threads=2 --changers=2 "$work/tree"
	verdict $? "a cache with room for all hits all the time, beside a tree that changes"
}

# More than 100 while a thread that evicts is kept from going on.
evicts()
{
	is_right && [ "$(sed -n 's/^evictions   //p' "$work/out")" -gt 1000 ] &&
		[ "$(number dentries)" -lt 700 ]
}

test_eviction()
{
	patiently evicts 1 --threads=2 --changers=2 --entries=100 "$work/tree"
	verdict $? "a cache of 100 dentries evicts all the time and is right"
	run --seconds=1 --threads=1 --changers=0 --entries=4294967295 "$work/tree"
	is_right && says '^evictions   0$'
	verdict $? "and one of as many as can be asked for does not"
}

meets_changes()
{
	is_right && [ "$(number 'more while')" -gt 0 ]
}

test_changers()
{
	patiently meets_changes 1 --threads=1 --changers=6 "$work/tree"
	verdict $? "six threads rename, unlink and invalidate under each other's lookups"
	run --seconds=1 --threads=1 --changers=0 "$work/tree"
	is_right && says '^changes     0 renames'
	verdict $? "and none"
}

test_self_test()
{
	run --seconds=1 --self-test --changers=0 "$work/tree"
	[ $status -eq 1 ] && says '^mismatches  [1-9]'
	verdict $? "wrong answers in the cache are noticed"
}

wrong()
{
	refused "$1" "$2" "$work/tree"
}

test_options()
{
	test_help
	for seconds in 0 -1 86401 soon ''; do
		wrong "--seconds=$seconds" 'wants a number from 1 to 86400'
	done
	for threads in 0 65 1.5 many; do
		wrong "--threads=$threads" 'wants a number from 1 to 64'
	done
	wrong --changers=65 'wants a number from 0 to 64'
	for entries in 0 99 4294967296 1e9; do
		wrong "--entries=$entries" 'wants a number from 100 to 4294967295'
	done
	wrong --nonsense 'dcache: --help'
	wrong --self-test=yes 'dcache: --help'
	refused "$work/tree" 'dcache: --help' "$work/tree"
	refused "$work/nowhere" 'No such file or directory'
	refused "$work/tree/a/file-1" 'Not a directory'
}

make_tree "$work/tree"
test_all_in_cache
test_eviction
test_changers
test_self_test
test_options
finish
