# The public headers.

frozenrefincludedir = $(includedir)/frozenref
frozenrefinclude_HEADERS = \
	include/frozenref/atomic.h \
	include/frozenref/backend.h \
	include/frozenref/cache.h \
	include/frozenref/cache.hpp \
	include/frozenref/compiler.h \
	include/frozenref/frozenref.h \
	include/frozenref/frozenref.hpp \
	include/frozenref/index.h \
	include/frozenref/index.hpp \
	include/frozenref/probe.h \
	include/frozenref/ref.h \
	include/frozenref/ref.hpp \
	include/frozenref/registry.h \
	include/frozenref/registry.hpp \
	include/frozenref/types.h
nodist_frozenrefinclude_HEADERS = include/frozenref/version.h
