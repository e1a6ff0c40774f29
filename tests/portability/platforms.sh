# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Where check-portability.sh builds the library and runs the unit tests. docs/platforms.md says what the
# tiers mean, and what came out.
#
#	native NAME TIER COMPILER [CONFIGURE-ARGUMENT...]	programs run as they are
#	pages64k NAME TIER COMPILER [...]			on a kernel that seems to have larger pages
#	cross NAME TIER MACHINE EMULATOR [...]			Debian's compiler for another machine
#	windows NAME TIER MACHINE [...]				mingw-w64, and Wine
#
# NAME begins with what Debian calls the architecture. libatomic_ops is nothing but headers as far as the
# library uses it, so they serve every machine; it has code of its own for each, and so has the compiler:
# each machine is built both ways.

native gcc 1 gcc
native clang 1 clang
native gcc-builtins 1 gcc --without-libatomic-ops
native clang-builtins 2 clang --without-libatomic-ops
native gcc-O0 2 gcc CFLAGS=-O0
native clang-O0 2 clang CFLAGS=-O0
native gcc-O3 2 gcc CFLAGS=-O3
native clang-O3 2 clang CFLAGS=-O3
native gcc-lto 2 gcc CFLAGS='-O2 -flto' AR=gcc-ar NM=gcc-nm RANLIB=gcc-ranlib
native clang-lto 2 clang CFLAGS='-O2 -flto' AR=llvm-ar NM=llvm-nm RANLIB=llvm-ranlib
native musl 2 musl-gcc --without-criterion
pages64k pages64k 2 gcc

i386=/usr/i686-linux-gnu/lib
cross i386 2 i686-linux-gnu '' LDFLAGS="-Wl,--dynamic-linker=$i386/ld-linux.so.2 -Wl,-rpath,$i386"
cross i386-builtins 2 i686-linux-gnu '' --without-libatomic-ops \
	LDFLAGS="-Wl,--dynamic-linker=$i386/ld-linux.so.2 -Wl,-rpath,$i386"

cross arm64 2 aarch64-linux-gnu qemu-aarch64
cross arm64-builtins 2 aarch64-linux-gnu qemu-aarch64 --without-libatomic-ops
cross armhf 2 arm-linux-gnueabihf qemu-arm
cross armhf-builtins 2 arm-linux-gnueabihf qemu-arm --without-libatomic-ops
cross riscv64 2 riscv64-linux-gnu qemu-riscv64
cross riscv64-builtins 2 riscv64-linux-gnu qemu-riscv64 --without-libatomic-ops
cross ppc64el 2 powerpc64le-linux-gnu qemu-ppc64le
cross ppc64el-builtins 2 powerpc64le-linux-gnu qemu-ppc64le --without-libatomic-ops
cross s390x 2 s390x-linux-gnu qemu-s390x
cross s390x-builtins 2 s390x-linux-gnu qemu-s390x --without-libatomic-ops

windows mingw64 3 x86_64-w64-mingw32
