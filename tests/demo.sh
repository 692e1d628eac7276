#!/usr/bin/env bash
# The tour: a generated province, real decisions with reasons, records and their repair, a rule tried before it is law, a
# new scenario without a restart, a reservation that survives one, and a load test.
# Everything happens under build/demo and on 127.0.0.1; DEMO_SUBJECTS, DEMO_SECONDS and DEMO_PORT change its size.
set -euo pipefail
cd "$(dirname "$0")/.."
subjects=${DEMO_SUBJECTS:-1000000} seconds=${DEMO_SECONDS:-10} port=${DEMO_PORT:-0}
dir=build/demo
file=$dir/province.csv log=$dir/server.log
server_pid=

bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
if [ ! -t 1 ] || [ -n "${NO_COLOR:-}" ]; then bold= dim= plain=; fi
step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }
# Shows a command as it would be typed, then runs it. A refusal (exit 1) is an answer too.
run() {
  printf '%s$ %s%s\n' "$bold" "$*" "$plain"
  local code=0
  "$@" || code=$?
  [ "$code" -le 1 ] || { echo "demo: '$*' ended with exit status $code" >&2; exit 1; }
}

stop_server() {
  [ -n "$server_pid" ] || return 0
  kill -TERM "$server_pid" 2>/dev/null || true
  wait "$server_pid" || { echo "demo: the server did not stop cleanly; see $log" >&2; exit 1; }
  server_pid=
}
trap '[ -z "$server_pid" ] || kill -KILL "$server_pid" 2>/dev/null || true' EXIT

start_server() {
  : >"$log"
  printf '%s$ xinyid --data %s/data%s --listen 127.0.0.1:%s &%s\n' "$bold" "$dir" "${1:+ --policy $1}" "$port" "$plain"
  build/xinyid --data $dir/data ${1:+--policy "$1"} --listen 127.0.0.1:"$port" 2>"$log" &
  server_pid=$!
  for _ in $(seq 1 600); do
    if grep -q ' ready ' "$log"; then
      XINYI_SERVER=$(sed -n 's/.* ready listen=\([^ ]*\).*/\1/p' "$log")
      export XINYI_SERVER
      port=${XINYI_SERVER##*:}
      grep ' ready ' "$log"
      return
    fi
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  echo "demo: the server did not start:" >&2; tail -20 "$log" >&2; exit 1
}

# The first subject of the file that meets a condition over column names, e.g. pick 'tax_grade=A' 'public_grade=优'.
pick() {
  awk -F, -v conditions="$*" '
    NR == 1 { for (i = 1; i <= NF; i++) col[$i] = i; n = split(conditions, c, " "); next }
    { for (k = 1; k <= n; k++) { split(c[k], kv, "="); v = $(col[kv[1]])
        if (kv[2] == "+" ? v == "" : substr(kv[2], 1, 1) == "^" ? index(v, substr(kv[2], 2)) != 1 : v != kv[2]) next }
      print $1; exit }' "$file"
}

rm -rf "$dir"; mkdir -p "$dir"
step "A province of $subjects subjects, from seed 1 (persons have only impossible test numbers)"
run build/xinyi gen --subjects "$subjects" --seed 1 --output "$file"

step "A server on an empty data directory"
start_server policy

step "Import: every row is on disk before it is acknowledged"
run build/xinyi import "$file"
run build/xinyi info

company=$(pick subject=^uscc tax_grade=A public_grade=优 serious_list=0)
listed=$(pick subject=^uscc serious_list=1)
person=$(pick subject=^id public_grade=优 consent_travel=1 consent_volunteer=1 serious_list=0)
volunteer=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) col[$i] = i; next }
  $col["volunteer_minutes"] > best && $1 ~ /^id/ { best = $col["volunteer_minutes"]; who = $1 } NR > 200000 { exit } END { print who }' "$file")
retailer=$(pick retailer=1 suspended=0 market_grade=AA energy_12m_mwh=+)
[ -n "$retailer" ] || retailer=$(pick retailer=1 energy_12m_mwh=+)

step "信易贷 — a bank asks about a company with tax grade A and public grade 优"
run build/xinyi evaluate --scenario loan "$company"
run build/xinyi explain --scenario loan "$company"
step "信易贷 — and about one on the serious-dishonesty list"
run build/xinyi explain --scenario loan "$listed"
step "信易游 — a travel platform asks about a traveller"
run build/xinyi explain --scenario travel "$person"
step "信用+电力 — the trading center asks about a retailer"
run build/xinyi explain --scenario power "$retailer"
step "信易批 — an approval window asks about the company"
run build/xinyi explain --scenario approval "$company"
step "信用+志愿服务 — the volunteer platform asks about a volunteer"
run build/xinyi explain --scenario volunteer "$volunteer"

step "A behaviour record: reported once, in force at once; repaired, gone at once"
run build/xinyi record add "$company" --type late_filing --source tax_bureau --id S-2026-118 --ref "云税〔2026〕118号"
run build/xinyi record list "$company"
run build/xinyi record repair "$company" --target S-2026-118 --source tax_bureau
run build/xinyi record list "$company"

step "The composite score, line by line"
run build/xinyi evaluate --scorecard "$company"

step "Several sources: who says what, and which value counts"
printf 'subject,tax_grade,data_day\n%s,B,%s\n' "$company" "$(TZ=Asia/Shanghai date +%F)" >$dir/tax.csv
run build/xinyi import --source tax_bureau $dir/tax.csv
run build/xinyi sources "$company"

step "Acceptance with gaps: a commitment with its deadline in working days"
run build/xinyi commitment accept "$company" --matter business_premises --source approval_hall --id C-2026-7
run build/xinyi commitment fulfil "$company" --target C-2026-7 --source approval_hall

