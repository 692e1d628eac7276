#!/usr/bin/env bash
# Ten times more than the server can do, among 10,000 idle connections, clients that do not read, halves of frames, and
# clients whose machines are gone: memory stays within what the options say, a well-behaved client goes on getting answers,
# everything is answered or refused with a reason, and nothing that was acknowledged is lost.
# OVERLOAD_SECONDS (6) of it all at once; OVERLOAD_IDLE (10000) idle connections.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
time=${OVERLOAD_SECONDS:-6} idle_count=${OVERLOAD_IDLE:-10000} seed=${XINYI_SEED:-$RANDOM}
echo "seed $seed (set XINYI_SEED to repeat)"
tools=$BUILD/tests/tools log=$work/operations.log
buffers_mb=64 queue_mb=2
trap 'kill $(jobs -p) 2>/dev/null; cleanup' EXIT # those that are still ours

ulimit -n "$(ulimit -Hn)"
most=$(($(ulimit -n) - 1100))
[ "$idle_count" -le $most ] || { idle_count=$most; echo "only $idle_count idle connections: ulimit -n is $(ulimit -n)"; }

start() {
  start_server --threads 1 --max-connections $((idle_count + 2000)) --buffer-bytes ${buffers_mb}M --queue-bytes ${queue_mb}M \
    --keepalive-ms 2000 --stall-ms 5000 --fold-bytes 16M
}
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$server_pid/status"; }
bench() { timeout $((time + 60)) "$XINYI_BENCH" --json --warmup 0 "$@"; }
# One client, one question at a time.
well_behaved() { bench --op evaluate --connections 1 --pipeline 1 --seed "$seed" "$@"; }
p99() { jq '.latency_us.p99 | floor' "$1"; }
engine_bytes() { "$XINYI" stats --json | jq '.store.engine_bytes'; }
# below NAME VALUE BOUND UNIT
below() { if [ "$2" -le "$3" ]; then ok "$1: $2 $4, at most $3"; else not_ok "$1" "$2 $4, more than $3"; fi; }
hold() { # NAME KIND COUNT SECONDS: opens them in the background, and waits until they are there
  "$tools/idle" "$2" --server "$XINYI_SERVER" --count "$3" --seconds "$4" >"$work/$1.idle" 2>&1 &
  for _ in $(seq 200); do grep -qs '^open' "$work/$1.idle" && return; kill -0 $! 2>/dev/null || break; sleep 0.1; done
  not_ok "$3 $2 connections are there" "$(cat "$work/$1.idle")"
}

start
"$XINYI" gen --subjects 20000 --seed 7 --output "$work/people.csv" >/dev/null 2>&1
check "a population" "$XINYI" import "$work/people.csv"

# ---- idle connections
before=$(rss_kb)
hold quiet quiet "$idle_count" 3600
quiet=$!
each=$((($(rss_kb) - before) * 1024 / idle_count))
below "an idle connection of $idle_count costs" "$each" 1024 bytes

# ---- what it can do, and how fast it answers then
well_behaved --seconds 1.5 >"$work/calm.json"
bench --op evaluate --connections 20 --pipeline 64 --seconds 1.5 >"$work/most.json"
bench --op reserve --connections 20 --pipeline 64 --seconds 1.5 >"$work/most_writes.json"
capacity=$(jq '.ops_per_second | floor' "$work/most.json") writes=$(jq '.ops_per_second | floor' "$work/most_writes.json")
echo "alone: $capacity decisions/s, $writes reservations/s, p99 of one client $(p99 "$work/calm.json") us"

# ---- everything at once
before=$(rss_kb) engine_before=$(engine_bytes)
for kind in deaf slow partial lost vanished; do hold "$kind" "$kind" 150 "$time"; done
( # its walk over the subjects may meet the crowd at its worst, and be dropped like anybody who does not keep up
  for _ in 1 2 3 4; do
    bench --op evaluate --rate $((capacity * 10)) --connections 50 --pipeline 512 --seconds "$time" >"$work/reads.json" 2>"$work/reads.err" && break
    sleep 1
  done) &
