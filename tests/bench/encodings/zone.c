/* SPDX-License-Identifier: MIT */
/* The encoding of zone.h as a contender. */
#define CONTENDER_ID contender_zone

#include "contender.h"
#include "zone.h"
#include "contender_define.h"
