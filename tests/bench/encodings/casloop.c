/* SPDX-License-Identifier: MIT */
/* The encoding of casloop.h as a contender. */
#define CONTENDER_ID contender_casloop

#include "contender.h"
#include "casloop.h"
#include "contender_define.h"