readers=$!
bench --op reserve --rate $((writes * 10)) --connections 50 --pipeline 512 --seconds "$time" >"$work/writes.json" 2>"$work/writes.err" &
writers=$!
sleep 1 # they know by now which accounts there are; the clients below have their own
"$tools/crash_ledger" load --server "$XINYI_SERVER" --log "$log" --threads 4 --seconds $((time - 1)) --seed "$seed" >"$work/load.out" 2>&1 &
loader=$!
well_behaved --seconds $((time - 1)) >"$work/busy.json" 2>"$work/busy.err" &
client=$!
peak=0
while kill -0 $client 2>/dev/null; do
  now=$(rss_kb); [ "$now" -gt $peak ] && peak=$now
  sleep 0.1
done
wait $readers $writers
wait $loader; loaded=$?
kill -0 "$server_pid" 2>/dev/null || { not_ok "the server lives" "$(grep -v connection_dropped "$server_log" | tail -5)"; finish; }

# Data grow by what is reserved; beside them there are the two budgets, and a fold's and the allocator's own.
data_kb=$((($(engine_bytes) - engine_before) / 1024))
below "memory beside the data grows by" $((peak - before - data_kb)) $(((buffers_mb + queue_mb + 96) * 1024)) kB
is() {
  if [ -s "$2" ] && jq -e "$3" "$2" >/dev/null 2>&1; then ok "$1"
  else not_ok "$1" "not true: $3: $(head -c 1500 "$2"; tail -3 "${2%.json}.err")"; fi
}
for kind in reads writes; do
  is "$kind: ten times too many, and every request that was sent is answered" "$work/$kind.json" \
    '.unanswered == 0 and .lost_connections == 0 and .done > 0 and .rate_held == false'
  is "$kind: what is refused has a reason" "$work/$kind.json" \
    '([.errors_by_status | keys[]] - ["overloaded"]) == [] and ([.refused_by_status | keys[]] - ["limit_exceeded", "no_account", "not_covered", "suspended", "unrated", "shortfall", "out_of_scope", "not_effective", "unknown_subject"]) == []'
done
is "writes: there are some that are" "$work/writes.json" '.errors_by_status.overloaded > 0'
is "the well-behaved client is answered all the time" "$work/busy.json" '.errors == 0 and .lost_connections == 0 and .done > 20'
below "its p99 (alone $(p99 "$work/calm.json") us)" "$(p99 "$work/busy.json")" 200000 us
if [ $loaded -eq 0 ]; then ok "clients of the ledger get their answers: $(cat "$work/load.out")"
else not_ok "clients of the ledger get their answers" "$(cat "$work/load.out")"; fi
echo "reads $(jq -c '{ops_per_second, unsent, p99: .latency_us.p99}' "$work/reads.json") writes $(jq -c '{ops_per_second, unsent, errors_by_status, p99: .latency_us.p99}' "$work/writes.json") shed $("$XINYI" stats --json | jq .connections_shed)"

# ---- afterwards
for _ in $(seq 100); do
  [ "$("$XINYI" info --json | jq .connections)" -le $((idle_count + 1)) ] && break
  sleep 0.1
done
below "those whose machines are gone are let go: connections" "$("$XINYI" info --json | jq .connections)" $((idle_count + 1)) ""
well_behaved --seconds 1.5 >"$work/after.json"
below "afterwards it is as before: p99 (was $(p99 "$work/calm.json") us)" "$(p99 "$work/after.json")" $(($(p99 "$work/calm.json") * 10 + 10000)) us
kill -TERM "$quiet"; wait "$quiet"
equal "the idle ones are all served still" "$(tail -1 "$work/quiet.idle")" "alive $idle_count of $idle_count"
check "what the server keeps is asked for" "$tools/crash_ledger" finish --server "$XINYI_SERVER" --log "$log"
if result=$("$tools/linear_check" "$log" 2>&1); then ok "nothing is lost: $result"; else not_ok "nothing is lost" "$result"; fi
kill_server
start
sed '/^[OHQ]/d' "$log" >"$work/again.log"
"$tools/crash_ledger" finish --server "$XINYI_SERVER" --log "$work/again.log" >/dev/null 2>&1
check "nor after kill -9" "$tools/linear_check" "$work/again.log"
stop_server
finish
