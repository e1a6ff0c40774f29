#!/bin/sh
# SPDX-License-Identifier: MIT
# Gives every litmus test to herd7 and compares its answer, and whether it saw a data race, with what
# the test's comment expects. Uses herd7's own C11 model, or the one that $MODEL names (rc11.cat).
# Exits 77 without herd7.
set -eu

HERD=${HERD:-herd7}
command -v "$HERD" >/dev/null || { echo "SKIP: no $HERD on the path"; exit 77; }

dir=${srcdir:-.}/tests/model/litmus
report=$(mktemp)
trap 'rm -f "$report"' EXIT
failed=0

"$HERD" -version
for file in "$dir"/*.litmus; do
	name=$(basename "$file" .litmus)
	expected="$(sed -n 's/^ \* Result: //p' "$file"), race: $(sed -n 's/^ \* Race: //p' "$file")"
	# Early pruning of incoherent executions, without which the larger tests take hours.
	"$HERD" -optace true ${MODEL:+-model "$MODEL"} "$file" >"$report" 2>&1 || true
	observed=$(sed -n "s/^Observation [^ ]* \([A-Za-z]*\) .*/\1/p" "$report")
	executions=$(sed -n 's/^Positive: \([0-9]*\) Negative: \([0-9]*\)$/\1 + \2/p' "$report")
	race=no
	! grep -q '^Flag .*undef' "$report" || race=yes
	printf '%-32s %-20s %s executions\n' "$name" "$observed, race: $race" "${executions:-no}"
	if [ "$observed, race: $race" != "$expected" ]; then
		echo "FAIL: $name: expected $expected"
		sed 's/^/	/' "$report"
		failed=$((failed + 1))
	fi
done
[ "$failed" -eq 0 ] || { echo "$failed failed"; exit 1; }
