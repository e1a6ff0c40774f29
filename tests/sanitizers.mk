# SPDX-License-Identifier: MIT
# The unit and stress tests and the fuzzing targets again, in builds of their own: under sanitizers,
# under Valgrind, with the other atomics backend, and counting what they cover.
#
# Each target configures a copy of the sources in check/, as a tarball would hold them, so that a
# configured source tree is no obstacle. The copies keep their time stamps: what did not change is
# not compiled again.

runtime_tests = $(unit_programs) $(stress_programs) $(mi_stress_programs) $(fuzz_programs) \
	$(cxx_programs) $(mi_cxx_programs)

EXTRA_DIST += tests/check-build.sh tests/sanitizers.mk

.PHONY: check-sources check-tsan check-asan check-valgrind check-builtins coverage
check-sources:
	@$(MKDIR_P) check
	@$(MAKE) $(AM_MAKEFLAGS) --silent distdir distdir=check/source

check_build = CC='$(CC)' CXX='$(CXX)' LCOV='$(LCOV)' VALGRIND='$(VALGRIND)' MAKE='$(MAKE)' \
	$(SHELL) $(srcdir)/tests/check-build.sh

check-tsan check-asan check-valgrind check-builtins coverage: check-sources
	+@$(check_build) $@ $(runtime_tests)

.PHONY: clean-check-builds
clean-local: clean-check-builds
clean-check-builds:
	-rm -rf check
