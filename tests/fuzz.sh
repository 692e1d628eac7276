#!/usr/bin/env bash
# Builds every fuzz target and runs each for FUZZ_SECONDS (60). Seeds are in tests/fuzz/seeds/NAME/; what the fuzzer
# finds on the way stays in build/. A crash is kept in build/fuzz/crash-NAME-*.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
make --no-print-directory -j"$(nproc)" fuzzers || exit 1
code=0
for source in tests/fuzz/*.c; do
  [ -e "$source" ] || exit 0
  name=$(basename "$source" .c)
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  seeds=(); [ -d "tests/fuzz/seeds/$name" ] && seeds=("tests/fuzz/seeds/$name")
  if timeout $((seconds + 60)) "build/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 \
      -artifact_prefix="build/fuzz/crash-$name-" -print_final_stats=1 "$corpus" "${seeds[@]}" >"build/fuzz/$name.log" 2>&1
  then echo "ok $name: $(sed -n 's/stat::number_of_executed_units: *//p' "build/fuzz/$name.log") runs in $seconds s"
  else echo "not ok $name"; tail -30 "build/fuzz/$name.log"; code=1; fi
done
exit $code
