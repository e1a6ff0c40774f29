#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the page cache in short form: on good input, on bad input, and on files that change under it.
# Run by `make check`, or by hand in the build folder, or with PAGECACHE=/path/to/pagecache.

# shellcheck disable=SC2317 # patiently calls what it is given
program=${PAGECACHE:-./docs/examples/pagecache/pagecache}
# shellcheck source=docs/examples/test-helper.sh
. "${0%/*}/../test-helper.sh"

# A number from the JSON report.
number()
{
	sed -n "s/^ *\"$1\": \\([0-9.]*\\),*\$/\\1/p" "$work/out"
}

# A file of $1 bytes that repeat nowhere.
make_file()
{
	head -c "$1" /dev/urandom >"$2"
}

make_data()
{
	mkdir -p "$1/deep/er"
	for size in 0 1 63 64 65 127 128 4000 4095 4096 4097 8191 8192 8193 100000 1000000; do
		make_file "$size" "$1/deep/file-$size"
	done
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		make_file "$((i * 3000))" "$1/deep/er/file-$i"
	done
}

test_eviction()
{
	run --threads=4 --seconds=1 --memory=64K --json "$work/data"
	[ $status -eq 0 ] && [ "$(number mismatches)" -eq 0 ] && [ "$(number evictions)" -gt 0 ] &&
		[ "$(number verified_reads)" -gt 1000 ] && [ "$(number memory_cap)" -eq 65536 ] &&
		[ "$(number memory_resident)" -le 65536 ] && [ "$(number files)" -eq 31 ]
	verdict $? "a cache of 16 pages evicts all the time and is right"
	if python3 -c '' 2>/dev/null; then
		python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
assert [m["read_size"] for m in report["measures"]] == [64, 4096, 65536]
assert [m["read_size"] for m in report["hits"]] == [64, 4096, 65536]
assert all(m["rounds"] >= 7 and m["ratio"] > 0 for m in report["measures"] + report["hits"])
assert 0 < report["hit_rate"] < 1
' "$work/out" 2>>"$work/err"
		verdict $? "the JSON report is JSON"
	fi
}

test_all_in_memory()
{
	run --threads=2 --seconds=0.5 --memory=all --read-size=64 --json "$work/data"
	[ $status -eq 0 ] && [ "$(number mismatches)" -eq 0 ] && [ "$(number evictions)" -eq 0 ] &&
		[ "$(number hit_rate)" = 1.000000 ]
	verdict $? "a cache with room for all hits all the time"
	run --threads=1 --seconds=0.2 --memory=50% --read-size=page "$work/data"
	[ $status -eq 0 ] && says '^mismatches  0 in' && says '4096-byte reads'
	verdict $? "the report as text"
	run --threads=1 --seconds=0.2 --memory=50% --read-size=page --json "$work/data"
	all=$(sed -n '/"measures"/,/]/s/.*"hit_rate": \([0-9.]*\).*/\1/p' "$work/out")
	hits=$(sed -n '/"hits"/,/]/s/.*"hit_rate": \([0-9.]*\).*/\1/p' "$work/out")
	[ $status -eq 0 ] && awk "BEGIN { exit !($all < 0.8 && $hits > 0.9) }"
	verdict $? "what stays in memory is measured apart"
	run --threads=2 --seconds=0.2 --read-size=both --json "$work/data"
	[ $status -eq 0 ] && says '"read_size": 64,' && says '"read_size": 4096,' &&
		! says '"read_size": 65536,'
	verdict $? "reads of both sizes"
}

test_self_test()
{
	run --seconds=1 --self-test --json "$work/data"
	[ $status -eq 1 ] && [ "$(number mismatches)" -gt 0 ] && says 'MISMATCH: wrong bytes from the cache'
	verdict $? "a spoiled page is noticed"
}

