#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks the litmus tests as far as that goes without herd7: each is named after its file, says in its
# comment what to expect, passes what is initialised to threads that use it, asks about registers that
# exist, stands in the README; and a spoilt one (name+fault) differs in its answer from the sound one.
set -eu

dir=${srcdir:-.}/tests/model/litmus
failed=0
count=0

complain() {
	echo "FAIL: $1"
	failed=1
}

answer() { # file: what it expects
	sed -n 's/^ \* \(Result\|Race\): //p' "$1"
}

for file in "$dir"/*.litmus; do
	name=$(basename "$file" .litmus)
	count=$((count + 1))
	problems=$(awk -v name="$name" -v threads=0 -f "$dir/form.awk" "$file") || complain "$name: $problems"
	grep -q "^| \`$name\` |" "$dir/README.md" || complain "$name is not in the README's table"
	case $name in
	*+hinted) ;;
	*+*)
		sound=$dir/${name%%+*}.litmus
		[ -f "$sound" ] || complain "$name: there is no ${name%%+*} to compare it with"
		[ "$(answer "$file")" != "$(answer "$sound")" ] || complain "$name: expects what the sound one does"
		;;
	esac
done
[ "$count" -gt 0 ] || complain "there are no litmus tests"
echo "$count litmus tests read"
exit "$failed"
