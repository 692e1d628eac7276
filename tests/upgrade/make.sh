#!/usr/bin/env bash
# Makes the data directories that tests/integration/upgrade.sh begins with: run once, with the programs of the version
# that is to be kept, before the form of anything on disk changes.
#
#   tests/upgrade/make.sh NAME XINYID XINYI POLICY-DIR
#
# writes NAME-folded.* (stopped cleanly: everything is in the tables) and NAME-log.* (killed: everything is in the log),
# each a .tar.xz.base64 of the directory, .expected (answers.sh, answered by that version) and .repeat (answers of
# operations that the test repeats). What only people read (LOG, OPTIONS) is left out to keep them small.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/upgrade/answers.sh
[ $# -eq 4 ] || { sed -n '2,10p' "$0"; exit 2; }
name=$1 XINYID=$2 XINYI=$3 policy=$4
work=$(mkdir -p build/tmp && mktemp -d build/tmp/upgrade-make.XXXXXX) pid=
trap '[ -z "$pid" ] || kill -KILL $pid; rm -rf "$work"' EXIT

start() { # variant, policy
  : >"$work/server.log"
  "$XINYID" --data "$work/$1" --policy "$2" --listen 127.0.0.1:0 --threads 1 --fold-interval-ms 86400000 2>"$work/server.log" &
  pid=$!
  for _ in $(seq 100); do grep -q ' ready ' "$work/server.log" && break; sleep 0.1; done
  XINYI_SERVER=$(sed -n 's/.* ready listen=\([^ ]*\).*/\1/p' "$work/server.log"); export XINYI_SERVER
}
x() { "$XINYI" "$@" >>"$work/out" 2>&1 || { echo "xinyi $*"; tail -3 "$work/out"; exit 1; } >&2; }
refused() { if "$XINYI" "$@" >>"$work/out" 2>&1; then echo "not refused: xinyi $*" >&2; exit 1; fi; }
op() { local n=$1; shift; x quota "$@" --operation "$(upgrade_id "$n")"; }
refused_op() { local n=$1; shift; refused quota "$@" --operation "$(upgrade_id "$n")"; }

# 40 invented subjects and two whose dossiers hold an item of every kind.
fill() {
  local r=$upgrade_retailer c=$upgrade_company p=$upgrade_person
  x gen --subjects 40 --seed 5 --entities 40 --output "$work/p.csv"
  x import "$work/p.csv"
  x set $c form=enterprise tax_grade=A public_grade=优 division=530102 power_user=true market_grade=A --create
  x set $p division=530103 consent_volunteer=true public_grade=优 --create
  x set $c tax_grade=B --source tax_bureau
  x set $c sector=D44 division=530103 --source market_regulator
  x set $p slot_1=712 --source city_platform
  x set $p slot_1=- --source city_platform
  x name $c 云南示例售电有限公司
  x record add $c --type late_filing --day 2026-11-02 --source tax_bureau --id T-1 --ref 云税〔2026〕1号
  x record add $c --type tax_overdue --day 2026-09-15 --source tax_bureau --id T-2
  x record add $c --type power_arrears --day 2026-10-01 --source power_exchange --id P-1
  x record repair $c --target T-1 --source tax_bureau --id T-3
  x record revoke $c --target P-1 --source power_exchange --id P-2
  x record add $r --type power_late_disclosure --day 2026-11-20 --source power_exchange --id P-3
  x commitment draft $c --matter fire_safety_materials --id C-1 --source approval_hall
  x commitment accept $c --target C-1 --source approval_hall --id C-2
  x commitment extend $c --target C-1 --source approval_hall --id C-3
  x commitment fulfil $c --target C-1 --source approval_hall --id C-4
  x service add $p --hours 4 --day 2026-11-21 --source volunteer_platform --id E-77
  x service add $p --minutes 95 --day 2026-11-22 --source volunteer_platform --id E-78
  x service reverse $p --target E-77 --source volunteer_platform --id E-79
  x list add red_list $p --ref 云信〔2026〕8号 --id L-1
  x list remove red_list $p --target L-1 --id L-2
  x list add power_suspended $c --id L-3 --source power_exchange
  x list remove power_suspended $c --target L-3 --id L-4 --source power_exchange
  x report-use $p --scenario travel --benefit fast_lane --id ticket-7 --source tourism
  x evaluate --scenario travel $p
  x evaluate --scenario power $r
  x evaluate --scenario loan $c

  op 1 pledge $r --instrument 5 --kind bond --amount 1亿 --from 2026-11-01 --to 2035-03-31
  op 2 pledge $r --instrument 6 --kind group_guarantee --amount 123456.78 --from 2027-01-01
  op 3 withdraw $r --instrument 6
  op 4 energy $r --energy-12m 2,000,000 --wholesale-2m 300,000 --retail-2m 10
  op 5 reserve $r --amount 10万 --ttl 10m
  op 6 commit $r --reservation "$(upgrade_id 5)" --amount 4万
  op 7 reserve $r --amount 20万 --ttl 10m
  op 8 commit --reservation "$(upgrade_id 7)"
  op 9 reserve $r --amount-fen 30000007
  op 10 release --reservation "$(upgrade_id 9)"
  op 11 settle $r --amount 1万
  op 12 reserve $r --amount 1万 --ttl 500ms
  op 13 reserve $r --amount 50万 --ttl 10m # open when the server goes
  op 14 reserve $r --amount 60万 --ttl 10m # open
  refused_op 15 reserve $r --amount 500亿
  refused_op 16 settle $r --amount 900亿
  refused_op 17 commit $r --reservation "$(upgrade_id 5)"
  refused_op 18 withdraw $r --instrument 77
  op 19 pledge $c --instrument 1 --kind deposit --amount 800万
  op 20 energy $c --forecast-12m 3
  op 21 reserve $c --amount 2万 --ttl 10m # open
  refused_op 22 reserve $p --amount 1万
  sleep 1
  refused_op 23 commit --reservation "$(upgrade_id 12)" # its time is over

  mkdir -p "$work/second" && cp "$policy"/*.yaml "$work/second/" && rm -f "$work/second/travel.yaml"
  x policy activate "$work/second"
  x policy rollback 1
  x set $c public_score=801
  sleep 6 # counters of the decisions are durable within five seconds
}

pack() { # variant
  local to=tests/upgrade/$name-$1
  tar c --sort=name --owner=0 --group=0 --mtime=@0 --exclude='LOG*' --exclude='OPTIONS*' --exclude=LOCK \
    -C "$work/$1" . | xz -9e | base64 -w 120 >"$to.tar.xz.base64"
  wc -c "$to.tar.xz.base64"
}

for variant in folded log; do
  start $variant "$policy"
  fill
  "$XINYI" info --json | jq -e '.folded_sequence == 0 and .subjects == 42' >/dev/null
  upgrade_answers "$XINYI" >"tests/upgrade/$name-$variant.expected"
  upgrade_repeat "$XINYI" >"tests/upgrade/$name-$variant.repeat"
  if [ $variant = folded ]; then kill -TERM $pid; else kill -KILL $pid; fi
  wait $pid || true
  pid=
  pack $variant
done
