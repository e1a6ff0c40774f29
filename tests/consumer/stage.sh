# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Sourced by the scripts of this folder. Installs the library into a temporary folder, as a package
# would unpack it, and points pkg-config there; the scripts then are users who have nothing else.
#
# Sets $work, $project (a copy, so that the sources may be read-only), and has functions that switch
# between the shared and the static library. Relies on what Makefile.am puts into the environment.

set -eu

srcdir=$(cd "${srcdir:-.}" && pwd)
: "${CC:=cc}" "${CXX=}" "${MAKE:=make}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$work/stage
project=$work/project

say() { printf '%s\n' "--- $*"; }
skip() {
	printf '%s\n' "SKIP: $*"
	exit 77
}
fail() {
	printf '%s\n' "FAIL: $*"
	exit 1
}

[ -n "${PKG_CONFIG:-}" ] || skip "no pkg-config"

# What this make was told is not for the makes below, nor are the flags for the foreign project.
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR CFLAGS CXXFLAGS CPPFLAGS LDFLAGS LIBS LD_LIBRARY_PATH CONFIG_SITE

# The core library alone: one that needs it is linked again when it is installed, and is away from the
# build tree for that moment, while other tests may be using it.
"$MAKE" -s install DESTDIR="$stage" lib_LTLIBRARIES=lib/libfrozenref.la >"$work/install.log" 2>&1 || {
	cat "$work/install.log"
	fail "make install"
}
cp -R "$srcdir/tests/consumer/project" "$project"
chmod -R u+w "$project"

# A package manager that unpacks elsewhere does this; PKG_CONFIG_SYSROOT_DIR would move libatomic_ops too.
pc=$(find "$stage" -name frozenref.pc)
[ -n "$pc" ] || fail "no frozenref.pc was installed"
sed "s|^\([a-z_]*\)=/|\1=$stage/|" "$pc" >"$work/pc"
mv "$work/pc" "$pc"
libdir=$(PKG_CONFIG_PATH=$(dirname "$pc") "$PKG_CONFIG" --variable=libdir frozenref)
PKG_CONFIG_PATH=$(dirname "$pc")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH

has_shared() { [ -e "$libdir.full/libfrozenref.so" ]; }
has_static() { [ -e "$libdir.full/libfrozenref.a" ]; }

cp -R "$libdir" "$libdir.full"
has_shared || has_static || fail "no library was installed"

# After either the linker sees only that kind of library.
only_shared() {
	rm -rf "$libdir"
	cp -R "$libdir.full" "$libdir"
	rm -f "$libdir/libfrozenref.a" "$libdir/libfrozenref.la"
	LD_LIBRARY_PATH=$libdir
	export LD_LIBRARY_PATH
}
only_static() {
	rm -rf "$libdir"
	cp -R "$libdir.full" "$libdir"
	rm -f "$libdir"/libfrozenref.so* "$libdir/libfrozenref.la"
	unset LD_LIBRARY_PATH
}

# Whether the dynamic linker will look for the library on behalf of this program.
needs_shared() { # program
	LC_ALL=C "$OBJDUMP" -p "$1" | grep -q 'NEEDED *libfrozenref\.so'
}

# The job's output: which language it was compiled as, and even sums. It aborts if anything was wrong.
verify() { # output language-version
	cat "$1"
	grep -E -q "^$2: [1-9][0-9]+ reads verified, [1-9][0-9]{3,} blocks published and released, [1-9][0-9]* moves\$" "$1" ||
		fail "the job compiled as $2 did not say what it should"
}

# The job in C99 and in C++11, as built in a folder.
run_programs() { # folder
	for program in job:199901 jobcxx:201103; do
		"$1/${program%:*}" >"$work/out"
		verify "$work/out" "${program#*:}"
	done
}
