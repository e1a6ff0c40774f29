# SPDX-License-Identifier: MIT
# The unit tests with other compilers, on other machines and systems:
# make check-portability [PLATFORMS="arm64 s390x"]

EXTRA_DIST += \
	tests/portability/check-portability.sh \
	tests/portability/pages64k.c \
	tests/portability/platforms.sh

.PHONY: check-portability
check-portability: check-sources
	+@PKG_CONFIG='$(PKG_CONFIG)' MAKE='$(MAKE)' \
		$(SHELL) check/source/tests/portability/check-portability.sh $(PLATFORMS)
