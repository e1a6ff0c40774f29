# SPDX-License-Identifier: MIT
# Unit tests. Those of the counter and the registry are built twice from the same sources: with the
# inline functions, and with the library's symbols of the same names.

unit_programs = \
	tests/unit/cache \
	tests/unit/cache_memory \
	tests/unit/cache_symbols \
	tests/unit/index \
	tests/unit/ref \
	tests/unit/ref_symbols \
	tests/unit/ref_zones \
	tests/unit/registry \
	tests/unit/registry_symbols

# For what runs them elsewhere.
.PHONY: list-unit-programs
list-unit-programs:
	@echo $(unit_programs:=$(EXEEXT))

# What stands in for Criterion.
if HAVE_CRITERION
unit_runner =
else
unit_runner = tests/unit/plain/libplain.la
check_LTLIBRARIES += tests/unit/plain/libplain.la
endif
tests_unit_plain_libplain_la_SOURCES = \
	tests/unit/plain/criterion/criterion.h \
	tests/unit/plain/runner.c \
	tests/unit/plain/runner.h \
	tests/unit/plain/windows/posix.h \
	tests/unit/plain/windows/sys/mman.h \
	tests/unit/plain/windows/sys/resource.h \
	tests/unit/plain/windows/sys/wait.h \
	tests/unit/plain/windows/unistd.h
if HOST_WINDOWS
tests_unit_plain_libplain_la_SOURCES += tests/unit/plain/process_spawn.c
else
tests_unit_plain_libplain_la_SOURCES += tests/unit/plain/process_fork.c
endif
tests_unit_plain_libplain_la_CPPFLAGS = -I$(top_srcdir)/tests/unit/plain $(AM_CPPFLAGS)

unit_cflags = $(AM_CFLAGS) $(CRITERION_CFLAGS)
unit_libs = lib/libfrozenref.la $(unit_runner) $(CRITERION_LIBS)

unit_ref_sources = \
	tests/unit/child.h \
	tests/unit/misuse.h \
	tests/unit/process.h \
	tests/unit/ref.c \
	tests/unit/ref_handler.c \
	tests/unit/ref_misuse.c

tests_unit_ref_SOURCES = $(unit_ref_sources)
tests_unit_ref_CFLAGS = $(unit_cflags)
tests_unit_ref_LDADD = $(unit_libs)

tests_unit_ref_symbols_SOURCES = $(unit_ref_sources)
tests_unit_ref_symbols_CPPFLAGS = $(AM_CPPFLAGS) -DFROZENREF_NO_INLINE
tests_unit_ref_symbols_CFLAGS = $(unit_cflags)
tests_unit_ref_symbols_LDADD = $(unit_libs)

unit_cache_sources = \
	tests/unit/cache.c \
	tests/unit/cache_backend.c \
	tests/unit/cache_callbacks.c \
	tests/unit/cache_debug.c \
	tests/unit/cache_fixture.h \
	tests/unit/cache_process.c \
	tests/unit/cache_threads.c \
	tests/unit/cache_trim.c \
	tests/unit/child.h \
	tests/unit/failing_backend.h \
	tests/unit/misuse.h \
	tests/unit/process.h

tests_unit_cache_SOURCES = $(unit_cache_sources)
tests_unit_cache_CFLAGS = $(unit_cflags)
tests_unit_cache_LDADD = $(unit_libs)

tests_unit_cache_symbols_SOURCES = $(unit_cache_sources)
tests_unit_cache_symbols_CPPFLAGS = $(AM_CPPFLAGS) -DFROZENREF_NO_INLINE
tests_unit_cache_symbols_CFLAGS = $(unit_cflags)
tests_unit_cache_symbols_LDADD = $(unit_libs)

# A build of the cache's sources that finds a malloc of the test's.
check_LTLIBRARIES += tests/unit/libfailing.la
tests_unit_libfailing_la_SOURCES = \
	lib/backend.c \
	lib/cache.c \
	lib/cache_debug.c \
	lib/cache_lookup.c \
	lib/cache_slab.c \
	lib/fork.c \
	lib/magazine.c \
	lib/magazine_depot.c \
	lib/magazine_thread.c \
	lib/ref.c
