#!/bin/sh
# SPDX-License-Identifier: MIT
# What configure says when something is missing: one sentence that names the thing and the way out, and
# an exit status that is not 0; or a warning, where the library can be built all the same.

# shellcheck disable=SC2123 # a PATH that lacks something is what the subshells below want
set -eu

srcdir=$(cd "${srcdir:-.}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset CONFIG_SITE CPPFLAGS LDFLAGS LIBS ATOMIC_OPS_CFLAGS ATOMIC_OPS_LIBS PKG_CONFIG
CC=${CC:-cc}

fail() {
	printf '%s\n' "FAIL: $*"
	exit 1
}

# A folder with all commands of PATH but the named ones.
path_without() { # folder pattern...
	folder=$1
	shift
	mkdir "$folder"
	(
		IFS=:
		for path in $PATH; do
			ln -s "$path"/* "$folder" 2>/dev/null || :
		done
	)
	for pattern; do
		find "$folder" -type l -name "$pattern" -exec rm {} +
	done
}

configure() { # name argument...
	mkdir "$work/$1"
	cd "$work/$1"
	shift
	"$srcdir/configure" "$@" >out 2>err
}

# configure stops, and the last it says is one sentence with these words.
stops() { # name words argument...
	name=$1
	words=$2
	shift 2
	printf '%s\n' "--- $name"
	if (configure "$name" "$@"); then
		fail "$name: configure went on"
	fi
	cat "$work/$name/err"
	[ "$(grep -c 'error: .*[a-z]' "$work/$name/err")" -le 2 ] || fail "$name: more than one error"
	grep 'error: ' "$work/$name/err" | tail -n 1 | grep -q -e "$words" || fail "$name: it did not say: $words"
	[ ! -e "$work/$name/config.status" ] || fail "$name: it left a config.status"
}

path_without "$work/no-pkg-config" '*pkg-config*' '*pkgconf*'
path_without "$work/no-compiler" '*gcc*' '*clang*' cc c99 c89 '*-cc' tcc cl cl.exe

(
	PATH=$work/no-compiler
	stops compiler 'no acceptable C compiler found' CC=
)
(
	PATH=$work/no-pkg-config
	stops pkg-config 'pkg-config was not found.*install it.*--without-libatomic-ops' CC="$CC"
)

mkdir "$work/empty"
(
	PKG_CONFIG_LIBDIR=$work/empty PKG_CONFIG_PATH=
	export PKG_CONFIG_LIBDIR PKG_CONFIG_PATH
	stops libatomic_ops 'libatomic_ops was not found.*install it.*--without-libatomic-ops' CC="$CC"
)

# A compiler of 1989.
cat >"$work/old-cc" <<OLD
#!/bin/sh
for argument; do
	case \$argument in
	-std=*) echo "unknown option: \$argument" >&2; exit 1 ;;
	esac
done
exec $CC -std=gnu89 -pedantic-errors "\$@"
OLD
chmod +x "$work/old-cc"
stops old-compiler 'does not know C11.*install gcc.*clang' CC="$work/old-cc"

# A libatomic_ops that has functions where instructions should be.
mkdir -p "$work/fake/include"
cat >"$work/fake/atomic_ops.pc" <<PC
Name: fake
Description: fake
Version: 7.6
Cflags: -I$work/fake/include
PC
cat >"$work/fake/include/atomic_ops.h" <<'HEADER'
#include <stddef.h>
typedef size_t AO_t;
AO_t AO_load_acquire(const volatile AO_t *);
void AO_store_release(volatile AO_t *, AO_t);
AO_t AO_fetch_compare_and_swap_full(volatile AO_t *, AO_t, AO_t);
unsigned AO_int_fetch_and_add_acquire(volatile unsigned *, unsigned);
unsigned AO_int_fetch_and_add_release(volatile unsigned *, unsigned);
unsigned AO_int_fetch_compare_and_swap_full(volatile unsigned *, unsigned, unsigned);
HEADER
(
	PKG_CONFIG_LIBDIR=$work/fake PKG_CONFIG_PATH=
	export PKG_CONFIG_LIBDIR PKG_CONFIG_PATH
	stops emulation 'libatomic_ops cannot be used.*--without-libatomic-ops' CC="$CC"
)

# Neither pkg-config nor a C++ compiler: the library can be built, and what the tests lack is said.
printf '%s\n' "--- the least that will do"
(
	PATH=$work/no-pkg-config
	configure least --without-libatomic-ops CC="$CC" CXX=false
) || {
	cat "$work/least/err"
	fail "a C compiler alone is not enough"
}
cd "$work/least"
grep WARNING err
grep -q 'WARNING: Criterion was not found.*install it' err || fail "nothing about Criterion"
grep -q 'WARNING: no C++11 compiler was found.*install one' err || fail "nothing about C++"
grep -q 'atomics  *the compiler.s builtins$' out || fail "the summary does not tell the atomics"
grep -q 'unit tests  *tests/unit/plain$' out || fail "the summary does not tell how unit tests run"
grep -q '^#define FROZENREF_WITH_LIBATOMIC_OPS 0$' include/frozenref/version.h ||
	fail "version.h still has libatomic_ops"
! grep -q atomic_ops lib/frozenref.pc || fail "frozenref.pc still requires libatomic_ops"
