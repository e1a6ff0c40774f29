#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the copy of the sources in check/source in one special way, and runs tests there.
#
# Called by tests/sanitizers.mk in the top build directory: check-build.sh TARGET TEST...
# Exits 0 if all passed, 77 if a tool is missing.
set -eu

target=$1
shift
build=check/${target#check-}
: "${CC:=cc}" "${CXX=}" "${MAKE:=make}" "${LCOV:=lcov}" "${VALGRIND:=valgrind}"

need() { # tool
	command -v "$1" >/dev/null 2>&1 && return
	echo "$target: $1 was not found: skipped" >&2
	exit 77
}

# Static: what runs is the code of this build, whatever libfrozenref is installed.
common="--disable-shared --enable-static"
checker=
# Where the kernel shuffles addresses more widely than a sanitizer knows, some runs of a program do not
# even begin: so they are not shuffled, if that can be had.
fixed=
if setarch "$(uname -m)" -R true 2>/dev/null; then
	fixed="setarch $(uname -m) -R"
fi
# Criterion's sandboxes do not go with these tools; tests/unit/plain says why.
plain=yes
case $target in
check-tsan)
	# libatomic_ops adds through inline assembly, which ThreadSanitizer cannot see. It does not model
	# fences either, and gcc warns of each; those of the library order relaxed atomics only, on
	# which it reports nothing.
	flags="-g -O1 -fsanitize=thread"
	checker=$fixed
	case $($CC --version) in
	*clang*) ;;
	*) flags="$flags -Wno-tsan" ;;
	esac
	common="$common --without-libatomic-ops"
	# mimalloc is not instrumented: what it does to its own memory is not reported.
	TSAN_OPTIONS="ignore_noninstrumented_modules=1 ${TSAN_OPTIONS-}"
	export TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1 $TSAN_OPTIONS"
	;;
check-asan)
	flags="-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
	checker=$fixed
	export ASAN_OPTIONS="detect_stack_use_after_return=1 ${ASAN_OPTIONS-}"
	export UBSAN_OPTIONS="print_stacktrace=1 ${UBSAN_OPTIONS-}"
	;;
check-valgrind)
	need "$VALGRIND"
	flags="-g -O1"
	# Fair: a thread that trims in a loop would keep others waiting for minutes.
	checker="$VALGRIND -q --fair-sched=try --error-exitcode=9 --leak-check=full"
	;;
check-builtins)
	flags="-g -O2"
	common="$common --without-libatomic-ops"
	plain=no
	;;
coverage)
	need "$LCOV"
	flags="-g -O0 --coverage -DFROZENREF_TEST_COVERAGE"
	;;
*)
	echo "check-build.sh: no such target: $target" >&2
	exit 2
	;;
esac

if [ $plain = yes ]; then
	common="$common --without-criterion"
fi

# make does not see that the flags above have changed: then all is built anew.
if [ -f "$build/config.status" ] && [ -n "$(find check/source/configure \
	check/source/tests/check-build.sh -newer "$build/config.status")" ]; then
	rm -rf "$build"
fi
mkdir -p "$build"
cd "$build"
if [ ! -f Makefile ]; then
	# shellcheck disable=SC2086 # several options
	../source/configure -q $common CC="$CC" CXX="${CXX:-false}" CFLAGS="$flags" CXXFLAGS="$flags"
fi
$MAKE "$@"
[ "$target" != coverage ] || find . -name '*.gcda' -exec rm -f {} +
$MAKE check-TESTS TESTS="$*" LOG_COMPILER="$checker"

if [ "$target" = coverage ]; then
	$LCOV -q --capture --directory . --output-file all.info
	$LCOV -q --extract all.info '*/lib/*' '*/include/frozenref/*' --output-file coverage.info
	$LCOV --list coverage.info
	$LCOV --summary coverage.info
fi
