# The public headers.

frozenrefincludedir = $(includedir)/frozenref
frozenrefinclude_HEADERS = \
	include/frozenref/atomic.h \
	include/frozenref/backend.h \
	include/frozenref/compiler.h \
	include/frozenref/frozenref.h \
	include/frozenref/probe.h \
	include/frozenref/ref.h \
	include/frozenref/registry.h
nodist_frozenrefinclude_HEADERS = include/frozenref/version.h
