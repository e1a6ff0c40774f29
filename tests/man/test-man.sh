#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages and the headers tell the same: every public name has exactly one page, no page
# names what does not exist, every SYNOPSIS is what the header declares, and the EXAMPLES compile
# without a warning; those with a main() are run.
# shellcheck disable=SC2016 # awk's dollars
set -eu

srcdir=$(cd "${srcdir:-.}" && pwd)
builddir=$(cd "${builddir:-.}" && pwd)
: "${CC:=cc}" "${CXX=}" "${AWK:=awk}"
man=$srcdir/docs/man
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

complain() {
	printf 'FAIL: %s\n' "$*"
	failures=$((failures + 1))
}

words() { tr -c 'A-Za-z0-9_' '\n' | grep -E '^(frozenref|FROZENREF)_[^_]' | sort -u; }

# Without comments and line breaks, and with blanks only where they separate two words.
squeeze() {
	$AWK '{ text = text $0 "\n" }
	END {
		while ((at = index(text, "/*"))) {
			rest = substr(text, at + 2)
			text = substr(text, 1, at - 1) " " substr(rest, index(rest, "*/") + 2)
		}
		gsub(/\\\n/, " ", text)
		gsub(/FROZENREF__(API|INLINE|MUST_CHECK|COLD)/, " ", text)
		gsub(/[ \t\n]+/, " ", text)
		while (match(text, / [^A-Za-z0-9_]|[^A-Za-z0-9_] /)) {
			pair = substr(text, RSTART, 2)
			sub(/ /, "", pair)
			out = out substr(text, 1, RSTART - 1)
			text = pair substr(text, RSTART + 2)
		}
		print out text
	}'
}

# compile ARGUMENT...: with the flags of the project's own sources, and every warning an error.
compile() {
	# shellcheck disable=SC2086 # several words, or none
	$CC ${BUILD_FLAGS:-} -std=gnu11 ${WARN_CFLAGS:-} -Werror -I"$builddir/include" -I"$srcdir/include" \
		${ATOMIC_OPS_CFLAGS:-} ${MIMALLOC_CFLAGS:-} "$@"
}

# One that includes a C++ header is C++.
compile_example() { # source object
	if [ "$compiler" = "$CC" ]; then
		compile -c "$1" -o "$2"
		return
	fi
	# shellcheck disable=SC2086 # several words, or none
	$CXX ${BUILD_FLAGS:-} -x c++ -std=gnu++11 ${WARN_CFLAGS:-} -Werror -I"$builddir/include" \
		-I"$srcdir/include" ${ATOMIC_OPS_CFLAGS:-} -c "$1" -o "$2"
}

# ------------------------------------------------------------------------------------------ names

# Without atomic.h, which is no interface for programs and names only a hook for tests.
find "$srcdir/include/frozenref" -name '*.h' ! -name atomic.h -exec cat {} + >"$work/headers"
cat "$srcdir/include/frozenref/version.h.in" >>"$work/headers"
squeeze <"$work/headers" >"$work/header"
{
	words <"$work/header" | grep -v '_H$'
	cat "$srcdir/lib/libfrozenref.map" "$srcdir/integrations/mimalloc/libfrozenref-mimalloc.map" |
		grep -E '^	frozenref_[^_].*;' | words
} | sort -u >"$work/symbols"
[ "$(wc -l <"$work/symbols")" -ge 80 ] || complain "only few symbols were found: $(tr '\n' ' ' <"$work/symbols")"

$AWK -f "$man/names.awk" "$man"/*.[37] >"$work/names"
$AWK '$2 == 3 { print $1 }' "$work/names" | sort >"$work/documented"
{
	uniq -d "$work/documented" | sed 's/$/ is in the NAME of more than one page/'
	comm -23 "$work/symbols" "$work/documented" | sed 's/$/ has no manual page/'
	comm -13 "$work/symbols" "$work/documented" | sed 's/$/ has a manual page and does not exist/'
} >"$work/bad"

for path in "$man"/*.[37]; do
	page=${path##*/}
	$AWK -v page="$page" '$3 == page && $1 "." $2 == page { found = 1 } END { exit !found }' "$work/names" ||
		echo "$page does not have its own name under NAME"
	grep -q "docs/man/$page\( \|\$\)" "$man/local.mk" || echo "$page is not installed by docs/man/local.mk"
	grep -v '^\.Dt ' "$path" | words | comm -23 - "$work/symbols" | sed "s/\$/ does not exist, and $page speaks of it/"
	sed -n 's/^\.Xr \(\(frozenref\|FROZENREF\)[^ ]*\) \([0-9]\).*/\1 \3/p' "$path" | sort -u | while read -r name section; do
		grep -q "^$name $section " "$work/names" || echo "$page refers to $name($section), which is no page"
	done
	case $page in
	*.3) sections='NAME LIBRARY SYNOPSIS DESCRIPTION THREADS, EXAMPLES SEE' ;;
	*.7) sections='NAME DESCRIPTION SEE' ;;
	esac
	for section in $sections; do
		grep -q "^\.Sh $section" "$path" || echo "$page has no section $section ..."
	done
