/* SPDX-License-Identifier: MIT */
/* For Windows, which has no <sys/mman.h>. */
#include "../posix.h"
