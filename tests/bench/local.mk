# Benchmarks: built and run by `make bench` alone, with BENCH_FLAGS: --quick or --long. With
# BENCH_JSON=FOLDER each writes a file there as well.

bench_programs = \
	tests/bench/cache \
	tests/bench/counter \
	tests/bench/encodings/encodings \
	tests/bench/index \
	tests/bench/registry
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)

bench_cppflags =
bench_harness = tests/bench/harness.c tests/bench/harness.h
if HAVE_URCU
bench_cppflags += -DBENCH_WITH_URCU $(URCU_CFLAGS)
endif
if HAVE_GLIB
bench_cppflags += -DBENCH_WITH_GLIB $(GLIB_CFLAGS)
endif

tests_bench_cache_SOURCES = $(bench_harness) tests/bench/allocators.c tests/bench/allocators.h \
	tests/bench/cache.c tests/bench/cas.h tests/bench/random.h
tests_bench_cache_LDADD = lib/libfrozenref.la

tests_bench_counter_SOURCES = $(bench_harness) tests/bench/bare.h tests/bench/cas.h \
	tests/bench/counter.c tests/bench/weak_ptr.cc tests/bench/weak_ptr.h
tests_bench_counter_CPPFLAGS = $(AM_CPPFLAGS) $(bench_cppflags)
tests_bench_counter_LDADD = lib/libfrozenref.la

tests_bench_index_SOURCES = $(bench_harness) \
	tests/bench/index.c \
	tests/bench/keys.c \
	tests/bench/keys.h \
	tests/bench/maps.h \
	tests/bench/maps_cxx.cc \
	tests/bench/random.h
tests_bench_index_CPPFLAGS = $(AM_CPPFLAGS) $(bench_cppflags)
tests_bench_index_CXXFLAGS = -std=gnu++17 $(WARN_CFLAGS)
tests_bench_index_LDADD = lib/libfrozenref.la $(URCU_LIBS) $(GLIB_LIBS) -lm
if HAVE_URCU
tests_bench_index_SOURCES += tests/bench/maps_urcu.c
endif
if HAVE_GLIB
tests_bench_index_SOURCES += tests/bench/maps_glib.c
endif

tests_bench_registry_SOURCES = $(bench_harness) \
	tests/bench/cas.h \
	tests/bench/keys.c \
	tests/bench/keys.h \
	tests/bench/maps.h \
	tests/bench/maps_cxx.cc \
	tests/bench/random.h \
	tests/bench/registry.c \
	tests/bench/registry.h \
	tests/bench/registry_lookup.c \
	tests/bench/registry_maps.c \
	tests/bench/registry_peek.c \
	tests/bench/registry_setup.c
tests_bench_registry_CPPFLAGS = $(AM_CPPFLAGS) $(bench_cppflags)
tests_bench_registry_CXXFLAGS = -std=gnu++17 $(WARN_CFLAGS)
tests_bench_registry_LDADD = lib/libfrozenref.la $(URCU_LIBS) $(GLIB_LIBS) -lm
if HAVE_URCU
tests_bench_registry_SOURCES += tests/bench/maps_urcu.c
endif
if HAVE_GLIB
tests_bench_registry_SOURCES += tests/bench/maps_glib.c
endif

bench_encodings = \
	tests/bench/encodings/casguess.c \
	tests/bench/encodings/casguess.h \
	tests/bench/encodings/casloop.c \
	tests/bench/encodings/casloop.h \
	tests/bench/encodings/contender.h \
	tests/bench/encodings/contender_define.h \
	tests/bench/encodings/enc.h \
	tests/bench/encodings/flags.c \
	tests/bench/encodings/flags.h \
	tests/bench/encodings/inverted31.c \
	tests/bench/encodings/inverted31.h \
	tests/bench/encodings/keeprefs.c \
	tests/bench/encodings/keeprefs.h \
	tests/bench/encodings/live0.c \
	tests/bench/encodings/live0.h \
	tests/bench/encodings/locked31.c \
	tests/bench/encodings/locked31.h \
	tests/bench/encodings/rcuref.c \
	tests/bench/encodings/rcuref.h \
	tests/bench/encodings/sticky.c \
	tests/bench/encodings/sticky.h \
	tests/bench/encodings/zone.c \
	tests/bench/encodings/zone.h

tests_bench_encodings_encodings_SOURCES = $(bench_harness) $(bench_encodings) \
	tests/bench/bare.h tests/bench/encodings/bench.c
tests_bench_encodings_encodings_LDADD = lib/libfrozenref.la

# What the encodings do when things go wrong is a test, and part of make check.
tests_bench_encodings_behaviour_SOURCES = $(bench_harness) $(bench_encodings) \
	tests/bench/encodings/behaviour.c
tests_bench_encodings_behaviour_LDADD = lib/libfrozenref.la
check_PROGRAMS += tests/bench/encodings/behaviour
TESTS += tests/bench/encodings/behaviour

.PHONY: bench
bench: $(bench_programs) $(mi_bench_programs)
	for program in $(bench_programs) $(mi_bench_programs); do \
		json="$(BENCH_JSON)"; \
		./$$program $${json:+--json "$$json/$$(basename $$program).json"} $(BENCH_FLAGS) \
			|| exit 1; \
	done
