# SPDX-License-Identifier: MIT
# Files for projects that are built with Meson; tests/consumer/test-meson.sh builds one.

EXTRA_DIST += \
	integrations/meson/README.md \
	integrations/meson/frozenref.wrap \
	integrations/meson/packagefiles/frozenref/include/frozenref/meson.build \
	integrations/meson/packagefiles/frozenref/integrations/mimalloc/meson.build \
	integrations/meson/packagefiles/frozenref/meson.build \
	integrations/meson/packagefiles/frozenref/meson_options.txt
