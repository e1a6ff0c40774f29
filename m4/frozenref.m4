# SPDX-License-Identifier: MIT
# The checks of configure.ac, one macro a subject.

# What the sources cannot do without, and the warnings that are on for the project's own code.
AC_DEFUN([FROZENREF_CHECK_COMPILER], [
	AC_CACHE_CHECK([for a C11 compiler with GNU attributes], [frozenref_cv_compiler],
		[AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
			#include <stdint.h>
			#include <stdbool.h>
			_Static_assert(sizeof(uint32_t) == 4, "");
			static inline __attribute__((always_inline)) bool f(int x)
			{
				return __builtin_expect(x, 1);
			}
		]], [[return f(0);]])], [frozenref_cv_compiler=yes], [frozenref_cv_compiler=no])])
	AS_IF([test "$frozenref_cv_compiler" = no],
		[AC_MSG_ERROR([the C compiler must know C11 and GNU attributes: install gcc or clang])])

	WARN_CFLAGS="-Wall -Wextra -Wconversion -Wshadow"
	AC_ARG_ENABLE([werror],
		[AS_HELP_STRING([--enable-werror], [turn warnings into errors])],
		[], [enable_werror=no])
	AS_IF([test "$enable_werror" = yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
	AC_SUBST([WARN_CFLAGS])

	AC_SEARCH_LIBS([pthread_create], [pthread], [],
		[AC_MSG_ERROR([POSIX threads were not found: the tests and examples need them])])
])

# libatomic_ops, or the compiler's builtins.
AC_DEFUN([FROZENREF_CHECK_ATOMICS], [
	AC_ARG_WITH([libatomic-ops],
		[AS_HELP_STRING([--without-libatomic-ops],
			[use the compiler's __atomic builtins instead of libatomic_ops])],
		[], [with_libatomic_ops=yes])
	FROZENREF_WITH_LIBATOMIC_OPS=0
	FROZENREF_REQUIRES=
	AS_IF([test "$with_libatomic_ops" != no], [
		PKG_CHECK_MODULES([ATOMIC_OPS], [atomic_ops], [
			FROZENREF_WITH_LIBATOMIC_OPS=1
			FROZENREF_REQUIRES=atomic_ops
		], [AC_MSG_ERROR([libatomic_ops was not found by pkg-config: install it (Debian: libatomic-ops-dev), or configure --without-libatomic-ops])])
	], [
		AC_CACHE_CHECK([for the compiler's __atomic builtins], [frozenref_cv_builtins],
			[AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <stdint.h>]], [[
				uint32_t x = 0;
				return (int)__atomic_fetch_add(&x, 1, __ATOMIC_ACQUIRE);
			]])], [frozenref_cv_builtins=yes], [frozenref_cv_builtins=no])])
		AS_IF([test "$frozenref_cv_builtins" = no],
			[AC_MSG_ERROR([the compiler has no __atomic builtins for 32-bit words: configure with libatomic_ops])])
	])
	AC_SUBST([FROZENREF_WITH_LIBATOMIC_OPS])
	AC_SUBST([FROZENREF_REQUIRES])
])

# Probes for tracers, in the library and in all that compiles its headers.
AC_DEFUN([FROZENREF_CHECK_USDT], [
	AC_ARG_ENABLE([usdt],
		[AS_HELP_STRING([--enable-usdt], [put USDT probes on every change of a count])],
		[], [enable_usdt=no])
	FROZENREF_WITH_USDT=0
	AS_IF([test "$enable_usdt" != no], [
		AC_CHECK_HEADER([sys/sdt.h], [FROZENREF_WITH_USDT=1],
			[AC_MSG_ERROR([--enable-usdt needs sys/sdt.h: install it (Debian: systemtap-sdt-dev)])])
	])
	AC_SUBST([FROZENREF_WITH_USDT])
])

# Versioned symbols, and a library that dlclose() leaves in place: it has a thread-specific key.
AC_DEFUN([FROZENREF_CHECK_LINKER], [
	frozenref_save_LDFLAGS=$LDFLAGS
	AC_CACHE_CHECK([whether the linker takes version scripts], [frozenref_cv_version_script], [
		echo 'V { global: main; local: *; };' > conftest.map
		LDFLAGS="$frozenref_save_LDFLAGS -shared -Wl,--version-script,conftest.map"
		AC_LINK_IFELSE([AC_LANG_SOURCE([[int f(void); int f(void) { return 0; }]])],
			[frozenref_cv_version_script=yes], [frozenref_cv_version_script=no])
		rm -f conftest.map
	])
	AC_CACHE_CHECK([whether the linker takes -z nodelete], [frozenref_cv_nodelete], [
		LDFLAGS="$frozenref_save_LDFLAGS -shared -Wl,-z,nodelete"
		AC_LINK_IFELSE([AC_LANG_SOURCE([[int f(void); int f(void) { return 0; }]])],
			[frozenref_cv_nodelete=yes], [frozenref_cv_nodelete=no])
	])
	LDFLAGS=$frozenref_save_LDFLAGS
	AM_CONDITIONAL([HAVE_VERSION_SCRIPT], [test "$frozenref_cv_version_script" = yes])
	NODELETE_LDFLAGS=
	AS_IF([test "$frozenref_cv_nodelete" = yes], [NODELETE_LDFLAGS="-Wl,-z,nodelete"])
	AC_SUBST([NODELETE_LDFLAGS])
])

# For tests and benchmarks; what is missing is skipped, and the summary says so.
AC_DEFUN([FROZENREF_CHECK_TEST_TOOLS], [
	PKG_CHECK_MODULES([CRITERION], [criterion], [have_criterion=yes], [have_criterion=no])
	AM_CONDITIONAL([HAVE_CRITERION], [test "$have_criterion" = yes])
	PKG_CHECK_MODULES([URCU], [liburcu], [have_urcu=yes], [have_urcu=no])
	AM_CONDITIONAL([HAVE_URCU], [test "$have_urcu" = yes])
	AC_CHECK_PROGS([OBJDUMP], [objdump])
])

AC_DEFUN([FROZENREF_SUMMARY], [
	AS_IF([test "$FROZENREF_WITH_LIBATOMIC_OPS" = 1], [frozenref_atomics=libatomic_ops],
		[frozenref_atomics="the compiler's builtins"])
	AC_MSG_NOTICE([

	libfrozenref $PACKAGE_VERSION for $host
	  compiler            $CC $CFLAGS
	  shared, static      $enable_shared, $enable_static
	  atomics             $frozenref_atomics
	  USDT probes         $enable_usdt
	  versioned symbols   $frozenref_cv_version_script
	  unit tests          $have_criterion (Criterion)
	  liburcu             $have_urcu (benchmarks)
	  objdump             ${OBJDUMP:-no} (hot-path test)
	])
])
