#!/bin/sh
# SPDX-License-Identifier: MIT
# All unit tests of the counter and the registry again, in a process that may take 256 MiB of
# addresses.
#
# Run by `make check` in the top build directory.
set -eu

# shellcheck disable=SC3045 # not in POSIX, but in every sh that we know
if ! (ulimit -v 262144); then
	echo "addresses cannot be limited here: skipped" >&2
	exit 77
fi
# shellcheck disable=SC3045
ulimit -v 262144
for program in tests/unit/ref tests/unit/registry; do
	# Sanitizers reserve more than that for themselves, before any test begins.
	if ! ./$program --list >/dev/null 2>&1; then
		echo "$program does not start in 256 MiB of addresses: skipped" >&2
		exit 77
	fi
	./$program
done
