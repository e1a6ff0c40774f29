/* SPDX-License-Identifier: MIT */
/* All of libfrozenref's core; for programs that do not care which header holds what. */
#ifndef FROZENREF_FROZENREF_H
#define FROZENREF_FROZENREF_H

#include <frozenref/backend.h>
#include <frozenref/cache.h>
#include <frozenref/index.h>
#include <frozenref/ref.h>
#include <frozenref/registry.h>
#include <frozenref/types.h>
#include <frozenref/version.h>

#endif /* FROZENREF_FROZENREF_H */
