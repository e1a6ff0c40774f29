#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the library and runs the unit tests on each platform of platforms.sh whose tools are here, and
# prints a table of what came out.
#
# Run by `make check-portability` in the top build directory, from the copy of the sources that it has in
# check/source: check-portability.sh [NAME...]. Exits 0 if no platform failed, 77 if none could be tried.
set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$PWD
source=$top/check/source
base=$top/check/portability
summary=$base/summary
: "${MAKE:=make}" "${PKG_CONFIG:=pkg-config}"
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS LIBS CONFIG_SITE DESTDIR
wanted=" $* "

# Only the headers of libatomic_ops: no other header of this machine may be found beside them.
mkdir -p "$base/include"
include=$($PKG_CONFIG --variable=includedir atomic_ops 2>/dev/null)
for header in atomic_ops.h atomic_ops; do
	[ ! -e "${include:=/usr/include}/$header" ] || ln -sfn "$include/$header" "$base/include/"
done

# ------------------------------------------------------------------------------------- one platform

has() { command -v "$1" >/dev/null 2>&1; }

# logged COMMAND...: its output is in the log of the platform.
logged() {
	"$@" >>log 2>&1
}

# A compiler without its C library, or an emulator that is not here, is no failure of ours.
programs_run() {
	ldflags=
	echo 'int main(void) { return 0; }' >probe.c
	for argument; do
		case $argument in
		LDFLAGS=*) ldflags=${argument#LDFLAGS=} ;;
		esac
	done
	# shellcheck disable=SC2086 # several words, or none
	logged $compiler probe.c $ldflags -o probe.exe && logged $emulator ./probe.exe
}

# What has changed since the last run is built again, and all of it if configure has. The unit tests are
# C, so configure need not try the other compiler.
build() { # configure argument...
	if [ ! -f config.status ] || [ -n "$(find "$source/configure" -newer config.status)" ] ||
		[ "$(cat arguments 2>/dev/null)" != "$*" ]; then
		logged "$source/configure" -q --enable-werror CC="$compiler" CXX=no \
			ATOMIC_OPS_CFLAGS="-I$base/include" ATOMIC_OPS_LIBS=' ' "$@" || return
		echo "$*" >arguments
	fi
	# Were it made again only now, what that prints would be taken for programs.
	# shellcheck disable=SC2086 # many words
	logged $MAKE Makefile || return
	programs=$($MAKE -s --no-print-directory list-unit-programs) && [ -n "$programs" ] || return
	# shellcheck disable=SC2086 # many words
	logged $MAKE lib/libfrozenref.la $programs
}

# Each public header, as a strict program of each language may include it.
compile_headers() {
	for header in "$source"/include/frozenref/*.h include/frozenref/version.h; do
		for standard in c99 c11 c++11; do
			case $standard in
			c++*) language="$cxx -x c++" ;;
			*) language="$compiler -x c" ;;
			esac
			[ "$language" != 'no -x c++' ] || continue
			# Some declare nothing, and strict C has no empty files.
			printf '#include <frozenref/%s>\nextern int nothing;\n' "${header##*/}" >header
			# shellcheck disable=SC2086 # several words
			if logged $language -std=$standard -pedantic -Wall -Wextra -Wconversion \
				-Wshadow -Werror -Iinclude -I"$source/include" -I"$base/include" \
				-fsyntax-only header; then
				passed=$((passed + 1))
			else
				bad=$((bad + 1))
				echo "    <frozenref/${header##*/}> is not good $standard"
			fi
		done
	done
}

