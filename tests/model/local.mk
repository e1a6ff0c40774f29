# tests/model: the explorer of all interleavings, over the library's own sources.

# What both programs here have in common, the library included.
model_shared = \
	$(lib_libfrozenref_la_SOURCES) \
	tests/model/coroutine.c \
	tests/model/coroutine.h \
	tests/model/explorer.c \
	tests/model/explorer.h \
	tests/model/faults.c \
	tests/model/faults.h \
	tests/model/items.c \
	tests/model/items.h \
	tests/model/memory.c \
	tests/model/memory.h \
	tests/model/model.h \
	tests/model/model_atomic.h \
	tests/model/mutants.c \
	tests/model/mutants.h \
	tests/model/scenario.c \
	tests/model/scenario.h \
	tests/model/scenarios_ref.c \
	tests/model/steps.c \
	tests/model/steps.h

check_PROGRAMS += tests/model/explore
TESTS += tests/model/explore

tests_model_explore_SOURCES = \
	$(model_shared) \
	tests/model/main.c \
	tests/model/objects.c \
	tests/model/objects.h \
	tests/model/scenarios_cache.c \
	tests/model/scenarios_freeze.c \
	tests/model/scenarios_growth.c \
	tests/model/scenarios_handles.c \
	tests/model/scenarios_index.c \
	tests/model/scenarios_memory.c \
	tests/model/scenarios_owned.c \
	tests/model/scenarios_peek.c \
	tests/model/scenarios_registry.c \
	tests/model/scenarios_trim.c \
	tests/model/scenarios_walk.c \
	tests/model/scenarios_zones.c \
	tests/model/selftest.c \
	tests/model/selftest.h \
	tests/model/things.c \
	tests/model/things.h
# The third implementation of atomic.h: every operation goes to the explorer.
tests_model_explore_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/model \
	-DFROZENREF_ATOMIC_BACKEND='"model_atomic.h"'

# The encodings that the counter is compared with, under the same explorer.
check_PROGRAMS += tests/model/encodings
TESTS += tests/model/encodings

tests_model_encodings_SOURCES = \
	$(model_shared) \
	$(bench_encodings) \
	$(bench_harness) \
	tests/model/encodings.c
tests_model_encodings_CPPFLAGS = $(tests_model_explore_CPPFLAGS)

# Every scenario and every mutant; `make check` runs the short set.
check-model: tests/model/explore tests/model/encodings
	tests/model/explore --all
	tests/model/encodings --all

.PHONY: check-model

EXTRA_DIST += tests/model/README.md