# All ways to find and hold a page: evicting all the time, with room for all, with large reads, and
# with a page that is wrong. However slow the machine is: there are 7 rounds, in each of which each
# thread reads a batch in both ways, be it of one large read.
test_mode()
{
	for folio in 1 4 16; do
		run --mode="$1" --threads=4 --seconds=0.4 --memory=160K --folio=$folio --json "$work/data"
		[ $status -eq 0 ] && says "\"mode\": \"$1\"" && [ "$(number mismatches)" -eq 0 ] &&
			[ "$(number evictions)" -gt 0 ] && [ "$(number verified_reads)" -gt 1000 ] &&
			[ "$(number memory_resident)" -le 163840 ]
		verdict $? "$1: evicts folios of $folio all the time and is right"
	done

	run --mode="$1" --threads=2 --seconds=0.2 --memory=all --json "$work/data"
	[ $status -eq 0 ] && [ "$(number mismatches)" -eq 0 ] && [ "$(number evictions)" -eq 0 ] &&
		[ "$(number hit_rate)" = 1.000000 ] && [ "$(number given_back)" -ge 1500000 ] &&
		[ "$(number smaller_folios)" -eq 0 ]
	verdict $? "$1: hits all the time, and gives its memory back when it is emptied"

	for memory in 128K all; do
		run --mode="$1" --threads=3 --seconds=0.3 --memory=$memory --read-size=65536 --json \
			"$work/data"
		[ $status -eq 0 ] && [ "$(number mismatches)" -eq 0 ] &&
			[ "$(number verified_reads)" -ge 42 ] && says '"read_size": 65536'
		verdict $? "$1: reads of 16 pages, in memory: $memory"
	done

	run --mode="$1" --seconds=0.5 --self-test --json "$work/data"
	[ $status -eq 1 ] && [ "$(number mismatches)" -gt 0 ]
	verdict $? "$1: a spoiled page is noticed"
}

test_modes()
{
	for mode in try_get peek cas rwlock; do
		test_mode $mode
	done
	run --mode=peek --seconds=0.3 --memory=all --read-size=64 --json "$work/data"
	[ $status -eq 0 ] && [ "$(number peeks)" -gt 1000 ] &&
		[ "$(number unpeeked)" -lt "$(($(number peeks) / 100))" ]
	verdict $? "peek: hardly any short read of a page in memory takes a reference"
}

in_smaller_folios()
{
	[ "$status" -eq 0 ] && [ "$(number mismatches)" -eq 0 ] && [ "$(number smaller_folios)" -gt 0 ] &&
		[ "$(number folio_pages)" -gt "$(number folios)" ]
}

# 1,000,000 bytes are 245 pages: 15 folios of 16, 1 of 4 and 1 of 1.
test_folios()
{
	mkdir "$work/large"
	make_file 1000000 "$work/large/file"
	for mode in try_get peek cas rwlock; do
		run --mode=$mode --threads=1 --seconds=0.2 --memory=all --folio=16 --json "$work/large"
		[ $status -eq 0 ] && [ "$(number folios)" -eq 17 ] && [ "$(number folio_pages)" -eq 245 ]
		verdict $? "$mode: folios are as large as asked and as the file allows"
	done
	patiently in_smaller_folios 1 --threads=4 --memory=608K --folio=64 --json "$work/large"
	verdict $? "folios are smaller where memory is in pieces"
}

test_batches()
{
	run --threads=1 --seconds=0.3 --memory=all --folio=4 --read-size=65536 --json "$work/large"
	[ $status -eq 0 ] && [ "$(number batches)" -gt 0 ] &&
		[ "$(number batch_references)" -gt "$(($(number batches) * 2))" ] &&
		[ "$(number batch_pages)" -gt "$(($(number batch_references) * 2))" ]
	verdict $? "a large read takes one reference for each folio of 4 pages, in one call"
	run --threads=1 --seconds=0.3 --memory=all --folio=1 --read-size=65536 --json "$work/large"
	[ $status -eq 0 ] && [ "$(number batch_references)" -gt "$(($(number batches) * 8))" ] &&
		[ "$(number batch_pages)" -eq "$(number batch_references)" ]
	verdict $? "and one for each page where folios have one"
}

# To the limit $limit, which is halfway through, if the machine comes to it before the run is over.
has_shrunk()
{
	[ "$status" -eq 0 ] && [ "$(number shrink_limit_after)" = "$limit" ]
}

