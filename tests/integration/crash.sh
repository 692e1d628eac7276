#!/usr/bin/env bash
# kill -9 in the middle of a stream of writes: every acknowledged write is there afterwards, and none is half there.
# CRASH_ROUNDS (8) rounds on one data directory, killed after a random time, with small folds so that some die in one.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
rounds=${CRASH_ROUNDS:-8} seed=${XINYI_SEED:-$RANDOM}
RANDOM=$seed
echo "seed $seed (set XINYI_SEED to repeat)"
load=$BUILD/tests/tools/crash_load log=$work/writes.log

for round in $(seq 1 "$rounds"); do
  start_server --fold-bytes 256K --fold-interval-ms 300
  "$load" load --server "$XINYI_SERVER" --log "$log" --round "$round" --threads 8 --seconds 5 >"$work/load.out" 2>&1 &
  loader=$!
  sleep "$(awk -v r=$RANDOM 'BEGIN { printf "%.3f", 0.3 + r / 32768 * 1.2 }')"
  kill_server
  wait "$loader"
  acked=$(sed -n 's/ acknowledged//p' "$work/load.out"); acked=${acked:-0}
  start_server --fold-bytes 256K --fold-interval-ms 300
  if result=$("$load" verify --server "$XINYI_SERVER" --log "$log" 2>&1) && [ "$acked" -gt 0 ]; then
    ok "kill -9, round $round: $acked acknowledged; $(tail -1 <<<"$result")"
  else
    not_ok "kill -9, round $round: $acked acknowledged" "$result"
  fi
  kill_server
done
finish
