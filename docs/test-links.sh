#!/bin/sh
# SPDX-License-Identifier: MIT
# Every relative link in a Markdown file leads to a file, and to a heading in it where it names one.
# In a tarball that means, too, that what is linked to was packed. No other address is asked for.
set -eu

: "${AWK:=awk}"
here=$(cd "${srcdir:-.}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() { # folder file...: one line a dead link
	cd "$1"
	shift
	$AWK -f "$here/docs/links.awk" "$@" >"$work/found"
	grep '^link ' "$work/found" >"$work/links"
	while read -r _ where target; do
		case $target in *://* | mailto:*) continue ;; esac
		file=${where%:*}
		path=${target%%#*}
		case $file in */*) path=${file%/*}/${path:-${file##*/}} ;; *) path=${path:-$file} ;; esac
		if [ ! -e "$path" ]; then
			echo "$where: $target: there is no $path"
			continue
		fi
		case $target in *'#'*) ;; *) continue ;; esac
		path=$(normal "$path")
		grep -qxF "anchor $path #${target#*#}" "$work/found" ||
			echo "$where: $target: no such heading in $path"
	done <"$work/links"
}

normal() { # path: without any FOLDER/..
	printf '%s\n' "$1" | sed -e 's,/\./,/,g' -e ':again' \
		-e 's,^[^/]*[^/.]/\.\./,,' -e 's,/[^/]*[^/.]/\.\./,/,' -e 't again'
}

# A dead link and a heading that is not there must be seen, and what is well must pass.
mkdir -p "$work/self/sub"
cat >"$work/self/a.md" <<'SELF'
# The first: `one`
[well](sub/b.md#the-second_one) [well](#the-first-one) [well](sub) `[code](none)` ![gone](gone.svg)
```
[code](none.md)
```
[no heading](sub/b.md#nowhere), [elsewhere](https://example.org/none)
SELF
cat >"$work/self/sub/b.md" <<'SELF'
## The second_one
[well](../a.md#the-first-one) [gone](a.md)
SELF
cat >"$work/expected" <<'SELF'
a.md:2: gone.svg: there is no gone.svg
a.md:6: sub/b.md#nowhere: no such heading in sub/b.md
sub/b.md:2: a.md: there is no sub/a.md
SELF
(check "$work/self" a.md sub/b.md) >"$work/said"
diff "$work/expected" "$work/said" || {
	echo "FAIL: of these links the test should have found other ones dead"
	exit 1
}

cd "$here"
# The folders by name: there may be build trees beside them.
# shellcheck disable=SC2046 # none of our names has a space
set -- $(find ./*.md docs integrations tests -name '*.md' | sed 's,^\./,,' | sort)
(check "$here" "$@") >"$work/said"
links=$(wc -l <"$work/links")
if [ -s "$work/said" ]; then
	cat "$work/said"
	echo "FAIL: dead links"
	exit 1
fi
[ "$links" -ge 50 ] || {
	echo "FAIL: $links links found in $# files"
	exit 1
}
echo "$links links in $# files"
