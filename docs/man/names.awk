# SPDX-License-Identifier: MIT
# Prints the names in the NAME sections of manual pages, a line each: name, section, file name.
#
# Read by docs/man/local.mk, which installs a link for each name that is not its page's own, and by
# tests/man/test-man.sh.

FNR == 1 {
	inside = 0
	page = FILENAME
	sub(/.*\//, "", page)
	section = page
	sub(/.*\./, "", section)
}
/^\.Sh / { inside = $2 == "NAME" }
inside && $1 == ".Nm" { print $2, section, page }
