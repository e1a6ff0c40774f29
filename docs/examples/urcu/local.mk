# A program on liburcu with two counters: installed as source to learn from, built where liburcu is.

urcu_example_sources = \
	docs/examples/urcu/main.c \
	docs/examples/urcu/sessions.c \
	docs/examples/urcu/sessions.h

if HAVE_URCU
noinst_PROGRAMS += docs/examples/urcu/sessions-frozenref docs/examples/urcu/sessions-urcu_ref
docs_examples_urcu_sessions_frozenref_SOURCES = $(urcu_example_sources)
docs_examples_urcu_sessions_frozenref_CPPFLAGS = \
	$(AM_CPPFLAGS) $(URCU_CFLAGS) -DSESSIONS_WITH_FROZENREF
docs_examples_urcu_sessions_frozenref_LDADD = lib/libfrozenref.la $(URCU_LIBS)
docs_examples_urcu_sessions_urcu_ref_SOURCES = $(urcu_example_sources)
docs_examples_urcu_sessions_urcu_ref_CPPFLAGS = $(AM_CPPFLAGS) $(URCU_CFLAGS)
docs_examples_urcu_sessions_urcu_ref_LDADD = $(URCU_LIBS)
endif

urcuexampledir = $(docdir)/examples/urcu
dist_urcuexample_DATA = $(urcu_example_sources) docs/examples/urcu/README.md

TESTS += docs/examples/urcu/test-urcu.sh
EXTRA_DIST += docs/examples/urcu/compare.sh docs/examples/urcu/test-urcu.sh
