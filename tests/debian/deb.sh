#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the Debian packages from what `make dist` packs, asks lintian about them, and unpacks them for
# a program that is compiled against nothing else.
#
# Run by `make deb` in the top build directory; leaves the packages in check/deb. The tests are not run
# again unless DEB_BUILD_OPTIONS is set and does not have nocheck. Exits with 77, and says why, where
# the tools or what the packages are built from is missing.
set -eu

: "${CC:=cc}" "${MAKE:=make}" "${srcdir:=.}" "${PACKAGE_VERSION:?}" "${DEB_BUILD_OPTIONS=nocheck}"
export DEB_BUILD_OPTIONS LC_ALL=C.UTF-8
srcdir=$(cd "$srcdir" && pwd)
folder=$PWD/check/deb
source=$folder/libfrozenref-$PACKAGE_VERSION
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR CFLAGS CXXFLAGS CPPFLAGS LDFLAGS LIBS CONFIG_SITE CXX

say() { printf '%s\n' "deb: $*"; }
skip() {
	say "$*: skipped"
	exit 77
}
fail() {
	say "$*"
	exit 1
}
# logged COMMAND...: quiet, unless it fails.
logged() {
	"$@" >"$folder/log" 2>&1 || {
		tail -n 100 "$folder/log"
		fail "$*"
	}
}

for tool in dpkg-buildpackage dpkg-checkbuilddeps dpkg-parsechangelog dh lintian; do
	command -v $tool >/dev/null 2>&1 || skip "no $tool"
done
rm -rf "$folder"
mkdir -p "$folder"

say "the tarball"
logged "$MAKE" -s distdir distdir="$source"
(cd "$folder" && tar --sort=name --owner=0 --group=0 -cf - "${source##*/}") |
	gzip -n >"$folder/libfrozenref_$PACKAGE_VERSION.orig.tar.gz"
chmod -R u+w "$source"
cp -R "$source/integrations/debian" "$source/debian"
cd "$source"
version=$(dpkg-parsechangelog -S Version)
[ "${version%-*}" = "$PACKAGE_VERSION" ] || fail "debian/changelog is of $version, this is $PACKAGE_VERSION"
case $DEB_BUILD_OPTIONS in
*nocheck*) profile=nocheck ;;
*) profile= ;;
esac
export DEB_BUILD_PROFILES=$profile
dpkg-checkbuilddeps 2>"$folder/missing" || skip "$(cat "$folder/missing")"

say "the packages of $version"
logged dpkg-buildpackage -us -uc
cp "$folder/log" "$folder/build.log"

# The packages are not for the archive, where a first upload closes a bug, and there is no site to watch.
say "lintian"
lintian --fail-on error,warning,info --info --display-info --suppress-tags initial-upload-closes-no-bugs \
	--suppress-tags debian-watch-file-is-missing "$folder"/*.changes || fail "lintian found something"

say "what they have"
cd "$folder"
machine=$(dpkg-architecture -q DEB_HOST_MULTIARCH)
mkdir root
for package in libfrozenref0 libfrozenref-dev libfrozenref-mimalloc0 libfrozenref-mimalloc-dev \
	libfrozenref-doc; do
	[ "$(find . -maxdepth 1 -name "${package}_${version}_*.deb" | wc -l)" = 1 ] || fail "no package $package"
	dpkg-deb -x "$package"_*.deb root
done
! dpkg-deb -c libfrozenref-dev_*.deb | grep -e mimalloc -e frozenref_mi_ ||
	fail "libfrozenref-dev has what is mimalloc's"
for file in include/frozenref/frozenref.hpp "lib/$machine/cmake/frozenref/frozenref-config.cmake" \
	"lib/$machine/libfrozenref.so.0" "lib/$machine/libfrozenref.a" \
	"lib/$machine/pkgconfig/frozenref.pc" share/man/man3/frozenref_try_get_n.3.gz \
	include/frozenref/mimalloc.hpp "lib/$machine/libfrozenref-mimalloc.so.0" \
	"lib/$machine/pkgconfig/frozenref-mimalloc.pc" \
	"lib/$machine/cmake/frozenref/frozenref-mimalloc.cmake" share/man/man7/frozenref-mimalloc.7.gz \
	share/doc/libfrozenref-doc/examples/pagecache/main.c share/doc/libfrozenref-doc/design.md; do
	[ -e "root/usr/$file" ] || fail "no package has $file"
done
found=$(find root -name '*.la' -o -type f -perm -u+x ! -name '*.sh' ! -name '*.so.*')
[ -z "$found" ] || fail "this should not be in a package: $found"

# shellcheck disable=SC2086 # several flags, or none
$CC -std=gnu11 -O2 -Wall -Wextra -Werror -Iroot/usr/include "$srcdir/tests/consumer/project/job.c" \
	${ATOMIC_OPS_CFLAGS-} -L"root/usr/lib/$machine" -lfrozenref -lpthread -o job ||
	fail "a program does not compile with the unpacked packages"
LD_LIBRARY_PATH=$PWD/root/usr/lib/$machine ./job || fail "a program does not run with the unpacked library"
say "built, and nothing found by lintian: $(find . -maxdepth 1 -name '*.deb' | sort | tr '\n' ' ')"