test_shrink()
{
	for mode in try_get peek cas rwlock; do
		limit=524288
		patiently has_shrunk 1 --mode=$mode --threads=3 --memory=1M --shrink --json "$work/data" &&
			[ "$(number mismatches)" -eq 0 ] &&
			[ "$(number shrink_limit_before)" -eq 1048576 ] &&
			[ "$(number memory_cap)" -eq 524288 ] &&
			[ "$(number memory_resident)" -le 524288 ] &&
			[ "$(number shrink_given_back)" -ge 500000 ]
		verdict $? "$mode: half of the memory is given back while threads read"
	done
	make_file 30000000 "$work/large/larger"
	limit=12582912
	patiently has_shrunk 1 --threads=2 --memory=24M --shrink --json "$work/large"
	rm "$work/large/larger"
	if [ "$(number shrink_resident_before)" = 0 ]; then
		echo "skipped: resident memory (no /proc)"
		return
	fi
	[ $status -eq 0 ] && [ "$(number mismatches)" -eq 0 ] &&
		[ "$(number shrink_resident_after)" -lt "$(($(number shrink_resident_before) - 8000000))" ]
	verdict $? "and the process has less of it"
}

# Moved folios together, so that most of what was freed could go back.
has_compacted()
{
	has_shrunk && [ "$(number shrink_moves)" -gt 0 ] && [ "$(number shrink_given_back)" -gt 6000000 ]
}

# Slabs have room for several folios; of those that are left when 12 of 24 MiB go, each has some.
test_compaction()
{
	make_file 30000000 "$work/large/larger"
	limit=12582912
	for mode in try_get peek cas rwlock; do
		patiently has_compacted 1 --allocator=cache --mode=$mode --threads=2 --memory=24M \
			--shrink --json "$work/large" && [ "$(number mismatches)" -eq 0 ]
		verdict $? "$mode: what is left in a cache that shrinks is moved together"
	done
	rm "$work/large/larger"
	limit=524288
	patiently has_shrunk 1 --allocator=mmap --threads=2 --memory=1M --shrink --json "$work/data" &&
		[ "$(number shrink_moves)" -eq 0 ]
	verdict $? "and nothing is moved where pages go back one by one"
}

# Whether this allocator can be had: mimalloc is not everywhere.
has_allocator()
{
	# shellcheck disable=SC3045 # not in POSIX, but in every sh that we know
	addresses=$(ulimit -v)
	if [ "$1" = mimalloc ] && [ "$addresses" != unlimited ] && [ "$addresses" -lt $((2 << 20)) ]; then
		echo "skipped: --allocator=mimalloc (not enough addresses)"
		return 1
	fi
	run --allocator="$1" --seconds=0.1 --read-size=64 "$work/data"
	if [ "$1" = mimalloc ] && says '^pagecache: --allocator=mimalloc'; then
		echo "skipped: --allocator=mimalloc ($(sed -n 's/^pagecache: --allocator=mimalloc[: ]*//p' \
			"$work/err"))"
		return 1
	fi
	return 0
}

# All ways to find and hold a page, on memory from allocator $1: evicting all the time, with folios of
# all sizes, while the limit goes down; with room for all; and with a page that is wrong.
test_allocator()
{
	limit=163840
	for mode in try_get peek cas rwlock; do
		patiently has_shrunk 0.6 --allocator="$1" --mode=$mode --threads=3 --memory=320K \
			--folio=8 --shrink --json "$work/data" &&
			says "\"allocator\": \"$1\"" && says "\"mode\": \"$mode\"" &&
			[ "$(number mismatches)" -eq 0 ] && [ "$(number evictions)" -gt 0 ] &&
			[ "$(number memory_resident)" -le 163840 ] &&
			[ "$(number verified_reads)" -gt 42 ]
		verdict $? "$1, $mode: evicts all the time, shrinks, and is right"

		run --allocator="$1" --mode=$mode --threads=2 --seconds=0.2 --memory=all --json "$work/data"
		[ $status -eq 0 ] && [ "$(number mismatches)" -eq 0 ] && [ "$(number evictions)" -eq 0 ]
		verdict $? "$1, $mode: hits all the time"

		run --allocator="$1" --mode=$mode --seconds=0.3 --self-test --read-size=64 "$work/data"
		[ $status -eq 1 ] && says 'MISMATCH' && says "pages from $1"
		verdict $? "$1, $mode: a spoiled page is noticed"
	done
}

