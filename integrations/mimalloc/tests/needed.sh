#!/bin/sh
# SPDX-License-Identifier: MIT
# Which libraries the libraries need: libfrozenref only the C library, directly and through others,
# and libfrozenref-mimalloc mimalloc as well; and that it exports what it lists and declares.
#
# Run by `make check` in the top build directory; skipped where there are no shared libraries or no
# readelf.
set -eu

: "${CC:=cc}" "${srcdir:=.}"
core=lib/.libs/libfrozenref.so
ours=integrations/mimalloc/.libs/libfrozenref-mimalloc.so
[ -f "$core" ] && [ -f "$ours" ] || { echo "needed: no shared libraries"; exit 77; }
for tool in readelf nm ldd; do
	command -v "$tool" >/dev/null 2>&1 || { echo "needed: no $tool"; exit 77; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export LC_ALL=C
status=0
complain() {
	echo "needed: $*"
	status=1
}

needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

# Of a library, and of those that it needs, and so on: names by the ELF headers, places by the loader.
all_needed() { # library
	ldd "$1" | sed -n 's/^[[:space:]]*\(.*\) => \(\/[^ ]*\) .*/\1 \2/p' >"$dir/places"
	needed "$1" >"$dir/open"
	: >"$dir/closed"
	while read -r name <"$dir/open"; do
		sed 1d "$dir/open" >"$dir/rest"
		mv "$dir/rest" "$dir/open"
		grep -q -x -F "$name" "$dir/closed" && continue
		echo "$name" >>"$dir/closed"
		place=$(sed -n "s|^$name ||p" "$dir/places")
		[ -z "$place" ] || needed "$place" >>"$dir/open"
	done
	sort "$dir/closed"
}

all_needed "$core" >"$dir/core"
if grep -i mimalloc "$dir/core"; then
	complain "libfrozenref pulls mimalloc in"
fi
all_needed "$ours" >"$dir/ours"
grep -q mimalloc "$dir/ours" || complain "libfrozenref-mimalloc does not need mimalloc: $(cat "$dir/ours")"
grep -q '^libfrozenref\.so' "$dir/ours" || complain "libfrozenref-mimalloc does not need libfrozenref"
readelf -d "$ours" | grep -q NODELETE || complain "libfrozenref-mimalloc may be unloaded"

nm -D --defined-only "$ours" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$dir/exported"
sed -n 's/^[[:space:]]*\(frozenref[a-z0-9_]*\);.*/\1/p' \
	"$srcdir/integrations/mimalloc/libfrozenref-mimalloc.map" | sort >"$dir/listed"
# What mimalloc.h declares beyond what it includes.
declared() { # header
	# shellcheck disable=SC2086 # several flags
	echo "#include <frozenref/$1>" |
		$CC -std=gnu11 -E -P -DFROZENREF_NO_INLINE -Iinclude -I"$srcdir/include" \
			${ATOMIC_OPS_CFLAGS-} -x c - | tr '\n' ' ' | tr ';' '\n' | grep -v typedef |
		grep -o 'frozenref[a-z0-9_]* *(' | tr -d ' (' | sort -u
}
declared mimalloc.h >"$dir/all"
declared registry.h >"$dir/others"
comm -23 "$dir/all" "$dir/others" >"$dir/declared"
[ -s "$dir/exported" ] || complain "nothing is exported"
for what in listed declared; do
	diff "$dir/exported" "$dir/$what" || complain "exported (<) and $what (>) differ"
done
exit $status
