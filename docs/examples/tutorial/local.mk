# The tutorial's program: built with everything else, and installed as source to learn from.

noinst_PROGRAMS += docs/examples/tutorial/sizes
docs_examples_tutorial_sizes_SOURCES = docs/examples/tutorial/sizes.c
docs_examples_tutorial_sizes_LDADD = lib/libfrozenref.la

tutorialexampledir = $(docdir)/examples/tutorial
dist_tutorialexample_DATA = docs/examples/tutorial/sizes.c

TESTS += docs/examples/tutorial/test-tutorial.sh
EXTRA_DIST += docs/examples/tutorial/test-tutorial.sh docs/faq.md docs/tutorial.md
