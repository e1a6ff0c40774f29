/* SPDX-License-Identifier: MIT */
/*
 * Where the library's atomic operations arrive.
 *
 * Called through model_atomic.h by everything that is compiled for the explorer.
 */
#include "explorer.h"

uintptr_t model_atomic(struct model_op op)
{
	return explorer_perform(&op);
}
