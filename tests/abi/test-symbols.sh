#!/bin/sh
# SPDX-License-Identifier: MIT
# The version scripts are append-only: every symbol that is listed as shipped is still there, in the node
# in which it was shipped. The lists are the symbols files of integrations/debian.
#
# Run by `make check`. A script that lost a symbol and one that moved one have to be found out.
set -eu

: "${srcdir:=.}" "${AWK:=awk}"
export LC_ALL=C
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

# Prints what is listed and not in the version script; nothing if nothing is.
missing() { # list version-script
	sed -n 's/^ \([^ ]*\) .*/\1/p' "$1" | sort >"$dir/listed"
	"$AWK" -f "$srcdir/tests/abi/symbols.awk" "$2" | sort >"$dir/there"
	[ -s "$dir/listed" ] || echo "$1 lists nothing"
	comm -23 "$dir/listed" "$dir/there"
}

looked_at=0
for list in "$srcdir"/integrations/debian/*.symbols; do
	name=${list##*/}
	name=${name%0.symbols}
	map=$(find "$srcdir/lib" "$srcdir/integrations" -name "$name.map")
	[ -n "$map" ] || {
		echo "symbols: no version script for $list"
		status=1
		continue
	}
	found=$(missing "$list" "$map")
	if [ -n "$found" ]; then
		echo "symbols: $map has lost what was shipped:"
		echo "$found"
		status=1
	else
		echo "symbols: $map has all $(wc -l <"$dir/listed") that $list lists"
	fi
	looked_at=$((looked_at + 1))
done
[ $looked_at -gt 0 ] || {
	echo "symbols: no list"
	exit 1
}

list=$srcdir/integrations/debian/libfrozenref0.symbols
map=$srcdir/lib/libfrozenref.map
sed '/frozenref_try_get;/d' "$map" >"$dir/lost"
{
	sed '/frozenref_try_get;/d' "$map"
	echo 'FROZENREF_9.9 {'
	echo '	frozenref_try_get;'
	echo '};'
} >"$dir/moved"
for control in lost moved; do
	[ "$(missing "$list" "$dir/$control")" = frozenref_try_get@FROZENREF_0.1 ] || {
		echo "symbols: the control $control was not noticed"
		status=1
	}
done
exit $status
