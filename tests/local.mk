# The tests; each kind has a folder and a fragment of its own.

include tests/abi/local.mk
include tests/unit/local.mk
include tests/stress/local.mk
include tests/model/local.mk
include tests/model/genmc/local.mk
include tests/model/litmus/local.mk
include tests/bench/local.mk
include tests/build/local.mk
include tests/consumer/local.mk
include tests/cxx/local.mk
include tests/fuzz/local.mk
include tests/tools/local.mk
include tests/usdt/local.mk
include tests/debian/local.mk
include tests/lint/local.mk
include tests/man/local.mk
include tests/portability/local.mk
include tests/sanitizers.mk
