# SPDX-License-Identifier: MIT
# Debian packages; not part of make check, since they are built from scratch.

EXTRA_DIST += tests/debian/deb.sh

.PHONY: deb
deb: all
	@CC='$(CC)' MAKE='$(MAKE)' ATOMIC_OPS_CFLAGS='$(ATOMIC_OPS_CFLAGS)' srcdir='$(srcdir)' \
		PACKAGE_VERSION='$(PACKAGE_VERSION)' $(SHELL) $(srcdir)/tests/debian/deb.sh
