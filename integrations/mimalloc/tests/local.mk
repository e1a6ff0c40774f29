# SPDX-License-Identifier: MIT
# The tests of libfrozenref-mimalloc: unit tests twice, as those in tests/unit, and scripts.

mi_unit_sources = \
	integrations/mimalloc/tests/backend.c \
	integrations/mimalloc/tests/check.c \
	integrations/mimalloc/tests/defer.c \
	integrations/mimalloc/tests/faults.c \
	integrations/mimalloc/tests/fixture.h \
	integrations/mimalloc/tests/object.c \
	integrations/mimalloc/tests/peek.c \
	integrations/mimalloc/tests/space.c \
	integrations/mimalloc/tests/threads.c
mi_unit_cppflags = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit
mi_unit_cflags = $(unit_cflags) $(MIMALLOC_CFLAGS)
mi_libs = integrations/mimalloc/libfrozenref-mimalloc.la lib/libfrozenref.la $(MIMALLOC_LIBS)
mi_unit_libs = $(mi_libs) $(unit_runner) $(CRITERION_LIBS)
mi_scripts = \
	integrations/mimalloc/tests/loading.sh \
	integrations/mimalloc/tests/needed.sh
EXTRA_DIST += $(mi_scripts)

if HAVE_MIMALLOC
mi_unit_programs = \
	integrations/mimalloc/tests/unit \
	integrations/mimalloc/tests/unit_symbols

integrations_mimalloc_tests_unit_SOURCES = $(mi_unit_sources)
integrations_mimalloc_tests_unit_CPPFLAGS = $(mi_unit_cppflags)
integrations_mimalloc_tests_unit_CFLAGS = $(mi_unit_cflags)
integrations_mimalloc_tests_unit_LDADD = $(mi_unit_libs)

integrations_mimalloc_tests_unit_symbols_SOURCES = $(mi_unit_sources)
integrations_mimalloc_tests_unit_symbols_CPPFLAGS = $(mi_unit_cppflags) -DFROZENREF_NO_INLINE
integrations_mimalloc_tests_unit_symbols_CFLAGS = $(mi_unit_cflags)
integrations_mimalloc_tests_unit_symbols_LDADD = $(mi_unit_libs)

# Linked with neither library.
integrations_mimalloc_tests_loading_SOURCES = integrations/mimalloc/tests/loading.c
integrations_mimalloc_tests_loading_CPPFLAGS = $(AM_CPPFLAGS) -DFROZENREF_NO_INLINE
integrations_mimalloc_tests_loading_LDADD = -ldl

integrations_mimalloc_tests_stress_SOURCES = integrations/mimalloc/tests/stress.c \
	tests/stress/stress.c tests/stress/stress.h tests/unit/process.h
integrations_mimalloc_tests_stress_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/stress \
	-I$(srcdir)/tests/unit
integrations_mimalloc_tests_stress_CFLAGS = $(AM_CFLAGS)
integrations_mimalloc_tests_stress_LDADD = $(mi_libs)
mi_stress_programs = integrations/mimalloc/tests/stress

if HAVE_CXX
mi_cxx_programs = \
	integrations/mimalloc/tests/values \
	integrations/mimalloc/tests/values_bare
endif
integrations_mimalloc_tests_values_SOURCES = integrations/mimalloc/tests/values.cc tests/cxx/check.h
integrations_mimalloc_tests_values_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/cxx
integrations_mimalloc_tests_values_LDADD = $(mi_libs) -lpthread
integrations_mimalloc_tests_values_bare_SOURCES = $(integrations_mimalloc_tests_values_SOURCES)
integrations_mimalloc_tests_values_bare_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/cxx
integrations_mimalloc_tests_values_bare_CXXFLAGS = $(cxx_bare)
integrations_mimalloc_tests_values_bare_LDADD = $(mi_libs) -lpthread

# Run by those of tests/bench.
integrations_mimalloc_tests_bench_mimalloc_SOURCES = $(bench_harness) tests/bench/random.h \
	integrations/mimalloc/tests/bench.c
integrations_mimalloc_tests_bench_mimalloc_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/bench
integrations_mimalloc_tests_bench_mimalloc_CFLAGS = $(AM_CFLAGS) $(MIMALLOC_CFLAGS)
integrations_mimalloc_tests_bench_mimalloc_LDADD = $(mi_libs)
mi_bench_programs = integrations/mimalloc/tests/bench_mimalloc
EXTRA_PROGRAMS += $(mi_bench_programs)
CLEANFILES += $(mi_bench_programs)

check_PROGRAMS += $(mi_unit_programs) $(mi_stress_programs) $(mi_cxx_programs) \
	integrations/mimalloc/tests/loading
TESTS += $(mi_unit_programs) $(mi_stress_programs) $(mi_cxx_programs) $(mi_scripts)
endif
