# SPDX-License-Identifier: MIT
# Makes one line of each contender in the JSON files of `make bench`: benchmark, group, its title,
# threads, contender, nanoseconds, ratio to the group's first contender, and the ratio's quartiles,
# separated by tabs. Relies on how tests/bench/harness.c breaks its lines.

function text(name) {
	if (!match($0, "\"" name "\": \"[^\"]*\""))
		return ""
	return substr($0, RSTART + length(name) + 5, RLENGTH - length(name) - 6)
}

function number(name) {
	if (!match($0, "\"" name "\": [0-9.]+"))
		return ""
	return substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4)
}

/"benchmark":/ { benchmark = text("benchmark") }
/"key":/ { key = text("key"); title = text("title"); threads = number("threads") }
/"ns":/ {
	printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", benchmark, key, title, threads,
		text("name"), number("ns"), number("ratio"), number("ratio_low"), number("ratio_high")
}

# The page cache's report, one line of sizes at a time; not what it says of hits alone.
/"(measures|hits)":/ {
	hits = /"hits":/
}

/"read_size":/ && !hits {
	size = number("read_size")
	# pagecache.json, pagecache_all.json: with memory for a quarter, and for all.
	benchmark = FILENAME
	sub(/^.*\//, "", benchmark)
	sub(/\.json$/, "", benchmark)
	group = benchmark "\tread_" size "\t" size " bytes at random, two threads\t2\t"
	printf "%spage cache\t%.4f\t1\t1\t1\n", group, 1e9 / number("cache_per_second")
	printf "%spread(2)\t%.4f\t%.4f\t\t\n", group, 1e9 / number("pread_per_second"), number("ratio")
}
