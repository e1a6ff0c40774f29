#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the two programs in turn, seven times each, and prints the medians, and that of their ratios
# with the least and the most. By hand in the build folder: compare.sh [ARGUMENT]..., which are those
# of the programs.
# shellcheck disable=SC2016 # awk's dollars
set -eu

: "${AWK:=awk}"
folder=${SESSIONS_FOLDER:-./docs/examples/urcu}
rates=$(mktemp)
trap 'rm -f "$rates"' EXIT

# What the program with counter $1 measures, given the other arguments.
rate_of()
{
	counter=$1
	shift
	said=$("$folder/sessions-$counter" "$@") || exit
	echo "$said" | sed 's/^[^:]*: \([0-9.]*\) million.*/\1/'
}

for round in 1 2 3 4 5 6 7; do
	if [ $((round % 2)) -eq 1 ]; then
		old=$(rate_of urcu_ref "$@")
		new=$(rate_of frozenref "$@")
	else
		new=$(rate_of frozenref "$@")
		old=$(rate_of urcu_ref "$@")
	fi
	echo "$old $new"
done >"$rates"

# The one at place $2 of seven: 4 is the median.
ranked()
{
	$AWK "{ printf \"%.2f\\n\", $1 }" "$rates" | sort -n | sed -n "$2p"
}

echo "urcu_ref     $(ranked '$1' 4) million lookups a second"
echo "frozenref_t  $(ranked '$2' 4) million lookups a second"
echo "ratio        $(ranked '$2 / $1' 4) ($(ranked '$2 / $1' 1) to $(ranked '$2 / $1' 7))"
