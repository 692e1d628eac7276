#!/usr/bin/env bash
# Policies live: sets that are activated, brought back and watched in the shadow while lookups go on; what was given and
# used, month by month; all of it after restarts and kill -9.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
subjects=20000
month=$(TZ=Asia/Shanghai date +%Y-%m)

version() { "$XINYI" policy list --history --json | jq -r .version; }
history() { "$XINYI" policy list --history --json | jq -c '[.history[] | [.version, .hash[0:6], .rollback_of]]'; }
decisions() { "$XINYI" effect --month "$month" --scenario "$1" --json | jq '[.rows[].decisions] | add // 0'; }

# Sets beside the shipped one: `strict` looks at everybody who was granted a loan; `broken` has a mistake; `lying` has an
# example that does not hold.
cp -r policy "$work/base" # as it is now
cp -r "$work/base" "$work/strict"
sed -i -e 's/then: {outcome: granted,/then: {outcome: review,/' -e '/^examples:/,$d' "$work/strict/loan.yaml"
cp -r "$work/base" "$work/broken"; echo 'policy: [' >"$work/broken/zz.yaml"
cp -r "$work/base" "$work/lying"
sed -i '0,/expect: {outcome: granted/s//expect: {outcome: declined/' "$work/lying/loan.yaml"
cmp -s "$work/base/loan.yaml" "$work/lying/loan.yaml" && not_ok "the lying set differs"

check "a province is invented" "$XINYI" gen --subjects "$subjects" --seed 7 --output "$work/province.csv"
start_server --policy "$work/base"
check "and imported" "$XINYI" import "$work/province.csv"
entity=uscc:91530000MA00TTT099
check "an enterprise" "$XINYI" set $entity form=enterprise tax_grade=A public_grade=优 --create

# ---------------------------------------------------------------- what is refused
equal "the directory is version 1" "$(version)" 1
expect_exit "a set with mistakes is refused" 1 "$XINYI" policy activate "$work/broken"
contains "and told with its place" "$("$XINYI" policy activate "$work/broken" 2>&1)" '^zz.yaml:2:1: error: not YAML'
expect_exit "a set whose examples fail is refused" 1 "$XINYI" policy activate "$work/lying"
contains "and told with the example" "$("$XINYI" policy activate "$work/lying" 2>&1)" 'loan.yaml:[0-9]+: ".*" fails: outcome: expected declined, got granted'
expect_exit "not if another version is in force" 1 "$XINYI" policy activate "$work/strict" --expect 4
contains "which is told" "$("$XINYI" policy activate "$work/strict" --expect 4 2>&1)" 'version 1 is in force, not 4'
expect_exit "no such version" 1 "$XINYI" policy rollback 9
expect_exit "a version is a number" 2 "$XINYI" policy rollback strict
expect_exit "no such directory" 2 "$XINYI" policy activate "$work/nothing"
contains "the same set is in force already" "$("$XINYI" policy activate "$work/base")" 'version 1 is in force already'
equal "nothing of that left a trace" "$(history)" "[[1,\"$("$XINYI" policy list --json | jq -r '.hash[0:6]')\",null]]"

