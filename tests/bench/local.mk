# Benchmarks: built and run by `make bench` alone, with BENCH_FLAGS, for instance --quick.

bench_programs = tests/bench/counter
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)

bench_harness = tests/bench/harness.c tests/bench/harness.h

tests_bench_counter_SOURCES = $(bench_harness) tests/bench/counter.c \
	tests/bench/weak_ptr.cc tests/bench/weak_ptr.h
tests_bench_counter_CPPFLAGS = $(AM_CPPFLAGS)
tests_bench_counter_LDADD = lib/libfrozenref.la
if HAVE_URCU
tests_bench_counter_CPPFLAGS += -DBENCH_WITH_URCU $(URCU_CFLAGS)
endif

.PHONY: bench
bench: $(bench_programs)
	for program in $(bench_programs); do ./$$program $(BENCH_FLAGS) || exit 1; done
