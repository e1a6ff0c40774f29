#!/bin/sh
# SPDX-License-Identifier: MIT
# The tutorial's code is the program's, and the program counts right.
set -eu

srcdir=$(cd "${srcdir:-.}" && pwd)
: "${AWK:=awk}"
program=docs/examples/tutorial/sizes
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Each block of C on the page must be found, as it is, in the source.
# shellcheck disable=SC2016 # awk's dollars
$AWK -v source="$srcdir/docs/examples/tutorial/sizes.c" '
	BEGIN {
		while ((getline line < source) > 0)
			text = text line "\n"
		if (text == "") {
			print "FAIL: cannot read " source
			exit 1
		}
	}
	/^```c$/ { inside = 1; block = ""; next }
	/^```$/ && inside {
		inside = 0
		blocks++
		if (!index(text, block)) {
			print "FAIL: this is not in the program:\n" block
			failed = 1
		}
		next
	}
	inside { block = block $0 "\n" }
	END {
		if (blocks < 6) {
			print "FAIL: " blocks + 0 " blocks of code in the tutorial"
			failed = 1
		}
		exit failed
	}' "$srcdir/docs/tutorial.md"

total=0
i=0
while [ "$i" -lt 100 ]; do
	printf "%$((i * 7 + 1))s" x >"$work/file$i"
	total=$((total + i * 7 + 1))
	i=$((i + 1))
done
# A name that does not fit into an entry is left out, rather than cut off.
long=$work/$(printf '%0240d' 0)
echo much >"$long"
"$program" "$work"/file* "$work/none" "$long" >"$work/out"
lines=$(grep -c ": $total bytes\$" "$work/out" || true)
if [ "$lines" != 4 ]; then
	echo "FAIL: four threads should have counted $total bytes:"
	cat "$work/out"
	exit 1
fi
