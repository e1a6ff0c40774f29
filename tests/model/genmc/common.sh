# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034 # what it sets is for those who read it
# Read by the two scripts beside it: where things are, and a version.h for the compiler's builtins
# and without probes, whatever the tree was configured for. Sets scenarios, flags and work.

srcdir=${srcdir:-.}
scenarios=$srcdir/tests/model/genmc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/frozenref"
sed 's/@[A-Z_]*@/0/' "$srcdir/include/frozenref/version.h.in" >"$work/frozenref/version.h"
flags="-std=gnu11 -I$work -I$srcdir -I$srcdir/include"

faults() { # the lines of faults.txt
	grep -v '^#' "$scenarios/faults.txt"
}
