# SPDX-License-Identifier: MIT
# The C++ types: what they do, what they refuse, and what they compile to. Each program is built twice,
# the second time without exceptions and run-time types.

if HAVE_CXX
cxx_programs = \
	tests/cxx/caches \
	tests/cxx/caches_bare \
	tests/cxx/index \
	tests/cxx/index_bare \
	tests/cxx/refs \
	tests/cxx/refs_bare \
	tests/cxx/slots \
	tests/cxx/slots_bare
cxx_scripts = tests/cxx/hotpath.sh
else
cxx_programs =
cxx_scripts =
endif

cxx_bare = $(AM_CXXFLAGS) -fno-exceptions -fno-rtti
cxx_libs = lib/libfrozenref.la -lpthread

tests_cxx_caches_SOURCES = tests/cxx/caches.cc tests/cxx/check.h
tests_cxx_caches_LDADD = $(cxx_libs)
tests_cxx_caches_bare_SOURCES = $(tests_cxx_caches_SOURCES)
tests_cxx_caches_bare_CXXFLAGS = $(cxx_bare)
tests_cxx_caches_bare_LDADD = $(cxx_libs)

tests_cxx_index_SOURCES = tests/cxx/check.h tests/cxx/index.cc
tests_cxx_index_LDADD = $(cxx_libs)
tests_cxx_index_bare_SOURCES = $(tests_cxx_index_SOURCES)
tests_cxx_index_bare_CXXFLAGS = $(cxx_bare)
tests_cxx_index_bare_LDADD = $(cxx_libs)

tests_cxx_refs_SOURCES = tests/cxx/check.h tests/cxx/refs.cc
tests_cxx_refs_LDADD = $(cxx_libs)
tests_cxx_refs_bare_SOURCES = $(tests_cxx_refs_SOURCES)
tests_cxx_refs_bare_CXXFLAGS = $(cxx_bare)
tests_cxx_refs_bare_LDADD = $(cxx_libs)

tests_cxx_slots_SOURCES = tests/cxx/check.h tests/cxx/slots.cc
tests_cxx_slots_LDADD = $(cxx_libs)
tests_cxx_slots_bare_SOURCES = $(tests_cxx_slots_SOURCES)
tests_cxx_slots_bare_CXXFLAGS = $(cxx_bare)
tests_cxx_slots_bare_LDADD = $(cxx_libs)

EXTRA_DIST += tests/cxx/hotpath.cc tests/cxx/hotpath.sh
check_PROGRAMS += $(cxx_programs)
TESTS += $(cxx_programs) $(cxx_scripts)
