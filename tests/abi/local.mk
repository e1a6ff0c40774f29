# SPDX-License-Identifier: MIT
# The binary interface: what may not change between releases, and what is written down of it.

TESTS += tests/abi/test-layout.sh tests/abi/test-symbols.sh
EXTRA_DIST += \
	tests/abi/abi.sh \
	tests/abi/layout.c \
	tests/abi/libfrozenref-mimalloc-x86_64.abi \
	tests/abi/libfrozenref-x86_64.abi \
	tests/abi/suppressions \
	tests/abi/symbols.awk \
	tests/abi/test-layout.sh \
	tests/abi/test-symbols.sh

.PHONY: abi-check abi-update
abi-check abi-update: all
	@CC='$(CC)' OBJDUMP='$(OBJDUMP)' srcdir='$(srcdir)' PACKAGE_VERSION='$(PACKAGE_VERSION)' \
		$(SHELL) $(srcdir)/tests/abi/abi.sh $(@:abi-%=%)
