# SPDX-License-Identifier: MIT
# Reads one litmus test, whose file's name is in `name`, and prints what is wrong with its form. Called
# by test-form.sh.

function bad(what) { print what; exit_code = 1 }
NR == 1 && $0 != "C " name { bad("the first line is not \"C " name "\"") }
/^ \* Result: (Never|Sometimes)$/ { results++ }
/^ \* Race: (yes|no)$/ { races++ }
/^\{.*\}$/ {
	gsub(/[{}; ]+/, " ")
	for (i = 1; i <= NF; i += 3)
		given[$i] = 1
}
/^P[0-9]+\(/ {
	thread = $0
	sub(/\(.*/, "", thread)
	if (thread != "P" threads)
		bad(thread " is out of order")
	parameters = $0
	gsub(/.*\(|\)|(atomic_)?int \*/, "", parameters)
	n = split(parameters, parameter, ", ")
	if (n == 0)
		bad(thread " has no parameters")
	for (i = 1; i <= n; i++) {
		if (!(parameter[i] in given))
			bad(thread " is passed " parameter[i] ", which is not initialised")
		used[parameter[i]] = 1
	}
	threads++
	next
}
/0x|while|for \(|\?|&&|\|\|/ && threads && !/^exists/ { bad("herd7 does not read: " $0) }
threads && /^\t/ && match($0, /int [a-z0-9]+ =/) {
	register = substr($0, RSTART + 4, RLENGTH - 6)
	declared[(threads - 1) ":" register] = 1
}
/^exists / {
	questions++
	gsub(/exists|\/\\|\\\/|[()]/, " ")
	for (i = 1; i <= NF; i++) {
		asked = $i
		sub(/=.*/, "", asked)
		if (!(asked in declared) && !(asked in given))
			bad("asks about " asked ", which is not there")
	}
}
END {
	if (results != 1)
		bad("wants one line Result")
	if (races != 1)
		bad("wants one line Race")
	if (threads < 2)
		bad("has fewer than two threads")
	if (questions != 1)
		bad("wants one exists clause, on one line")
	for (variable in given)
		if (!(variable in used))
			bad("initialises " variable ", which nobody is passed")
	exit exit_code
}
