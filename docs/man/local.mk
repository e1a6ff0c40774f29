# SPDX-License-Identifier: MIT
# Manual pages. A page of section 3 tells of a group of names; each of its other names is installed as
# a one-line page that leads to it, so that man(1) finds every name.

dist_man_MANS = \
	docs/man/FROZENREF_VERSION.3 \
	docs/man/frozenref-cache.7 \
	docs/man/frozenref-cxx.7 \
	docs/man/frozenref-gdb.7 \
	docs/man/frozenref-index.7 \
	docs/man/frozenref-memory-model.7 \
	docs/man/frozenref-mimalloc.7 \
	docs/man/frozenref-probes.7 \
	docs/man/frozenref-registry.7 \
	docs/man/frozenref.7 \
	docs/man/frozenref_backend.3 \
	docs/man/frozenref_cache_alloc.3 \
	docs/man/frozenref_cache_create.3 \
	docs/man/frozenref_cache_handle.3 \
	docs/man/frozenref_cache_next.3 \
	docs/man/frozenref_cache_peek.3 \
	docs/man/frozenref_cache_trim.3 \
	docs/man/frozenref_cache_try_get.3 \
	docs/man/frozenref_count.3 \
	docs/man/frozenref_freeze.3 \
	docs/man/frozenref_handle.3 \
	docs/man/frozenref_index_create.3 \
	docs/man/frozenref_index_erase.3 \
	docs/man/frozenref_index_insert.3 \
	docs/man/frozenref_index_next.3 \
	docs/man/frozenref_index_stats.3 \
	docs/man/frozenref_index_try_get.3 \
	docs/man/frozenref_mi_check.3 \
	docs/man/frozenref_mi_drain.3 \
	docs/man/frozenref_mi_malloc.3 \
	docs/man/frozenref_mi_peek.3 \
	docs/man/frozenref_mi_space_create.3 \
	docs/man/frozenref_mi_try_get.3 \
	docs/man/frozenref_mimalloc_backend.3 \
	docs/man/frozenref_put_and_lock.3 \
	docs/man/frozenref_registry_create.3 \
	docs/man/frozenref_registry_erase.3 \
	docs/man/frozenref_registry_insert.3 \
	docs/man/frozenref_registry_next.3 \
	docs/man/frozenref_registry_peek.3 \
	docs/man/frozenref_registry_state.3 \
	docs/man/frozenref_registry_trim.3 \
	docs/man/frozenref_registry_try_get.3 \
	docs/man/frozenref_set_misuse_handler.3 \
	docs/man/frozenref_slot_freeze.3 \
	docs/man/frozenref_slot_object.3 \
	docs/man/frozenref_slot_put.3 \
	docs/man/frozenref_slot_replace.3 \
	docs/man/frozenref_t.3 \
	docs/man/frozenref_try_get.3

EXTRA_DIST += docs/man/names.awk

# name, section and page of each link
man_links = $(AWK) -f $(srcdir)/docs/man/names.awk $(srcdir)/docs/man/*.3 | \
	while read name section page; do test "$$name.$$section" = "$$page" ||

install-data-local: install-man-links
uninstall-local: uninstall-man-links

install-man-links:
	@$(MKDIR_P) "$(DESTDIR)$(man3dir)"
	$(AM_V_GEN)$(man_links) \
		echo ".so man3/$$page" >"$(DESTDIR)$(man3dir)/$$name.3" || exit 1; done

uninstall-man-links:
	@$(man_links) rm -f "$(DESTDIR)$(man3dir)/$$name.3"; done

.PHONY: install-man-links uninstall-man-links
