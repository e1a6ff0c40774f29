# SPDX-License-Identifier: MIT
# What gdb needs to understand libfrozenref: a script, and a link where gdb looks for the scripts of
# the libraries that a program loads.

dist_pkgdata_DATA = integrations/gdb/frozenref-gdb.py

TESTS += integrations/gdb/test-gdb.sh
EXTRA_DIST += \
	integrations/gdb/README.md \
	integrations/gdb/expected-stripped.txt \
	integrations/gdb/expected.txt \
	integrations/gdb/states.c \
	integrations/gdb/test-gdb.sh

gdb_autoload = $(DESTDIR)$(datadir)/gdb/auto-load$(libdir)
# Empty if there is no shared library.
gdb_library = `$(SED) -n "s/^library_names='\([^ ']*\).*/\1/p" lib/libfrozenref.la`

install-data-local: install-gdb-autoload
uninstall-local: uninstall-gdb-autoload

install-gdb-autoload: lib/libfrozenref.la
	@library=$(gdb_library); test -z "$$library" || { \
		$(MKDIR_P) "$(gdb_autoload)" && \
		rm -f "$(gdb_autoload)/$$library-gdb.py" && \
		$(LN_S) "$(pkgdatadir)/frozenref-gdb.py" "$(gdb_autoload)/$$library-gdb.py"; }

uninstall-gdb-autoload:
	@library=$(gdb_library); test -z "$$library" || rm -f "$(gdb_autoload)/$$library-gdb.py"

.PHONY: install-gdb-autoload uninstall-gdb-autoload
