# SPDX-License-Identifier: MIT
# What AddressSanitizer, Valgrind and ThreadSanitizer see of the objects of a cache.

tools_scripts = \
	tests/tools/test-asan.sh \
	tests/tools/test-tsan.sh \
	tests/tools/test-valgrind.sh

TESTS += $(tools_scripts)
EXTRA_DIST += \
	$(tools_scripts) \
	tests/tools/common.sh \
	tests/tools/memory.c \
	tests/tools/threads.c
