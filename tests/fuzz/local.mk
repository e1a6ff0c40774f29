# SPDX-License-Identifier: MIT
# Fuzzing targets. `make check` runs each on its corpus and on random bytes; the fuzzers themselves
# need clang: `make fuzz SECONDS=600`, or afl++: `make fuzz-afl SECONDS=600`.

fuzz_programs = \
	tests/fuzz/cache \
	tests/fuzz/counter \
	tests/fuzz/index \
	tests/fuzz/registry

fuzz_shared = tests/fuzz/fuzz.c tests/fuzz/fuzz.h tests/fuzz/replay.c

tests_fuzz_cache_SOURCES = $(fuzz_shared) tests/fuzz/cache.c
tests_fuzz_cache_LDADD = lib/libfrozenref.la

tests_fuzz_index_SOURCES = $(fuzz_shared) tests/fuzz/index.c
tests_fuzz_index_LDADD = lib/libfrozenref.la

tests_fuzz_counter_SOURCES = $(fuzz_shared) tests/fuzz/counter.c
tests_fuzz_counter_LDADD = lib/libfrozenref.la

tests_fuzz_registry_SOURCES = $(fuzz_shared) \
	tests/fuzz/registry.c \
	tests/fuzz/registry.h \
	tests/fuzz/registry_insert.c \
	tests/fuzz/registry_lookup.c \
	tests/fuzz/registry_model.c \
	tests/fuzz/registry_model.h \
	tests/fuzz/registry_slot.c
tests_fuzz_registry_LDADD = lib/libfrozenref.la

check_PROGRAMS += $(fuzz_programs)
TESTS += $(fuzz_programs)
# The corpus is a folder a target, and distributed as such.
EXTRA_DIST += tests/fuzz/README.md tests/fuzz/fuzz.sh tests/fuzz/corpus

fuzz_run = srcdir='$(srcdir)' $(SHELL) $(srcdir)/tests/fuzz/fuzz.sh

.PHONY: fuzz fuzz-afl fuzz-merge
fuzz: all
	@$(fuzz_run) run $(SECONDS)
fuzz-afl: all
	@$(fuzz_run) afl $(SECONDS)
fuzz-merge: all
	@$(fuzz_run) merge
