#!/usr/bin/env bash
# Runs the tests in a build that counts, and prints how many lines of each file of src/ and client/ they reached.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

install_packages build test
configure_and_build coverage
find build/coverage -name '*.gcda' -delete
ctest --preset coverage --parallel "$(nproc)" </dev/null >build/coverage/ctest.log 2>&1 ||
    say "some tests failed: see build/coverage/ctest.log"
find "$PWD/build/coverage" -name '*.gcda' -print0 |
    xargs -0 -n 64 gcov --json-format --stdout 2>/dev/null |
    python3 scripts/coverage_table.py "$PWD"
