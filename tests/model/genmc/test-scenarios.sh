#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles and runs the scenarios as ordinary programs with threads, plain and hinted, and compiles
# the faults, so that what GenMC is given does not rot where there is no GenMC.
set -eu

# shellcheck source=tests/model/genmc/common.sh
. "${srcdir:-.}/tests/model/genmc/common.sh"
CC=${CC:-cc}
count=0

for file in "$scenarios"/*.c; do
	for hint in -UHINTED -DHINTED; do
		# shellcheck disable=SC2086 # several words, or none
		$CC $flags ${CFLAGS:--O2} "$hint" -Wall -Wextra -Werror "$file" -pthread -o "$work/scenario"
		"$work/scenario" || { echo "FAIL: $file $hint"; exit 1; }
		count=$((count + 1))
	done
done

faults >"$work/faults"
while read -r scenario options; do
	# shellcheck disable=SC2086 # several words
	$CC $flags $options -Wall -Wextra -Werror -fsyntax-only "$scenarios/$scenario.c"
done <"$work/faults"
echo "$count programs run, $(wc -l <"$work/faults") faults compiled"
