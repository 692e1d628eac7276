#!/usr/bin/env bash
# xinyi-bench against a real server: every operation, both loops, what it prints, and what it does when things are wrong.
# Prints "ok NAME" / "not ok NAME" lines. Programs are taken from build/, or from $B.
set -uo pipefail
cd "$(dirname "$0")/../.."
B=${B:-build}
dir=build/test-bench.$$
log=$dir/server.log
mkdir -p "$dir"
server_pid=
code=0

cleanup() {
  if [ -n "$server_pid" ]; then kill -KILL "$server_pid" 2>/dev/null; wait "$server_pid" 2>/dev/null; fi
  rm -rf "$dir"
}
trap cleanup EXIT

ok() { echo "ok $1"; }
bad() { echo "not ok $1: $2"; code=1; }
# is NAME FILE JQ-EXPRESSION: the expression must be true of the JSON document in the file.
is() {
  if jq -e "$3" "$2" >/dev/null 2>&1; then ok "$1"; else bad "$1" "not true: $3"; head -c 3000 "$2"; fi
}
exits() { # NAME WANTED COMMAND…
  local name=$1 want=$2 got=0
  shift 2
  "$@" >"$dir/out" 2>"$dir/err" || got=$?
  if [ "$got" -eq "$want" ]; then ok "$name"; else bad "$name" "exit $got, not $want"; head -5 "$dir/out" "$dir/err"; fi
}
says() { # NAME PATTERN FILE
  if grep -qE -- "$2" "$3"; then ok "$1"; else bad "$1" "no '$2' in:"; head -20 "$3"; fi
}

start_server() {
  : >"$log"
  "$B/xinyid" --data "$dir/data" --policy policy --listen 127.0.0.1:0 --threads 1 2>"$log" &
  server_pid=$!
  for _ in $(seq 1 300); do
    XINYI_SERVER=$(sed -n 's/.* ready listen=\([^ ]*\).*/\1/p' "$log")
    [ -n "$XINYI_SERVER" ] && { export XINYI_SERVER; return 0; }
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  bad "server starts" "see below"; tail -20 "$log"; exit 1
}
stop_server() {
  kill -TERM "$server_pid"
  local got=0
  wait "$server_pid" || got=$?
  server_pid=
  [ "$got" -eq 0 ] && ok "server stops cleanly" || bad "server stops cleanly" "exit $got"
}
bench() { timeout 60 "$B/xinyi-bench" --warmup 0.2 "$@"; }

start_server
exits "an empty server is refused" 1 bench --op evaluate --seconds 0.5
says "and it says what to do" 'xinyi gen' "$dir/err"

"$B/xinyi" gen --subjects 20000 --seed 7 --output "$dir/file.csv" >"$dir/gen.log" 2>&1 || { bad "gen" "$(tail -3 "$dir/gen.log")"; exit 1; }
"$B/xinyi" import "$dir/file.csv" >"$dir/import.log" 2>&1 || { bad "import" "$(tail -3 "$dir/import.log")"; exit 1; }

for op in evaluate get quota-check reserve; do
  got=0
  bench --op $op --scenario loan --connections 8 --pipeline 16 --batch 1 --seconds 1 --json >"$dir/$op.json" 2>"$dir/err" || got=$?
  if [ "$got" -eq 0 ]; then ok "$op runs"; else bad "$op runs" "exit $got: $(head -3 "$dir/err")"; fi
  is "$op: ops_per_second" "$dir/$op.json" '.ops_per_second > 0'
  is "$op: no errors" "$dir/$op.json" '.errors == 0 and .errors_by_status == {}'
  is "$op: latencies in order" "$dir/$op.json" '.latency_us | .p50 > 0 and .p50 <= .p99 and .p99 <= .p999 and .p999 <= .max'
  is "$op: method" "$dir/$op.json" '.method | test("closed loop.*8 connections.*pipeline 16")'
done
is "evaluate: all of the server is asked" "$dir/evaluate.json" '.settings.sample == 20000 and .settings.population == 20000'
is "evaluate: measured for a second" "$dir/evaluate.json" '.seconds >= 0.99 and .seconds < 1.2'
is "reserve: refusals are not errors" "$dir/reserve.json" '.done > 0 and (.refused == ([.refused_by_status[]] | add // 0))'

bench --op evaluate --connections 4 --pipeline 4 --batch 64 --seconds 1 --json --no-checksum >"$dir/batch.json" 2>"$dir/err"
is "a batch counts its entries" "$dir/batch.json" '.errors == 0 and ((.ops_per_second / .requests_per_second) - 64 | fabs) < 0.01'
for scenario in travel power approval volunteer; do
  bench --op evaluate --scenario $scenario --connections 4 --seconds 0.3 --json >"$dir/s.json" 2>"$dir/err"
  is "evaluate $scenario" "$dir/s.json" '.ops_per_second > 0 and .errors == 0'
