#!/bin/sh
# SPDX-License-Identifier: MIT
# A foreign CMake project finds and runs the installed library through FindPkgConfig.

. "${srcdir:-.}/tests/consumer/stage.sh"

command -v cmake >/dev/null || skip "no cmake"
LD_LIBRARY_PATH=$libdir
export LD_LIBRARY_PATH
{
	cmake -S "$project" -B "$work/build" -DCMAKE_C_COMPILER="${CC%% *}" &&
		cmake --build "$work/build"
} >"$work/log" 2>&1 || {
	cat "$work/log"
	fail "the CMake consumer"
}
"$work/build/job" >"$work/out"
verify "$work/out" 199901
