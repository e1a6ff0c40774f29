#!/bin/sh
# SPDX-License-Identifier: MIT
# What reading tools have to say about the sources: clang-format, clang-tidy, cppcheck, codespell,
# gcc's analyzer, shellcheck, mandoc, and lines that are too long.
#
# Run by `make lint` in the top build directory, on a checkout or an unpacked tarball. A tool that is not
# here is named and left out; any finding of the others fails. .clang-tidy says which checks are off.
set -u

: "${srcdir:=.}" "${ATOMIC_OPS_CFLAGS=}"
build=$PWD
cd "$srcdir" || exit 2
ran=0
failed=0

# The files of these folders.
files() { # pattern folder...
	pattern=$1
	shift
	find "$@" -name "$pattern" -type f | sort
}

includes="-Iinclude -I$build/include -I$build -I. -Itests/unit/plain -Itests/model -Itests/bench"
flags="-std=gnu11 -D_GNU_SOURCE $includes $ATOMIC_OPS_CFLAGS -DPAGECACHE_SOURCE_TREE=__FILE__"
headers=$(files '*.h' include lib integrations docs/examples tests)
sources=$(files '*.c' include lib integrations docs/examples tests)
cxx="$(files '*.hpp' include) $(files '*.cc' tests)"
# Not what needs the headers of Windows.
library=$(files '*.c' lib | grep -v win32)
scripts="$(files '*.sh' docs/examples tests) quickstart .ci/run"
# Not on their own: what is compiled under another backend or language, or needs other libraries.
alone=$(files '*.c' lib docs/examples tests/stress tests/unit |
	grep -v -e ref_zones -e hotpath -e win32 -e spawn -e examples/urcu)

# What a check prints, or how it exits, is what it found.
check() { # tool name command...
	tool=$1 name=$2
	shift 2
	command -v "$tool" >/dev/null 2>&1 || {
		echo "lint: no $tool, so not looked at: $name"
		return
	}
	ran=$((ran + 1))
	if found=$("$@" 2>&1) && [ -z "$found" ]; then
		echo "lint: nothing found by $name"
		return
	fi
	echo "$found"
	echo "lint: found by $name, see above"
	failed=$((failed + 1))
}

# shellcheck disable=SC2086 # lists of files and of flags, here and below
formatted() {
	clang-format --dry-run -Werror $headers $sources $cxx
}

# shellcheck disable=SC2086
tidy() {
	clang-tidy --quiet "$@" $alone -- $flags 2>&1 | grep -v -e ' warnings* generated\.$' \
		-e '^Suppressed .* warnings' -e '^Use -header-filter'
	return 0
}

# cppcheck goes on behind model_fail(), which is declared not to return; tests of C++ look on purpose at
# what a move leaves behind; a pointer that a placement new gives is set; and a file with many choices is
# looked at with some of them.
# shellcheck disable=SC2086
cppchecked() {
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
		--suppress=arrayIndexOutOfBoundsCond:tests/model/memory.c \
		--suppress=nullPointerRedundantCheck:tests/model/memory.c \
		'--suppress=accessMoved:tests/cxx/*' --suppress=toomanyconfigs \
		--suppress=legacyUninitvar:include/frozenref/mimalloc.hpp \
		$includes -UFROZENREF_ATOMIC_BACKEND lib docs/examples tests
}

# gcc 12 loses sight of what hangs on a thread when a lock is released, and takes what magazine_thread.c
# allocates under one for leaked. It hangs on the list of all threads, and is freed when they end.
# shellcheck disable=SC2086
analyzed() {
	for source in $library; do
		off=
		[ "$source" != lib/magazine_thread.c ] || off=-Wno-analyzer-malloc-leak
		gcc $flags -O2 -Wall -Wextra -fanalyzer $off -c "$source" -o /dev/null || return
	done
}

# Nd and Fo are macros of the manual pages' markup, and "the get's acquire" is meant.
spelled() {
	codespell --skip=tests/fuzz/corpus --ignore-words-list="nd,fo,get's" \
		include lib integrations tests docs/man docs/*.md docs/examples README.md \
		configure.ac m4/frozenref.m4
}

# Of what programs are compiled with, and what is compiled into the library; a tab is 8 columns.
# shellcheck disable=SC2086
within_100_columns() {
	for source in $(files '*.[ch]*' include lib integrations); do
		expand -t 8 "$source" | awk -v name="$source" \
			'length > 100 { print name ":" NR ": " length " columns" }'
	done
}

check clang-format clang-format formatted
check clang-tidy clang-tidy tidy
check cppcheck cppcheck cppchecked
check gcc "gcc -fanalyzer" analyzed
# shellcheck disable=SC2086
check shellcheck shellcheck shellcheck -x $scripts
check codespell codespell spelled
check mandoc mandoc mandoc -T lint -W warning docs/man/*.[37]
check expand "counting columns" within_100_columns
echo "lint: $ran checks, $failed with findings"
[ $failed -eq 0 ]
