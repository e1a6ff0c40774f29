#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Both programs hold what they asked for, leak nothing, and refuse what makes no sense.
# Run by `make check`, or by hand in the build folder. Skipped where liburcu is missing.

folder=${SESSIONS_FOLDER:-./docs/examples/urcu}
program=$folder/sessions-frozenref
if [ ! -x "$program" ]; then
	echo "skipped: built without liburcu"
	exit 77
fi
# shellcheck source=docs/examples/test-helper.sh
. "${0%/*}/../test-helper.sh"

# The arguments, after the program's counter and the name that it gives it.
is_right()
{
	program=$folder/sessions-$1
	name=$2
	shift 2
	run "$@"
	[ $status -eq 0 ] && says "^$name: [0-9]*[.][0-9]* million .* found; 0 wrong, 0 leaked\$"
	verdict $? "$name: $*"
}

for counter in frozenref:frozenref_t urcu_ref:urcu_ref; do
	is_right "${counter%:*}" "${counter#*:}" 200 3 1 1000
	is_right "${counter%:*}" "${counter#*:}" 200 3 100 4
	# A table that has to grow, and to end.
	is_right "${counter%:*}" "${counter#*:}" 20 2 10 100000
	for bad in none -1 0 1x; do
		run $bad
		[ $status -eq 2 ] && says '^usage: '
		verdict $? "${counter%:*}: $bad milliseconds are refused"
	done
done

"${0%/*}/compare.sh" 20 2 >"$work/out" 2>"$work/err"
status=$?
[ $status -eq 0 ] && says '^ratio  *[0-9]'
verdict $? "the two are compared"
finish
