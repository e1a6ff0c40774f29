#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the compaction in short form, both ways to move, and on bad input.
# Run by `make check`, or by hand in the build folder, or with COMPACT=/path/to/compact.

program=${COMPACT:-./docs/examples/compact/compact}
# shellcheck source=docs/examples/test-helper.sh
. "${0%/*}/../test-helper.sh"

# The first number in the line that begins with $1.
number()
{
	sed -n "s/^$1  *\\([0-9][0-9]*\\).*/\\1/p" "$work/out"
}

# Frames in use, and whole MiB resident, in the line that begins with $1.
frames()
{
	sed -n "s/^$1.* \\([0-9]*\\) frames in use\$/\\1/p" "$work/out"
}

resident()
{
	sed -n "s/^$1.* \\([0-9]*\\)\\.[0-9] MiB resident.*/\\1/p" "$work/out"
}

# A frame holds as many objects as fit, whatever the system's page size is: 1 in 8 stays, so an 8th of
# the frames must do in the end.
packed()
{
	[ $status -eq 0 ] && [ "$(number mismatches)" -eq 0 ] && [ "$(number verified)" -gt 1000 ] &&
		[ "$(number meanwhile)" -gt 0 ] && [ "$(number moved)" -gt 0 ] &&
		[ "$(frames full)" -eq "$1" ] && [ "$(frames 'one object in 8 left')" -gt "$(($1 / 2))" ] &&
		[ "$(frames 'moved together')" -lt "$(($1 / 2))" ] &&
		[ "$(frames 'moved together')" -gt "$(($1 / 8))" ] &&
		[ "$(frames 'and those')" -eq "$(($1 / 8))" ] &&
		[ "$(number refused)" -ge "$(($(frames 'moved together') - $1 / 8))" ]
}

# How often threads come to read while objects are moved, which takes no time at all, is luck on a busy
# machine: they get some more chances.
run_with_readers() # argument...
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		run "$@"
		if [ $status -ne 0 ] ||
			[ "$(number meanwhile)" -gt 0 ] && [ "$(number verified)" -gt 1000 ]; then
			return
		fi
	done
}

gave_back()
{
	if [ ! -r /proc/self/smaps_rollup ]; then
		echo "skipped: resident memory (no smaps_rollup)"
		return
	fi
	[ "$(resident 'and those')" -lt "$(($(resident full) / 2))" ] &&
		[ "$(resident 'the registry')" -lt "$(resident 'and those')" ] &&
		[ "$(number trimmed)" -gt 0 ]
	verdict $? "$1: memory goes back to the system"
}

test_moves()
{
	run_with_readers --frames=16384
	packed 16384 && grep -q ' 0 times an object was frozen' "$work/out"
	verdict $? "moved by replace, and no lookup missed"
	gave_back "by replace"
	run_with_readers --frames=16384 --by-hand --threads=3
	packed 16384
	verdict $? "moved by hand"
	gave_back "by hand"
}

test_options()
{
	test_help
	for frames in 0 63 4194305 many ''; do
		refused --frames=$frames 'whole number'
	done
	for threads in 0 -1 2x; do
		refused --threads=$threads 'whole number'
	done
	refused --nonsense --help
	refused nonsense --help
}

test_moves
test_options
finish
