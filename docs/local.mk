# Documents and examples.

include docs/examples/pagecache/local.mk
