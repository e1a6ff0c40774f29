# The dentry cache: built with everything else, and installed as source to learn from.

dcache_sources = \
	docs/examples/dcache/change.c \
	docs/examples/dcache/dcache.c \
	docs/examples/dcache/dcache.h \
	docs/examples/dcache/dentry.c \
	docs/examples/dcache/inside.h \
	docs/examples/dcache/lookup.c \
	docs/examples/dcache/main.c \
	docs/examples/dcache/scratch.c \
	docs/examples/dcache/scratch.h \
	docs/examples/dcache/shrink.c \
	docs/examples/dcache/tree.c \
	docs/examples/dcache/tree.h \
	docs/examples/dcache/workers.c \
	docs/examples/dcache/workers.h

noinst_PROGRAMS += docs/examples/dcache/dcache
docs_examples_dcache_dcache_SOURCES = $(dcache_sources)
docs_examples_dcache_dcache_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
docs_examples_dcache_dcache_LDADD = lib/libfrozenref.la

dcacheexampledir = $(docdir)/examples/dcache
dist_dcacheexample_DATA = $(dcache_sources) docs/examples/dcache/README.md

TESTS += docs/examples/dcache/test-dcache.sh
EXTRA_DIST += docs/examples/dcache/test-dcache.sh
