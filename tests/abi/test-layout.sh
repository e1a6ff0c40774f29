#!/bin/sh
# SPDX-License-Identifier: MIT
# The assertions of layout.c hold: in C and in C++, for the configured machine, for its 32-bit sibling
# if the compiler has one, and for every machine that a cross compiler is here for. And no public
# struct is left out.
#
# Run by `make check` in the top build directory.
set -eu

: "${CC:=cc}" "${CXX=}" "${srcdir:=.}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
source=$srcdir/tests/abi/layout.c
failures=0

complain() {
	printf 'layout: %s\n' "$*"
	failures=$((failures + 1))
}

# Without the inline functions, which would want the atomics of each machine.
compiled() { # compiler flags...
	# shellcheck disable=SC2068 # a compiler may carry options
	$@ -DFROZENREF_NO_INLINE -Iinclude -I"$srcdir/include" -fsyntax-only "$source" 2>"$dir/errors"
}

holds() { # what compiler flags...
	what=$1
	shift
	if compiled "$@"; then
		echo "layout: as asserted $what"
	else
		cat "$dir/errors"
		complain "not as asserted $what"
	fi
}

holds "by $CC" "$CC" -std=gnu11
[ -z "$CXX" ] || holds "by $CXX" "$CXX" -std=gnu++11 -x c++
echo '#include <stdint.h>' >"$dir/empty.c"
if $CC -m32 -fsyntax-only "$dir/empty.c" 2>/dev/null; then
	holds "by $CC -m32" "$CC" -std=gnu11 -m32
fi
for path in $(
	IFS=:
	for folder in $PATH; do
		find "$folder" -maxdepth 1 -name '*-linux-*-gcc' -o -maxdepth 1 -name '*-w64-mingw32-gcc'
	done 2>/dev/null | sed 's|.*/||' | sort -u
); do
	! "$path" -fsyntax-only "$dir/empty.c" 2>/dev/null || holds "by $path" "$path" -std=gnu11
done

if compiled "$CC" -std=gnu11 -DCONTROL; then
	complain "wrong numbers were not noticed"
fi
asserted=$(grep -c -E '^(SIZE|MEMBER)\(' "$source")
refused=$(grep -c 'static assertion failed\|static_assert failed' "$dir/errors" || :)
[ "$refused" -ge 15 ] || complain "of $asserted wrong numbers only $refused were noticed"

# What a header defines, but for what only its inline functions know.
for header in "$srcdir"/include/frozenref/*.h; do
	echo "#include <frozenref/${header##*/}>"
done >"$dir/all.c"
# shellcheck disable=SC2086 # several flags
$CC -std=gnu11 -E -P -DFROZENREF_NO_INLINE -Iinclude -I"$srcdir/include" ${ATOMIC_OPS_CFLAGS-} "$dir/all.c" |
	sed -n 's/^\(typedef \)*struct \(frozenref[a-z0-9_]*\) {$/\2/p' | sort -u >"$dir/structs"
[ -s "$dir/structs" ] || complain "no struct was found in the headers"
while read -r struct; do
	grep -q -w "$struct" "$source" || complain "struct $struct is not in layout.c"
done <"$dir/structs"
echo "layout: $asserted assertions on $(wc -l <"$dir/structs") structs"
[ $failures -eq 0 ]