# Whether it is Criterion or tests/unit/plain that ran them, a line has the numbers.
run_tests() { # program
	output=${1##*/}.out
	# shellcheck disable=SC2086 # several words, or none
	if [ -n "$emulator" ]; then
		timeout 1800 ./libtool --mode=execute $emulator "$1" >"$output" 2>&1
	else
		timeout 1800 "$1" >"$output" 2>&1
	fi
	status=$?
	tr -d '\r' <"$output" | sed -n 's/.*Tested: *\([0-9]*\) .*Passing: *\([0-9]*\).*/\1 \2/p' >numbers
	read -r tested good <numbers || tested=0 good=0
	skipped=$((skipped + $(grep -a -c -e '# SKIP' -e '^\[.*SKIP' "$output")))
	passed=$((passed + good))
	bad=$((bad + tested - good))
	# It crashed, or ran nothing, or says that something else is wrong.
	if [ "$tested" -eq 0 ] || { [ "$tested" -eq "$good" ] && [ $status -ne 0 ]; }; then
		bad=$((bad + 1))
		echo "    ${1##*/}: exit status $status after $tested tests"
	fi
	grep -a -e '^not ok' -e '^\[.*FAIL' -e 'not true' "$output" | sed 's/^/    /'
}

row() { # name tier result passed failed skipped seconds
	printf '%-17s %4s  %-7s %6s %6s %7s %7s' "$@"
}

# platform NAME TIER COMPILER C++-COMPILER EMULATOR CONFIGURE-ARGUMENT...
platform() {
	name=$1 tier=$2 compiler=$3 cxx=$4 emulator=$5
	shift 5
	case $wanted in
	'  ' | *" $name "*) ;;
	*) return ;;
	esac
	start=$(date +%s) passed=0 bad=0 skipped=0 missing=
	echo "$name"
	for tool in "$compiler" ${emulator:+"${emulator%% *}"}; do
		has "$tool" || missing="$missing $tool"
	done
	mkdir -p "$base/$name"
	cd "$base/$name" || exit
	: >log
	if [ -n "$missing" ]; then
		why="not found:$missing"
	elif ! programs_run "$@"; then
		why="programs of $compiler do not run here"
	elif ! test_platform "$@"; then
		bad=$((bad + 1))
		echo "    the build failed; the end of $base/$name/log is"
		tail -n 15 log | sed 's/^/    /'
	fi
	cd "$top" || exit
	report
}

test_platform() {
	has "$cxx" || cxx=no
	export FROZENREF_TEST_EMULATED="$emulator"
	[ -n "$emulator" ] || unset FROZENREF_TEST_EMULATED
	build "$@" || return
	compile_headers
	for program in $programs; do
		run_tests "$program"
	done
}

report() {
	if [ -n "${why-}" ]; then
		row "$name" "$tier" skipped - - - - >>"$summary"
		echo "  $why" >>"$summary"
		echo "    skipped: $why"
		why=
		return
	fi
	tried=$((tried + 1))
	result=passed
	if [ "$bad" -gt 0 ]; then
		result=FAILED
		failures=$((failures + 1))
	fi
	row "$name" "$tier" $result "$passed" "$bad" "$skipped" "$(($(date +%s) - start)) s" >>"$summary"
	echo >>"$summary"
}

# What platforms.sh says.
native() { # name tier compiler argument...
	name=$1 tier=$2 compiler=$3
	shift 3
	case $compiler in
	gcc) cxx=g++ ;;
	clang) cxx=clang++ ;;
	*) cxx=no ;;
	esac
	platform "$name" "$tier" "$compiler" "$cxx" '' "$@"
}

cross() { # name tier machine emulator argument...
	name=$1 tier=$2 machine=$3 emulator=${4:+"$4 -L /usr/$3"}
	shift 4
	platform "$name" "$tier" "$machine-gcc" "$machine-g++" "$emulator" --host="$machine" \
		--without-criterion "$@"
}

# The tests know this for an emulator: what the system says of memory is in pages of another size.
pages64k() { # name tier compiler argument...
	name=$1 tier=$2 compiler=$3
	shift 3
	wraps=-Wl
	for call in sysconf mmap munmap mprotect madvise munlock mincore; do
		wraps=$wraps,--wrap=$call
	done
	mkdir -p "$base/$name"
	$compiler -O2 -c "$here/pages64k.c" -o "$base/$name/pages64k.o"
	platform "$name" "$tier" "$compiler" no env --without-criterion --disable-shared \
		LDFLAGS=$wraps LIBS="$base/$name/pages64k.o" "$@"
}

# Wine has a folder for what its programs take for a disk; it is made at the first run, which takes long.
windows() { # name tier machine argument...
	name=$1 tier=$2 machine=$3
	shift 3
	export WINEPREFIX="$base/wine" WINEDEBUG=-all WINEDLLOVERRIDES='mscoree=;mshtml='
	platform "$name" "$tier" "$machine-gcc" "$machine-g++" wine --host="$machine" \
		--without-criterion --without-libatomic-ops --disable-shared \
		LDFLAGS=-Wl,-Bstatic "$@"
}

# ------------------------------------------------------------------------------------ all of them

tried=0
failures=0
{
	row platform tier result passed failed skipped time
	echo
} >"$summary"
# shellcheck source=/dev/null
. "$here/platforms.sh"
echo
cat "$summary"
if [ $tried -eq 0 ]; then
	echo "check-portability: no platform could be tried: ./quickstart portability installs what it takes"
	exit 77
fi
[ $failures -eq 0 ]
