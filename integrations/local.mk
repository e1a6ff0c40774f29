# What ties the library to other software; each has a folder and a fragment of its own.

include integrations/debian/local.mk
include integrations/gdb/local.mk
include integrations/meson/local.mk
include integrations/mimalloc/local.mk
