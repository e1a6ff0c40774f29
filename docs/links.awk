# SPDX-License-Identifier: MIT
# What Markdown files link to and can be linked at, one line each; read by test-links.sh.
#
#   link FILE:LINE TARGET
#   anchor FILE #NAME          a heading, named as forges name it

FNR == 1 { inside = 0 }
/^ *(```|~~~)/ { inside = !inside; next }
inside { next }

/^#+ / {
	name = tolower($0)
	sub(/^#+ +/, "", name)
	gsub(/[^a-z0-9 _-]/, "", name)
	gsub(/ /, "-", name)
	print "anchor", FILENAME, "#" name
}

{
	text = $0
	gsub(/`[^`]*`/, "", text) # brackets in code are no links
	while (match(text, /\]\([^() ]+/)) {
		print "link", FILENAME ":" FNR, substr(text, RSTART + 2, RLENGTH - 2)
		text = substr(text, RSTART + RLENGTH)
	}
}
