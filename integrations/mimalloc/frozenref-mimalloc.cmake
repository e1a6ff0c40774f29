# SPDX-License-Identifier: MIT
# What find_package(frozenref COMPONENTS mimalloc) reads besides. Included by
# frozenref-config.cmake, whose functions it uses; it says frozenref__missing if it does not work.
#
#	frozenref::mimalloc		the shared library, or the static one where it is alone
#	frozenref::mimalloc_static	the static library, where there is one

if(NOT TARGET frozenref::mimalloc)
	frozenref__find_place(frozenref__libdir frozenref__include)
	# Only a static library leaves it to the program to link what it needs itself.
	find_library(FROZENREF_MIMALLOC_LIBRARY NAMES mimalloc)
	mark_as_advanced(FROZENREF_MIMALLOC_LIBRARY)
	set(frozenref__needs "")
	if(TARGET frozenref::static)
		list(APPEND frozenref__needs frozenref::static)
	else()
		list(APPEND frozenref__needs frozenref::frozenref)
	endif()
	if(FROZENREF_MIMALLOC_LIBRARY)
		list(APPEND frozenref__needs "${FROZENREF_MIMALLOC_LIBRARY}")
	endif()

	frozenref__import_library(frozenref::mimalloc frozenref::mimalloc_static
		libfrozenref-mimalloc "${frozenref__include}" ${frozenref__needs})
	# The inline functions of its header call the other library, too.
	if(TARGET frozenref::mimalloc)
		set_property(TARGET frozenref::mimalloc APPEND PROPERTY
			INTERFACE_LINK_LIBRARIES frozenref::frozenref)
	endif()
endif()
