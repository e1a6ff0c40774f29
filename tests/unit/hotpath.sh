#!/bin/sh
# SPDX-License-Identifier: MIT
# What a consumer's compiler makes of try_get and put_and_lock at -O2: one locked instruction each, no
# loop, and on the common path no call.
#
# Run by `make check` in the top build directory, on x86-64 with objdump; else skipped. A variant with
# compare-and-swap loops goes through the same checks, and has to be found out.
set -eu

: "${CC:=cc}" "${OBJDUMP:=objdump}" "${srcdir:=.}"
# Not by the compiler's name for its machine, which is the same under -m32.
case $(echo __x86_64__ | $CC -E -P -x c -) in
1) ;;
*) echo "hotpath: looks at x86-64 code only"; exit 77 ;;
esac
command -v "$OBJDUMP" >/dev/null 2>&1 || { echo "hotpath: no objdump"; exit 77; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Prints what is wrong with the hot functions of an object file; nothing if nothing is.
#
# The common path runs from the function's start to its first ret, where no conditional jump is taken:
# both compilers lay it out so for a branch that is said to be unlikely. A jump to an address before
# itself is a loop, wherever it is; a call in the cold part may be there, and on the common path not.
faults() { # object
	"$OBJDUMP" -d --no-show-raw-insn "$1" | awk '
		/^[0-9a-f]+ <hot_(get|put)>:$/ {
			name = $2; hot = 1; common = 1; functions++; locked[name] = 0; next
		}
		/^[0-9a-f]+ <.*>:$/ { hot = 0; next }
		!hot || !/^ *[0-9a-f]+:/ { next }
		{
			at = $1; sub(":", "", at)
			while (length(at) < 16) at = "0" at
		}
		/\tlock/ || /\txchg .*\(/ { locked[name]++; if (common) locked_common++ }
		/\tcall/ && common { print name " calls on the common path: " $0 }
		/\tj[a-z]+ / {
			to = $3
			while (length(to) < 16) to = "0" to
			if (to ~ /^[0-9a-f]+$/ && to <= at) print name " loops: " $0
			if ($2 ~ /^jmp/) common = 0
		}
		/\tret/ { common = 0 }
		END {
			for (name in locked)
				if (locked[name] != 1) print name " has " locked[name] " locked instructions"
			if (functions != 2) print "found " functions + 0 " of 2 functions"
			if (locked_common != 2) print locked_common + 0 " locked on the common path"
		}'
}

compile() { # object flags...
	object=$1
	shift
	# shellcheck disable=SC2086 # several flags
	$CC -std=gnu11 -O2 -Iinclude -I"$srcdir/include" ${ATOMIC_OPS_CFLAGS-} "$@" \
		-c "$srcdir/tests/unit/hotpath.c" -o "$object"
}

compile "$dir/hot.o"
compile "$dir/control.o" -DCONTROL
found=$(faults "$dir/hot.o")
control=$(faults "$dir/control.o")
if [ -n "$found" ]; then
	echo "$found"
	"$OBJDUMP" -d "$dir/hot.o"
	exit 1
fi
case $control in
*"hot_get"*"loops"*) ;;
*) echo "hotpath: a compare-and-swap loop was not noticed: $control"; exit 1 ;;
esac
echo "hotpath: one locked instruction in each of try_get and put_and_lock, no loop, no call"
echo "the control: $control"
