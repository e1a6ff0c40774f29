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
		[AC_MSG_ERROR([$CC does not know C11 with GNU attributes: install gcc 4.9, clang 3.4 or later, or name one with CC=])])

	AC_LANG_PUSH([C++])
	AC_CACHE_CHECK([for a C++11 compiler], [frozenref_cv_cxx], [
		frozenref_save_CXXFLAGS=$CXXFLAGS
		CXXFLAGS="$CXXFLAGS -std=gnu++11"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([[
			#include <memory>
			struct s { s() = default; int x = 0; };
		]], [[
			auto p = std::make_shared<s>();
			std::weak_ptr<s> w = p;
			return w.lock()->x;
		]])], [frozenref_cv_cxx=yes], [frozenref_cv_cxx=no])
		CXXFLAGS=$frozenref_save_CXXFLAGS
	])
	AC_LANG_POP([C++])
	AM_CONDITIONAL([HAVE_CXX], [test "$frozenref_cv_cxx" = yes])

	# For those who look for the library and need one of their own size.
	AC_CHECK_SIZEOF([void *])
	AC_SUBST([POINTER_SIZE], [$ac_cv_sizeof_void_p])

	WARN_CFLAGS="-Wall -Wextra -Wconversion -Wshadow"
	AC_ARG_ENABLE([werror],
		[AS_HELP_STRING([--enable-werror], [turn warnings into errors])],
		[], [enable_werror=no])
	AS_IF([test "$enable_werror" = yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
	AC_SUBST([WARN_CFLAGS])

	# Memcheck is told which objects of a cache are free; the header is all that needs.
	AC_CHECK_HEADERS([valgrind/memcheck.h])

	AC_SEARCH_LIBS([pthread_create], [pthread], [],
		[AC_MSG_ERROR([POSIX threads were not found: the tests and examples need them])])
])

# Where memory comes from, and processes.
AC_DEFUN([FROZENREF_CHECK_SYSTEM], [
	AC_REQUIRE([AC_CANONICAL_HOST])
	AS_CASE([$host_os], [mingw*], [host_windows=yes], [host_windows=no])
	AM_CONDITIONAL([HOST_WINDOWS], [test "$host_windows" = yes])

	# For the page cache, which loads libfrozenref-mimalloc when it is asked to.
	frozenref_save_LIBS=$LIBS
	DL_LIBS=
	AC_SEARCH_LIBS([dlopen], [dl],
		[AS_IF([test "$ac_cv_search_dlopen" != "none required"], [DL_LIBS=$ac_cv_search_dlopen])])
	LIBS=$frozenref_save_LIBS
	AC_SUBST([DL_LIBS])
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
		AS_IF([test -z "$PKG_CONFIG" && test -z "$ATOMIC_OPS_CFLAGS"],
			[AC_MSG_ERROR([pkg-config was not found, which finds libatomic_ops: install it (Debian: pkg-config), set PKG_CONFIG, or configure --without-libatomic-ops])])
		PKG_CHECK_MODULES([ATOMIC_OPS], [atomic_ops], [
			FROZENREF_WITH_LIBATOMIC_OPS=1
			FROZENREF_REQUIRES=atomic_ops
		], [AC_MSG_ERROR([libatomic_ops was not found by pkg-config: install it (Debian: libatomic-ops-dev), or configure --without-libatomic-ops])])

		# Where libatomic_ops has no instructions it calls functions that take locks, and those
		# neither work in signal handlers nor agree with objects that use the builtins.
		frozenref_save_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS $ATOMIC_OPS_CFLAGS"
		AC_CACHE_CHECK([whether libatomic_ops has instructions for this machine],
			[frozenref_cv_atomic_ops],
			[AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <atomic_ops.h>]], [[
				volatile unsigned int word = 0;
				volatile AO_t pointer = 0;
				AO_store_release(&pointer, AO_load_acquire(&pointer));
				if (AO_fetch_compare_and_swap_full(&pointer, 0, 1))
					return 1;
				return (int)(AO_int_fetch_and_add_acquire(&word, 1) +
					     AO_int_fetch_and_add_release(&word, 1) +
					     AO_int_fetch_compare_and_swap_full(&word, 0, 1));
			]])], [frozenref_cv_atomic_ops=yes], [frozenref_cv_atomic_ops=no])])
		CFLAGS=$frozenref_save_CFLAGS
		AS_IF([test "$frozenref_cv_atomic_ops" = no],
			[AC_MSG_ERROR([libatomic_ops cannot be used: its headers are missing, older than 7.4, or without instructions for this machine; configure --without-libatomic-ops])])
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

