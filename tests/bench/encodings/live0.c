/* SPDX-License-Identifier: MIT */
/* The encoding of live0.h as a contender. */
#define CONTENDER_ID contender_live0

#include "contender.h"
#include "live0.h"
#include "contender_define.h"
