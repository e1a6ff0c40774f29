#!/bin/sh
# SPDX-License-Identifier: MIT
# The unit tests again, in processes that may take few addresses: 256 MiB, or 1 GiB where objects have
# addresses reserved for them.
#
# Run by `make check` in the top build directory.
set -eu

run_in() { # MiB program...
	# shellcheck disable=SC3045 # not in POSIX, but in every sh that we know
	if ! ulimit -v $(($1 * 1024)); then
		echo "addresses cannot be limited to $1 MiB here: skipped" >&2
		exit 77
	fi
	shift
	for program; do
		[ -e "$program" ] || continue
		# Sanitizers reserve more than that for themselves, before any test begins.
		if ! "$program" --list >/dev/null 2>&1; then
			echo "$program does not start in so few addresses: skipped" >&2
			exit 77
		fi
		"$program"
	done
}

# mimalloc is not everywhere.
(run_in 1024 ./tests/unit/cache ./tests/unit/index ./integrations/mimalloc/tests/unit)
run_in 256 ./tests/unit/ref ./tests/unit/registry
