# SPDX-License-Identifier: MIT
# Stress tests: a second or two each in `make check`; `make stress SECONDS=60` for longer.

stress_programs = \
	tests/stress/cache \
	tests/stress/counter \
	tests/stress/everything \
	tests/stress/index \
	tests/stress/registry

tests_stress_cache_SOURCES = tests/stress/cache.c tests/stress/stress.c tests/stress/stress.h
tests_stress_cache_LDADD = lib/libfrozenref.la

tests_stress_counter_SOURCES = tests/stress/counter.c tests/stress/stress.c tests/stress/stress.h
tests_stress_counter_LDADD = lib/libfrozenref.la

tests_stress_everything_SOURCES = \
	tests/stress/everything.c \
	tests/stress/everything_payload.c \
	tests/stress/everything_payload.h \
	tests/stress/stress.c \
	tests/stress/stress.h
tests_stress_everything_LDADD = lib/libfrozenref.la

tests_stress_index_SOURCES = \
	tests/stress/history.c \
	tests/stress/history.h \
	tests/stress/index.c \
	tests/stress/stress.c \
	tests/stress/stress.h
tests_stress_index_LDADD = lib/libfrozenref.la

tests_stress_registry_SOURCES = tests/stress/registry.c tests/stress/stress.c tests/stress/stress.h
tests_stress_registry_LDADD = lib/libfrozenref.la

EXTRA_DIST += tests/stress/README.md
check_PROGRAMS += $(stress_programs)
TESTS += $(stress_programs)

# A share of the seconds for each subject.
SECONDS = 60

.PHONY: stress
stress: $(stress_programs) $(mi_stress_programs)
	@set -e; share=`$(AWK) 'BEGIN { print $(SECONDS) / 6 }'`; \
	for program in $(stress_programs) $(mi_stress_programs); do \
		./$$program --seconds $$share; \
	done
