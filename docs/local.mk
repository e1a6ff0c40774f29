# Documents and examples.

include docs/examples/compact/local.mk
include docs/examples/dcache/local.mk
include docs/examples/mimalloc/local.mk
include docs/examples/pagecache/local.mk
include docs/examples/tutorial/local.mk
include docs/examples/urcu/local.mk
include docs/man/local.mk
include docs/performance/local.mk

figures = docs/figures/counter.dot docs/figures/slot.dot
EXTRA_DIST += docs/README.md docs/design.md docs/memory-model.md docs/platforms.md docs/porting.md \
	docs/release.md docs/examples/test-helper.sh docs/links.awk docs/test-links.sh docs/test-names.sh \
	$(figures) $(figures:.dot=.svg)
TESTS += docs/test-links.sh docs/test-names.sh

# The drawings are checked in beside their sources, so that nobody needs graphviz to read them.
figures:
	@for source in $(figures); do \
		echo "  DOT      $$source"; \
		dot -Tsvg -o "$(srcdir)/$${source%.dot}.svg" "$(srcdir)/$$source" || exit 1; \
	done

.PHONY: figures
