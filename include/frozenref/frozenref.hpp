/* SPDX-License-Identifier: MIT */
/*
 * All of libfrozenref for C++11 and later: references as values, which the end of their scope
 * drops.
 *
 * Everything is inline and compiles to what calls of the C functions by hand compile to. Needs
 * neither exceptions nor run-time types; no function throws, and what the library calls back must
 * not throw either.
 *
 * Each type is a pointer, or a registry and a pointer, that may be empty. Only what can be shared
 * is copied, everything moves, and what was moved from is empty. Two values may be used by two
 * threads at once, even if both refer to one object; one value may not.
 */
#ifndef FROZENREF_FROZENREF_HPP
#define FROZENREF_FROZENREF_HPP

#include <frozenref/frozenref.h>
#include <frozenref/cache.hpp>
#include <frozenref/index.hpp>
#include <frozenref/ref.hpp>
#include <frozenref/registry.hpp>

#endif /* FROZENREF_FROZENREF_HPP */
