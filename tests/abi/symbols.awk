# SPDX-License-Identifier: MIT
# Prints each symbol of a version script with its node, a line each: symbol@node; nodes are symbols too.
#
# Read by tests/abi/abi.sh and tests/abi/test-symbols.sh.

/^[A-Za-z_.0-9]+ *\{/ {
	node = $1
	print node "@" node
}
/^[ \t]*[a-z_0-9]+;/ {
	sub(/;.*/, "", $1)
	print $1 "@" node
}
