# SPDX-License-Identifier: MIT
# What becomes debian/ when the packages are built; `make deb` does.

EXTRA_DIST += \
	integrations/debian/changelog \
	integrations/debian/control \
	integrations/debian/copyright \
	integrations/debian/libfrozenref-dev.install \
	integrations/debian/libfrozenref-doc.docs \
	integrations/debian/libfrozenref-doc.install \
	integrations/debian/libfrozenref-mimalloc-dev.install \
	integrations/debian/libfrozenref-mimalloc0.install \
	integrations/debian/libfrozenref-mimalloc0.symbols \
	integrations/debian/libfrozenref0.install \
	integrations/debian/libfrozenref0.symbols \
	integrations/debian/libfrozenref0.lintian-overrides \
	integrations/debian/not-installed \
	integrations/debian/rules \
	integrations/debian/source/format \
	integrations/debian/source/lintian-overrides
