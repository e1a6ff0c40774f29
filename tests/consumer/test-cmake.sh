#!/bin/sh
# SPDX-License-Identifier: MIT
# A foreign CMake project finds and runs the installed library, in C99 and C++11: through the package
# that is installed for CMake, with the shared library and with the static one and after everything has
# moved to another folder; and through FindPkgConfig.

. "${srcdir:-.}/tests/consumer/stage.sh"

command -v cmake >/dev/null || skip "no cmake"
[ -n "$CXX" ] || skip "no C++ compiler"
package=${libdir#"$stage"}/cmake/frozenref
where=$stage

# build NAME ARGUMENT...: configures, builds and runs the project in a folder of its own.
build() {
	build=$work/$1
	say "$1"
	shift
	{
		cmake -S "$project" -B "$build" -DCMAKE_C_COMPILER="${CC%% *}" \
			-DCMAKE_CXX_COMPILER="${CXX%% *}" "$@" && cmake --build "$build"
	} >"$work/log" 2>&1 || {
		cat "$work/log"
		fail "the CMake consumer"
	}
	run_programs "$build"
}

links_shared() { # yes|no program
	[ -z "${OBJDUMP:-}" ] || case $1$(needs_shared "$2" && echo yes || echo no) in
	yesyes | nono) ;;
	*) fail "$2: shared should be $1" ;;
	esac
}

if has_shared; then
	only_shared
	build pkg-config -DBY_PKG_CONFIG=ON
	links_shared yes "$build/job"
	build shared -Dfrozenref_DIR="$where$package"
	links_shared yes "$build/job"
fi
if has_static; then
	only_static
	build static -Dfrozenref_DIR="$where$package"
	links_shared no "$build/job"
fi
if has_shared && has_static; then
	rm -rf "$libdir"
	cp -R "$libdir.full" "$libdir"
	build both -Dfrozenref_DIR="$where$package"
	links_shared yes "$build/job"
	links_shared no "$build/job_static"
fi

# Found by where it is, as far as CMake looks into folders of this name.
prefix=$("$PKG_CONFIG" --variable=prefix frozenref)
case $libdir in
"$prefix"/lib | "$prefix"/lib64) ;;
*) exit 0 ;;
esac
mv "$prefix" "$work/moved"
LD_LIBRARY_PATH=$work/moved/${libdir##*/}
export LD_LIBRARY_PATH
build moved -DCMAKE_PREFIX_PATH="$work/moved"
