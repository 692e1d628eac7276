#!/usr/bin/env bash
# kill -9 amid reports, claims of sources and activations of policies, some while everybody is evaluated again, some on a
# full disk: what was acknowledged is there afterwards and counts once, and a restart changes nothing.
# CRASH_ROUNDS (6) rounds on one data directory, killed after a random time, with small folds so that some die in one.
# CRASH_DISKS: the values of min-free-bytes with which a disk is filled (16M 0; 0 needs a server that writes fast).
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
rounds=${CRASH_ROUNDS:-6} seed=${XINYI_SEED:-$RANDOM} mounted=
RANDOM=$seed
echo "seed $seed (set XINYI_SEED to repeat)"
tool=$BUILD/tests/tools/crash_credit log=$work/reports.log acked=$work/activated
unmount() { [ -z "$server_pid" ] || kill -KILL "$server_pid"; [ -z "$mounted" ] || umount -l "$mounted"; }
trap 'unmount 2>/dev/null; cleanup' EXIT

# A set that evaluates everybody otherwise.
cp -r policy "$work/other"
sed -i 's/^grades: {AAA: [0-9]*/grades: {AAA: 901/' "$work/other/evaluation.yaml"
sed -i '/^examples:/,$d' "$work/other/evaluation.yaml"
cmp -s policy/evaluation.yaml "$work/other/evaluation.yaml" && not_ok "the other set differs"

activate() { # until the server is gone; what was acknowledged is appended to $acked
  local set
  for _ in $(seq 100); do
    for set in "$work/other" policy; do
      "$XINYI" policy activate "$set" --json 2>/dev/null >"$work/answer" || return
      jq -r '"\(.version) \(.hash)"' "$work/answer" >>"$acked"
      sleep 0.03
    done
  done
}
history() { "$XINYI" policy list --history --json | jq -r '.history[] | "\(.version) \(.hash)"'; }
evaluated() { # waits until nobody is to be evaluated
  for _ in $(seq 200); do
    [ "$("$XINYI" stats --json | jq '.sweep.everybody // false')" = false ] && return
    sleep 0.05
  done
  not_ok "everybody is evaluated"
}
image() { evaluated; "$tool" dump --server "$XINYI_SERVER" --log "$log"; "$XINYI" effect --by division --json; history; }
used() { "$XINYI" effect --json | jq '[.rows[].benefits[].used] | add // 0'; }

check "a population" "$XINYI" gen --subjects 20000 --seed 5 --output "$work/people.csv"
start_server
check "is imported" "$XINYI" import "$work/people.csv"
kill_server

for round in $(seq 1 "$rounds"); do
  start_server --fold-bytes 256K --fold-interval-ms 300
  : >"$acked"
  activate & activator=$!
  "$tool" load --server "$XINYI_SERVER" --log "$log" --round "$round" --seconds 5 >"$work/load.out" 2>&1 &
  loader=$!
  sleep "$(awk -v r=$RANDOM 'BEGIN { printf "%.3f", 0.5 + r / 32768 * 1.2 }')"
  kill_server
  wait "$loader" "$activator"
  n=$(sed -n 's/ acknowledged//p' "$work/load.out"); n=${n:-0}
  start_server --fold-bytes 256K --fold-interval-ms 300
  if result=$("$tool" verify --server "$XINYI_SERVER" --log "$log" 2>&1) && [ "$n" -gt 0 ]; then
    ok "kill -9, round $round: $n acknowledged; $(tail -1 <<<"$result")"
  else
    not_ok "kill -9, round $round: $n acknowledged" "$result"
  fi
  equal "round $round: uses are counted once" "$(used)" "$(sed -n 's/ uses$//p' <<<"$result")"
  if [ -s "$acked" ] && history >"$work/history" && ! grep -vxFf "$work/history" "$acked"; then
    ok "round $round: $(wc -l <"$acked") activations are kept"
  else
    not_ok "round $round: activations are kept" "$(cat "$acked" "$work/history")"
  fi
  kill_server
done

# ---------------------------------------------------------------- a restart changes nothing
start_server --fold-interval-ms 3600000
image >"$work/before"
kill_server
start_server --fold-interval-ms 3600000
image >"$work/after"
check "after kill -9 all is as before" cmp "$work/before" "$work/after"
stop_server
start_server
image >"$work/after"
check "from folded tables alone all is as before" cmp "$work/before" "$work/after"
stop_server

# ---------------------------------------------------------------- a full disk
fill() { # takes whatever room there is
  while dd if=/dev/zero of="$1/filler" bs=64k count=4096 oflag=append conv=notrunc 2>/dev/null || true; do sleep 0.02; done
}
mkdir "$work/disk"
if ! mount -t tmpfs -o size=128m none "$work/disk" 2>/dev/null; then
  echo "skipped: a full disk (no right to mount a small tmpfs here)"
  finish
fi
mounted=$work/disk
for free in ${CRASH_DISKS:-16M 0}; do
  round=$((round + 1))
  : >"$log"
  start_server --data "$work/disk/$free" --min-free-bytes $free --fold-bytes 256K --fold-interval-ms 300
  "$tool" load --server "$XINYI_SERVER" --log "$log" --round "$round" --seconds 12 >"$work/load.out" 2>&1 &
  loader=$!
  sleep 1
  fill "$work/disk" & filler=$!
  for _ in $(seq 100); do grep -q storage_trouble "$server_log" && break; sleep 0.1; done
  contains "min-free-bytes $free: the disk is full" "$(cat "$server_log")" 'storage_trouble'
  sleep 0.5
  kill "$filler"; wait "$filler" 2>/dev/null; rm -f "$work/disk/filler"
  wait "$loader"
  contains "and well again" "$(cat "$server_log")" 'storage_healed'
  contains "reports went on" "$(cat "$work/load.out")" '^[1-9][0-9]+ acknowledged'
  check "nothing is lost, nothing counts twice" "$tool" verify --server "$XINYI_SERVER" --log "$log"
  equal "uses as well" "$(used)" "$("$tool" verify --server "$XINYI_SERVER" --log "$log" | sed -n 's/ uses$//p')"
  image >"$work/before"
  kill_server
  start_server --data "$work/disk/$free" --min-free-bytes $free
  image >"$work/after"
  check "and after kill -9 all is as before" cmp "$work/before" "$work/after"
  kill_server
  rm -rf "${work:?}/disk/$free"
done
finish
