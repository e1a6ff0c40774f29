/* SPDX-License-Identifier: MIT */
/* For Windows, which has no <sys/resource.h>. */
#include "../posix.h"
