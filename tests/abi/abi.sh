#!/bin/sh
# SPDX-License-Identifier: MIT
# The binary interface: what programs that were compiled against the last release rely on.
#
#	abi.sh check	compares the libraries of this build with what is checked in, and fails where a
#			program would break: a function or type that is gone or has changed. What is new
#			is only told.
#	abi.sh update	writes what is checked in anew: for a release, and for what it is to contain
#
# Run by `make abi-check` and `make abi-update` in the top build directory. Checked in are
#
#	tests/abi/LIBRARY-MACHINE.abi			abidw's dump of functions and types
#	integrations/debian/LIBRARY0.symbols		each symbol, and the version that brought it
#
# Without abigail-tools, or on a machine that has no dump, check exits with 77 and says so.
set -eu

: "${CC:=cc}" "${OBJDUMP:=objdump}" "${srcdir:=.}" "${PACKAGE_VERSION:?}"
export LC_ALL=C
mode=$1
abi=$srcdir/tests/abi
machine=$($CC -dumpmachine)
machine=${machine%%-*}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
compared=0

say() { printf '%s\n' "abi-$mode: $*"; }
skip() {
	say "$*"
	exit 77
}
fail() {
	say "$*"
	status=1
}

# The libraries that there may be, and their version scripts.
libraries() {
	echo "libfrozenref lib lib/libfrozenref.map"
	echo "libfrozenref-mimalloc integrations/mimalloc integrations/mimalloc/libfrozenref-mimalloc.map"
}

# Types that the public headers do not define are nobody's business, nor are lines and folders.
dump() { # library file
	"$OBJDUMP" -h "$1" | grep -q '\.debug_info' ||
		skip "$1 has no debugging information: configure with CFLAGS='-g -O2'"
	abidw --headers-dir "$srcdir/include/frozenref" --drop-private-types --exported-interfaces-only \
		--no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --no-parameter-names \
		--type-id-style hash "$1" | sed "s|\(<abi-instr .*path='\)[^']*/\([^/']*/[^/']*'\)|\1\2|" >"$2"
	grep -q '<function-decl' "$2" || {
		fail "abidw finds no functions in $1"
		return 1
	}
}

# Whether programs made for the first go on with the second; prints what has changed if they do not.
compatible() { # old new
	abidiff --no-added-syms --suppressions "$abi/suppressions" "$1" "$2"
}

# A check that cannot fail is none: here are three breaks and one change that is allowed.
controls() { # dump of libfrozenref
	int=$(sed -n "s/.*<type-decl name='int' .* id='\([^']*\)'.*/\1/p" "$1")
	sed "/<function-decl name='frozenref_try_get' /,/<return/s/<return type-id='[^']*'/<return type-id='$int'/" \
		"$1" >"$dir/retyped"
	sed "/<class-decl name='frozenref_slot' /s/size-in-bits='256'/size-in-bits='320'/" "$1" >"$dir/resized"
	sed "/elf-symbol name='frozenref_try_get' /s/try_get/try_gets/" "$1" |
		sed "s/='frozenref_try_get\(@@[^']*\)*'/='frozenref_try_gets\1'/g" >"$dir/gone"
	awk "/<class-decl name='frozenref_registry_config'/ { sub(/448/, \"384\"); inside = 1 }
		/<.class-decl>/ { inside = 0 }
		inside && /layout-offset-in-bits='384'/ { left_out = 3 }
		left_out-- > 0 { next }
		{ print }" "$1" >"$dir/grown"
	for control in retyped resized gone grown; do
		! cmp -s "$1" "$dir/$control" || fail "the control $control is no change at all"
	done
	for control in retyped resized gone; do
		! compatible "$dir/$control" "$1" >"$dir/out" || fail "the control $control was not noticed"
	done
	compatible "$dir/grown" "$1" >"$dir/out" || {
		cat "$dir/out"
		fail "a configuration that has grown was taken for a break"
	}
}

check() { # name library
	file=$abi/$1-$machine.abi
	[ -f "$file" ] || {
		say "$1 has no dump for $machine, so it was not compared"
		return 0
	}
	dump "$2" "$dir/new" || return 0
	[ "$1" != libfrozenref ] || controls "$dir/new"
	if compatible "$file" "$dir/new" >"$dir/out"; then
		say "$1 is compatible with $file"
	else
		cat "$dir/out"
		fail "$1 would break programs: see above, and docs/release.md"
	fi
	added=$(abidiff --suppressions "$abi/suppressions" "$file" "$dir/new" | grep -c "^  *\[A\]" || :)
	[ "$added" = 0 ] || say "$1 has $added new functions; make abi-update writes them down"
	compared=$((compared + 1))
}

# What is listed keeps its version; what is new gets this one. Nothing that was released may go.
update_symbols() { # name version-script
	file=$srcdir/integrations/debian/${1}0.symbols
	awk -f "$abi/symbols.awk" "$2" | sort >"$dir/symbols"
	[ -f "$file" ] || : >"$dir/listed"
	[ ! -f "$file" ] || sed -n 's/^ //p' "$file" | sort >"$dir/listed"
	gone=$(awk -v now="$PACKAGE_VERSION" '
		FILENAME == ARGV[1] { here[$1] = 1; next }
		!($1 in here) && $2 != now { print $1 }' "$dir/symbols" "$dir/listed")
	[ -z "$gone" ] || {
		fail "released and gone: $gone"
		return 0
	}
	{
		echo "$1.so.0 ${1}0 #MINVER#"
		echo "* Build-Depends-Package: $1-dev"
		awk -v now="$PACKAGE_VERSION" '
			FILENAME == ARGV[1] { version[$1] = $2; next }
			{ print " " $1 " " ($1 in version ? version[$1] : now) }' "$dir/listed" "$dir/symbols"
	} >"$dir/file"
	cp "$dir/file" "$file"
	say "wrote $file: $(wc -l <"$dir/symbols") symbols"
}

for tool in abidw abidiff; do
	command -v $tool >/dev/null 2>&1 || skip "no $tool (Debian: abigail-tools)"
done
libraries >"$dir/libraries"
while read -r name folder script; do
	library=$folder/.libs/$name.so
	[ -f "$srcdir/$script" ] || continue
	[ "$mode" = check ] || update_symbols "$name" "$srcdir/$script"
	[ -f "$library" ] || {
		say "no $library, so left out"
		continue
	}
	case $mode in
	check) check "$name" "$library" ;;
	update)
		dump "$library" "$dir/new" || continue
		cp "$dir/new" "$abi/$name-$machine.abi"
		say "wrote $abi/$name-$machine.abi"
		;;
	esac
done <"$dir/libraries"
[ "$mode" = update ] || [ $status -ne 0 ] || [ $compared -gt 0 ] || exit 77
exit $status
