#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the library in each way that configure offers, from an empty folder and inside a copy of the
# sources, runs the consumers against each, and looks at what is installed and what uninstall leaves.
# Run by `make check-build`; takes a few minutes.

set -eu

original=$(cd "${srcdir:-.}" && pwd)
source=$original
: "${MAKE:=make}" "${CC:=cc}" "${CXX=}"
export CC CXX
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR CFLAGS CXXFLAGS CPPFLAGS LDFLAGS LIBS CONFIG_SITE

fail() {
	printf '%s\n' "FAIL: $*"
	exit 1
}

# logged COMMAND...: quiet, unless it fails.
logged() {
	"$@" >>log 2>&1 || {
		tail -n 50 log
		fail "$*"
	}
}

# What every build installs, whatever its libraries are.
look_at_installed() { # stage
	for header in "$source"/include/frozenref/*.h "$source"/include/frozenref/*.hpp include/frozenref/version.h; do
		[ -f "$1/usr/include/frozenref/${header##*/}" ] || fail "${header##*/} is not installed"
	done
	[ -f "$1/usr/lib/pkgconfig/frozenref.pc" ] || fail "frozenref.pc is not installed"
	[ -f "$1/usr/lib/cmake/frozenref/frozenref-config.cmake" ] || fail "no CMake package is installed"
	! grep -r -l -F -e "$PWD" -e "$source" "$1/usr/include" "$1/usr/lib/pkgconfig" "$1/usr/lib/cmake" ||
		fail "installed text names the build's folders"
}

# Configures in the current folder with $CC and $CXX, builds, tests, installs and uninstalls.
build() { # configure expected-libraries argument...
	configure=$1
	libraries=$2
	shift 2
	logged "$configure" --prefix=/usr --enable-werror CC="$CC" CXX="$CXX" "$@"
	logged "$MAKE" -j2
	# Without make check, which would build the unit tests first: they have runs of their own.
	for user in autotools by-hand; do
		srcdir=$source sh "$source/tests/consumer/test-$user.sh" || fail "the consumer $user"
	done
	logged "$MAKE" install DESTDIR="$PWD/stage"
	look_at_installed "$PWD/stage"
	found=
	[ ! -e stage/usr/lib/libfrozenref.so.0 ] || found="$found shared"
	[ ! -e stage/usr/lib/libfrozenref.a ] || found="$found static"
	[ "$found" = " $libraries" ] || fail "installed:$found; wanted: $libraries"
	logged "$MAKE" uninstall DESTDIR="$PWD/stage"
	left=$(find stage ! -type d)
	[ -z "$left" ] || fail "make uninstall left $left"
}

variant() { # name expected-libraries argument...
	printf '%s\n' "=== $1"
	mkdir "$work/$1"
	libraries=$2
	cd "$work/$1"
	shift 2
	build "$source/configure" "$libraries" "$@"
	cd "$work"
}

variant static-only "static" --disable-shared
variant shared-only "shared" --disable-static
variant builtins "shared static" --without-libatomic-ops
if echo '#include <sys/sdt.h>' | $CC -E - >/dev/null 2>&1; then
	variant usdt "shared static" --enable-usdt
fi

printf '%s\n' "=== in the sources' own folder"
mkdir "$work/copy"
(cd "$source" && tar cf - --exclude=./build --exclude=./.git .) | (cd "$work/copy" && tar xf -)
cd "$work/copy"
source=$PWD
build ./configure "shared static"
logged "$MAKE" distclean
source=$original

for compiler in gcc:g++ clang:clang++; do
	if [ "$CC" != "${compiler%:*}" ] && command -v "${compiler%:*}" >/dev/null &&
		command -v "${compiler#*:}" >/dev/null; then
		(
			CC=${compiler%:*}
			CXX=${compiler#*:}
			variant "$CC" "shared static"
		)
	fi
done
