#!/usr/bin/env bash
# Impact before law, from the command line: what it says would happen is compared with what does happen when a second
# server decides by the candidate for the same subjects.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
subjects=20000

# ---------------------------------------------------------------- the province, and a candidate
check "a province is invented" "$XINYI" gen --subjects "$subjects" --seed 5 --output "$work/province.csv"
cut -d, -f1 "$work/province.csv" | tail -n +2 >"$work/ids"
cp -r policy "$work/next"
# who is 良 is looked at instead of approved; red-listed people lose the fast track,
# others who are 优 gain it; participants of grade A and unrated ones lodge more
sed -i -e 's/then: {outcome: granted, amount_fen: 100万元/then: {outcome: review, amount_fen: 80万元/' \
  -e 's/when: {form: person, consent_loan: true, red_list: true}/when: {form: person, consent_loan: true, red_list: false, public_grade: 优}/' \
  -e 's/    inputs: \[form, consent_loan, red_list\]/    inputs: [form, consent_loan, red_list, public_grade]/' \
  -e '/^examples:/,$d' "$work/next/loan.yaml"
sed -i -e 's/factor_bp: {AAA: 50%, AA: 70%, A: 100%/factor_bp: {AAA: 50%, AA: 70%, A: 120%/' -e '/^  examples:/,$d' "$work/next/power-2026.yaml" "$work/next/power-2021.yaml"
check "the candidate can become active" "$XINYI" policy check "$work/next"

start_server
check "the province is imported" "$XINYI" import "$work/province.csv"
"$XINYI" evaluate --scenario loan --file "$work/ids" --json >"$work/before"
mapfile -t participants < <(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "energy_12m_mwh") c = i; next } $c != "" { print $1 }' "$work/province.csv")
quotas() { "$XINYI" quota show "${participants[@]}" --json | jq -sc '{required: (map(.required_fen) | add), limit: (map(.limit_fen) | add), available: (map(.available_fen) | add)}'; }
required_before=$(quotas)

# ---------------------------------------------------------------- what it says
expect_exit "impact as tables" 0 "$XINYI" policy impact "$work/next" --by division --samples 3
text=$("$XINYI" policy impact "$work/next" --by division --samples 3 2>/dev/null)
contains "how many, and by which sets" "$text" "^20,000 subjects as of [0-9-]+: active policy version [0-9]+ beside the candidate"
contains "the scenario" "$text" '^loan 信易贷.*: 20,000 subjects covered'
contains "benefits by name" "$text" '^fast_track  优先办理 +[0-9,]+ +[0-9,]+ +[0-9,]+ +[0-9,]+ +[0-9.]+%'
contains "outcomes that move" "$text" '^granted +review +[0-9,]+'
contains "prefectures by name" "$text" '^5301  昆明市'
contains "amounts in yuan" "$text" '^amounts: ¥[0-9,.]+ now, ¥[0-9,.]+ then \(-¥'
contains "guarantee totals" "$text" '^required +¥[0-9,.]+ +¥[0-9,.]+ +\+¥[0-9,.]+'
contains "samples are masked" "$text" '^id:530[0-9]*\*+[0-9X]* '
if grep -qFf <(head -2000 "$work/ids") <<<"$text"; then not_ok "no number in full"; else ok "no number in full"; fi

"$XINYI" policy impact "$work/next" --json --csv "$work/impact.csv" --samples 5 --seed 9 >"$work/impact" 2>"$work/err"
equal "the document is one line of JSON" "$(wc -l <"$work/impact") $(jq -r .population "$work/impact")" "1 $subjects"
equal "only what differs is run" "$(jq -r '[.scenarios[].scenario] | sort | join(" ")' "$work/impact")" "loan power"
loan='.scenarios[] | select(.scenario == "loan")'
equal "by every dimension" "$(jq -r "$loan.by | keys | join(\" \")" "$work/impact")" "division grade kind sector"
for by in kind grade division sector; do
  equal "$by adds up" "$(jq "[$loan.by.$by[].lost] | add" "$work/impact")" "$(jq "$loan.total.lost" "$work/impact")"
