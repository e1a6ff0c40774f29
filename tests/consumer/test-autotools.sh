#!/bin/sh
# SPDX-License-Identifier: MIT
# A foreign autotools project finds, compiles, links and runs the installed library by PKG_CHECK_MODULES
# alone: in C99, C11 and C++11, first with the shared library, then with the static one.

. "${srcdir:-.}/tests/consumer/stage.sh"

autoreconf=${AUTORECONF:-autoreconf}
command -v "$autoreconf" >/dev/null || skip "no autoreconf"
(cd "$project" && "$autoreconf" -fi) >"$work/log" 2>&1 || {
	cat "$work/log"
	fail "autoreconf of the consumer"
}

build_and_run() { # name pkg-config...
	name=$1
	shift
	say "$name"
	mkdir "$work/$name"
	(
		cd "$work/$name"
		[ -n "$CXX" ] || set -- "$@" --disable-cxx
		{
			"$project/configure" -q CC="$CC" CXX="$CXX" "$@" && "$MAKE" -s check
		} >log 2>&1
	) || {
		cat "$work/$name/log" "$work/$name/config.log"
		fail "the consumer of the $name library"
	}
	verify "$work/$name/job99.log" 199901
	verify "$work/$name/job11.log" 201112
	[ -z "$CXX" ] || verify "$work/$name/jobcxx.log" 201103
}

if has_shared; then
	only_shared
	build_and_run shared
	[ -z "${OBJDUMP:-}" ] || needs_shared "$work/shared/job99" ||
		fail "the shared library is not linked"
fi
if has_static; then
	only_static
	build_and_run static PKG_CONFIG="$PKG_CONFIG --static"
	[ -z "${OBJDUMP:-}" ] || ! needs_shared "$work/static/job99" ||
		fail "the static library is not linked"
fi
