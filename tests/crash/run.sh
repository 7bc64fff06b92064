#!/usr/bin/env bash
# Usage: tests/crash/run.sh [--rounds N] [--mode sync|interval|os] [--store file|rocksdb] [--seed N] [--data-dir DIR]
# Builds the server and kills it N times under load. The last line says what was done and seen; fails where a promise
# was broken, and leaves the data directory. BUILD_DIR=… uses another build folder than build/release.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD_DIR:-$root/build/release}

[ -f "$build/CMakeCache.txt" ] || cmake --preset release -S "$root" -B "$build" >/dev/null
cmake --build "$build" --target crash_rounds >/dev/null
exec "$(find "$build" -type f -name crash_rounds -perm -u+x | head -n 1)" "$@"