done
equal "CSV has the same" "$(awk -F, '$1 == "scenario" && $2 == "loan" && $3 == "" && $4 == "" && $7 == "holders"' "$work/impact.csv")" \
  "$(jq -r "$loan.total | \"scenario,loan,,,,,holders,\(.before),\(.after),\(.gained),\(.lost)\"" "$work/impact")"
equal "the same seed, the same subjects" "$("$XINYI" policy impact "$work/next" --json --samples 5 --seed 9 | jq -c "$loan.benefits")" \
  "$(jq -c "$loan.benefits" "$work/impact")"
equal "one scenario" "$("$XINYI" policy impact "$work/next" --scenario travel --json | jq -r '[.scenarios[] | .scenario, .total.gained, .total.lost] | join(" ")')" "travel 0 0"
contains "nothing differs" "$("$XINYI" policy impact policy)" 'nobody gains or loses anything'

# ---------------------------------------------------------------- what can go wrong
expect_exit "an unknown scenario" 1 "$XINYI" policy impact "$work/next" --scenario nothing
mkdir "$work/bad"; echo 'policy: [' >"$work/bad/a.yaml"
expect_exit "a candidate with mistakes" 1 "$XINYI" policy impact "$work/bad"
contains "says where to look" "$("$XINYI" policy impact "$work/bad" 2>&1)" "1 error; xinyi policy check $work/bad"
expect_exit "an unknown dimension" 2 "$XINYI" policy impact "$work/next" --by colour
expect_exit "no directory" 2 "$XINYI" policy impact
expect_exit "no server" 3 "$XINYI" --server 127.0.0.1:1 policy impact "$work/next"

# ---------------------------------------------------------------- what happens
stop_server
equal "the server ends well" "$stop_code" 0
"$XINYID" --data "$work/data" --policy "$work/next" --listen 127.0.0.1:0 2>"$server_log" & server_pid=$!
for _ in $(seq 1 300); do grep -q ' ready ' "$server_log" && break; sleep 0.1; done
XINYI_SERVER=$(sed -n 's/.* ready listen=\([^ ]*\).*/\1/p' "$server_log")
"$XINYI" evaluate --scenario loan --file "$work/ids" --json >"$work/after"
truth=$(jq -sc --slurpfile after "$work/after" '
  [., $after] | transpose | map({b: .[0], a: .[1]}) | {
    subjects: (map(select(.b.status == "ok" or .a.status == "ok")) | length),
    lost: (map(select(.b.benefits - .a.benefits != [])) | length),
    gained: (map(select(.a.benefits - .b.benefits != [])) | length),
    fast_lost: (map(select((.b.benefits - .a.benefits) | index("fast_track"))) | length),
    review: (map(select(.b.outcome == "granted" and .a.outcome == "review")) | length),
    amount_before_fen: (map(.b.amount_fen // 0) | add), amount_after_fen: (map(.a.amount_fen // 0) | add)}' "$work/before")
said=$(jq -c "$loan | {subjects: .total.subjects, lost: .total.lost, gained: .total.gained,
    fast_lost: (.benefits[] | select(.id == \"fast_track\").total.lost), review: .total.outcomes[1][2],
    amount_before_fen: .total.amount_before_fen, amount_after_fen: .total.amount_after_fen}" "$work/impact")
equal "what was said is what happens" "$said" "$truth"
guarantee() { jq -c ".guarantees[].total | {required: .required_${1}_fen, limit: .limit_${1}_fen, available: .available_${1}_fen}" "$work/impact"; }
equal "guarantee totals as they were" "$(guarantee before)" "$required_before"
equal "guarantee totals as they become" "$(guarantee after)" "$(quotas)"
stop_server
finish
