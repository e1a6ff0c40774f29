// SPDX-License-Identifier: MIT
// The same job as C++.
#include "job.c"
