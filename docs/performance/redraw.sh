#!/bin/sh
# SPDX-License-Identifier: MIT
# Redraws every plot and fills every table, from results.tsv; with a folder of JSON files that
# `make bench BENCH_JSON=FOLDER` wrote, makes results.tsv of them first.
#
#	redraw.sh TREE [FOLDER]		what `make plots` runs
#	redraw.sh --check TREE		whether the tables are what results.tsv gives; draws nothing
set -eu
export LC_ALL=C

check=
if [ "$1" = --check ]; then
	check=yes
	shift
fi
tree=$1
folder=${2:-}
here=$tree/docs/performance
: "${AWK:=awk}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tab=$(printf '\t')

fill() { # document
	$AWK -f "$here/fill.awk" "$here/results.tsv" "$tree/$1" >"$work/filled"
	if cmp -s "$work/filled" "$tree/$1"; then
		return
	fi
	if [ -n "$check" ]; then
		echo "FAIL: the tables of $1 are not what docs/performance/results.tsv gives"
		exit 1
	fi
	cat "$work/filled" >"$tree/$1"
}

# The contenders of the groups that a plot shows, the last one first: gnuplot draws upwards.
draw() { # name heading benchmark groups logarithmic
	# shellcheck disable=SC2016 # awk's dollars
	$AWK -F "$tab" -v benchmark="$3" -v groups="$4" '
		$1 == benchmark && $2 ~ groups {
			short = $3
			sub(/^.*(: |entries, |keys, )/, "", short)
			line[n++] = short ": " $5 "\t" $6 "\t" ($5 ~ /frozenref|^by address|^peek|page cache|batch/)
		}
		END { while (n) print line[--n] }' "$here/results.tsv" >"$work/data"
	lines=$(wc -l <"$work/data")
	if [ "$lines" -eq 0 ]; then
		echo "$1: nothing was measured"
		return
	fi
	gnuplot -e "data='$work/data'; out='$here/$1.svg'; heading='$2'; lines=$lines; logarithmic=$5" \
		"$here/bars.gp"
}

if [ -n "$folder" ]; then
	for json in "$folder"/*.json; do
		$AWK -f "$here/collect.awk" "$json"
	done >"$work/results.tsv"
	cat "$work/results.tsv" >"$here/results.tsv"
fi
fill docs/performance.md
fill README.md
[ -z "$check" ] || exit 0
while IFS=$tab read -r name heading benchmark groups logarithmic; do
	draw "$name" "$heading" "$benchmark" "$groups" "$logarithmic"
done <"$here/plots.tsv"