# libfrozenref-mimalloc: by pkg-config, or else by header and library, since not every distribution
# ships mimalloc.pc.
AC_DEFUN([FROZENREF_CHECK_MIMALLOC], [
	AC_ARG_WITH([mimalloc],
		[AS_HELP_STRING([--with-mimalloc=auto|yes|no],
			[build libfrozenref-mimalloc @<:@auto@:>@])],
		[], [with_mimalloc=auto])
	have_mimalloc=no
	MIMALLOC_REQUIRES=
	MIMALLOC_PRIVATE_LIBS=
	AS_IF([test "$with_mimalloc" != no], [
		frozenref_given=$MIMALLOC_CFLAGS$MIMALLOC_LIBS
		PKG_CHECK_MODULES([MIMALLOC], [mimalloc], [
			AS_IF([test -n "$frozenref_given"], [MIMALLOC_PRIVATE_LIBS=$MIMALLOC_LIBS], [
				MIMALLOC_REQUIRES=mimalloc
				# As it installs itself the header is in a folder that its .pc file leaves out.
				frozenref_dir=`$PKG_CONFIG --variable=includedir mimalloc`
				frozenref_dir=$frozenref_dir/mimalloc-`$PKG_CONFIG --modversion mimalloc`
				AS_IF([test -f "$frozenref_dir/mimalloc.h"],
					[MIMALLOC_CFLAGS="-I$frozenref_dir $MIMALLOC_CFLAGS"])
			])
		], [
			MIMALLOC_LIBS=${MIMALLOC_LIBS:--lmimalloc}
			MIMALLOC_PRIVATE_LIBS=$MIMALLOC_LIBS
		])
		frozenref_save_CFLAGS=$CFLAGS
		frozenref_save_LIBS=$LIBS
		CFLAGS="$CFLAGS $MIMALLOC_CFLAGS"
		LIBS="$MIMALLOC_LIBS $LIBS"
		AC_CACHE_CHECK([for mimalloc 2.0.9 or later], [frozenref_cv_mimalloc],
			[AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <mimalloc.h>]], [[
				mi_arena_id_t id;
				return mi_manage_os_memory_ex(0, 0, 0, 0, 0, -1, 1, &id) &&
				       mi_heap_new_in_arena(id) == 0;
			]])], [frozenref_cv_mimalloc=yes], [frozenref_cv_mimalloc=no])])
		# A header of version 2 with a library of version 3 would be linked, and come to grief.
		AS_IF([test "$frozenref_cv_mimalloc" = yes], [
			AC_CACHE_CHECK([whether mimalloc's header is of its library],
				[frozenref_cv_mimalloc_matches],
				[AC_RUN_IFELSE([AC_LANG_PROGRAM([[#include <mimalloc.h>]], [[
					int header = MI_MALLOC_VERSION;
					int library = mi_version();

					while (header >= 10)
						header /= 10;
					while (library >= 10)
						library /= 10;
					return header == library;
				]])], [frozenref_cv_mimalloc_matches=no],
				[frozenref_cv_mimalloc_matches=yes], [frozenref_cv_mimalloc_matches=yes])])
			have_mimalloc=$frozenref_cv_mimalloc_matches
		])
		AS_IF([test "$have_mimalloc" = yes], [
			AC_CACHE_CHECK([whether mimalloc's heaps are for all threads], [frozenref_cv_theap],
				[AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <mimalloc.h>]],
					[[mi_theap_t *theap = mi_heap_theap((mi_heap_t *)0); return theap == 0;]])],
					[frozenref_cv_theap=yes], [frozenref_cv_theap=no])])
			AS_IF([test "$frozenref_cv_theap" = yes],
				[AC_DEFINE([HAVE_MI_HEAP_THEAP], [1],
					[Define to 1 if any thread may allocate from a heap of mimalloc's.])])
			AC_CHECK_FUNCS([__cxa_thread_atexit_impl])
			AC_CHECK_DECLS([mi_option_guarded_sample_rate], [], [],
				[[#include <mimalloc.h>]])
		], [
			AS_IF([test "$with_mimalloc" != auto],
				[AC_MSG_ERROR([--with-mimalloc needs mimalloc 2.0.9 or later, and a header of the same version, found by pkg-config or by MIMALLOC_CFLAGS and MIMALLOC_LIBS: install it (Debian: libmimalloc-dev), or configure --without-mimalloc])])
		])
		CFLAGS=$frozenref_save_CFLAGS
		LIBS=$frozenref_save_LIBS
	])
	AC_SUBST([MIMALLOC_REQUIRES])
	AC_SUBST([MIMALLOC_PRIVATE_LIBS])
	AM_CONDITIONAL([HAVE_MIMALLOC], [test "$have_mimalloc" = yes])
])

# For tests and benchmarks; what is missing is skipped, and the summary says so.
AC_DEFUN([FROZENREF_CHECK_TEST_TOOLS], [
	AC_ARG_WITH([criterion],
		[AS_HELP_STRING([--without-criterion],
			[run the unit tests in the runner of tests/unit/plain, as where Criterion is missing])],
		[], [with_criterion=yes])
	have_criterion=no
	unit_runner="tests/unit/plain"
	AS_IF([test "$with_criterion" != no],
		[PKG_CHECK_MODULES([CRITERION], [criterion], [have_criterion=yes], [
			AC_MSG_WARN([Criterion was not found by pkg-config, so the unit tests run without it: install it (Debian: libcriterion-dev), or configure --without-criterion])
		])])
	AS_IF([test "$have_criterion" = yes], [unit_runner=Criterion],
		[CRITERION_CFLAGS='-I$(top_srcdir)/tests/unit/plain' CRITERION_LIBS=])
	AS_IF([test "$host_windows" = yes],
		[CRITERION_CFLAGS="$CRITERION_CFLAGS -I\$(top_srcdir)/tests/unit/plain/windows"])
	AM_CONDITIONAL([HAVE_CRITERION], [test "$have_criterion" = yes])
	PKG_CHECK_MODULES([URCU], [liburcu liburcu-cds], [have_urcu=yes], [have_urcu=no])
	# It may be for another machine than the compiler is, as with -m32.
	AS_IF([test "$have_urcu" = yes], [
		frozenref_save_CFLAGS=$CFLAGS
		frozenref_save_LIBS=$LIBS
		CFLAGS="$CFLAGS $URCU_CFLAGS"
		LIBS="$URCU_LIBS $LIBS"
		AC_CACHE_CHECK([whether liburcu can be linked], [frozenref_cv_urcu],
			[AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <urcu.h>]], [[rcu_barrier();]])],
				[frozenref_cv_urcu=yes], [frozenref_cv_urcu=no])])
		have_urcu=$frozenref_cv_urcu
		CFLAGS=$frozenref_save_CFLAGS
		LIBS=$frozenref_save_LIBS
	])
	AM_CONDITIONAL([HAVE_URCU], [test "$have_urcu" = yes])
	PKG_CHECK_MODULES([GLIB], [glib-2.0], [have_glib=yes], [have_glib=no])
	AM_CONDITIONAL([HAVE_GLIB], [test "$have_glib" = yes])
	# Empty where there is none: libtool says false, and autoconf the name that it did not find.
	AS_IF([test "$OBJDUMP" = false], [OBJDUMP=])
	AS_IF([test "$frozenref_cv_cxx" = no], [CXX=])
	AS_IF([test "$frozenref_cv_cxx" = no],
		[AC_MSG_WARN([no C++11 compiler was found, so make check leaves the C++ tests out: install one (Debian: g++)])])
])

