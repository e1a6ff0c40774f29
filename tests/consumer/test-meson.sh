#!/bin/sh
# SPDX-License-Identifier: MIT
# A foreign Meson project runs the library in C99 and C++11: installed, by pkg-config; and built from the
# tarball's files as a subproject, both shared and static, with both kinds of atomics. Installed from
# there, it has the same headers as make install.

. "${srcdir:-.}/tests/consumer/stage.sh"

command -v meson >/dev/null || skip "no meson"
command -v ninja >/dev/null || skip "no ninja"
[ -n "$CXX" ] || skip "no C++ compiler"
wraps=$srcdir/integrations/meson
package=$wraps/packagefiles/frozenref

say "the versions"
version=$("$PKG_CONFIG" --modversion frozenref)
grep -q "^	version: '$version',\$" "$package/meson.build" || fail "meson.build is not of $version"
for line in "directory = libfrozenref-$version" "source_filename = libfrozenref-$version.tar.gz"; do
	grep -q -x -F "$line" "$wraps/frozenref.wrap" || fail "frozenref.wrap does not have: $line"
done

say "the README's lines"
# shellcheck disable=SC2016 # backquotes of Markdown
sed -n '/^```meson$/,/^```$/p' "$srcdir/README.md" | sed '/^```/d; s/example/job/g' >"$work/lines"
[ -s "$work/lines" ] || fail "no Meson in README.md"
sed 's/\[frozenref, threads\]/frozenref/' "$project/meson.build" >"$work/meson.build"
while read -r line; do
	grep -q -F -x -e "$line" "$work/meson.build" || fail "meson.build does not have: $line"
done <"$work/lines"

# build NAME ARGUMENT...: configures, builds and runs the project in a folder of its own.
build() {
	build=$work/$1
	say "$1"
	shift
	{
		CC=$CC CXX=$CXX meson setup "$build" "$project" "$@" && ninja -C "$build"
	} >"$work/log" 2>&1 || {
		cat "$work/log"
		fail "the Meson consumer"
	}
	run_programs "$build"
}

if has_shared; then
	only_shared
	build installed
	[ -z "${OBJDUMP:-}" ] || needs_shared "$build/job" || fail "the shared library is not linked"
fi

# What `make dist` would pack, without its compressing.
mkdir -p "$work/dist" "$project/subprojects/packagefiles"
"$MAKE" -s distdir distdir="$work/dist/libfrozenref-$version" >"$work/log" 2>&1 || {
	cat "$work/log"
	fail "make distdir"
}
(cd "$work/dist" && tar cf - "libfrozenref-$version") | gzip -1 \
	>"$project/subprojects/packagefiles/libfrozenref-$version.tar.gz"
cp "$wraps/frozenref.wrap" "$project/subprojects"
cp -R "$package" "$project/subprojects/packagefiles"
chmod -R u+w "$project/subprojects"
unset LD_LIBRARY_PATH
build subproject --wrap-mode=forcefallback
build static --wrap-mode=forcefallback -Dfrozenref:default_library=static
build builtins --wrap-mode=forcefallback -Dfrozenref:libatomic_ops=disabled
grep -q 'WITH_LIBATOMIC_OPS 0$' "$build"/subprojects/*/include/frozenref/version.h ||
	fail "the option libatomic_ops had no effect"

say "its headers"
meson install -C "$work/subproject" --destdir "$work/meson" >"$work/log" 2>&1 || {
	cat "$work/log"
	fail "meson install"
}
for tree in stage meson; do
	find "$work/$tree" -path '*/include/frozenref/*.h*' ! -name 'mimalloc.h*' | sed 's|.*/||' | sort >"$work/$tree.headers"
done
[ -s "$work/meson.headers" ] || fail "meson install installs no headers"
diff "$work/stage.headers" "$work/meson.headers" || fail "meson install installs other headers"
