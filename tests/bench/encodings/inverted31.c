/* SPDX-License-Identifier: MIT */
/* The encoding of inverted31.h as a contender. */
#define CONTENDER_ID contender_inverted31

#include "contender.h"
#include "inverted31.h"
#include "contender_define.h"
