#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header on its own, as strict C99, as C11 and as C++11, with every compiler that is here,
# with all warnings as errors; as bodies and as declarations only.
#
# Run by `make check` in the top build directory.
set -eu

: "${CC:=cc}" "${CXX:=c++}" "${srcdir:=.}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
warnings="-Wall -Wextra -Wconversion -Wshadow -Werror"
compiled=0
failed=0

try() { # compiler language standard header flags...
	compiler=$1 language=$2 standard=$3 header=$4
	shift 4
	# Twice: the second time must be empty.
	printf '#include <frozenref/%s>\n#include <frozenref/%s>\nextern int nothing;\n' \
		"$header" "$header" >"$dir/one.$language"
	compiled=$((compiled + 1))
	# shellcheck disable=SC2086 # a compiler may have options, and there are several flags
	$compiler -std="$standard" -pedantic $warnings "$@" -Iinclude -I"$srcdir/include" \
		${ATOMIC_OPS_CFLAGS-} -c "$dir/one.$language" -o "$dir/one.o" && return
	echo "headers: $header does not compile with $compiler -std=$standard $*"
	failed=$((failed + 1))
}

# The configured one, with its options, and both that the headers promise to work with; one a line.
compilers() { # configured known...
	for compiler; do
		command -v "${compiler%% *}" >/dev/null 2>&1 && echo "$compiler"
	done | sort -u
}

newline='
'

for path in "$srcdir"/include/frozenref/*.h "$srcdir"/include/frozenref/*.hpp \
	include/frozenref/version.h; do
	header=${path##*/}
	IFS=$newline
	for compiler in $(compilers "$CXX" g++ clang++); do
		unset IFS
		try "$compiler" cc c++11 "$header"
		try "$compiler" cc c++11 "$header" -DFROZENREF_NO_INLINE
		try "$compiler" cc c++11 "$header" -fno-exceptions -fno-rtti
	done
	unset IFS
	case $header in
	*.hpp) continue ;;
	esac
	IFS=$newline
	for compiler in $(compilers "$CC" gcc clang); do
		unset IFS
		for standard in c99 c11; do
			try "$compiler" c "$standard" "$header"
			try "$compiler" c "$standard" "$header" -DFROZENREF_NO_INLINE
		done
	done
done

# What is broken on purpose must be noticed.
echo 'static inline int f(long long x) { int y = x; return y; }' >"$dir/one.c"
# shellcheck disable=SC2086 # several flags
if $CC -std=c99 $warnings -c "$dir/one.c" -o "$dir/one.o" 2>/dev/null; then
	echo "headers: the warnings are not in force"
	exit 1
fi
echo "headers: $compiled compilations, $failed failed"
[ $failed -eq 0 ] && [ $compiled -gt 0 ]
