# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# What the tests of the examples have in common: runs a program, keeps what it says, counts what
# went wrong. Read by their scripts, which set `program` to its path first and end with `finish`.

: "${program:?}"
work=$(mktemp -d "${TMPDIR:-/tmp}/${program##*/}.XXXXXX") || exit 99
trap 'chmod -R u+rwX "$work"; rm -rf "$work"' EXIT
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

# Runs the program; its output goes to $work/out and $work/err, its exit status to $status.
run()
{
	"$program" "$@" >"$work/out" 2>"$work/err"
	status=$?
}

# patiently COMMAND SECONDS [ARGUMENT]...: runs the program for so many seconds, and for more and more
# until the command finds in its report what it looks for: how far a run gets in a second is the
# machine's affair, and what else it does. When the program itself says that it failed, it failed.
patiently()
{
	found=$1
	first=$2
	shift 2
	for seconds in "$first" 4 15 60; do
		run --seconds="$seconds" "$@"
		"$found" && return 0
		[ $status -eq 0 ] || return 1
	done
	return 1
}

says()
{
	grep -q -e "$1" "$work/out" "$work/err"
}

# refused OPTION TEXT [ARGUMENT]...: the option is refused, and the message contains the text.
refused()
{
	option=$1
	text=$2
	shift 2
	run "$option" "$@"
	[ $status -eq 2 ] && grep -q -e "$text" "$work/err" && [ ! -s "$work/out" ]
	verdict $? "$option is refused"
}

test_help()
{
	run --help
	[ $status -eq 0 ] && grep -q "^Usage: ${program##*/}" "$work/out"
	verdict $? "--help"
}

finish()
{
	[ $failures -eq 0 ] || echo "$failures failed"
	[ $failures -eq 0 ]
	exit
}
