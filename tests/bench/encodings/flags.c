/* SPDX-License-Identifier: MIT */
/* The encoding of flags.h as a contender. */
#define CONTENDER_ID contender_flags

#include "contender.h"
#include "flags.h"
#include "contender_define.h"
