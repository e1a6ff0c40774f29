/* SPDX-License-Identifier: MIT */
/* For Windows, which has no <sys/wait.h>. */
#include "../posix.h"
