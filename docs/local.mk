# Documents and examples.

include docs/examples/pagecache/local.mk
include docs/man/local.mk
