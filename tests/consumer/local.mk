# SPDX-License-Identifier: MIT
# Foreign projects against a staged install: autotools, CMake, Meson, by hand as the
# README tells, and programs that hold each function to what is promised of it.

TESTS += \
	tests/consumer/test-autotools.sh \
	tests/consumer/test-by-hand.sh \
	tests/consumer/test-cmake.sh \
	tests/consumer/test-contract.sh \
	tests/consumer/test-meson.sh \
	tests/consumer/test-mimalloc.sh
EXTRA_DIST += \
	tests/consumer/contract/check.h \
	tests/consumer/contract/counter.c \
	tests/consumer/contract/objects.c \
	tests/consumer/contract/registry.c \
	tests/consumer/mimalloc/CMakeLists.txt \
	tests/consumer/mimalloc/meson.build \
	tests/consumer/mimalloc/words.c \
	tests/consumer/mimalloc/words.cc \
	tests/consumer/project/CMakeLists.txt \
	tests/consumer/project/Makefile.am \
	tests/consumer/project/configure.ac \
	tests/consumer/project/job.c \
	tests/consumer/project/job.cc \
	tests/consumer/project/meson.build \
	tests/consumer/stage.sh \
	tests/consumer/test-autotools.sh \
	tests/consumer/test-by-hand.sh \
	tests/consumer/test-cmake.sh \
	tests/consumer/test-contract.sh \
	tests/consumer/test-meson.sh \
	tests/consumer/test-mimalloc.sh
