#!/usr/bin/env bash
# Alerts on a real server: they reach everybody who watches, as they are raised; they outlive the server until they are
# acknowledged, and nobody else has to wait for somebody who does not read.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
storm=$BUILD/tests/tools/alert_storm
retailer=uscc:91530000MA00TTT099
watchers=()
trap 'kill -CONT "${watchers[@]}" 2>/dev/null; kill "${watchers[@]}" 2>/dev/null; cleanup' EXIT

# watch NAME OPTION...: a live watch into $work/NAME.out and .err; sets pid.
watch() {
  local name=$1; shift
  "$XINYI" watch "$@" >>"$work/$name.out" 2>"$work/$name.err" &
  pid=$!; watchers+=("$pid")
}
# lines NAME N: waits until a watch has printed N lines, 15 s at most.
lines() {
  local i
  for i in $(seq 1 150); do [ "$(wc -l <"$work/$1.out")" -ge "$2" ] && return 0; sleep 0.1; done
  printf '%s has %s lines instead of %s: %s\n' "$1" "$(wc -l <"$work/$1.out")" "$2" "$(tail -n 3 "$work/$1".*)"
  return 1
}
# back NAME: waits until a watch has connected again, 15 s at most; otherwise says what is the matter.
back() {
  local i
  for i in $(seq 1 150); do grep -q 'connected again' "$work/$1.err" && return 0; sleep 0.1; done
  tail -n 5 "$work/$1.err" "$server_log"
  return 1
}
# end PID: interrupts a watch that has not ended by itself; its exit status.
end() { kill -INT "$1" 2>/dev/null; wait "$1"; }
open_alerts() { "$XINYI" alerts --json | jq -r '[.number | tostring] | join(" ")' | paste -sd' '; }

start_server
check "a retailer" "$XINYI" set $retailer form=enterprise retailer=true market_grade=B division=530102 --create
check "lodges more" "$XINYI" quota pledge $retailer --instrument 1 --kind deposit --amount 1000万
check "than it must" "$XINYI" quota energy $retailer --energy-12m 1000
equal "nothing is open" "$("$XINYI" alerts 2>/dev/null)" ""
expect_exit "to acknowledge nothing that is open" 1 "$XINYI" alerts ack 77
contains "says which" "$("$XINYI" alerts ack 77 2>&1)" 'no alert 77 is open'
expect_exit "behind an alert that never was" 1 "$XINYI" watch --after 5 --once
contains "and why" "$("$XINYI" watch --after 5 2>&1)" 'no alert has had such a high number'
expect_exit "an unknown kind" 2 "$XINYI" watch --kind usages
contains "has a suggestion" "$("$XINYI" watch --kind usages 2>&1)" "did you mean 'usage'"

# ---------------------------------------------------------------- live, for two
watch one; one=$pid
watch two --json; two=$pid
watch frozen --kind frozen,unfrozen; frozen=$pid
sleep 0.5
check "far from the limit" "$XINYI" quota reserve $retailer --amount 700万 --ttl 1h
sleep 0.3
equal "nobody hears of it" "$(cat "$work/one.out" "$work/two.out")" ""
reserve=$("$XINYI" quota reserve $retailer --amount 120万 --ttl 1h --json)
check "82 %: one sees it" lines one 1
check "the other too" lines two 1
contains "a line says what and about whom" "$(cat "$work/one.out")" "^20[0-9-]+ [0-9:]{8}  #1  usage 82%, level 1 of 3 额度使用告警  $retailer  used ¥8,200,000.00 of ¥10,000,000.00, ¥1,800,000.00 left; settle"
equal "or an object" "$(jq -r '"\(.number) \(.kind) \(.level) \(.usage_percent) \(.subject) \(.limit_fen) \(.used_fen) \(.lodged_fen) \(.due)"' "$work/two.out")" \
  "1 usage 1 82 $retailer 1000000000 820000000 1000000000 null"
check "92 %" "$XINYI" quota reserve $retailer --amount 100万 --ttl 1h
check "is another one" lines one 2
check "released" "$XINYI" quota release --reservation "$(jq -r .operation <<<"$reserve")"
check "frozen" "$XINYI" quota freeze $retailer
check "one who watches for that sees it" lines frozen 1
contains "only that" "$(cat "$work/frozen.out")" '#3  frozen 账户冻结 .*no new exposure and nothing withdrawn until it is unfrozen'
check "unfrozen" "$XINYI" quota unfreeze $retailer
check "all four" lines two 4
equal "in order" "$(jq -r '"\(.number) \(.kind)"' "$work/two.out" | paste -sd' ')" "1 usage 2 usage 3 frozen 4 unfrozen"
end "$one"; equal "Ctrl-C ends with 0" $? 0
end "$frozen"; equal "also this" $? 0
equal "they are open" "$(open_alerts)" "1 2 3 4"
equal "of one kind" "$("$XINYI" alerts --kind frozen --json | jq .number)" 3
equal "behind one" "$("$XINYI" alerts list --after 2 --json | jq .number | paste -sd' ')" "3 4"
equal "once" "$("$XINYI" watch --once --json | jq .number | paste -sd' ')" "1 2 3 4"
expect_exit "some of them" 4 "$XINYI" alerts ack 2 2 99
equal "are acknowledged" "$(open_alerts)" "1 3 4"

