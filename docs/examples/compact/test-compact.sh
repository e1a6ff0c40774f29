#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the compaction in short form, both ways to move, and on bad input.
# Run by `make check`, or by hand in the build folder, or with COMPACT=/path/to/compact.

compact=${COMPACT:-./docs/examples/compact/compact}
work=$(mktemp -d "${TMPDIR:-/tmp}/compact.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 99' HUP INT TERM

failures=0
status=0

# What every case ends with: its name, and whether the command before it succeeded.
verdict()
{
	if [ "$1" -eq 0 ]; then
		echo "ok: $2"
		return
	fi
	echo "FAILED: $2 (exit status $status)"
	sed 's/^/	/' "$work/out" "$work/err"
	failures=$((failures + 1))
}

run()
{
	"$compact" "$@" >"$work/out" 2>"$work/err"
	status=$?
}

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
	run --frames=16384
	packed 16384 && grep -q ' 0 times an object was frozen' "$work/out"
	verdict $? "moved by replace, and no lookup missed"
	gave_back "by replace"
	run --frames=16384 --by-hand --threads=3
	packed 16384
	verdict $? "moved by hand"
	gave_back "by hand"
}

# wrong OPTION: refused, with a word on how to do better.
wrong()
{
	run "$1"
	[ $status -eq 2 ] && [ ! -s "$work/out" ] && grep -q -e '--help' -e 'whole number' "$work/err"
	verdict $? "$1 is refused"
}

test_options()
{
	run --help
	[ $status -eq 0 ] && grep -q '^Usage: compact' "$work/out"
	verdict $? "--help"
	wrong --frames=0
	wrong --frames=63
	wrong --frames=4194305
	wrong --frames=many
	wrong --frames=
	wrong --threads=0
	wrong --threads=-1
	wrong --threads=2x
	wrong --nonsense
	wrong nonsense
}

test_moves
test_options

[ $failures -eq 0 ] || echo "$failures failed"
[ $failures -eq 0 ]
