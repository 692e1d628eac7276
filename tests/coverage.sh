#!/usr/bin/env bash
# Line coverage of the engine's rules — policies, tables, cells, evaluation, credit, areas, dossiers, reports, reasons,
# receipts — by the engine's unit tests. Prints a table; fails if less than COVERAGE_MIN percent (95) of the lines were
# run, or if a test fails. Called by `make coverage`, which builds into build/coverage.
set -uo pipefail
cd "$(dirname "$0")/.."
dir=build/coverage
min=${COVERAGE_MIN:-95}
jobs=$(nproc)
find "$dir" -name '*.gcda' -delete
failed=0
export LOGS=$dir/logs
mkdir -p "$LOGS"
find "$dir/tests/engine" -type f -name '*_test' | sort | xargs -P "$jobs" -I{} bash -c '
  log=$LOGS/$(basename "$1").log
  timeout 600 "$1" --jobs 1 --color=never >"$log" 2>&1; code=$?
  echo $code >"$log.code"
  printf "  %-4s %s\n" "$([ $code -eq 0 ] && echo ok || echo FAIL)" "$(basename "$1")"' _ {}
for code in "$LOGS"/*.code; do [ "$(cat "$code")" = 0 ] || failed=1; done
[ "$failed" -eq 0 ] || { echo "coverage: a test failed; see $LOGS"; exit 1; }
gcovr --root . --object-directory "$dir/obj/engine" --sort-percentage --fail-under-line "$min" \
  --filter 'engine/(policy|table|sfeel|evaluation|credit|areas|dossier|report|reason|receipt)[a-z_]*\.c$' \
  "$dir/obj/engine"
