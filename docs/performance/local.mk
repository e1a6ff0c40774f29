# Plots and tables of what was measured: `make plots` redraws them from docs/performance/results.tsv,
# and with BENCH_JSON=FOLDER, where `make bench` has written, makes that file first.

performance_files = \
	docs/performance/bars.gp \
	docs/performance/collect.awk \
	docs/performance/fill.awk \
	docs/performance/plots.tsv \
	docs/performance/redraw.sh \
	docs/performance/results.tsv \
	docs/performance/test-tables.sh

EXTRA_DIST += docs/performance.md $(performance_files) \
	docs/performance/cache.svg \
	docs/performance/counter.svg \
	docs/performance/failing.svg \
	docs/performance/index.svg \
	docs/performance/maps.svg \
	docs/performance/mimalloc.svg \
	docs/performance/pagecache.svg \
	docs/performance/pagecache_all.svg \
	docs/performance/peek.svg \
	docs/performance/registry.svg
TESTS += docs/performance/test-tables.sh

.PHONY: plots
plots:
	AWK='$(AWK)' $(SHELL) $(srcdir)/docs/performance/redraw.sh $(srcdir) $(BENCH_JSON)
