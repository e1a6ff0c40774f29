/* SPDX-License-Identifier: MIT */
/* The encoding of sticky.h as a contender. */
#define CONTENDER_ID contender_sticky

#include "contender.h"
#include "sticky.h"
#include "contender_define.h"
