#!/usr/bin/env bash
# Builds every fuzz target and runs each for FUZZ_SECONDS (60). Seeds are in tests/fuzz/seeds/NAME/; what the fuzzer
# finds on the way stays in build/. A crash is kept in build/fuzz/crash-NAME-*.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
make --no-print-directory -j"$(nproc)" fuzzers || exit 1
# One a core. $1: a source in tests/fuzz.
run_one() {
  local name corpus seeds=() log
  name=$(basename "$1" .c) corpus=build/fuzz/corpus/$name log=build/fuzz/$name.log
  mkdir -p "$corpus"
  [ -d "tests/fuzz/seeds/$name" ] && seeds=("tests/fuzz/seeds/$name")
  if timeout $((seconds + 60)) "build/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 \
      -artifact_prefix="build/fuzz/crash-$name-" -print_final_stats=1 "$corpus" "${seeds[@]}" >"$log" 2>&1
  then echo "ok $name: $(sed -n 's/stat::number_of_executed_units: *//p' "$log") runs in $seconds s"
  else echo "not ok $name"; tail -30 "$log"; return 1; fi
}
export -f run_one
export seconds
printf '%s\n' tests/fuzz/*.c | xargs -P "$(nproc)" -I{} bash -c 'run_one {}'
