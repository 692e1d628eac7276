#!/usr/bin/env bash
# A wall clock that is set, forwards and back, while the server runs and while it is down: reservations end when their time
# has passed, neither before nor after, and across kill -9; --take-clock takes the clock as it is.
# The clock is the server's own: tests/tools/stepped_clock.c is preloaded into it.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
retailer=uscc:91530000MA00TTT099 step=$work/step
cat >"$work/xinyid" <<END
#!/bin/sh
LD_PRELOAD=$PWD/$BUILD/tests/tools/stepped_clock.so STEPPED_CLOCK_FILE=$step exec $PWD/$XINYID "\$@"
END
chmod +x "$work/xinyid"
XINYID=$work/xinyid

set_clock() { echo "$1" >"$step.new"; mv "$step.new" "$step"; }
now_ms() { awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime; }
state() { "$XINYI" quota outcome "$1" --json | jq -r '.state'; }
offset_ms() { "$XINYI" info --json | jq '.clock_offset_ms'; }
reserve() { "$XINYI" quota reserve $retailer --amount 1 --ttl 3s --json | jq -r '.operation'; }
# ends_at NAME OPERATION BEGAN: open shortly before 3 s have passed, ended shortly after.
ends_in_time() {
  local early late
  while [ $(($(now_ms) - $3)) -lt 2500 ]; do sleep 0.05; done
  early=$(state "$2")
  while [ $(($(now_ms) - $3)) -lt 3300 ]; do sleep 0.05; done
  late=$(state "$2")
  equal "$1" "$early, then $late" "open, then expired"
}

set_clock 0
start_server
check "a subject" "$XINYI" set $retailer --create market_grade=A retailer=true
check "a guarantee" "$XINYI" quota pledge $retailer --instrument 1 --kind deposit --amount 1000000

for hours in 1 -1; do
  set_clock 0; sleep 0.1
  began=$(now_ms); op=$(reserve)
  set_clock $((hours * 3600))
  ends_in_time "set by $hours h: a reservation ends in its time" "$op" "$began"
  offset=$(offset_ms)
  [ $((offset - hours * 3600000)) -ge -1000 ] && [ $((offset - hours * 3600000)) -le 1000 ] &&
    ok "and the difference is shown" || not_ok "and the difference is shown" "$offset ms"
done
contains "the step is logged" "$(cat "$server_log")" 'clock_stepped by_ms=3[56][0-9]{5}'

set_clock 0
for hours in 1 -1; do
  began=$(now_ms); op=$(reserve)
  kill_server
  set_clock $((hours * 3600))
  start_server
  contains "kill -9 and $hours h: the start says so" "$(cat "$server_log")" 'clock_stepped clock_offset_ms='
  ends_in_time "kill -9 and $hours h: a reservation ends in its time" "$op" "$began"
  set_clock 0
done

# Away for longer than it lives: it has ended.
op=$(reserve); kill_server; set_clock -3600; sleep 3; start_server
equal "one whose time passed while the server was down has ended" "$(state "$op")" expired

# The clock as it is: an hour later everything has ended.
op=$("$XINYI" quota reserve $retailer --amount 1 --ttl 1h --json | jq -r '.operation')
stop_server
set_clock 3600
start_server
equal "without --take-clock it goes on" "$(state "$op")" open
stop_server
start_server --take-clock
contains "--take-clock says so" "$(cat "$server_log")" 'clock_taken since_last_ms=[0-9]+'
equal "and reservations end by it" "$(state "$op")" expired
offset=$(offset_ms)
[ "$offset" -ge -100 ] && [ "$offset" -le 100 ] && ok "and nothing differs" || not_ok "and nothing differs" "$offset ms"
stop_server
start_server
equal "what was taken stays" "$(state "$op")" expired
kill_server
set_clock -7200
start_server --take-clock
contains "and it may be taken back" "$(cat "$server_log")" 'clock_taken since_last_ms=-[0-9]+'
check "which leaves everything adding up" "$XINYI" verify
stop_server
finish
