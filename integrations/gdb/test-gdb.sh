#!/bin/sh
# SPDX-License-Identifier: MIT
# frozenref-gdb.py on a program in a known state, live and as a core file: with debug information and
# without, and as a 32-bit program where those can be built. All must print what the expected files say.
#
# Run by `make check`; exits 77 without a gdb that has Python and may trace programs. With --update it
# rewrites the expected files.
set -eu

srcdir=$(cd "${srcdir:-.}" && pwd)
builddir=$(cd "${builddir:-.}" && pwd)
: "${AWK:=awk}" "${CC:=cc}" "${GDB:=gdb}" "${MAKE:=make}"
here=$srcdir/integrations/gdb
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
update=no
[ "${1-}" != --update ] || update=yes
failures=0

skip() {
	echo "SKIP: $1"
	exit 77
}

# No start-up files, no questions, no downloads.
run_gdb() { # argument...
	HOME=$work "$GDB" -nx -batch -iex 'set debuginfod enabled off' "$@" </dev/null 2>&1 || true
}

command -v "$GDB" >/dev/null || skip "no $GDB"
[ "$(run_gdb -ex 'python print(6 * 7)')" = 42 ] || skip "$GDB has no Python"

# Addresses are the machine's; what lies there is not, and that is printed in <>. How many of the free
# objects are in magazines is the cache's affair, but not how many there are.
# shellcheck disable=SC2016 # awk's dollar
normalise() {
	sed -e 's/^\(registry\|cache\|index\) 0x[0-9a-f]*/\1/' -e 's/thread 0x[0-9a-f]*: [0-9]* and [0-9]*/thread/' \
		-e 's/: [0-9]* in \([0-9]* slab\), [0-9]* in the/: some in \1, some in the/' -e 's/0x[0-9a-f]* </</' -e 's/  *</ </' \
		-e 's/>  */> /' -e '/^\(warning\|Breakpoint\|Saved\|\[\|Using\|Core was\|Program term\|#0\)/d' \
		-e '/^[0-9]*	/d' -e '/^$/d' | $AWK '/^0x/ && NF <= 4 { $1 = "address" } { print }'
}

# The questions; `counter` and the casts need no debug information.
commands() {
	echo "source $here/frozenref-gdb.py"
	for name in frozen residue surplus dying live_once live saturated wrapped; do
		echo "frozenref counter &$name"
	done
	for name in plain compact; do
		echo "frozenref registry *(void **) &$name"
	done
	echo "frozenref registry -summary *(void **) &padded"
	for name in held tail taken empty; do
		echo "frozenref slot *(void **) &$name, *(void **) &plain"
	done
	echo "frozenref cache *(void **) &things"
	echo "frozenref index *(void **) &by_key"
	echo "set print elements 2"
	echo "frozenref registry *(void **) &padded"
}

# Of the library: all but what is for Windows.
library_sources() {
	for file in "$srcdir"/lib/*.c; do
		case $file in
		*_win32.c) ;;
		*) echo "$file" ;;
		esac
	done
}

compile() { # output option...
	output=$1
	shift
	# shellcheck disable=SC2046,SC2086 # several words, or none
	$CC -std=gnu11 -fno-pie -no-pie "$@" -I"$work/include" -I"$srcdir/include" -I"$builddir" \
		-I"$srcdir/lib" "$here/states.c" $(library_sources) -o "$output" -lpthread 2>"$work/errors"
}

verdict() { # variant file
	if cmp -s "$work/expected" "$2"; then
		echo "as expected: $1"
		return
	fi
	echo "FAIL: $1: what is printed is not what is expected:"
	diff "$work/expected" "$2" || true
	failures=$((failures + 1))
}

# Builds the program with these options, and asks it live and as a core file.
try() { # variant option...
	variant=$1
	shift
	compile "$work/states" "$@" || case $variant in
	32*)
		echo "not built, so not tested: $variant"
		return 0
		;;
	*)
		cat "$work/errors"
		exit 1
		;;
	esac
	commands >"$work/commands"
	run_gdb -ex 'break stop_here' -ex run -x "$work/commands" \
		-ex "generate-core-file $work/core" "$work/states" >"$work/live.raw"
	grep -q 'stop_here' "$work/live.raw" || {
		cat "$work/live.raw"
		skip "$GDB cannot run a program here"
	}
	normalise <"$work/live.raw" >"$work/live"
	run_gdb -x "$work/commands" "$work/states" "$work/core" >"$work/dead.raw"
	normalise <"$work/dead.raw" >"$work/dead"
	# Without debug information of the library it cannot be told which objects of a cache are free.
	case $variant in
	*without*) expected=$here/expected-stripped.txt ;;
	*) expected=$here/expected.txt ;;
	esac
	case $update,$variant in
	yes,32*) ;;
	yes,*) cp "$work/live" "$expected" ;;
	esac
	cp "$expected" "$work/expected"
	verdict "$variant, live" "$work/live"
	verdict "$variant, from a core file" "$work/dead"
}

# What this make was told is not for the one below. The compiler's atomics, so that nothing else is
# needed for 32 bits.
unset MAKEFLAGS MFLAGS MAKELEVEL FROZENREF_CACHE_DEBUG
mkdir -p "$work/include/frozenref"
sed 's/\(define FROZENREF_WITH_[A-Z_]*\) 1/\1 0/' "$builddir/include/frozenref/version.h" \
	>"$work/include/frozenref/version.h"

try "with debug information" -g
try "without debug information" -g0 -O2
try "32 bits" -g -m32
try "32 bits without debug information" -g0 -O2 -m32

# What needs debug information: types, and with them printing variables.
compile "$work/states" -g
run_gdb -ex 'break stop_here' -ex run -ex "source $here/frozenref-gdb.py" -ex 'print live' \
	-ex 'print held->ref' -ex 'frozenref registry -summary plain' -ex 'frozenref slot held' \
	-ex 'frozenref registry 0' "$work/states" >"$work/typed"
for line in '= live with 12 references' '= live with 3 references' '4 objects: 2 live, 1 frozen' \
	'^counter *live with 3 references' '^NULL: 0'; do
	grep -q "$line" "$work/typed" || {
		cat "$work/typed"
		echo "FAIL: gdb did not say: $line"
		failures=$((failures + 1))
	}
done

# An installed library brings the script with it: what make install adds to gdb's folder is enough.
if [ -e "$builddir/lib/.libs/libfrozenref.so" ]; then
	mkdir "$work/lib"
	cp -P "$builddir"/lib/.libs/libfrozenref.so* "$work/lib"
	"$MAKE" -s -C "$builddir" install-gdb-autoload DESTDIR='' datadir="$work/share" \
		libdir="$work/lib" pkgdatadir="$here"
	$CC -std=gnu11 -g -I"$work/include" -I"$srcdir/include" "$here/states.c" -o "$work/shared" \
		-L"$work/lib" -lfrozenref -Wl,-rpath,"$work/lib" -lpthread
	run_gdb -iex "set auto-load scripts-directory $work/share/gdb/auto-load" \
		-iex "set auto-load safe-path $work/share" -ex 'break stop_here' -ex run \
		-ex 'print live' -ex 'frozenref registry -summary plain' "$work/shared" >"$work/loaded"
	if grep -q '= live with 12 references' "$work/loaded" &&
		grep -q '^4 objects: 2 live, 1 frozen' "$work/loaded"; then
		echo "as expected: loaded with an installed library"
	else
		cat "$work/loaded"
		echo "FAIL: gdb did not load the script with the library"
		failures=$((failures + 1))
	fi
fi
[ $failures -eq 0 ]
