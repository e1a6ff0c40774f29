# The USDT probes: there with the option, gone without a trace without it.

TESTS += tests/usdt/test-usdt.sh
EXTRA_DIST += tests/usdt/test-usdt.sh tests/usdt/hotpath.c
