#!/bin/sh
# SPDX-License-Identifier: MIT
# Foreign CMake and Meson projects find and run libfrozenref-mimalloc, in C99 and C++11: installed, by
# frozenref's CMake package with its component and by pkg-config; and built by Meson from the tarball's
# files as a subproject.

. "${srcdir:-.}/tests/consumer/stage.sh"

[ -e integrations/mimalloc/libfrozenref-mimalloc.la ] || skip "libfrozenref-mimalloc is not built"
[ -n "$CXX" ] || skip "no C++ compiler"
project=$work/words
cp -R "$srcdir/tests/consumer/mimalloc" "$project"
chmod -R u+w "$project"

# As installed, but copied: libtool would link it again, and other tests may be using it.
for library in integrations/mimalloc/.libs/libfrozenref-mimalloc.so* \
	integrations/mimalloc/.libs/libfrozenref-mimalloc.a; do
	[ ! -e "$library" ] || cp -R "$library" "$libdir.full"
done
pc=$(dirname "$pc")/frozenref-mimalloc.pc
[ -e "$pc" ] || fail "no frozenref-mimalloc.pc was installed"
sed "s|^\([a-z_]*\)=/|\1=$stage/|" "$pc" >"$work/pc"
mv "$work/pc" "$pc"

# build NAME COMMAND...: configures into the folder NAME, builds there and runs the programs.
build() {
	build=$work/$1
	say "$1"
	shift
	if ! {
		CC=${CC%% *} CXX=${CXX%% *} "$@" &&
			if [ -e "$build/build.ninja" ]; then ninja -C "$build"; else "$MAKE" -C "$build"; fi
	} >"$work/log" 2>&1; then
		cat "$work/log"
		fail "the consumer"
	fi
	ran=0
	for program in "$build"/words*; do
		if [ ! -f "$program" ] || [ ! -x "$program" ]; then
			continue
		fi
		"$program" >"$work/out" || fail "${program##*/}"
		grep -q -x '5 words found, and released' "$work/out" || fail "${program##*/} said otherwise"
		ran=$((ran + 1))
	done
	[ $ran -ge 2 ] || fail "only $ran programs were built"
}

# A static libfrozenref-mimalloc needs the others, and a shared one needs to be found.
needs() { # yes|no program
	[ -z "${OBJDUMP:-}" ] || case $1$(LC_ALL=C "$OBJDUMP" -p "$2" |
		grep -q 'NEEDED *libfrozenref-mimalloc\.so' && echo yes || echo no) in
	yesyes | nono) ;;
	*) fail "$2: whether the library is shared should be $1" ;;
	esac
}

restore() {
	rm -rf "$libdir"
	cp -R "$libdir.full" "$libdir"
	LD_LIBRARY_PATH=$libdir
	export LD_LIBRARY_PATH
}

restore
if command -v cmake >/dev/null; then
	package=${libdir#"$stage"}/cmake/frozenref
	build cmake cmake -G "Unix Makefiles" -S "$project" -B "$work/cmake" -Dfrozenref_DIR="$stage$package"
	[ ! -e "$libdir/libfrozenref-mimalloc.so" ] || needs yes "$work/cmake/wordscxx"
	[ ! -e "$libdir/libfrozenref-mimalloc.a" ] || needs no "$work/cmake/words_static"
	if [ -e "$libdir/libfrozenref-mimalloc.a" ] && [ -e "$libdir/libfrozenref.a" ]; then
		rm -f "$libdir"/*.so*
		build static cmake -G "Unix Makefiles" -S "$project" -B "$work/static" \
			-Dfrozenref_DIR="$stage$package"
		needs no "$work/static/words"
		restore
	fi
	say "without the component"
	rm "$libdir/cmake/frozenref/frozenref-mimalloc.cmake"
	! cmake -S "$project" -B "$work/without" -Dfrozenref_DIR="$stage$package" >"$work/log" 2>&1 ||
		fail "CMake found what is not installed"
	grep -q 'component mimalloc is not installed' "$work/log" || fail "CMake does not say what is missing"
	restore
else
	echo "no cmake: not tried"
fi

if command -v meson >/dev/null && command -v ninja >/dev/null; then
	build meson meson setup "$work/meson" "$project"

	version=$("$PKG_CONFIG" --modversion frozenref)
	wraps=$srcdir/integrations/meson
	mkdir -p "$work/dist" "$project/subprojects/packagefiles"
	"$MAKE" -s distdir distdir="$work/dist/libfrozenref-$version" >"$work/log" 2>&1 || {
		cat "$work/log"
		fail "make distdir"
	}
	(cd "$work/dist" && tar cf - "libfrozenref-$version") | gzip -1 \
		>"$project/subprojects/packagefiles/libfrozenref-$version.tar.gz"
	cp "$wraps/frozenref.wrap" "$project/subprojects"
	cp -R "$wraps/packagefiles/frozenref" "$project/subprojects/packagefiles"
	chmod -R u+w "$project/subprojects"
	unset LD_LIBRARY_PATH
	build subproject meson setup "$work/subproject" "$project" --wrap-mode=forcefallback

	say "what it installs"
	meson install -C "$work/subproject" --destdir "$work/installed" >"$work/log" 2>&1 || {
		cat "$work/log"
		fail "meson install"
	}
	for file in mimalloc.h mimalloc.hpp frozenref-mimalloc.pc libfrozenref-mimalloc.so; do
		[ -n "$(find "$work/installed" -name "$file")" ] || fail "meson install installs no $file"
	done
	symbols() { LC_ALL=C "$OBJDUMP" -T "$1" | sed -n 's/.* FROZENREF_MIMALLOC_[0-9.]*  *//p' | sort; }
	if [ -n "${OBJDUMP:-}" ]; then
		symbols "$libdir/libfrozenref-mimalloc.so" >"$work/symbols"
		[ -s "$work/symbols" ] || fail "the library has no versioned symbols"
		symbols "$(find "$work/installed" -name libfrozenref-mimalloc.so)" |
			diff "$work/symbols" - || fail "Meson's library has other symbols"
	fi
else
	echo "no meson: not tried"
fi