# That emptying the cache gives memory back to the system, where that is to be seen.
test_emptying()
{
	make_file 30000000 "$work/large/larger"
	for allocator in mmap cache malloc; do
		for mode in try_get peek; do
			# What free() gives back, and when, is the C library's.
			if [ $allocator = malloc ] && [ $mode != peek ] &&
				! getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
				echo "skipped: whether free() gives memory back (no glibc)"
				continue
			fi
			run --allocator=$allocator --mode=$mode --threads=2 --seconds=0.3 --memory=all \
				--json "$work/large"
			if [ "$(number resident)" -eq 0 ]; then
				echo "skipped: resident memory (no /proc)"
				return
			fi
			[ $status -eq 0 ] && [ "$(number mismatches)" -eq 0 ] &&
				[ "$(number resident_emptied)" -lt "$(($(number resident) - 28000000))" ]
			verdict $? "$allocator, $mode: an emptied cache gives its memory back"
		done
	done
	rm "$work/large/larger"
}

test_allocators()
{
	for allocator in cache malloc mimalloc; do
		has_allocator $allocator && test_allocator $allocator
	done
	test_emptying
	refused --folio=256 'at most 128 pages' --allocator=cache "$work/data"
}

test_odd_folders()
{
	mkdir -p "$work/empty/folder" "$work/odd"
	: >"$work/empty/file"
	ln -s "$work/data" "$work/empty/link"
	run --seconds=0.2 "$work/empty"
	[ $status -eq 2 ] && says 'nothing to read'
	verdict $? "a folder with an empty file and a link has nothing to read"

	make_file 5000 "$work/odd/file"
	ln -s "$work/odd/file" "$work/odd/link"
	ln -s . "$work/odd/loop"
	mkfifo "$work/odd/pipe"
	run --seconds=0.2 --json "$work/odd"
	[ $status -eq 0 ] && [ "$(number files)" -eq 1 ] && [ "$(number skipped)" -eq 0 ]
	verdict $? "links and pipes below a folder are passed by"

	run --seconds=0.2 "$work/nowhere"
	[ $status -eq 2 ] && says 'cannot open .*nowhere'
	verdict $? "a folder that is not there"
	run --seconds=0.2 /dev/null
	[ $status -eq 2 ] && says 'neither a folder nor a regular file'
	verdict $? "a device instead of a folder"
}

test_unreadable()
{
	user=
	mkdir -p "$work/closed/folder"
	make_file 5000 "$work/closed/readable"
	make_file 5000 "$work/closed/unreadable"
	make_file 5000 "$work/closed/folder/file"
	chmod 000 "$work/closed/unreadable" "$work/closed/folder"
	chmod 755 "$work"
	if [ "$(id -u)" -eq 0 ]; then
		# Root may read all; somebody else has to try.
		user='setpriv --reuid=65534 --regid=65534 --clear-groups'
	fi
	if ! $user "$program" --help >/dev/null 2>&1 || ! $user test -r "$work/closed/readable"; then
		echo "skipped: an unreadable file (as root, and nobody else can be here)"
		return
	fi
	$user "$program" --seconds=0.2 --json "$work/closed" >"$work/out" 2>"$work/err"
	status=$?
	[ $status -eq 0 ] && [ "$(number files)" -eq 1 ] && [ "$(number skipped)" -eq 2 ] &&
		says 'skipped .*unreadable: Permission denied'
	verdict $? "an unreadable file and an unreadable folder are skipped, and said"
}

test_few_descriptors()
{
	(
		# shellcheck disable=SC3045 # not POSIX, but in every sh that this runs on
		ulimit -n 48 && "$program" --seconds=0.2 --json "$work/data"
	) >"$work/out" 2>"$work/err"
	status=$?
	[ $status -eq 0 ] && says 'files can be open at once' && [ "$(number files)" -lt 31 ]
	verdict $? "more files than may be open"
}

# Until the run in the background has said all of this, or has ended; or ten minutes are over.
wait_until_it_says() # text...
{
	tries=3000
	for text; do
		while [ $tries -gt 0 ] && ! says "$text" && kill -0 $pid 2>/dev/null; do
			sleep 0.2
			tries=$((tries - 1))
		done
	done
}

