#!/bin/sh
# SPDX-License-Identifier: MIT
# The library in programs that did not link it: loaded and closed again, and with mimalloc preloaded.
#
# Run by `make check` in the top build directory.
set -eu

program=integrations/mimalloc/tests/loading
library=integrations/mimalloc/.libs/libfrozenref-mimalloc.so
[ -f "$library" ] || { echo "loading: no shared library"; exit 77; }
# Spaces of the default size, three times: mimalloc is loaded anew each time, and takes new ones.
# shellcheck disable=SC3045 # not in POSIX, but in every sh that we know
limit=$(ulimit -v)
if [ "$limit" != unlimited ] && [ "$limit" -lt $((16 << 20)) ]; then
	echo "loading: not enough addresses: skipped"
	exit 77
fi
# Where it finds libfrozenref, which is not installed.
LD_LIBRARY_PATH=$PWD/lib/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

echo "by itself"
"./$program" "$PWD/$library"

mimalloc=$(ldd "$library" | sed -n 's/^.*libmimalloc[^ ]* => \(\/[^ ]*\) .*/\1/p')
[ -n "$mimalloc" ] || { echo "loading: no shared mimalloc to preload"; exit 77; }
echo "with LD_PRELOAD=$mimalloc"
LD_PRELOAD=$mimalloc "./$program" "$PWD/$library"
if [ -x integrations/mimalloc/tests/unit ]; then
	LD_PRELOAD=$mimalloc ./integrations/mimalloc/tests/unit
fi
