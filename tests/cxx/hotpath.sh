#!/bin/sh
# SPDX-License-Identifier: MIT
# What compilers make of references as C++ values, beside what they make of the C functions called by
# hand: in each function, its cold parts included, no more locked instructions and no more calls, and
# over all functions no more than a twentieth more conditional jumps or instructions: where a flag is
# tested, by a jump or without one, compilers decide from case to case. All of it with and without
# exceptions: the headers say that no function of the library throws.
#
# Run by `make check` in the top build directory, on x86-64 with objdump; else skipped. The same functions
# written carelessly go through the same comparison, and have to be found out.
set -eu

: "${CXX=c++}" "${OBJDUMP:=objdump}" "${srcdir:=.}"
[ -n "$CXX" ] || { echo "hotpath: no C++ compiler"; exit 77; }
# Not by the compiler's name for its machine, which is the same under -m32.
case $(echo __x86_64__ | $CXX -E -P -x c++ -) in
1) ;;
*) echo "hotpath: looks at x86-64 code only"; exit 77 ;;
esac
command -v "$OBJDUMP" >/dev/null 2>&1 || { echo "hotpath: no objdump"; exit 77; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# A line for each function: its name and how many locked instructions, conditional jumps, calls, and
# instructions at all it has, wherever the compiler put them. Padding is not counted.
measure() { # object
	"$OBJDUMP" -d --no-show-raw-insn "$1" | awk '
		/^[0-9a-f]+ <hot_[a-z_]+(\.[a-z0-9.]+)?>:$/ {
			name = substr($2, 2, length($2) - 3)
			sub(/\..*/, "", name)
			inside = 1
			all[name] += 0
			next
		}
		/^[0-9a-f]+ <.*>:$/ { inside = 0; next }
		!inside || !/^ *[0-9a-f]+:\t/ || $2 ~ /^(nop|data16|cs)/ { next }
		{ all[name]++ }
		$2 == "lock" || (/\txchg/ && /\(/) { locked[name]++ }
		$2 ~ /^j/ && $2 != "jmp" { jumps[name]++ }
		$2 ~ /^call/ { calls[name]++ }
		END {
			for (name in all)
				print name, locked[name] + 0, jumps[name] + 0, calls[name] + 0, all[name]
		}' | sort
}

# Prints what the first has more of than the second.
excess() { # measured by-hand
	join "$1" "$2" | awk '
		$2 > $6 { print $1 " has " $2 " locked instructions; by hand " $6 }
		$4 > $8 { print $1 " has " $4 " calls; by hand " $8 }
		{ functions++; locked += $6; jumps += $3; all += $5; hand_jumps += $7; hand += $9 }
		END {
			if (functions != 18 || locked < 13)
				print "compared " functions + 0 " functions, " locked + 0 " locked"
			if (jumps > hand_jumps * 1.05)
				print "all have " jumps " conditional jumps; by hand " hand_jumps
			if (all > hand * 1.05)
				print "all have " all " instructions; by hand " hand
		}'
}

compile() { # name flags...
	name=$1
	shift
	# shellcheck disable=SC2086 # several flags
	$compiler -std=gnu++11 -O2 -Wall -Wextra -Iinclude -I"$srcdir/include" ${ATOMIC_OPS_CFLAGS-} \
		"$@" -c "$srcdir/tests/cxx/hotpath.cc" -o "$dir/$name.o"
	measure "$dir/$name.o" >"$dir/$name"
}

compilers() {
	for compiler in "${CXX%% *}" g++ clang++; do
		command -v "$compiler" >/dev/null 2>&1 && echo "$compiler"
	done | sort -u
}

failed=0
for compiler in $(compilers); do
	for mode in "" "-fno-exceptions -fno-rtti"; do
		# shellcheck disable=SC2086 # two flags, or none
		{
			compile values $mode
			compile by_hand $mode -DBY_HAND
			compile control $mode -DCONTROL
		}
		excess "$dir/values" "$dir/by_hand" >"$dir/excess"
		if [ -s "$dir/excess" ]; then
			echo "hotpath: $compiler $mode:"
			cat "$dir/excess"
			failed=1
		fi
		awk -v what="hotpath: $compiler $mode" '
			FNR == NR { values += $5; next }
			{ hand += $5 }
			END { print what ": " values " instructions; by hand " hand }
		' "$dir/values" "$dir/by_hand"
		control=$(excess "$dir/control" "$dir/by_hand")
		for careless in hot_read hot_pass_on hot_publish hot_cache_read hot_slot_read hot_slot_take \
			hot_index_read hot_index_insert hot_mi_read hot_mi_make; do
			case $control in
			*"$careless has "*) ;;
			*)
				echo "hotpath: $compiler $mode: the copy in $careless was not noticed: $control"
				failed=1
				;;
			esac
		done
	done
done
exit $failed
