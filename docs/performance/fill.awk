# SPDX-License-Identifier: MIT
# Fills the tables of a document from results.tsv, which is read first. What lies between
#
#	<!-- table: BENCHMARK GROUP... -->   and   <!-- end -->
#
# becomes a table of the contenders of these groups; and <!-- scale --> the model of many cores.

BEGIN { FS = "\t" }

NR == FNR {
	id = $1 " " $2
	if (!(id in n)) {
		n[id] = 0
		group[$1, groups[$1]++] = $2
	}
	title[id] = $3
	name[id, n[id]] = $5
	ns[id, n[id]] = $6
	ratio[id, n[id]] = $7
	low[id, n[id]] = $8
	high[id, n[id]] = $9
	by_name[id, $5] = $6
	n[id]++
	next
}

function digits(value) {
	return sprintf(value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value)
}

function one_table(id,    i, range) {
	if (!(id in n)) {
		print "(not measured: " id ")"
		printf "not measured: %s\n", id > "/dev/stderr"
		return
	}
	print "| " title[id] " | ns | ratio |"
	print "| --- | ---: | ---: |"
	for (i = 0; i < n[id]; i++) {
		range = i && low[id, i] != "" ? sprintf(" (%.2f–%.2f)", low[id, i], high[id, i]) : ""
		print "| " name[id, i] " | " digits(ns[id, i]) " | " digits(ratio[id, i]) range " |"
	}
	print ""
}

function scale_row(what, cores_1, cores_64, cores_192) {
	print "| " what " | " digits(cores_1) " | " digits(cores_64) " | " digits(cores_192) " |"
}

# Millions of operations a second on one word; see the text for where this comes from.
function scale(    alone, add, cas, peek, again) {
	alone = by_name["counter pair", "libfrozenref"]
	add = by_name["counter contended", "libfrozenref"]
	cas = by_name["counter contended", "CAS loop"]
	if (cas == "")
		cas = by_name["counter contended", "CAS loop, sub and test"]
	peek = by_name["registry peek_1_1", "peek"]
	again = cas / add - 1
	if (again < 0)
		again = 0
	print "| million a second, by the model | 1 core | 64 cores | 192 cores |"
	print "| --- | ---: | ---: | ---: |"
	scale_row("add: get and put", 1000 / alone, 1000 / add, 1000 / add)
	scale_row("compare-and-swap loop: get and put", 1000 / alone, 1000 / (add * (1 + again * 63)),
		1000 / (add * (1 + again * 191)))
	if (peek != "")
		scale_row("peek of 64 bytes", 1000 / peek, 64000 / peek, 192000 / peek)
	print ""
}

/^<!-- end -->$/ { inside = 0 }
!inside { print }

/^<!-- table: / {
	inside = 1
	print ""
	count = split($0, word, " ")
	if (count == 4) {
		# All groups of a benchmark.
		for (i = 0; i < groups[word[3]]; i++)
			one_table(word[3] " " group[word[3], i])
	}
	for (w = 4; w < count; w++)
		one_table(word[3] " " word[w])
}

/^<!-- scale -->$/ {
	inside = 1
	print ""
	scale()
}
