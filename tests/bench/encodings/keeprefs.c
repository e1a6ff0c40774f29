/* SPDX-License-Identifier: MIT */
/* The encoding of keeprefs.h as a contender. */
#define CONTENDER_ID contender_keeprefs

#include "contender.h"
#include "keeprefs.h"
#include "contender_define.h"
