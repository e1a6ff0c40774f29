#!/bin/sh
# SPDX-License-Identifier: MIT
# The shared library exports what its version script lists, that is what the headers declare, and
# needs nothing but the C library.
#
# Run by `make check` in the top build directory; skipped where there is no shared library or nm.
set -eu

: "${CC:=cc}" "${OBJDUMP:=objdump}" "${srcdir:=.}"
library=lib/.libs/libfrozenref.so
[ -f "$library" ] || { echo "symbols: no shared library"; exit 77; }
for tool in nm "$OBJDUMP"; do
	command -v "$tool" >/dev/null 2>&1 || { echo "symbols: no $tool"; exit 77; }
done

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export LC_ALL=C

# Version nodes are absolute symbols; nm gives each name with its node behind an @.
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
	sort >"$dir/exported"
sed -n 's/^[[:space:]]*\(frozenref[a-z0-9_]*\);.*/\1/p' "$srcdir/lib/libfrozenref.map" |
	sort >"$dir/listed"

# What a header declares and gives no body, as the preprocessor leaves it with FROZENREF_NO_INLINE.
# shellcheck disable=SC2086 # several flags
echo '#include <frozenref/frozenref.h>' |
	$CC -std=gnu11 -E -P -DFROZENREF_NO_INLINE -Iinclude -I"$srcdir/include" \
		${ATOMIC_OPS_CFLAGS-} -x c - | tr '\n' ' ' | tr ';' '\n' | grep -v typedef |
	grep -o 'frozenref[a-z0-9_]* *(' | tr -d ' (' | sort -u >"$dir/declared"

status=0
same() { # what one file, what the other
	diff "$dir/$1" "$dir/$2" >"$dir/diff" && return
	echo "symbols: $1 (<) and $2 (>) differ:"
	cat "$dir/diff"
	status=1
}
same exported listed
same declared listed
[ -s "$dir/exported" ] || { echo "symbols: found none"; status=1; }

# Sanitizers and coverage bring libraries of their own: those builds are static.
"$OBJDUMP" -p "$library" | awk '$1 == "NEEDED" { print $2 }' |
	grep -vE '^(libc|libpthread|ld-linux.*|ld-musl.*)\.' >"$dir/needed" || true
if [ -s "$dir/needed" ]; then
	echo "symbols: the library needs more than the C library:"
	cat "$dir/needed"
	status=1
fi
exit $status
