# Compaction: built with everything else, and installed as source to learn from.

compact_sources = \
	docs/examples/compact/arena.c \
	docs/examples/compact/arena.h \
	docs/examples/compact/compact.c \
	docs/examples/compact/compact.h \
	docs/examples/compact/main.c \
	docs/examples/compact/readers.c \
	docs/examples/compact/readers.h

noinst_PROGRAMS += docs/examples/compact/compact
docs_examples_compact_compact_SOURCES = $(compact_sources)
docs_examples_compact_compact_LDADD = lib/libfrozenref.la

compactexampledir = $(docdir)/examples/compact
dist_compactexample_DATA = $(compact_sources) docs/examples/compact/README.md

TESTS += docs/examples/compact/test-compact.sh
EXTRA_DIST += docs/examples/compact/test-compact.sh
