/* SPDX-License-Identifier: MIT */
/*
 * The CAS loop without the load: the first compare-and-swap assumes one reference, and its failure
 * tells the value. Right at once for objects that only their registry holds, one atomic more for
 * all others, and a failing get writes to the line.
 */
#define ENC_NAME	     "CAS loop that first assumes 1"
#define ENC_FIRST_GUESS(enc) 1

#include "casloop.h"
