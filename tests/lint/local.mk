# SPDX-License-Identifier: MIT
# What reading tools say of the sources; not part of make check, since each tool's next release may
# have more to say.

.PHONY: lint
lint: all
	@ATOMIC_OPS_CFLAGS='$(ATOMIC_OPS_CFLAGS)' srcdir='$(srcdir)' \
		$(SHELL) $(srcdir)/tests/lint/lint.sh

EXTRA_DIST += .clang-tidy tests/lint/lint.sh
