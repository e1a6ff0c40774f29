#!/bin/sh
# SPDX-License-Identifier: MIT
# Foreign programs hold every function to its interface, in each language that the headers promise
# to compile in: strictly, with the inline functions and with the library's symbols, optimised and
# not, shared and static.

. "${srcdir:-.}/tests/consumer/stage.sh"

programs=$srcdir/tests/consumer/contract
strict="-pedantic -Wall -Wextra -Wconversion -Wshadow -Wundef -Wcast-qual -Werror"
cflags=$("$PKG_CONFIG" --cflags frozenref)
echo 'int main(void) { return 0; }' >"$work/empty.c"

# try STANDARD OPTION...: compiles the programs, links them and runs them.
try() {
	standard=$1
	shift
	say "$standard $*"
	case $standard in
	*++*)
		[ -n "$CXX" ] || return 0
		compiler="$CXX -x c++ -Wold-style-cast"
		;;
	*) compiler="$CC -Wstrict-prototypes" ;;
	esac
	# shellcheck disable=SC2086 # several words
	$compiler -std="$standard" "$@" "$work/empty.c" -o "$work/program" 2>/dev/null || {
		echo "the compiler does not know that: not tried"
		return 0
	}
	for program in counter registry objects; do
		# shellcheck disable=SC2086 # several words
		$compiler -std="$standard" $strict "$@" $cflags "$programs/$program.c" -x none $libs \
			-o "$work/program" || fail "$program does not compile"
		"$work/program" >"$work/out" || fail "$program"
		grep -q -x "$program" "$work/out" || fail "$program did not come to its end"
	done
}

if has_shared; then
	only_shared
	libs=$("$PKG_CONFIG" --libs frozenref)
	try c99 -O2
	try c11 -O0 -DFROZENREF_NO_INLINE
	try c++11 -O2
	try c++20 -O0
fi
if has_static; then
	only_static
	libs="$("$PKG_CONFIG" --static --libs frozenref) -lpthread"
	try gnu17 -O3 -flto
	try c++11 -O0 -DFROZENREF_NO_INLINE
	try gnu++17 -O3 -flto
fi
