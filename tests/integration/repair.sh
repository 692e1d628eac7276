#!/usr/bin/env bash
# A server's data directory, damaged after kill -9: the start refuses and says what is wrong, --repair tells what it would
# do and changes nothing, --repair --yes does it, and the server then answers as it said.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
load=$BUILD/tests/tools/crash_load log=$work/writes.log good=$work/good

flip() { # FILE BYTE: bit 3
  local byte; byte=$(od -An -tu1 -j "$2" -N 1 "$1")
  printf "\\x$(printf %x $((byte ^ 8)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
biggest() { ls -S "$work"/data/db/*"$1" | head -1; } # SUFFIX
fresh() { rm -rf "$work"/data "$work"/data.before-repair-*; cp -r "$good" "$work/data"; }
repair() { timeout 60 "$XINYID" --repair --data "$work/data" --policy policy "$@" 2>&1; }
sums() { (cd "$work/data" && find . -type f ! -name LOCK -exec sha256sum {} + | sort); }

# damaged NAME PATTERN [LOST-PATTERN]: the whole way of one damage
damaged() {
  local name=$1 pattern=$2 before out code
  before=$(sums)
  out=$(timeout 30 "$XINYID" --data "$work/data" --policy policy --listen 127.0.0.1:0 2>&1)
  equal "$name: the server does not start" $? 1
  contains "$name: and says what helps" "$out" "remedy=\"xinyid --repair --data $work/data tells what can be done\""
  out=$(repair); code=$?
  equal "$name: --repair found damage" "$code" 3
  contains "$name: and names it" "$out" "$pattern"
  contains "$name: and says that nothing has changed" "$out" 'nothing has been changed; to do it: '
  contains "$name: --json" "$(repair --json | jq -r .outcome)" '^possible$'
  out=$(repair --yes); code=$?
  equal "$name: --yes repairs" "$code" 0
  contains "$name: and tells the same" "$out" "$pattern"
  check "$name: what was there is kept" test -d "$work"/data.before-repair-*/db
  equal "$name: nothing is wrong afterwards" "$(repair >/dev/null; echo $?)" 0
  if [ $# -gt 2 ]; then
    contains "$name: what is lost is said" "$out" "$3"
  else
    contains "$name: nothing is lost" "$out" 'repaired; nothing that was acknowledged is lost'
    start_server
    check "$name: nothing is lost, nothing twice" "$load" verify --server "$XINYI_SERVER" --log "$log"
    kill_server
  fi
}

start_server --fold-bytes 256K --fold-interval-ms 300
"$load" load --server "$XINYI_SERVER" --log "$log" --round 1 --threads 4 --seconds 2 >"$work/load.out" 2>&1
kill_server
start_server --fold-interval-ms 3600000
"$load" load --server "$XINYI_SERVER" --log "$log" --round 2 --threads 4 --seconds 1 >"$work/load.out" 2>&1
expect_exit "not while a server uses it" 1 repair
kill_server
cp -r "$work/data" "$good"

equal "a sound directory" "$(repair >"$work/out"; echo $?)" 0
contains "says so" "$(cat "$work/out")" 'nothing is wrong'
check "and what there is" grep -qE '^kept: cluster "xinyi": [0-9]+ records, up to group [0-9]+ of 20' "$work/out"
expect_exit "--yes is of no use alone" 2 "$XINYID" --yes --data "$work/data"

fresh; wal=$(biggest .log); flip "$wal" $(($(stat -c %s "$wal") / 2))
damaged "a bit of the write-ahead log" 'db/[0-9]+.log: one bit of byte [0-9]+ is wrong'
fresh; sst=$(biggest .sst); flip "$sst" $(($(stat -c %s "$sst") / 2))
if timeout 30 "$XINYID" --verify --data "$work/data" >/dev/null 2>&1; then ok "a bit of a sorted file: hit nothing"
else fresh; flip "$sst" $(($(stat -c %s "$sst") / 2)); damaged "a bit of a sorted file" 'db/[0-9]+.sst: one bit of byte [0-9]+ is wrong'; fi
fresh; rm "$work/data/db/CURRENT"
damaged "CURRENT is gone" 'db/CURRENT is gone'
fresh; rm "$work/data/JOURNAL"
damaged "JOURNAL is gone" 'JOURNAL is gone'
fresh; wal=$(biggest .log); truncate -s $(($(stat -c %s "$wal") * 2 / 3)) "$wal"
damaged "a log that was cut" 'LOST: log: the last groups are missing: the log is cut behind group [0-9]+' 'lost are groups [0-9]+ to [0-9]+'

# A profile that is lost takes its account with it, as far as anybody sees: it is told, and comes back with the profile.
rm -rf "$work"/data "$work"/data.before-repair-*
start_server
who=uscc:91530000MA00TTT099
check "a profile" "$XINYI" set $who --create form=enterprise retailer=true
check "its account" "$XINYI" quota pledge $who --instrument 1 --kind deposit --amount 100万
stop_server
start_server && stop_server # the tables are in files then
rm -rf "$good"; cp -r "$work/data" "$good"
for sst in "$good"/db/*.sst; do # the one that holds the profile
  fresh; printf '\xaa\xaa\xaa\xaa\xaa\xaa' | dd of="$work/data/db/$(basename "$sst")" bs=1 seek=2 conv=notrunc status=none
  out=$(repair --yes); grep -q '^1 account has no profile' <<<"$out" && break
done
contains "the account without its profile is told" "$out" "^ +xinyi set $who --create"
contains "afterwards as well" "$(repair)" 'nothing else is wrong, and nothing to be repaired'
equal "and in JSON" "$(repair --json | jq -r '.accounts_without_profile[]')" $who
contains "--verify tells the same" "$("$XINYID" --verify --data "$work/data" 2>&1)" "an account of program 1 has no profile: it is whole again after xinyi set $who --create"
start_server
check "the profile is created again" "$XINYI" set $who --create form=enterprise retailer=true market_grade=A
equal "the guarantee is still there" "$("$XINYI" quota show $who --json | jq -r .lodged_fen)" 100000000
stop_server
check "everything is well" "$XINYID" --verify --data "$work/data"
finish
