# SPDX-License-Identifier: MIT
# The build itself: what configure says, and all the ways to build and install.

TESTS += tests/build/test-configure.sh
EXTRA_DIST += \
	tests/build/check-build.sh \
	tests/build/test-configure.sh

.PHONY: check-build
check-build: all
	@$(AM_TESTS_ENVIRONMENT) srcdir='$(srcdir)' $(SHELL) $(srcdir)/tests/build/check-build.sh