if HOST_WINDOWS
tests_unit_libfailing_la_SOURCES += lib/backend_win32.c
else
tests_unit_libfailing_la_SOURCES += lib/backend_mmap.c
endif
tests_unit_libfailing_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-Dmalloc=failing_malloc_malloc -Dcalloc=failing_malloc_calloc \
	-Drealloc=failing_malloc_realloc -Dfree=failing_malloc_free

tests_unit_cache_memory_SOURCES = \
	tests/unit/cache_fixture.h \
	tests/unit/cache_memory.c \
	tests/unit/child.h \
	tests/unit/failing_malloc.c \
	tests/unit/failing_malloc.h \
	tests/unit/misuse.h \
	tests/unit/process.h
tests_unit_cache_memory_CFLAGS = $(unit_cflags)
tests_unit_cache_memory_LDADD = tests/unit/libfailing.la $(unit_runner) $(CRITERION_LIBS)

# The cold half of the counter itself, under a backend that schedules its operations.
tests_unit_ref_zones_SOURCES = lib/ref.c tests/unit/ref_zones.c tests/unit/zones_atomic.h
tests_unit_ref_zones_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit \
	-DFROZENREF_ATOMIC_BACKEND='"zones_atomic.h"'
tests_unit_ref_zones_CFLAGS = $(unit_cflags)
tests_unit_ref_zones_LDADD = $(unit_runner) $(CRITERION_LIBS)

unit_registry_sources = \
	tests/unit/child.h \
	tests/unit/failing_backend.h \
	tests/unit/misuse.h \
	tests/unit/process.h \
	tests/unit/registry.c \
	tests/unit/registry_autotrim.c \
	tests/unit/registry_backend.c \
	tests/unit/registry_compact.c \
	tests/unit/registry_fixture.h \
	tests/unit/registry_claim.c \
	tests/unit/registry_frozen.c \
	tests/unit/registry_handle.c \
	tests/unit/registry_limits.c \
	tests/unit/registry_peek.c \
	tests/unit/registry_process.c \
	tests/unit/registry_range.c \
	tests/unit/registry_release.c \
	tests/unit/registry_trim.c \
	tests/unit/registry_walk.c

tests_unit_registry_SOURCES = $(unit_registry_sources)
tests_unit_registry_CFLAGS = $(unit_cflags)
tests_unit_registry_LDADD = $(unit_libs)

tests_unit_registry_symbols_SOURCES = $(unit_registry_sources)
tests_unit_registry_symbols_CPPFLAGS = $(AM_CPPFLAGS) -DFROZENREF_NO_INLINE
tests_unit_registry_symbols_CFLAGS = $(unit_cflags)
tests_unit_registry_symbols_LDADD = $(unit_libs)

tests_unit_index_SOURCES = \
	tests/unit/child.h \
	tests/unit/index.c \
	tests/unit/index_fixture.h \
	tests/unit/index_process.c \
	tests/unit/index_resize.c \
	tests/unit/misuse.h \
	tests/unit/process.h
tests_unit_index_CFLAGS = $(unit_cflags)
tests_unit_index_LDADD = $(unit_libs)

# A build of the library that registers its fork handlers through the test's own function.
if !HOST_WINDOWS
check_LTLIBRARIES += tests/unit/libforking.la
tests_unit_libforking_la_SOURCES = $(lib_libfrozenref_la_SOURCES)
tests_unit_libforking_la_CPPFLAGS = $(AM_CPPFLAGS) -Dpthread_atfork=forking_atfork

unit_programs += tests/unit/fork
tests_unit_fork_SOURCES = tests/unit/child.h tests/unit/fork.c tests/unit/process.h
tests_unit_fork_CFLAGS = $(unit_cflags)
tests_unit_fork_LDADD = tests/unit/libforking.la $(unit_runner) $(CRITERION_LIBS)
endif

unit_scripts = \
	tests/unit/headers.sh \
	tests/unit/hotpath.sh \
	tests/unit/little_memory.sh \
	tests/unit/symbols.sh

EXTRA_DIST += \
	$(unit_scripts) \
	tests/unit/hotpath.c
check_PROGRAMS += $(unit_programs)
TESTS += $(unit_programs) $(unit_scripts)
