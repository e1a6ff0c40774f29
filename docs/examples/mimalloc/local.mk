# SPDX-License-Identifier: MIT
# Compaction of mimalloc's memory: built with libfrozenref-mimalloc.

EXTRA_DIST += docs/examples/mimalloc/test-mimalloc.sh

if HAVE_MIMALLOC
noinst_PROGRAMS += docs/examples/mimalloc/mimalloc
docs_examples_mimalloc_mimalloc_SOURCES = docs/examples/mimalloc/main.c
docs_examples_mimalloc_mimalloc_LDADD = $(mi_libs)

TESTS += docs/examples/mimalloc/test-mimalloc.sh
endif

mimallocexampledir = $(docdir)/examples/mimalloc
dist_mimallocexample_DATA = docs/examples/mimalloc/main.c docs/examples/mimalloc/README.md
