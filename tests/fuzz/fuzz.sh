#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the fuzzing targets with libFuzzer, or with AFL++, and runs them.
#
# Called by `make fuzz` and its kin in the top build directory:
#	fuzz.sh run SECONDS	each target for its share of the seconds; what is new goes to tests/fuzz/found
#	fuzz.sh merge		rewrites the corpus in the source tree: the fewest inputs that reach what
#				it and tests/fuzz/found reach
#	fuzz.sh afl SECONDS	as run, with AFL++
# FUZZ_TARGETS narrows it down. Exits 77 if the compiler is missing, and 1 if something was found.
set -eu

: "${srcdir:=.}" "${CLANG:=clang}" "${AFL_CC:=afl-clang-fast}"
: "${FUZZ_TARGETS:=counter registry cache index}"
source=$srcdir/tests/fuzz
build=tests/fuzz
mode=$1
seconds=${2:-60}

# The sources of a target, besides what all share.
target_sources() { # target
	for file in "$source/$1.c" "$source/$1"_*.c; do
		[ ! -e "$file" ] || echo "$file"
	done
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

# The library's own sources are compiled in, so that the fuzzer sees which of their branches are taken;
# with the compiler's atomics, whose accesses AddressSanitizer sees.
compile() { # compiler output target option...
	compiler=$1 output=$2 target=$3
	shift 3
	mkdir -p "$build/include/frozenref"
	sed 's/\(define FROZENREF_WITH_[A-Z_]*\) 1/\1 0/' include/frozenref/version.h \
		>"$build/include/frozenref/version.h"
	# shellcheck disable=SC2046 # file names without blanks, one a word
	"$compiler" -std=gnu11 -g -O1 -fno-omit-frame-pointer "$@" -fno-sanitize-recover=all \
		-I"$build/include" -I"$srcdir/include" -I. -I"$srcdir/lib" \
		$(target_sources "$target") "$source/fuzz.c" $(library_sources) \
		-o "$output" -lpthread
}

need() { # tool
	command -v "$1" >/dev/null 2>&1 && return
	echo "fuzz: $1 was not found: skipped" >&2
	exit 77
}

prepare() { # target
	need "$CLANG"
	mkdir -p "$build/found/$1"
	compile "$CLANG" "$build/fuzz-$1" "$1" -fsanitize=fuzzer,address,undefined
}

run() { # target seconds
	prepare "$1"
	echo "fuzz: $1 for $2 s"
	# The clock goes on while a busy machine runs something else: only what hangs takes so long.
	if "$build/fuzz-$1" -max_total_time="$2" -max_len=1024 -len_control=20 -use_value_profile=1 -timeout=300 \
		-print_final_stats=1 -artifact_prefix="$build/found-$1-" \
		"$build/found/$1" "$source/corpus/$1" >"$build/fuzz-$1.log" 2>&1; then
		sed -n 's/^stat::number_of_executed_units: *\(.*\)/fuzz: \1 executions found nothing/p' \
			"$build/fuzz-$1.log"
		return
	fi
	tail -n 40 "$build/fuzz-$1.log"
	echo "fuzz: the input is in $build/found-$1-*; tests/fuzz/$1 --trace FILE tells its calls"
	return 1
}

merge() { # target
	prepare "$1"
	rm -rf "$build/merged"
	mkdir -p "$build/merged"
	"$build/fuzz-$1" -set_cover_merge=1 -max_len=1024 "$build/merged" "$source/corpus/$1" \
		"$build/found/$1" >"$build/merge-$1.log" 2>&1
	rm -f "$source/corpus/$1"/*
	cp "$build/merged"/* "$source/corpus/$1"
	echo "fuzz: $1: $(find "$source/corpus/$1" -type f | wc -l) inputs"
}

afl() { # target seconds
	need "$AFL_CC"
	need afl-fuzz
	mkdir -p "$build/afl-found"
	compile "$AFL_CC" "$build/afl-$1" "$1" -fsanitize=address,undefined "$source/replay.c"
	echo "fuzz: $1 for $2 s, with AFL++"
	# An input of the corpus that takes longer is left out.
	AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_AUTORESUME=1 \
		afl-fuzz -V "$2" -G 1024 -t 20000+ -i "$source/corpus/$1" -o "$build/afl-found/$1" \
		-- "$build/afl-$1" - >"$build/afl-$1.log" 2>&1 || {
		tail -n 20 "$build/afl-$1.log"
		return 1
	}
	sed -n 's/^execs_done *: *\(.*\)/fuzz: \1 executions/p' \
		"$build/afl-found/$1/default/fuzzer_stats"
	crashes=$(find "$build/afl-found/$1" -path '*/crashes/id*')
	[ -z "$crashes" ] || {
		echo "fuzz: crashes: $crashes"
		return 1
	}
}

# shellcheck disable=SC2086 # one word a target
set -- $FUZZ_TARGETS
share=$((seconds / $#))
for target; do
	case $mode in
	run) run "$target" "$share" ;;
	merge) merge "$target" ;;
	afl) afl "$target" "$share" ;;
	*)
		echo "fuzz.sh: no such mode: $mode" >&2
		exit 2
		;;
	esac
done