# ---------------------------------------------------------------- under load
receipt=$("$XINYI" explain --scenario loan $entity --receipt)
outcome() { "$XINYI" evaluate --scenario loan $entity --json | jq -r .outcome; }
asked() { "$XINYI" stats --json | jq .requests.decide; }
before=$(decisions loan) asked_before=$(asked)
"$XINYI_BENCH" --op evaluate --purpose loan_review --connections 8 --pipeline 16 --seconds 6 --warmup 0 --json >"$work/bench" 2>"$work/bench.err" &
bench=$!
sleep 0.5
equal "granted at first" "$(outcome)" granted
check "activated under load" "$XINYI" policy activate "$work/strict" --expect 1
equal "in force at once" "$(version) $(outcome)" "2 review"
check "rolled back under load" "$XINYI" policy rollback 1
equal "as before, with a new number" "$(version) $(outcome)" "3 granted"
check "and again" "$XINYI" policy activate "$work/strict"
check "a shadow beside it" "$XINYI" policy shadow start 1
sleep 1
seen=$("$XINYI" policy shadow show --json)
contains "the shadow sees the traffic" "$(jq -r '.scenarios[] | select(.scenario == "loan") | "\(.decisions > 1000) \(.different > 100) \(.outcomes[2][1] == .different)"' <<<"$seen")" '^true true true$'
check "rolled back to the first" "$XINYI" policy rollback 1 --wait
wait $bench
equal "no lookup was refused or lost" "$(jq -r '"\(.refused) \(.errors) \(.lost_connections) \(.unanswered) \(.done > 1000)"' "$work/bench")" "0 0 0 0 true"
check "the shadow ends" "$XINYI" policy shadow stop
equal "every decision was counted" "$(decisions loan)" "$((before + $(asked) - asked_before))"
first=$("$XINYI" policy list --json | jq -r '.hash[0:6]')
second=$("$XINYI" policy list --history --json | jq -r '.history[] | select(.version == 2) | .hash[0:6]')
history="[[5,\"$first\",1],[4,\"$second\",null],[3,\"$first\",1],[2,\"$second\",null],[1,\"$first\",null]]"
equal "the history" "$(history)" "$history"
contains "the history for people" "$("$XINYI" policy list --history)" "^ +5 +$month-[0-9 :]+ +[0-9]+ +$first[0-9a-f]+ +in force; version 1 again"
equal "texts of a version are those of the directory" "$("$XINYI" policy diff 1 "$work/base" --json | jq .same)" true
equal "and differ from another's" "$("$XINYI" policy diff 1 2 --json | jq -r '.differences | length > 0')" true

# ---------------------------------------------------------------- the shadow, counted
check "a stricter candidate in the shadow" "$XINYI" policy shadow start "$work/strict"
contains "nothing seen yet" "$("$XINYI" policy shadow show)" 'no decisions yet'
for _ in 1 2 3; do "$XINYI" evaluate --scenario loan $entity >/dev/null; done
"$XINYI" evaluate --scenario power $entity >/dev/null
equal "three of three differ, from granted to review" \
  "$("$XINYI" policy shadow show --json | jq -c '[.scenarios[] | [.scenario, .decisions, .different, .outcomes[1][2]]]')" \
  '[["loan",3,3,3],["power",1,0,0]]'
contains "for people" "$("$XINYI" policy shadow show)" '^granted → review +3'
check "it ends" "$XINYI" policy shadow stop
contains "and says so" "$("$XINYI" policy shadow stop)" 'there was no shadow'
equal "answers were never its own" "$(outcome)" granted

# ---------------------------------------------------------------- at its hour
hour() { TZ=Asia/Shanghai date -d "$1 hours" '+%Y-%m-%d %H:00'; }
ferry() { # code, from, to, outcome
  printf '%s\n' "policy: ferry-$1" 'scenario: {name: ferry, code: 40}' 'title: 轮渡' 'authority: 示例' 'legal_basis: 示例默认值' \
    "effective: {from: $2, to: $3}" 'tables:' '  - table: board' '    hit: first' '    inputs: [serious_list]' '    outputs: [outcome]' \
    '    rows:' "      - {id: F1, when: ['-'], then: [$4]}"
}
cp -r "$work/base" "$work/hours"
ferry old 2020-01-01 "$(hour 0)" review >"$work/hours/ferry-1.yaml"
ferry new "$(hour 0)" 2040-01-01 granted >"$work/hours/ferry-2.yaml"
check "a policy that has switched this hour" "$XINYI" policy activate "$work/hours"
ferried() { "$XINYI" evaluate --scenario ferry --purpose supervision $entity --json | jq -r .outcome; }
equal "the new one decides" "$(ferried)" granted
ferry old 2020-01-01 "$(hour 2)" review >"$work/hours/ferry-1.yaml"
ferry new "$(hour 2)" 2040-01-01 granted >"$work/hours/ferry-2.yaml"
check "one that switches later" "$XINYI" policy activate "$work/hours"
equal "the old one decides" "$(ferried)" review

