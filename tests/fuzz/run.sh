#!/usr/bin/env bash
# Usage: tests/fuzz/run.sh SECONDS [BUILD_DIR]
# Builds the fuzz targets and runs each for SECONDS from its seeds in corpus/. Fails on a finding, which it leaves in
# BUILD_DIR/findings; what was learnt on the way stays in BUILD_DIR/corpus.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:?usage: tests/fuzz/run.sh SECONDS [BUILD_DIR]}
build=${2:-$root/build/fuzz}
targets=(zaichik_decoder native_decoder record connection)

cmake --preset fuzz -S "$root" -B "$build" >/dev/null
cmake --build "$build" --target "${targets[@]/#/fuzz_}"

mkdir -p "$build/findings"
for target in "${targets[@]}"; do
  echo "== fuzz_$target, $seconds s"
  mkdir -p "$build/corpus/$target"
  # The longest input: none of them needs more to reach everything there is.
  "$build/bin/fuzz_$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -print_funcs=0 -verbosity=0 -artifact_prefix="$build/findings/$target-" \
    "$build/corpus/$target" "$root/tests/fuzz/corpus/$target"
done
