#!/bin/sh
# SPDX-License-Identifier: MIT
# mandoc has nothing to complain about in the manual pages.
set -eu

srcdir=${srcdir:-.}

command -v mandoc >/dev/null || {
	echo "SKIP: no mandoc, the pages' markup was not checked"
	exit 77
}
complaints=$(mandoc -T lint -W warning "$srcdir"/docs/man/*.[37] || true)
[ -z "$complaints" ] || {
	echo "$complaints"
	echo "FAIL: mandoc complains"
	exit 1
}
echo "mandoc finds nothing wrong in $(find "$srcdir/docs/man" -name '*.[37]' | wc -l) pages"
