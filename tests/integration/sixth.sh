#!/usr/bin/env bash
# A sixth scenario on a server that runs: one YAML file is added to the set and activated; nothing is restarted, no
# lookup is refused meanwhile, and the scenario is asked for by its name, with the purpose that its file says.
# tests/policy/tendering.yaml is a pilot: Kunming only, some rows in one park and for some trades only.
# Prints "ok NAME" / "not ok NAME" lines.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
command -v jq >/dev/null || { not_ok "jq is installed"; finish; }

x() { timeout 60 "$XINYI" "$@"; }
field() { jq -r "$2" <<<"$1" 2>/dev/null; } # field JSON FILTER
# Subjects: in the park and of the trade, in Kunming, in Qujing, a person.
builder=uscc:91530000MA00TTT099 grocer=uscc:92530102MA00TTT173 elsewhere=uscc:93532901MA00TTT25E
person=id:530000199001010011

mkdir "$work/policy" && cp policy/*.yaml "$work/policy"
start_server --policy "$work/policy"
first_pid=$server_pid
check "a builder in the park" x set $builder --create form=enterprise division=530102 sector=E47 public_grade=优 market_grade=AA
check "a grocer in Kunming" x set $grocer --create form=individual_business division=530103 sector=F52 public_grade=良
check "a cooperative in Dali" x set $elsewhere --create form=cooperative division=532901 public_grade=优 market_grade=AAA
check "a person" x set $person --create division=530103 public_grade=优 consent_approval=true

# ---------------------------------------------------------------- before
expect_exit "the scenario is unknown" 2 x evaluate --scenario tendering $builder
before=$(x evaluate --scenario loan $builder --json)
equal "five scenarios" "$(x policy list --json | jq -r '[.policies[].scenario] | unique | length')" 5
version=$(x policy list --json | jq -r .version)

# ---------------------------------------------------------------- one file more
cp tests/policy/tendering.yaml "$work/policy/"
check "the set with the sixth scenario is in order" x policy check "$work/policy"
check "and does what its examples say" x policy test "$work/policy"

# Lookups go on while it is activated: every one is answered.
(
  n=0
  while [ ! -e "$work/enough" ] && [ $n -lt 2000 ]; do
    x evaluate --scenario loan $builder --json >/dev/null 2>>"$work/refused" || echo refused >>"$work/refused"
    n=$((n + 1)); echo $n >"$work/asked"
  done
) &
asking=$!
sleep 0.3
check "it is activated" x policy activate "$work/policy"
sleep 0.3
: >"$work/enough"
wait $asking
[ "$(cat "$work/asked" 2>/dev/null || echo 0)" -gt 0 ]; equal "lookups were made meanwhile" $? 0
equal "and none was refused" "$(cat "$work/refused" 2>/dev/null)" ""

# ---------------------------------------------------------------- after, on the same server
equal "nothing was restarted" "$server_pid $(kill -0 "$first_pid" && echo lives)" "$first_pid lives"
list=$(x policy list --json)
equal "the set has a new version" "$(field "$list" .version)" $((version + 1))
equal "six scenarios" "$(field "$list" '[.policies[].scenario] | unique | length')" 6
equal "its usual purpose is told" "$(field "$list" '.policies[] | select(.scenario == "tendering") | .purpose')" administrative_approval

d=$(x evaluate --scenario tendering $builder --json)
equal "a builder in the park pays no bid bond" "$(field "$d" '[.outcome, .tier, .percent_bp, .amount_fen] | join(" ")')" "granted 3 10000 80000000"
equal "its benefits by name" "$(field "$d" '[.benefits[] | .id? // .] | sort | join(" ")')" "bond_waived commitment_instead performance_bond_reduced"
equal "the row of the pilot decided" "$(field "$d" '.decided_by.row')" Z4
d=$(x evaluate --scenario tendering $grocer --json)
equal "a grocer in Kunming pays less" "$(field "$d" '[.outcome, .tier, .percent_bp, .amount_fen] | join(" ")')" "granted 1 3000 20000000"
d=$(x evaluate --scenario tendering $elsewhere --json)
equal "outside of the pilot's area" "$(field "$d" .status)" out_of_scope
d=$(x evaluate --scenario tendering $person --json)
equal "not for persons" "$(field "$d" .status)" out_of_scope
contains "for people" "$(x evaluate --scenario tendering $builder)" "免缴投标保证金|bond_waived"
contains "explained" "$(x explain --scenario tendering $builder)" "高新区试点行业"
check "it moves out of the division of the park" x set $builder division=530103
# its USCC is named in the park, whatever its division
d=$(x evaluate --scenario tendering $builder --json)
equal "named in the park one by one" "$(field "$d" .decided_by.row)" Z4
check "another trade" x set $builder sector=C26
d=$(x evaluate --scenario tendering $builder --json)
equal "is not in the pilot" "$(field "$d" '[.decided_by.row, .percent_bp] | join(" ")')" "Z5 5000"

x set $builder division=530102 sector=E47 >/dev/null
after=$(x evaluate --scenario loan $builder --json)
equal "the other scenarios decide as before" \
  "$(field "$after" 'del(.policy_version, .data_day, .profile_version) | tojson')" \
  "$(field "$before" 'del(.policy_version, .data_day, .profile_version) | tojson')"

# ---------------------------------------------------------------- it stays
kill_server
start_stored() {
  "$XINYID" --data "$work/data" --listen 127.0.0.1:0 2>"$server_log" &
  server_pid=$!
  for _ in $(seq 1 300); do
    grep -q ' ready ' "$server_log" && break
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  XINYI_SERVER=$(sed -n 's/.* ready listen=\([^ ]*\).*/\1/p' "$server_log"); export XINYI_SERVER
}
start_stored
d=$(x evaluate --scenario tendering $builder --json)
equal "after a kill and a start without files it is there" "$(field "$d" '[.outcome, .decided_by.row] | join(" ")')" "granted Z4"
stop_server
equal "the server ends well" "$stop_code" 0
finish