# ---------------------------------------------------------------- over the death of the server
watch acking --json --ack --after 1 --count 3; acking=$pid
check "a watch that acknowledges" lines acking 2
for i in $(seq 1 50); do [ "$(open_alerts)" = 1 ] && break; sleep 0.1; done
equal "what it has printed" "$(open_alerts)" 1
address=$XINYI_SERVER
kill_server
sleep 0.5
start_server --listen "$address"
equal "what nobody acknowledged is still open after kill -9" "$(open_alerts)" 1
contains "and shown" "$("$XINYI" watch --once)" '#1  usage 82%'
check "who watched comes back" back two
check "the other, too" back acking
check "frozen again" "$XINYI" quota freeze $retailer
check "one sees it" lines two 5
equal "and goes on where it was" "$(jq -r .number "$work/two.out" | paste -sd' ')" "1 2 3 4 5"
contains "saying so" "$(cat "$work/two.err")" 'connected again; going on behind alert 4'
check "the other sees it" lines acking 3
for i in $(seq 1 100); do kill -0 "$acking" 2>/dev/null || break; sleep 0.1; done
end "$acking"; equal "and ends after three" "$?" 0
equal "having acknowledged the third" "$(jq -r .number "$work/acking.out" | paste -sd' ') $(open_alerts)" "3 4 5 1"
expect_exit "an acknowledged one is gone" 1 "$XINYI" alerts ack 5
check "up to a number" "$XINYI" alerts ack --all-up-to 5
equal "nothing is open" "$(open_alerts)" ""
kill_server; start_server --listen "$address"
equal "after kill -9 neither" "$(open_alerts)" ""
check "unfrozen again" "$XINYI" quota unfreeze $retailer
equal "numbers go on" "$(open_alerts)" 6
equal "info counts them" "$("$XINYI" info --json | jq -c .alerts)" '{"open":1,"newest":6,"dropped":0}'

# ---------------------------------------------------------------- a program
calls=$("$BUILD/tests/tools/watch_calls" "$XINYI_SERVER" $retailer 2>&1); code=$?
grep -v '^not ok' <<<"$calls"
equal "the library's calls" "$code $(grep '^not ok' <<<"$calls")" "0 "
check "acknowledged" "$XINYI" alerts ack --all-up-to 1000

# ---------------------------------------------------------------- one who does not read
many=${WATCH_ALERTS:-60000}
before=$("$XINYI" info --json | jq .alerts.newest) last=$((before + many))
all() { jq -r .number "$work/$1.out" | cmp - <(seq $((before + 1)) "$last") && echo same; }
await() { local i; for i in $(seq 1 300); do [ "$(wc -l <"$work/$1.out")" -ge "$many" ] && return; sleep 0.1; done; }
# A server that closes connections which are silent for a second, or take nothing for two.
stop_server; start_server --listen "$address" --idle-ms 1000 --stall-ms 2000
watch stuck --json --after "$before"; stuck=$pid
watch reading --json --after "$before"; reading=$pid
sleep 2.5
equal "who watches may be silent" "$(cat "$work/stuck.err" "$work/reading.err")" ""
kill -STOP "$stuck"
check "$many alerts at once" "$storm" "$XINYI_SERVER" $retailer "$many"
await reading
equal "who reads gets them all, in order, each once" "$(all reading)" same
equal "who does not read has none of it yet" "$(wc -l <"$work/stuck.out")" 0
check "and holds up nobody" timeout 5 "$XINYI" quota show $retailer
for i in $(seq 1 80); do grep -q 'replies are not read' "$server_log" && break; sleep 0.1; done
contains "it is given up" "$(cat "$server_log")" 'connection_dropped .*replies are not read'
kill -CONT "$stuck"
await stuck
equal "but comes back, and gets them all, in order, each once" "$(all stuck)" same
contains "having said so" "$(cat "$work/stuck.err")" 'trying again'

# ---------------------------------------------------------------- storage in trouble, and an older state
watch careful --json --ack --kind unfrozen --after $((last - 2)); careful=$pid
check "it acknowledges what it shows" lines careful 1
for i in $(seq 1 50); do [ "$("$XINYI" alerts --after $((last - 2)) --json | wc -l)" = 1 ] && break; sleep 0.1; done
equal "and only that" "$("$XINYI" alerts --after $((last - 2)) --json | jq -r .kind)" frozen
end "$careful"; end "$stuck"; end "$reading"
stop_server
cp -r "$work/data" "$work/older"
start_server --listen "$address"
lines two "$many" >/dev/null
check "one more" "$XINYI" quota freeze $retailer
for i in $(seq 1 100); do tail -1 "$work/two.out" | grep -q "\"number\":$((last + 1))," && break; sleep 0.1; done
equal "is seen" "$(tail -1 "$work/two.out" | jq -r .number)" "$((last + 1))"
kill_server
rm -rf "$work/data"; mv "$work/older" "$work/data"
: >"$work/two.out"
start_server --listen "$address" --min-free-bytes 1000000000000000
for i in $(seq 1 100); do [ "$(wc -l <"$work/two.out")" -ge "$many" ] && break; sleep 0.1; done
contains "an older state is noticed" "$(cat "$work/two.err")" "no alert $((last + 1)) .was it restored from a backup.*: showing all"
equal "and shown from the beginning" "$(head -1 "$work/two.out" | jq -r .number)" "$((before + 1))"
expect_exit "nothing is acknowledged without room on the disk" 1 "$XINYI" alerts ack "$last"
contains "which is said" "$("$XINYI" alerts ack "$last" 2>&1)" 'storage is in trouble'
watch poor --json --ack --count 2; poor=$pid
check "but alerts are shown" lines poor 2
sleep 0.5; contains "and the trouble told" "$(cat "$work/poor.err")" 'cannot acknowledge now: .*storage is in trouble'
kill -INT "$poor"; sleep 0.2; kill_server
start_server --listen "$address"
check "all are acknowledged" "$XINYI" alerts ack --all-up-to "$last"
equal "nothing is open again" "$(open_alerts)" ""
end "$two"; equal "and who watched from the beginning" $? 0
stop_server
equal "the server ends as it should" "$stop_code" 0
finish
