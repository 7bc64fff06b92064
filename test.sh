#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test. Arguments go to ctest: ./test.sh -R record
# The last line is ctest's own summary.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/setup.sh

install_packages build test
configure_and_build release

log=build/release/ctest.log
status=0
ctest --preset release --parallel "$(nproc)" "$@" </dev/null 2>&1 | tee "$log" || status=$?
grep -E '^[0-9]+% tests passed' "$log" || say "ctest ended without a summary: see above"
exit "$status"