done >>"$work/bad"
while read -r line; do complain "$line"; done <"$work/bad"

# --------------------------------------------------------------------------------------- synopses

synopses=0
for path in "$man"/*.3; do
	page=${path##*/}
	$AWK -f "$srcdir/tests/man/synopsis.awk" "$path" >"$work/synopsis" || complain "$page: bad SYNOPSIS"
	{
		sed -n 's/^include //p' "$work/synopsis"
		sed -n 's/^declare //p' "$work/synopsis"
	} >"$work/synopsis.c"
	compile -fsyntax-only "$work/synopsis.c" || complain "$page: the SYNOPSIS is not what the header declares"
	sed -n 's/^declare //p; s/^show //p' "$work/synopsis" >"$work/lines"
	while read -r line; do
		synopses=$((synopses + 1))
		printf '%s\n' "$line" | squeeze | sed 's/ *$//' >"$work/wanted"
		# A macro that a program defines is one that a header asks for.
		sed 's/^#define \([A-Z_]*\)$/#ifndef \1/' "$work/wanted" >"$work/asked"
		grep -q -F -f "$work/wanted" "$work/header" || grep -q -F -f "$work/asked" "$work/header" ||
			complain "$page: no header has: $line"
	done <"$work/lines"
	$AWK -v page="$page" '$3 == page { print $1 }' "$work/names" | while read -r name; do
		words <"$work/lines" | grep -q -x "$name" || echo "$page: $name is not in its SYNOPSIS"
	done >"$work/bad"
	while read -r line; do complain "$line"; done <"$work/bad"
done

# --------------------------------------------------------------------------------------- examples

compiled=0
run=0
mimalloc=$builddir/integrations/mimalloc/libfrozenref-mimalloc.la
for path in "$man"/*.[37]; do
	page=${path##*/}
	libraries=$builddir/lib/libfrozenref.la
	if grep -q '^libfrozenref-mimalloc ' "$path"; then
		if [ ! -e "$mimalloc" ]; then
			echo "$page: without mimalloc its examples are not tried"
			continue
		fi
		libraries="$mimalloc $libraries ${MIMALLOC_LIBS:-}"
	fi
	rm -f "$work"/example*
	$AWK -v prefix="$work/example" '
		/^\.Sh / { inside = $2 == "EXAMPLES" }
		/^\.Ed/ { file = "" }
		file != "" {
			sub(/^\\&/, "")
			gsub(/\\-/, "-")
			gsub(/\\e/, "\\")
			print >file
		}
		inside && /^\.Bd -literal/ {
			n++
			file = prefix n ".c"
		}' "$path"
	for source in "$work"/example*.c; do
		[ -e "$source" ] || {
			case $page in
			*.3) complain "$page: no example" ;;
			esac
			continue
		}
		compiler=$CC tag=CC
		if grep -q 'frozenref/.*\.hpp' "$source"; then
			[ -n "$CXX" ] || continue
			compiler=$CXX tag=CXX
		fi
		compiled=$((compiled + 1))
		compile_example "$source" "${source%.c}.o" || {
			complain "$page: an example does not compile"
			continue
		}
		grep -q 'main(' "$source" || continue
		run=$((run + 1))
		# shellcheck disable=SC2086 # several words, or none
		"$builddir/libtool" --silent --tag=$tag --mode=link $compiler ${BUILD_FLAGS:-} "${source%.c}.o" \
			$libraries -lpthread -o "$work/example" || {
			complain "$page: an example does not link"
			continue
		}
		"$work/example" >"$work/example.out" 2>&1 || {
			cat "$work/example.out"
			complain "$page: an example fails"
		}
	done
done

[ "$failures" -eq 0 ] || exit 1
echo "$(wc -l <"$work/documented") names, $synopses declarations, $compiled examples of which $run run"
