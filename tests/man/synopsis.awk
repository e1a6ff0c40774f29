# SPDX-License-Identifier: MIT
# Turns the SYNOPSIS of a manual page into C: one line for each #include, declaration or display.
#
# Read by tests/man/test-man.sh. Lines begin with what they are: "include" and "declare" for the
# compiler; "show" for what can only be compared with the header, since C knows no second definition.

function fail(why) {
	print FILENAME ":" FNR ": " why >"/dev/stderr"
	failed = 1
	exit 1
}
# The quoted or bare words of a macro line, from the one in `first` on, joined by commas.
function arguments(line, first,    list, word, n) {
	while (match(line, /^ *("[^"]*"|[^" ]+)/)) {
		word = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		gsub(/^ *"?|"$/, "", word)
		if (++n >= first)
			list = list (list == "" ? "" : ", ") word
	}
	return list
}
function unescape(line) {
	sub(/^\\&/, "", line)
	gsub(/\\-/, "-", line)
	gsub(/\\e/, "\\", line)
	return line
}

/^\.Sh / {
	inside = $2 == "SYNOPSIS"
	next
}
!inside { next }
/^\.Bd -literal/ {
	display = "show "
	next
}
/^\.Ed/ {
	print display
	display = ""
	next
}
display != "" {
	display = display unescape($0) " "
	next
}
$1 == ".In" { print "include #include <" $2 ">"; next }
$1 == ".Fd" { print "show " arguments(substr($0, 4), 1); next }
$1 == ".Vt" { print "declare " arguments(substr($0, 4), 1) ";"; next }
$1 == ".Ft" { type = arguments(substr($0, 4), 1); next }
$1 == ".Fn" { print "declare " type " " $2 "(" arguments(substr($0, 4), 2) ");"; next }
$1 == ".Fo" {
	call = "declare " type " " $2 "("
	separator = ""
	next
}
$1 == ".Fa" {
	call = call separator arguments(substr($0, 4), 1)
	separator = ", "
	next
}
$1 == ".Fc" { print call ");"; next }
$1 == ".Pp" { next }
{ fail("not known in a SYNOPSIS: " $0) }
END {
	if (!failed && display != "")
		fail("a display without an end")
}
