# The library.

lib_LTLIBRARIES += lib/libfrozenref.la
lib_libfrozenref_la_SOURCES = \
	lib/backend.c \
	lib/backend.h \
	lib/cache.c \
	lib/cache.h \
	lib/cache_debug.c \
	lib/cache_lookup.c \
	lib/cache_slab.c \
	lib/config_struct.h \
	lib/fork.c \
	lib/fork.h \
	lib/index.c \
	lib/index.h \
	lib/index_change.c \
	lib/index_lookup.c \
	lib/index_resize.c \
	lib/magazine.c \
	lib/magazine.h \
	lib/magazine_depot.c \
	lib/magazine_thread.c \
	lib/misuse.h \
	lib/number.h \
	lib/peek.h \
	lib/owned.h \
	lib/ref.c \
	lib/registry.c \
	lib/registry.h \
	lib/registry_freeze.c \
	lib/registry_lookup.c \
	lib/registry_owned.c \
	lib/registry_walk.c \
	lib/symbols.c \
	lib/table.c \
	lib/table.h \
	lib/table_trim.c \
	lib/thread_local.h \
	lib/wait.h
if HOST_WINDOWS
lib_libfrozenref_la_SOURCES += lib/backend_win32.c
else
lib_libfrozenref_la_SOURCES += lib/backend_mmap.c
endif
# Hidden by default, so that calls within the library need no indirection.
lib_libfrozenref_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
lib_libfrozenref_la_LDFLAGS = -no-undefined -version-info $(FROZENREF_LIBTOOL_VERSION) \
	$(NODELETE_LDFLAGS)
if HAVE_VERSION_SCRIPT
lib_libfrozenref_la_LDFLAGS += -Wl,--version-script,$(top_srcdir)/lib/libfrozenref.map
endif
EXTRA_lib_libfrozenref_la_DEPENDENCIES = lib/libfrozenref.map
EXTRA_DIST += lib/libfrozenref.map
