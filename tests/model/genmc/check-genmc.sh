#!/bin/sh
# SPDX-License-Identifier: MIT
# Gives every scenario to GenMC, plain and hinted, under each memory model of $MODELS (rc11; imm takes
# many times as long), and prints how many executions it explored; then every fault under rc11, each of
# which it must find. Exits 77 without GenMC.
set -eu

GENMC=${GENMC:-genmc}
MODELS=${MODELS:-rc11}
command -v "$GENMC" >/dev/null || { echo "SKIP: no $GENMC on the path"; exit 77; }

# shellcheck source=tests/model/genmc/common.sh
. "${srcdir:-.}/tests/model/genmc/common.sh"
failed=0

# Without symmetry reduction, so that the numbers do not depend on how alike two threads look; and
# without in-place revisiting, which takes two unordered atomic writes for an error.
genmc() { # model scenario option...: GenMC's verdict, its report in $work/report
	model=$1
	scenario=$2
	shift 2
	# shellcheck disable=SC2086 # several words
	"$GENMC" "--$model" --disable-estimation --disable-sr --disable-ipr -- \
		$flags "$@" "$scenarios/$scenario.c" >"$work/report" 2>&1
}

explored() { # "0" where nothing was
	sed -n 's/^Number of complete executions explored: //p' "$work/report" | grep . || echo 0
}

failure() { # what
	failed=$((failed + 1))
	echo "FAIL: $1"
	sed 's/^/	/' "$work/report"
}

"$GENMC" --version | grep -m 1 'v[0-9]'
printf '%-20s %-6s %12s %12s\n' scenario model plain hinted
for file in "$scenarios"/*.c; do
	scenario=$(basename "$file" .c)
	for model in $MODELS; do
		for hint in -UHINTED -DHINTED; do
			if ! genmc "$model" "$scenario" "$hint" || [ "$(explored)" -eq 0 ]; then
				failure "$scenario $model $hint"
			fi
			explored >"$work/$hint"
		done
		printf '%-20s %-6s %12s %12s\n' "$scenario" "$model" "$(cat "$work/-UHINTED")" \
			"$(cat "$work/-DHINTED")"
	done
done

# Under rc11 alone, since GenMC reports no races of plain variables under imm. A fault counts as found
# by what GenMC says, and not by a file that does not compile.
found='^Error: Non-atomic race\|^Assertion violation'
faults >"$work/faults"
while read -r scenario options; do
	# shellcheck disable=SC2086 # one word or more
	if genmc rc11 "$scenario" $options || ! grep -q "$found" "$work/report"; then
		failure "$scenario $options was not found"
		continue
	fi
	printf '%-20s %s: %s\n' "$scenario" "$options" "$(grep -m 1 "$found" "$work/report")"
done <"$work/faults"
[ "$failed" -eq 0 ] || { echo "$failed failed"; exit 1; }