done
bench --op evaluate --connections 6 --threads 2 --keys zipf --theta 1.1 --sample 5000 --seconds 1 --json --histogram "$dir/h.txt" \
  >"$dir/zipf.json" 2>"$dir/err"
is "zipf in two threads" "$dir/zipf.json" '.errors == 0 and .ops_per_second > 0 and .settings.sample == 5000 and .settings.population == 20000'
says "histogram file" ' 100\.00000000 ' "$dir/h.txt"
bench --op evaluate --mix 10 --connections 8 --pipeline 8 --seconds 1 --json >"$dir/mix.json" 2>"$dir/err"
is "mix of writes" "$dir/mix.json" '.errors == 0 and .writes_per_second > 0 and .write_latency_us.p50 > 0 and .writes_per_second < .ops_per_second'
"$B/xinyi" --json stats >"$dir/stats.json" 2>/dev/null && is "the writes arrived" "$dir/stats.json" '.requests.put > 0'

# The open loop keeps its rate, and counts from when a request was due. Once more if the machine was busy.
for attempt in 1 2 3; do
  bench --op evaluate --rate 10000 --connections 10 --pipeline 64 --seconds 2 --json >"$dir/open.json" 2>"$dir/err"
  jq -e '.ops_per_second > 9500 and .ops_per_second < 10500' "$dir/open.json" >/dev/null 2>&1 && break
done
is "open loop holds 10000/s within 5 %" "$dir/open.json" '.errors == 0 and .ops_per_second > 9500 and .ops_per_second < 10500'
is "open loop says so" "$dir/open.json" '.settings.loop == "open" and .due == 20000 and (.method | test("coordinated omission"))'
is "open loop knows how late it sent" "$dir/open.json" '.sent_late_us.count + .unsent == .due'
# A rate nobody can hold is reported, with the waiting in the latency: a second of it leaves most requests late.
bench --op evaluate --rate 50000000 --connections 4 --pipeline 4 --seconds 0.2 --json >"$dir/behind.json" 2>"$dir/err"
is "a rate that cannot be held is said" "$dir/behind.json" '.rate_held == false and .unsent > 0 and .latency_us.p50 > 1000'
bench --op evaluate --rate 50000000 --connections 4 --pipeline 4 --seconds 0.2 >"$dir/behind.txt" 2>"$dir/err"
says "and shown to people" 'fell behind' "$dir/behind.txt"

bench --op evaluate --seconds 0.5 --connections 4 >"$dir/table.txt" 2>"$dir/err"
says "table: throughput" 'throughput +[0-9,]+ decisions/s' "$dir/table.txt"
says "table: latency" 'latency us +p50 .*p99\.9 .*max' "$dir/table.txt"
bench --op evaluate --scenario 63 --seconds 0.3 --connections 2 --json >"$dir/none.json" 2>"$dir/err"
[ $? -eq 1 ] && ok "nothing succeeded is exit 1" || bad "nothing succeeded is exit 1" "it was not"
is "errors are named" "$dir/none.json" '.errors > 0 and .errors_by_status.unknown_scenario == .errors and .ops_per_second == 0'

exits "a wrong option" 2 bench --pipelines 5
exits "a wrong value" 2 bench --connections 0
says "is explained" 'whole number from 1 to' "$dir/err"
exits "more threads than connections" 2 bench --threads 4 --connections 2
exits "a word too many" 2 bench evaluate
exits "no server" 3 bench --server 127.0.0.1:1 --op evaluate
exits "another cluster" 3 bench --cluster somebody-else --op evaluate
exits "help" 0 bench --help

# The server dies under load: the run ends, with the loss in the report.
bench --op evaluate --connections 4 --seconds 20 --json >"$dir/lost.json" 2>"$dir/err" &
bench_pid=$!
sleep 1.5
kill -KILL "$server_pid"; wait "$server_pid" 2>/dev/null; server_pid=
wait "$bench_pid"
is "a dead server ends the run and is reported" "$dir/lost.json" '.lost_connections == 4 and .errors > 0 and .seconds < 10 and .done > 0'
start_server
bench --op evaluate --connections 4 --seconds 0.5 --json >"$dir/again.json" 2>"$dir/err"
is "and after a restart all is well" "$dir/again.json" '.errors == 0 and .settings.population == 20000'
stop_server
exit $code
