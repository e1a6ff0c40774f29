/* SPDX-License-Identifier: MIT */
/* The encoding of casguess.h as a contender. */
#define CONTENDER_ID contender_casguess

#include "contender.h"
#include "casguess.h"
#include "contender_define.h"