# ---------------------------------------------------------------- effect
check "a use is reported" "$XINYI" report-use $entity --scenario loan --benefit pre_approval --id use-1
check "and again: counted once" "$XINYI" report-use $entity --scenario loan --benefit pre_approval --id use-1
check "another one" "$XINYI" report-use $entity --scenario loan --benefit pre_approval --id use-2
expect_exit "an unknown benefit" 2 "$XINYI" report-use $entity --scenario loan --benefit free_beer
expect_exit "an unknown scenario" 1 "$XINYI" effect --scenario nothing
expect_exit "a month that is none" 1 "$XINYI" effect --month 2026-13
equal "used twice" "$("$XINYI" effect --scenario loan --json | jq '[.rows[].benefits[] | select(.id == "pre_approval") | .used] | add')" 2
by_division=$("$XINYI" effect --scenario loan --by division --json)
equal "divisions add up" "$(jq '[.rows[].decisions] | add' <<<"$by_division")" "$(decisions loan)"
equal "prefectures add up" "$("$XINYI" effect --scenario loan --by prefecture --json | jq '[.rows[].decisions] | add')" "$(decisions loan)"
"$XINYI_BENCH" --op evaluate --connections 1 --pipeline 1 --seconds 1 --warmup 0 >/dev/null 2>&1
equal "benchmarks are not counted" "$("$XINYI" effect --scenario loan --by division --json)" "$by_division"
contains "for people" "$("$XINYI" effect --scenario loan --by prefecture)" "^$month +loan +530100 昆明市 +[0-9]+ +[0-9]+"

# ---------------------------------------------------------------- restarts
table() { "$XINYI" effect --by division --json | jq -c '.rows'; }
last=$(version)
counted=$(table)
stop_server
equal "the server ends well" "$stop_code" 0
start_server --policy "$work/base"
equal "the table survives a restart" "$(table)" "$counted"
equal "what was activated live is still in force" "$(version)" "$last"
contains "which the log tells" "$(cat "$server_log")" 'policy_directory_kept_out'
equal "the whole history, too" "$("$XINYI" policy list --history --json | jq -c '[.history[].version]')" "$(seq -s, "$last" -1 1 | sed 's/.*/[&]/')"
"$XINYI" evaluate --scenario loan $entity >/dev/null
sleep 6 # a collection, without anybody asking for it
kill_server
start_server --policy "$work/base"
equal "what was collected survives kill -9" "$(table | jq '[.[].decisions] | add')" "$(($(jq '[.[].decisions] | add' <<<"$counted") + 1))"
equal "and so does what is in force" "$(version)" "$last"
cp -r "$work/base" "$work/edited"; echo '# edited' >>"$work/edited/loan.yaml"
stop_server
start_server --policy "$work/edited"
equal "a directory that has changed is applied" "$(version)" "$((last + 1))"

# ---------------------------------------------------------------- receipts
check "the enterprise falls" "$XINYI" set $entity serious_list=true tax_grade=D
check "and policies change" "$XINYI" policy activate "$work/strict"
equal "today it would be declined" "$(outcome)" declined
contains "the receipt's decision is made again" "$("$XINYI" replay "$receipt")" '^the same decision: policy version 1,'
"$XINYI" replay "$receipt" --json >"$work/replay"
equal "as it was" "$(jq -r '[.same, .result.outcome, .again.outcome, .scenario] | join(" ")' "$work/replay")" "true granted granted loan"
stop_server
rm -rf "$work/data"
start_server --policy "$work/strict"
expect_exit "a server that never had the set cannot" 1 "$XINYI" replay "$receipt"
contains "and says so" "$("$XINYI" replay "$receipt" 2>&1)" 'no policy set with the hash [0-9a-f]{32} is kept here'
finish
