/* SPDX-License-Identifier: MIT */
/* The encoding of rcuref.h as a contender. */
#define CONTENDER_ID contender_rcuref

#include "contender.h"
#include "rcuref.h"
#include "contender_define.h"
