#!/bin/sh
# SPDX-License-Identifier: MIT
# What the README tells: its example compiles with its command line and runs, and what it shows of
# configure.ac and CMakeLists.txt is what the consumer's are made of. Then each public header alone, in
# C99 and C++11, and a program without any shared library.

. "${srcdir:-.}/tests/consumer/stage.sh"

# section LANGUAGE: the README's code blocks in that language.
section() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$srcdir/README.md" | sed '/^```/d'; }

say "the README's example"
cd "$work"
section c >example.c
[ "$(wc -l <example.c)" -gt 10 ] || fail "no example in README.md"
# shellcheck disable=SC2016 # for the eval below
command=$(section sh | sed -n '/^cc /s/pkg-config/"$PKG_CONFIG"/p')
case $command in
"cc "*example.c*) ;;
*) fail "the README does not say how to compile its example" ;;
esac
LD_LIBRARY_PATH=$libdir
export LD_LIBRARY_PATH
cc() {
	# shellcheck disable=SC2086 # CC may carry options
	$CC -Wall -Wextra -Wconversion -Wshadow -Werror "$@"
}
eval "$command" || fail "the README's example does not compile: $command"
./example >out || fail "the README's example failed"
cat out
section text | head -n "$(wc -l <out)" | diff - out || fail "the README's example prints something else"

say "the README's build files"
contains() { # file language
	section "$2" >lines
	[ -s lines ] || fail "no $2 in README.md"
	while read -r line; do
		grep -q -F -x -e "$line" "$1" || fail "$1 does not have the README's line: $line"
	done <lines
}
sed 's/job/example/g; s/^[[:space:]]*//' "$project/CMakeLists.txt" >CMakeLists.txt
contains CMakeLists.txt cmake
contains "$project/configure.ac" m4
sed 's/^LDADD/example_LDADD/; s/^AM_CPPFLAGS/example_CPPFLAGS/' "$project/Makefile.am" >Makefile.am
contains Makefile.am makefile

say "links"
for document in README.md CHANGELOG.md CONTRIBUTING.md; do
	grep -o ']([^):#]*)' "$srcdir/$document" | sed 's/^](//; s/)$//' >links
	[ -s links ] || fail "no link in $document"
	while read -r link; do
		[ -e "$srcdir/$link" ] || fail "$document links to $link, which is not there"
	done <links
done

say "each header alone"
cflags=$("$PKG_CONFIG" --cflags frozenref)
includedir=$("$PKG_CONFIG" --variable=includedir frozenref)
strict="-pedantic -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Werror"
for path in "$includedir"/frozenref/*.h "$includedir"/frozenref/*.hpp; do
	header=frozenref/${path##*/}
	echo "#include <$header>" >header.c
	echo 'extern int something; int something = 0;' >>header.c
	for mode in "" -DFROZENREF_NO_INLINE; do
		# shellcheck disable=SC2086 # several words
		[ "${header%.hpp}" != "$header" ] ||
			$CC -std=c99 $strict -Wstrict-prototypes $mode $cflags -c header.c -o header.o ||
			fail "$header $mode does not compile alone in C99"
		# shellcheck disable=SC2086
		[ -z "$CXX" ] || $CXX -x c++ -std=c++11 $strict -Wold-style-cast \
			-Wzero-as-null-pointer-constant $mode $cflags -c header.c -o header.o ||
			fail "$header $mode does not compile alone in C++11"
	done
done

say "versions agree"
version=$("$PKG_CONFIG" --modversion frozenref)
printf '#include <frozenref/version.h>\nversion FROZENREF_VERSION\n' >version.c
# shellcheck disable=SC2086
$CC -E $cflags version.c | grep -q -F "version \"$version\"" ||
	fail "frozenref.pc says $version and version.h does not"

# Only where the system has static libraries at all.
echo 'int main(void) { return 0; }' >empty.c
# shellcheck disable=SC2086
if has_static && $CC -static empty.c -o empty 2>/dev/null; then
	say "a fully static program"
	only_static
	# shellcheck disable=SC2046
	$CC -O2 -static "$project/job.c" $("$PKG_CONFIG" --static --cflags --libs frozenref) \
		-lpthread -o job || fail "a fully static program does not link"
	./job >out || fail "a fully static program does not run"
	cat out
	grep -q 'blocks published and released' out || fail "a fully static program says nothing"
fi
