/* SPDX-License-Identifier: MIT */
/* The encoding of locked31.h as a contender. */
#define CONTENDER_ID contender_locked31

#include "contender.h"
#include "locked31.h"
#include "contender_define.h"
