#!/usr/bin/env bash
# Data directories of earlier versions (tests/upgrade/, made by make.sh there with the programs of that version): today's
# server starts on them, answers what the version answered that wrote them, repeats the first answers of its operations,
# and does so after a clean stop and after kill -9, in either order.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
. tests/upgrade/answers.sh

# Operations are forgotten after a week, bonds end, and these only get older: the server's clock stands a day after the
# last thing that happened in them (tests/tools/stepped_clock.c is preloaded into it).
server=$XINYID
case $server in /*) ;; *) server=$PWD/$server ;; esac
export STEPPED_CLOCK_FILE=$work/step
printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$PWD/$BUILD/tests/tools/stepped_clock.so" "$server" >"$work/xinyid"
chmod +x "$work/xinyid"
XINYID=$work/xinyid
options=(--policy "" --fold-interval-ms 300)

same() { # name, expected file, answers
  local differences
  if differences=$(diff "$2" <(printf '%s\n' "$3")); then ok "$1"; else not_ok "$1" "$(head -20 <<<"$differences" | cut -c1-600)"; fi
}
compare() { # archive, when
  same "$1 $2: the answers are those of then" "$1.expected" "$(upgrade_answers "$XINYI")"
  same "$1 $2: operations are repeated with their first answers" "$1.repeat" "$(upgrade_repeat "$XINYI" 2>/dev/null)"
  equal "$1 $2: no reservation is open: their time is over" "$("$XINYI" info --json | jq .open_reservations)" 0
  equal "$1 $2: nothing is held back for them" "$("$XINYI" quota show "$upgrade_retailer" --json | jq .reserved_fen)" 0
}

for packed in tests/upgrade/*.tar.xz.base64; do
  archive=${packed%.tar.xz.base64}
  newest=$(grep -o '"at_ms":[0-9]*' "$archive.expected" | cut -d: -f2 | sort -n | tail -1)
  echo $((newest / 1000 + 86400 - $(date +%s))) >"$STEPPED_CLOCK_FILE"
  rm -rf "$work/data" && mkdir "$work/data"
  base64 -d "$packed" | tar xJ -C "$work/data" || { not_ok "$archive is unpacked"; continue; }
  start_server "${options[@]}"
  compare "$archive" "at first"
  stop_server
  equal "$archive: a clean stop" "$stop_code" 0
  start_server "${options[@]}"
  compare "$archive" "after a restart"
  check "$archive: it goes on" "$XINYI" quota reserve "$upgrade_company" --amount 1万 --ttl 1s --operation "$(upgrade_id $((0x7001)))"
  contains "$archive: and ids of then are not free" \
    "$("$XINYI" quota release --reservation "$(upgrade_id $((0x7001)))" --operation "$(upgrade_id 5)" 2>&1)" 'other content'
  kill_server
  start_server "${options[@]}"
  equal "$archive after kill -9: what was written since is there" \
    "$("$XINYI" quota outcome "$(upgrade_id $((0x7001)))" --json | jq -c '[.known, .asked_fen]')" '[true,1000000]'
  sleep 1.2
  same "$archive after kill -9: the answers are those of then" "$archive.expected" "$(upgrade_answers "$XINYI")"
  kill_server

  rm -rf "$work/data" && mkdir "$work/data" && base64 -d "$packed" | tar xJ -C "$work/data"
  start_server "${options[@]}"
  kill_server # before anything else: whatever the first start moved, the second finds whole
  start_server "${options[@]}"
  compare "$archive" "killed during its first start"
  stop_server
done
finish
