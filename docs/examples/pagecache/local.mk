# The page cache, the main example: built with everything else, and installed as source to learn from.

pagecache_sources = \
	docs/examples/pagecache/cache.c \
	docs/examples/pagecache/cache.h \
	docs/examples/pagecache/compact.c \
	docs/examples/pagecache/files.c \
	docs/examples/pagecache/files.h \
	docs/examples/pagecache/frames.c \
	docs/examples/pagecache/frames.h \
	docs/examples/pagecache/frames_cache.c \
	docs/examples/pagecache/frames_malloc.c \
	docs/examples/pagecache/frames_mimalloc.c \
	docs/examples/pagecache/frames_mmap.c \
	docs/examples/pagecache/interrupt.c \
	docs/examples/pagecache/interrupt.h \
	docs/examples/pagecache/load.c \
	docs/examples/pagecache/lru.c \
	docs/examples/pagecache/lru.h \
	docs/examples/pagecache/main.c \
	docs/examples/pagecache/mode.h \
	docs/examples/pagecache/mode_cas.c \
	docs/examples/pagecache/mode_registry.c \
	docs/examples/pagecache/mode_rwlock.c \
	docs/examples/pagecache/options.c \
	docs/examples/pagecache/options.h \
	docs/examples/pagecache/reclaim.c \
	docs/examples/pagecache/report.c \
	docs/examples/pagecache/report.h \
	docs/examples/pagecache/resident.c \
	docs/examples/pagecache/resident.h \
	docs/examples/pagecache/shrink.c \
	docs/examples/pagecache/shrink.h \
	docs/examples/pagecache/terminal.c \
	docs/examples/pagecache/terminal.h \
	docs/examples/pagecache/verify.c \
	docs/examples/pagecache/verify.h \
	docs/examples/pagecache/waiting.c \
	docs/examples/pagecache/waiting.h \
	docs/examples/pagecache/workers.c \
	docs/examples/pagecache/workers.h

noinst_PROGRAMS += docs/examples/pagecache/pagecache
docs_examples_pagecache_pagecache_SOURCES = $(pagecache_sources)
docs_examples_pagecache_pagecache_CPPFLAGS = $(AM_CPPFLAGS) \
	-DPAGECACHE_SOURCE_TREE='"$(abs_top_srcdir)"'
if HAVE_MIMALLOC
# Loaded, not linked: see frames_mimalloc.c.
docs_examples_pagecache_pagecache_CPPFLAGS += \
	-DPAGECACHE_MIMALLOC_LIBRARY='"$(mimalloc_libdir)/libfrozenref-mimalloc.so"'
mimalloc_libdir = $(abs_top_builddir)/integrations/mimalloc/.libs
EXTRA_docs_examples_pagecache_pagecache_DEPENDENCIES = \
	integrations/mimalloc/libfrozenref-mimalloc.la
endif
docs_examples_pagecache_pagecache_LDADD = lib/libfrozenref.la $(DL_LIBS)

pagecacheexampledir = $(docdir)/examples/pagecache
dist_pagecacheexample_DATA = $(pagecache_sources) docs/examples/pagecache/README.md

TESTS += docs/examples/pagecache/test-pagecache.sh
EXTRA_DIST += docs/examples/pagecache/test-pagecache.sh
