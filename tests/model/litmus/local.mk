# tests/model/litmus: litmus tests for herd7; `make check` looks at their form, `make check-litmus`
# runs them.

TESTS += tests/model/litmus/test-form.sh
EXTRA_DIST += tests/model/litmus/test-form.sh
EXTRA_DIST += tests/model/litmus/form.awk
EXTRA_DIST += tests/model/litmus/check-litmus.sh
EXTRA_DIST += tests/model/litmus/README.md
EXTRA_DIST += tests/model/litmus/freeze-get+freeze-acquire.litmus
EXTRA_DIST += tests/model/litmus/freeze-get.litmus
EXTRA_DIST += tests/model/litmus/get-freeze.litmus
EXTRA_DIST += tests/model/litmus/get-last-put+cas-split.litmus
EXTRA_DIST += tests/model/litmus/get-last-put+cas-weak.litmus
EXTRA_DIST += tests/model/litmus/get-last-put+hinted.litmus
EXTRA_DIST += tests/model/litmus/get-last-put.litmus
EXTRA_DIST += tests/model/litmus/get-unfreeze.litmus
EXTRA_DIST += tests/model/litmus/holders-getter.litmus
EXTRA_DIST += tests/model/litmus/late-cas-free.litmus
EXTRA_DIST += tests/model/litmus/late-win.litmus
EXTRA_DIST += tests/model/litmus/put-freeze+freeze-relaxed.litmus
EXTRA_DIST += tests/model/litmus/put-freeze+freeze-release.litmus
EXTRA_DIST += tests/model/litmus/put-freeze.litmus
EXTRA_DIST += tests/model/litmus/put-rcu-free.litmus
EXTRA_DIST += tests/model/litmus/put-win+cas-relaxed.litmus
EXTRA_DIST += tests/model/litmus/put-win+cas-release.litmus
EXTRA_DIST += tests/model/litmus/put-win+put-acquire.litmus
EXTRA_DIST += tests/model/litmus/put-win+put-relaxed.litmus
EXTRA_DIST += tests/model/litmus/put-win.litmus
EXTRA_DIST += tests/model/litmus/read-freeze+freeze-relaxed.litmus
EXTRA_DIST += tests/model/litmus/read-freeze.litmus
EXTRA_DIST += tests/model/litmus/read-win+cas-relaxed.litmus
EXTRA_DIST += tests/model/litmus/read-win+cas-release.litmus
EXTRA_DIST += tests/model/litmus/read-win+put-acquire.litmus
EXTRA_DIST += tests/model/litmus/read-win+put-relaxed.litmus
EXTRA_DIST += tests/model/litmus/read-win.litmus
EXTRA_DIST += tests/model/litmus/reset-dying+any-word.litmus
EXTRA_DIST += tests/model/litmus/reset-dying.litmus
EXTRA_DIST += tests/model/litmus/revived+cas-relaxed.litmus
EXTRA_DIST += tests/model/litmus/revived+put-acq_rel+cas-relaxed.litmus
EXTRA_DIST += tests/model/litmus/revived.litmus
EXTRA_DIST += tests/model/litmus/two-last-puts+hinted.litmus
EXTRA_DIST += tests/model/litmus/two-last-puts.litmus
EXTRA_DIST += tests/model/litmus/unfreeze-get+get-relaxed.litmus
EXTRA_DIST += tests/model/litmus/unfreeze-get+unfreeze-relaxed.litmus
EXTRA_DIST += tests/model/litmus/unfreeze-get-get.litmus
EXTRA_DIST += tests/model/litmus/unfreeze-get.litmus
EXTRA_DIST += tests/model/litmus/unfreeze-reset+store.litmus
EXTRA_DIST += tests/model/litmus/unfreeze-reset.litmus

.PHONY: check-litmus
check-litmus:
	srcdir='$(srcdir)' $(SHELL) '$(srcdir)/tests/model/litmus/check-litmus.sh' || test $$? -eq 77