# It has taken its checksums, filled the cache, and begins to read.
settle()
{
	wait_until_it_says 'reading for'
	sleep 0.5
}

# Files that change while they are read in mode $1.
test_changing_files_in()
{
	rm -rf "$work/changing"
	mkdir "$work/changing"
	for name in shrinks empties rewritten appended removed stays; do
		make_file 400000 "$work/changing/$name"
	done
	"$program" --mode="$1" --threads=3 --seconds=1000 --memory=64K --json "$work/changing" \
		>"$work/out" 2>"$work/err" &
	pid=$!
	settle
	make_file 100 "$work/new"
	truncate -s 100001 "$work/changing/shrinks"
	: >"$work/changing/empties"
	head -c 400000 /dev/urandom | dd of="$work/changing/rewritten" conv=notrunc bs=5000 2>/dev/null
	cat "$work/new" >>"$work/changing/appended"
	rm "$work/changing/removed"
	wait_until_it_says 'shrinks shrank' 'empties shrank' 'rewritten changed'
	# The others were read as well by then, and are.
	sleep 0.5
	kill -INT $pid
	wait $pid
	status=$?
	[ $status -eq 0 ] && [ "$(number mismatches)" -eq 0 ] && [ "$(number changed_files)" -eq 3 ] &&
		[ "$(number stale_reads)" -gt 0 ] && says 'shrinks shrank from 400000 to 100001' &&
		says 'empties shrank from 400000 to 0' && says 'rewritten changed on disk'
	verdict $? "$1: files that shrink or change are left out, and nothing else"
}

test_changing_files()
{
	for mode in try_get peek cas rwlock; do
		test_changing_files_in $mode
	done
	mkdir "$work/vanishing"
	make_file 300000 "$work/vanishing/file"
	"$program" --threads=2 --seconds=1000 --memory=64K --json "$work/vanishing" \
		>"$work/out" 2>"$work/err" &
	pid=$!
	settle
	: >"$work/vanishing/file"
	wait $pid
	status=$?
	[ $status -eq 2 ] && [ "$(number mismatches)" -eq 0 ] && says 'nothing was left to read'
	verdict $? "a run ends when all its files have changed"
}

test_interrupt()
{
	for signal in INT TERM; do
		"$program" --threads=2 --seconds=1000 --memory=64K --json "$work/data" \
			>"$work/out" 2>"$work/err" &
		pid=$!
		settle
		kill -$signal $pid
		wait $pid
		status=$?
		[ $status -eq 0 ] && says '"interrupted": true' && [ "$(number mismatches)" -eq 0 ] &&
			[ "$(number verified_reads)" -gt 0 ]
		verdict $? "SIG$signal ends a run with its report"
	done
}

wrong()
{
	refused "$1" "$2" --seconds=0.2 "$work/data"
}

test_options()
{
	test_help
	wrong --memory=0 'without memory'
	wrong --memory=0% 'without memory'
	wrong --memory=4K 'at least'
	wrong --memory=0.001% 'at least'
	wrong --memory=-5M 'give a size'
	wrong --memory=5X 'give a size'
	wrong --memory= 'give a size'
	wrong --memory=1e30 'give a size'
	for threads in 0 1.5 many -1; do
		wrong --threads=$threads 'whole number'
	done
	for seconds in 0 nan soon; do
		wrong --seconds=$seconds 'give a number'
	done
	for size in 63 131072 12288 -64 64K; do
		wrong --read-size=$size 'power of two'
	done
	for pages in 0 3 1024 -4 4K ''; do
		wrong --folio=$pages 'power of two'
	done
	wrong --mode=lock 'try_get, peek, cas or rwlock'
	wrong --mode= 'try_get, peek, cas or rwlock'
	wrong --allocator=jemalloc 'mmap, cache, mimalloc or malloc'
	wrong --allocator= 'mmap, cache, mimalloc or malloc'
	wrong --nonsense 'pagecache --help'
	wrong --json=yes 'pagecache --help'
}

make_data "$work/data"
test_eviction
test_all_in_memory
test_self_test
test_modes
test_folios
test_batches
test_shrink
test_compaction
test_allocators
test_odd_folders
test_unreadable
test_few_descriptors
test_changing_files
test_interrupt
test_options
finish
