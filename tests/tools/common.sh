# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# What the scripts of this folder share; read by them, in the top build directory.

: "${CC:=cc}" "${srcdir:=.}" "${ATOMIC_OPS_CFLAGS=}" "${BUILD_FLAGS=}"
name=$(basename "$0" .sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() { echo "$name: $1: skipped" >&2; exit 77; }
fail() { echo "$name: $1" >&2; [ ! -s "$work/said" ] || cat "$work/said" >&2; exit 1; }

# The library, but for what is for Windows, to be compiled with the flags of a tool.
library_sources=
for file in "$srcdir"/lib/*.c; do
	case $file in
	*_win32.c) ;;
	*) library_sources="$library_sources $file" ;;
	esac
done

# Where the kernel shuffles addresses more widely than a sanitizer knows, some runs of a program do not
# even begin: so they are not shuffled, if that can be had.
fixed=
if setarch "$(uname -m)" -R true 2>/dev/null; then
	fixed="setarch $(uname -m) -R"
fi

# The library as it was built, with its own flags.
built_library=lib/.libs/libfrozenref.so
[ -e "$built_library" ] || built_library=lib/.libs/libfrozenref.a

compile() { # output flag... source...
	output=$1
	shift
	# shellcheck disable=SC2086 # several words, or none
	$CC -std=gnu11 -I. -I"$work/include" -Iinclude -I"$srcdir/include" -I"$srcdir/lib" \
		$ATOMIC_OPS_CFLAGS $BUILD_FLAGS "$@" -Wl,-rpath,"$PWD/lib/.libs" -lpthread -o "$output"
}

# Whether the tool's programs can be built and run here: a trivial one is.
works_with() { # flag...
	echo 'int main(void) { return 0; }' >"$work/trivial.c"
	# shellcheck disable=SC2086 # several words, or none
	compile "$work/trivial" "$@" "$work/trivial.c" 2>/dev/null && $fixed "$work/trivial" 2>/dev/null
}

run() { # command...: its status; what it said is in $work/said
	status=0
	# shellcheck disable=SC2086 # several words, or none
	$fixed "$@" >"$work/said" 2>&1 || status=$?
}

expect_quiet() { # command...
	run "$@"
	[ $status -eq 0 ] || fail "status $status of: $*"
	[ ! -s "$work/said" ] || fail "a report where there is nothing to report: $*"
}

expect_report() { # words command...
	words=$1
	shift
	run "$@"
	[ $status -ne 0 ] || fail "nothing was reported: $*"
	grep -q "$words" "$work/said" || fail "no '$words' in what was reported: $*"
}
