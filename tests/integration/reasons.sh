#!/usr/bin/env bash
# Reasons from a real server: what explain says would grant a benefit is done with `set`, and then it is granted. Receipts
# survive letters; differences of policies are told in the words of the files.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
start_server

company=uscc:91530000MA00TTT099 person=id:530000199001010011
q() { jq -r "$1" <<<"$2"; }

# ---------------------------------------------------------------- a benefit that is missing
check "a company" "$XINYI" set $company form=enterprise tax_grade=C public_grade=中 negative_points=9.5 --create
text=$("$XINYI" explain --scenario loan $company)
contains "the decision in a sentence" "$text" '^uscc:91530000MA00TTT099, loan .*: review by eligibility / L5: '
contains "what stands in the way" "$text" 'nearest rule: +eligibility / L7: 纳税信用等级 is C, needs A, B, M'
contains "what would grant it" "$text" 'would grant it: a tax grade of B or better'
contains "and more" "$text" 'and 0\.51 fewer negative points: by repair or by waiting'
document=$("$XINYI" explain --scenario loan $company --json)
equal "every benefit is explained" "$(q '[.benefits_explained[].id] | join(" ")' "$document")" "pre_approval fast_track"
equal "the keys of before are there" "$(q '"\(.outcome) \(.decided_by.row) \(.rows | length > 10)"' "$document")" "review L5 true"
equal "the outcome is explained" "$(q '.outcome_explained | "\(.granted) \(.row) \(.changes | length)"' "$document")" "false L5 3"

# grant SCENARIO SUBJECT BENEFIT: does what is suggested, if there is anything to do; the benefit is there afterwards
grant() {
  local scenario=$1 subject=$2 benefit=$3 fields
  [ "$("$XINYI" explain --scenario "$scenario" "$subject" --json | jq --arg b "$benefit" '.benefits | index($b)')" = null ] || return 0
  mapfile -t fields < <("$XINYI" explain --scenario "$scenario" "$subject" --json |
    jq -r --arg b "$benefit" '.benefits_explained[] | select(.id == $b).changes[] | "\(.field)=\(.to)"')
  if [ "${#fields[@]}" -eq 0 ]; then not_ok "$benefit of $scenario can be had"; return; fi
  check "${fields[*]}" "$XINYI" set "$subject" "${fields[@]}"
  equal "grants $benefit of $scenario" "$("$XINYI" explain --scenario "$scenario" "$subject" --json |
    jq -r --arg b "$benefit" '"\(.benefits | index($b) != null) \(.benefits_explained[] | select(.id == $b).granted)"')" "true true"
}
grant loan $company pre_approval
check "a person" "$XINYI" set $person volunteer_minutes=5280 --create
text=$("$XINYI" explain --scenario volunteer $person)
contains "hours are told as hours" "$text" '12 more volunteer hours'
contains "consent is asked for" "$text" 'give the authorisation for 信用\+志愿服务'
for benefit in $("$XINYI" explain --scenario volunteer $person --json | jq -r '.benefits_explained[] | select(.changes != []).id'); do
  grant volunteer $person "$benefit"
done
check "commitments" "$XINYI" set $company open_commitments=3 broken_commitments=1
grant approval $company acceptance_with_gaps

# ---------------------------------------------------------------- repairs
ago() { TZ=Asia/Shanghai date -d "$1 days ago" +%F; }
breaker=uscc:51530300MJ00TE0572
check "an association" "$XINYI" set $breaker form=association public_grade=良 --create
check "breaks a commitment" "$XINYI" commitment accept $breaker --matter 2 --day "$(ago 150)" --id K-1
document=$("$XINYI" explain --scenario approval $breaker --json)
repair=$(q '.benefits_explained[] | select(.id == "acceptance_with_gaps").repair.text' "$document")
equal "repairing it is told, though a flag stands in the way" "$repair" "repair the breach of the commitment of $(ago 150)"
contains "also for people" "$("$XINYI" explain --scenario approval $breaker)" "repairing: +$repair"
check "it is repaired" "$XINYI" commitment repair $breaker --target K-1
equal "and what was told is so" "$("$XINYI" evaluate --scenario approval $breaker --json | jq '.benefits | index("acceptance_with_gaps") != null')" true

# ---------------------------------------------------------------- receipts
receipt=$("$XINYI" explain --scenario loan $company --receipt)
contains "a receipt is one word" "$receipt" '^xr1-[A-Za-z0-9_-]{214}$'
equal "the document has one, too" "$("$XINYI" explain --scenario loan $company --json | jq -r '.receipt | length')" 218
equal "--receipt as JSON" "$("$XINYI" explain --scenario loan $company --receipt --json | jq -r '.receipt | startswith("xr1-")')" true

expect_exit "a damaged receipt is found" 1 "$XINYI" replay "${receipt:0:100}B${receipt:101}x"
expect_exit "no receipt and no file" 2 "$XINYI" replay "$work/nothing"
"$XINYI" evaluate --scenario loan $company $person --receipts >"$work/receipts"
contains "many are replayed as evaluate writes them" "$("$XINYI" replay "$work/receipts")" '^2 receipts: 2 the same decision, 0 another, 0 not replayed$'
equal "with their subjects as JSON" "$("$XINYI" replay - --json <"$work/receipts" | jq -r '"\(.line) \(.subject) \(.same)"' | paste -sd' ')" "1 $company true 2 $person true"
head -1 "$work/receipts" >"$work/one"
contains "one behind its subject" "$("$XINYI" replay "$work/one")" '^the same decision'
echo "$person xr1-AAAA" >>"$work/receipts"
expect_exit "a damaged one among them" 4 "$XINYI" replay "$work/receipts"
contains "is named by its line" "$("$XINYI" replay "$work/receipts" 2>&1)" 'line 3: the receipt is damaged'
fold -w 50 <<<"$receipt" >"$work/letter"
contains "a letter breaks lines" "$("$XINYI" replay "$work/letter")" '^the same decision'

# ---------------------------------------------------------------- differences
cp -r policy "$work/next"
sed -i 's/300万元, rate_bp: -30/350万元, rate_bp: -30/' "$work/next/loan.yaml"
text=$("$XINYI" policy diff policy "$work/next")
contains "a changed amount in one line" "$text" '^loan-2026: table eligibility, row L7, amount_fen: 300万元 → 350万元$'
equal "differences as JSON" "$("$XINYI" policy diff policy "$work/next" --json | jq -r '.same, (.differences[] | select(.where | endswith("amount_fen")) | .after)' | paste -sd' ')" "false 350万元"
contains "no differences" "$("$XINYI" policy diff policy policy)" '^no differences'
expect_exit "no such set" 2 "$XINYI" policy diff policy "$work/nothing"
expect_exit "one set is too few" 2 "$XINYI" policy diff policy
echo 'policy: broken' >"$work/next/loan.yaml"
expect_exit "a set with errors cannot be compared" 1 "$XINYI" policy diff policy "$work/next"

stop_server
equal "the server stops cleanly" "$stop_code" 0
finish
