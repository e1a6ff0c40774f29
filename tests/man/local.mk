# SPDX-License-Identifier: MIT
# The manual pages against the headers: every name has a page, and what the pages say compiles.

TESTS += tests/man/test-lint.sh tests/man/test-man.sh
EXTRA_DIST += tests/man/synopsis.awk tests/man/test-lint.sh tests/man/test-man.sh