AC_DEFUN([FROZENREF_SUMMARY], [
	AS_IF([test "$FROZENREF_WITH_LIBATOMIC_OPS" = 1],
		[frozenref_atomics="libatomic_ops $($PKG_CONFIG --modversion atomic_ops 2>/dev/null)"],
		[frozenref_atomics="the compiler's builtins"])
	AS_IF([test "$frozenref_cv_cxx" = yes], [frozenref_cxx="$CXX $CXXFLAGS"], [frozenref_cxx=no])
	AC_MSG_NOTICE([

	libfrozenref $PACKAGE_VERSION for $host

	  C compiler          $CC $CFLAGS
	  C++ compiler        $frozenref_cxx (tests)
	  warnings            $WARN_CFLAGS
	  install under       $prefix
	  shared library      $enable_shared
	  static library      $enable_static
	  atomics             $frozenref_atomics
	  USDT probes         $enable_usdt
	  versioned symbols   $frozenref_cv_version_script
	  mimalloc            $have_mimalloc (libfrozenref-mimalloc)
	  unit tests          $unit_runner
	  liburcu             $have_urcu (an example, benchmarks)
	  GLib                $have_glib (benchmarks)
	  objdump             ${OBJDUMP:-no} (hot-path test)

	make, make check, make install; make bench measures.
	])
])
