#!/bin/sh
# SPDX-License-Identifier: MIT
# Every name of the library in the pages that teach its use is declared in a public header.
# test-man.sh asks the same of the manual pages.
# shellcheck disable=SC2016 # dollars of awk, backquotes of Markdown
set -eu

export LC_ALL=C
: "${AWK:=awk}"
srcdir=$(cd "${srcdir:-.}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

words() { tr -c 'A-Za-z0-9_' '\n' | grep -E '^(frozenref|FROZENREF)_[^_]' | sort -u; }

# What headers declare: their comments tell of names as well, and may be as wrong.
declared() { # header...
	cat "$@" | $AWK '{ text = text $0 "\n" }
	END {
		while ((at = index(text, "/*"))) {
			rest = substr(text, at + 2)
			text = substr(text, 1, at - 1) " " substr(rest, index(rest, "*/") + 2)
		}
		print text
	}' | words
}

unknown() { # page, to be read beside $work/declared: one line for each wrong name
	words <"$1" | comm -23 - "$work/declared"
}

# A name that is only in a comment is none, nor is one that a longer name begins with.
cat >"$work/self.h" <<'SELF'
/* See frozenref_old(), and
 * frozenref_older(). */ int frozenref_newer(void); /* frozenref_oldest() */
#define FROZENREF_MOST 1
SELF
echo '`frozenref_newer()` frozenref_new(3) frozenref_old, frozenref_older FROZENREF_MOST' \
	>"$work/self.md"
declared "$work/self.h" >"$work/declared"
[ "$(unknown "$work/self.md" | tr '\n' ' ')" = 'frozenref_new frozenref_old frozenref_older ' ] || {
	echo "FAIL: of these names the test should have found other ones wrong"
	exit 1
}

declared "$srcdir"/include/frozenref/*.h >"$work/declared"
failures=0
for page in porting tutorial faq; do
	count=$(words <"$srcdir/docs/$page.md" | wc -l)
	unknown "$srcdir/docs/$page.md" >"$work/unknown"
	while read -r name; do
		echo "FAIL: docs/$page.md: $name is declared in no header"
		failures=$((failures + 1))
	done <"$work/unknown"
	# A page that names nothing was not read.
	[ "$count" -ge 5 ] || {
		echo "FAIL: docs/$page.md: $count names found"
		failures=$((failures + 1))
	}
	echo "docs/$page.md: $count names"
done
[ $failures -eq 0 ]