step "Volunteer service, and what is missing for more"
run build/xinyi service add "$person" --hours 4 --source volunteer_platform
run build/xinyi explain --scenario volunteer "$person"

step "The red list, as it would be published"
run build/xinyi list export red_list --output $dir/red.csv
head -4 $dir/red.csv

step "A rule before it is law: a candidate that lends more at grade 优 and asks for fewer points"
rm -rf $dir/candidate; cp -r policy $dir/candidate
sed -i 's/300万元/400万元/; s/amount_fen: 300000000/amount_fen: 400000000/; s/\(negative_points: \)">= 9"/\1">= 4"/
  s/300万元, rate_bp: -30, benefits: \[pre_approval\], row: L7/400万元, rate_bp: -30, benefits: [pre_approval], row: L7/
  s/negative_points: 8.99/negative_points: 3.99/' $dir/candidate/loan.yaml
run build/xinyi policy diff policy $dir/candidate
run build/xinyi policy test $dir/candidate
run build/xinyi policy impact $dir/candidate --scenario loan --by kind --samples 1

step "The candidate in the shadow of live traffic: a bank asks about 20,000 companies"
awk -F, '$1 ~ /^uscc/ { print $1; if (++n == 20000) exit }' "$file" >$dir/companies.txt
run build/xinyi policy shadow start $dir/candidate
note "\$ xinyi evaluate --scenario loan --file companies.txt --csv > decisions.csv"
build/xinyi evaluate --scenario loan --file $dir/companies.txt --csv >$dir/decisions.csv
run build/xinyi policy shadow show
run build/xinyi policy shadow stop

step "It becomes law, while lookups go on; a decision of before can still be made again"
receipt=$(build/xinyi --json explain --scenario loan "$company" | jq -r .receipt)
run build/xinyi policy activate $dir/candidate
run build/xinyi evaluate --scenario loan "$company"
run build/xinyi replay "$receipt"
run build/xinyi policy rollback 1

step "A sixth scenario: one YAML file, nothing restarted (tendering, a pilot in Kunming)"
rm -rf $dir/six; cp -r policy $dir/six; cp tests/policy/tendering.yaml $dir/six
run build/xinyi policy activate $dir/six
bidder=$(pick subject=^uscc division=^5301 public_grade=优 serious_list=0)
[ -z "$bidder" ] || run build/xinyi explain --scenario tendering "$bidder"

step "Do the incentives work? What was granted, and what was used"
run build/xinyi evaluate --scenario travel "$person"
run build/xinyi report-use "$person" --scenario travel --benefit discount --source tourism
run build/xinyi effect --scenario travel

step "The retailer's guarantee quota, and a trade"
run build/xinyi quota show --program power "$retailer"
run build/xinyi quota check --program power --amount 1000000 "$retailer"
run build/xinyi quota check --program power --amount 100亿 "$retailer"
operation=$(build/xinyi --json quota reserve --program power --amount 10000 --ttl 10m "$retailer" | tee $dir/reserve.json | jq -r .operation)
run build/xinyi quota outcome "$operation"

step "A new bond and the trade that needs it: both or neither (the second line asks for too much)"
cat >$dir/trade.jsonl <<JSON
{"kind": "pledge", "subject": "$retailer", "instrument": 900, "instrument_kind": "bond", "amount": "50万", "to": "2099-06-30", "linked": true}
{"kind": "reserve", "subject": "$retailer", "amount": "100亿", "ttl": "5m"}
JSON
run cat $dir/trade.jsonl
run build/xinyi quota batch $dir/trade.jsonl
sed -i 's/100亿/40万/' $dir/trade.jsonl
note "with 40万 instead of 100亿:"
run build/xinyi quota batch $dir/trade.jsonl

step "An inquiry freezes the account: every reason is told at once; the history adds up"
run build/xinyi quota freeze --program power --reference 云调2026-8 "$retailer"
run build/xinyi quota check --program power --amount 100亿 "$retailer"
run build/xinyi quota unfreeze --program power "$retailer"
run build/xinyi quota history --program power --max 6 "$retailer"
run build/xinyi alerts --kind frozen,unfrozen
run build/xinyi verify

step "A backup of the running server; a second one copies only what is new"
backups=$PWD/$dir/backups
run build/xinyi backup "$backups"
run build/xinyi backup "$backups" --keep 2
run build/xinyid --restore "$backups" --data $dir/restored
rm -rf $dir/restored

step "Stop, and start again on the same directory: all is still there"
run build/xinyi info
stop_server
note "stopped: $(tail -1 "$log")"
start_server
run build/xinyi quota outcome "$operation"
run build/xinyi quota release --program power --reservation "$operation" "$retailer"

step "A load test of $seconds s: whole loan decisions over TCP"
run build/xinyi-bench --server "$XINYI_SERVER" --op evaluate --scenario loan --connections 50 --pipeline 64 --batch 1 \
  --seconds "$seconds" --threads 1
note "server and load generator shared this machine's $(nproc) cores; see bench/README.md for how to measure properly"
stop_server

step "What to try next"
next() { printf '  %-62s %s\n' "$1" "$2"; }
next "build/xinyid --data $dir/data &" "keep this province running on 127.0.0.1:7420"
next "build/xinyi explain --scenario loan $company" "the reasons"
next "build/xinyi set $company public_grade=差" "and explain again: the answer changes at once"
next "build/xinyi watch" "alerts of guarantee quotas, as they come"
next "build/xinyi policy test policy" "the examples inside the policy files"
next "build/xinyi help" "everything else; docs/POLICY.md for writing rules"
