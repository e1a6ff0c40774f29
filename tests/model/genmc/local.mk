# tests/model/genmc: scenarios for GenMC; `make check` runs them as programs with threads,
# `make check-genmc` explores them.

TESTS += tests/model/genmc/test-scenarios.sh
EXTRA_DIST += tests/model/genmc/test-scenarios.sh
EXTRA_DIST += tests/model/genmc/check-genmc.sh
EXTRA_DIST += tests/model/genmc/common.sh
EXTRA_DIST += tests/model/genmc/faults.txt
EXTRA_DIST += tests/model/genmc/README.md
EXTRA_DIST += tests/model/genmc/atomics.h
EXTRA_DIST += tests/model/genmc/scenario.h
EXTRA_DIST += tests/model/genmc/get_last_put.c
EXTRA_DIST += tests/model/genmc/holders_getter.c
EXTRA_DIST += tests/model/genmc/late_win.c
EXTRA_DIST += tests/model/genmc/put_rcu.c
EXTRA_DIST += tests/model/genmc/reset_reuse.c
EXTRA_DIST += tests/model/genmc/reset_unfreeze.c
EXTRA_DIST += tests/model/genmc/reuse.c
EXTRA_DIST += tests/model/genmc/reuse_3_lifetimes.c
EXTRA_DIST += tests/model/genmc/reuse_4_threads.c
EXTRA_DIST += tests/model/genmc/reuse_freeze.c
EXTRA_DIST += tests/model/genmc/three_getters.c
EXTRA_DIST += tests/model/genmc/three_getters_put.c
EXTRA_DIST += tests/model/genmc/two_gets_freeze.c
EXTRA_DIST += tests/model/genmc/two_gets_unfreeze.c
EXTRA_DIST += tests/model/genmc/two_last_puts.c

.PHONY: check-genmc
check-genmc:
	srcdir='$(srcdir)' $(SHELL) '$(srcdir)/tests/model/genmc/check-genmc.sh' || test $$? -eq 77
