# SPDX-License-Identifier: MIT
# libfrozenref-mimalloc, its tests and its benchmark: only where mimalloc was found.

EXTRA_DIST += \
	integrations/mimalloc/README.md \
	integrations/mimalloc/frozenref-mimalloc.cmake \
	integrations/mimalloc/libfrozenref-mimalloc.map
include integrations/mimalloc/tests/local.mk

if HAVE_MIMALLOC
frozenrefinclude_HEADERS += include/frozenref/mimalloc.h include/frozenref/mimalloc.hpp
pkgconfig_DATA += integrations/mimalloc/frozenref-mimalloc.pc
cmake_DATA += integrations/mimalloc/frozenref-mimalloc.cmake

lib_LTLIBRARIES += integrations/mimalloc/libfrozenref-mimalloc.la
integrations_mimalloc_libfrozenref_mimalloc_la_SOURCES = \
	integrations/mimalloc/backend.c \
	integrations/mimalloc/check.c \
	integrations/mimalloc/defer.c \
	integrations/mimalloc/heaps.c \
	integrations/mimalloc/life.c \
	integrations/mimalloc/object.c \
	integrations/mimalloc/range.c \
	integrations/mimalloc/readable.c \
	integrations/mimalloc/space.c \
	integrations/mimalloc/space.h \
	integrations/mimalloc/symbols.c \
	lib/fork.c
integrations_mimalloc_libfrozenref_mimalloc_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/lib
integrations_mimalloc_libfrozenref_mimalloc_la_CFLAGS = $(AM_CFLAGS) $(MIMALLOC_CFLAGS) \
	-fvisibility=hidden
integrations_mimalloc_libfrozenref_mimalloc_la_LDFLAGS = -no-undefined \
	-version-info $(FROZENREF_LIBTOOL_VERSION) $(NODELETE_LDFLAGS)
integrations_mimalloc_libfrozenref_mimalloc_la_LIBADD = lib/libfrozenref.la $(MIMALLOC_LIBS)
if HAVE_VERSION_SCRIPT
integrations_mimalloc_libfrozenref_mimalloc_la_LDFLAGS += \
	-Wl,--version-script,$(srcdir)/integrations/mimalloc/libfrozenref-mimalloc.map
endif
EXTRA_integrations_mimalloc_libfrozenref_mimalloc_la_DEPENDENCIES = \
	integrations/mimalloc/libfrozenref-mimalloc.map
else
EXTRA_DIST += include/frozenref/mimalloc.h include/frozenref/mimalloc.hpp
endif
