#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles the headers and lib/ref.c with the probes on and off, whatever the tree was configured for,
# and reads the object files: all probes with two arguments each when on; when off, the very
# instructions that headers without a single probe give.
set -eu

srcdir=${srcdir:-.}
builddir=${builddir:-.}
CC=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() { echo "SKIP: $1"; exit 77; }
fail() { echo "FAIL: $1"; exit 1; }

command -v readelf >/dev/null || skip "no readelf"
command -v objdump >/dev/null || skip "no objdump"
echo '#include <sys/sdt.h>' | $CC -E -x c - >/dev/null 2>&1 || skip "no sys/sdt.h"

# Copies of the headers, one tree each: with probes, without, and with every probe line deleted.
for variant in on off stripped; do
	mkdir -p "$work/$variant"
	cp -R "$srcdir/include/frozenref" "$work/$variant/frozenref"
	chmod -R u+w "$work/$variant"
	value=0
	[ "$variant" != on ] || value=1
	sed "s/^\(#define FROZENREF_WITH_USDT\) .*/\1 $value/" \
		"$builddir/include/frozenref/version.h" >"$work/$variant/frozenref/version.h"
done
grep -q '^#define FROZENREF_WITH_USDT 1' "$work/on/frozenref/version.h" || fail "version.h has no switch"
for header in ref.h registry.h; do
	sed -i '/FROZENREF__PROBE[A-Z_]*(.*);$/s/FROZENREF__PROBE.*$/;/' "$work/stripped/frozenref/$header"
	! grep -q 'FROZENREF__PROBE' "$work/stripped/frozenref/$header" || fail "$header: a probe was not stripped"
done

compile() { # variant source object
	# shellcheck disable=SC2086 # several words, or none
	$CC ${ATOMIC_OPS_CFLAGS:-} -O2 -I"$work/$1" -c "$2" -o "$work/$1/$3"
}
for variant in on off stripped; do
	compile "$variant" "$srcdir/tests/usdt/hotpath.c" hotpath.o
done
compile on "$srcdir/lib/ref.c" ref.o
compile off "$srcdir/lib/ref.c" ref.o

probes() { # object: name and number of arguments of each probe
	readelf -n "$1" | awk '
		/Provider:/ { frozenref = /frozenref$/ }
		/Name:/ { name = $2 }
		/Arguments:/ { if (frozenref) print name, NF - 1 }'
}

{ probes "$work/on/hotpath.o"; probes "$work/on/ref.o"; } | sort -u >"$work/found"
for probe in frozen get get_failed misuse put reset revived saturated unfreeze; do
	grep -q "^$probe 2\$" "$work/found" || fail "no probe frozenref:$probe with two arguments"
done
[ "$(wc -l <"$work/found")" -eq 9 ] || fail "other probes than documented: $(cat "$work/found")"

[ -z "$(probes "$work/off/hotpath.o")$(probes "$work/off/ref.o")" ] || fail "probes without the option"
for variant in on off stripped; do
	objdump -d --no-show-raw-insn "$work/$variant/hotpath.o" | sed 1,3d >"$work/$variant/code"
done
cmp -s "$work/off/code" "$work/stripped/code" || fail "the hot path has other instructions because of probes that are off"
! cmp -s "$work/on/code" "$work/off/code" || fail "the comparison cannot tell code with probes from code without"
echo "9 probes found; without the option the hot path is unchanged ($(grep -c ':' "$work/off/code") lines of assembly)"
