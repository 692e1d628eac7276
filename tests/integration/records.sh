#!/usr/bin/env bash
# Records, commitments, volunteer service, lists, names and sources on a real server with the policies that ship: what is
# reported is in force at once, counts once, survives a restart, and what is published names no natural person.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
start_server

company=uscc:91530000MA00TTT099 person=id:530000199001010011
q() { jq -r "$1" <<<"$2"; }
field() { "$XINYI" get "$1" --json | jq -r ".$2"; }
today=$(TZ=Asia/Shanghai date +%F)
ago() { TZ=Asia/Shanghai date -d "$today - $1" +%F; }

check "a company" "$XINYI" set $company form=enterprise tax_grade=A public_grade=优 division=530102 --create
check "a person" "$XINYI" set $person division=530103 consent_volunteer=true public_grade=优 --create

# ---------------------------------------------------------------- records
contains "the catalogue" "$("$XINYI" record types)" '^ *501 +power_default +违约不履行交易合同 +power +general +3\.50'
check "a record" "$XINYI" record add $company --type tax_overdue --day "$(ago '100 days')" --source tax_bureau --id T-1 --ref 云税〔2026〕1号
equal "its points count at once" "$("$XINYI" get $company --json | jq '.negative_points > 2 and .negative_points <= 4')" true
version=$(field $company version)
contains "the same again counts once" "$("$XINYI" record add $company --type 102 --day "$(ago '100 days')" --source 1 --id T-1 --ref 云税〔2026〕1号)" 'known already'
equal "and changes nothing" "$(field $company version)" "$version"
expect_exit "the same id for something else is refused" 1 "$XINYI" record add $company --type late_filing --source tax_bureau --id T-1
contains "with the reason" "$("$XINYI" record add $company --type late_filing --source tax_bureau --id T-1 2>&1)" 'the source used this id for other content'
expect_exit "an unknown type" 2 "$XINYI" record add $company --type late_filling
contains "has a suggestion" "$("$XINYI" record add $company --type late_filling 2>&1)" "did you mean 'late_filing'"
expect_exit "an unknown number" 1 "$XINYI" record add $company --type 9999
expect_exit "a source that may not" 1 "$XINYI" record add $company --type late_filing --source city_platform
expect_exit "an unknown subject" 1 "$XINYI" record add uscc:92530102MA00TTT173 --type late_filing
expect_exit "a day in the future" 1 "$XINYI" record add $company --type late_filing --day 2099-01-01
expect_exit "no day at all" 2 "$XINYI" record add $company --type late_filing --day 2026-02-30
expect_exit "no type" 2 "$XINYI" record add $company
contains "the list of records" "$("$XINYI" record list $company)" 'tax_overdue +欠缴税款 +general +[0-9.]+ +active .* 1 tax_bureau +T-1 +云税'
check "it is repaired" "$XINYI" record repair $company --target T-1 --source tax_bureau
equal "at once" "$(field $company negative_points)" 0
contains "and shown as such" "$("$XINYI" record list $company)" 'tax_overdue .* 0 +repaired'
expect_exit "only once" 1 "$XINYI" record repair $company --target T-1 --source tax_bureau
check "a general record of today" "$XINYI" record add $company --type tax_overdue --id T-2
expect_exit "is not repaired before its minimum" 1 "$XINYI" record repair $company --target T-2
check "but revoked" "$XINYI" record revoke $company --target T-2
equal "and gone" "$(field $company negative_points)" 0
document=$("$XINYI" record list $company --json)
equal "states as JSON" "$(q '[.items[] | select(.kind == "record").state] | join(" ")' "$document")" "repaired revoked"
out=$("$XINYI" record add $company --type late_filing --json)
equal "an id is made and told" "$(q '"\(.status) \(.id | length) \(.repeated)"' "$out")" "ok 32 false"
check "and can be repaired by it" "$XINYI" record repair $company --target "$(q .id "$out")"

# power: points reach a threshold
for n in 1 2 3; do check "default $n" "$XINYI" record add $company --type power_default --source power_exchange --id P-$n --day "$(ago "$n days")"; done
equal "thresholds follow" "$("$XINYI" get $company --json | jq -r '"\(.noticed) \(.no_exemption)"')" "true true"

# ---------------------------------------------------------------- import
cat >"$work/records.csv" <<CSV
subject,type,day,id,ref,action,target
$company,late_filing,$(ago '5 days'),I-1,文1,,
$company,101,$(ago '4 days'),I-2,文2,add,
$company,,$today,I-3,,repair,I-1
$company,nothing_such,$today,I-4,,,
uscc:92530102MA00TTT173,101,$today,I-5,,,
id:530000199001010012,101,$today,I-6,,,
CSV
out=$("$XINYI" record import "$work/records.csv" --source tax_bureau 2>&1); code=$?
equal "an import with rejects" "$code" 4
contains "counts" "$out" '^read 6 rows .*: 3 in force, 0 of them known already, 3 rejected'
equal "rejects have line and reason" "$(cut -d, -f1 "$work/records.csv.rejects" | paste -sd' ')" "line 5 6 7"
contains "of an unknown type" "$(cat "$work/records.csv.rejects")" 'no type of the catalogue'
contains "again changes nothing" "$("$XINYI" record import "$work/records.csv" --source tax_bureau 2>&1)" '3 in force, 3 of them known already'
echo 'subject,type,day' >"$work/noid.csv"
contains "without ids there is no import" "$("$XINYI" record import "$work/noid.csv" 2>&1)" "no column 'id'"
contains "dry run" "$("$XINYI" record import "$work/records.csv" --dry-run 2>&1)" '^checked 6 rows'

# ---------------------------------------------------------------- service
check "hours" "$XINYI" service add $person --hours 4 --source volunteer_platform --id E-1
check "minutes" "$XINYI" service add $person --minutes 90 --source volunteer_platform --id E-2
equal "are added" "$(field $person volunteer_minutes)" 330
expect_exit "too much for a day" 1 "$XINYI" service add $person --hours 9 --source volunteer_platform --id E-3
expect_exit "not of a company" 1 "$XINYI" service add $company --hours 1 --id E-4
contains "and why" "$("$XINYI" service add $company --hours 1 --id E-4 2>&1)" 'only natural persons'
expect_exit "hours that are not whole in minutes" 2 "$XINYI" service add $person --hours 0.333
check "a reversal" "$XINYI" service reverse $person --target E-1 --source volunteer_platform
equal "takes them back" "$(field $person volunteer_minutes)" 90
contains "the list of service" "$("$XINYI" service list $person)" ' 240 +reversed +4 volunteer_platform +E-1'
{ echo subject,hours,day,id; for n in $(seq 1 20); do echo "$person,5.5,$(ago "$n days"),S-$n"; done; } >"$work/service.csv"
check "an import of service" "$XINYI" service import "$work/service.csv" --source 4
equal "is in force" "$(field $person volunteer_minutes)" $((90 + 20 * 330))
contains "and gives stars" "$("$XINYI" service list $person)" '^111 h 30 min in all, 1 star$'
check "falsified hours" "$XINYI" record add $person --type falsified_hours --day "$(ago '2 days')" --id F-1
contains "make void what was before" "$("$XINYI" service list $person)" ' 330 +void +4 volunteer_platform +S-3'
contains "not what is since" "$("$XINYI" service list $person)" ' 330 +counted +4 volunteer_platform +S-2'
check "unless they are revoked" "$XINYI" record revoke $person --target F-1
contains "then all counts" "$("$XINYI" service list $person)" ' 330 +counted +4 volunteer_platform +S-3'

# ---------------------------------------------------------------- commitments
out=$("$XINYI" commitment accept $company --matter business_premises --id C-1 --source approval_hall)
contains "accepted with a deadline" "$out" 'deadline 20[0-9-]+$'
equal "it is open" "$(field $company open_commitments)" 1
first=$("$XINYI" commitment list $company --json | jq -r '.items[] | select(.kind == "commitment").deadline')
check "extended" "$XINYI" commitment extend $company --source approval_hall
second=$("$XINYI" commitment list $company --json | jq -r '.items[] | select(.kind == "commitment").deadline')
if [[ "$second" > "$first" ]]; then ok "the deadline is later"; else not_ok "the deadline is later" "$first $second"; fi
expect_exit "only once" 1 "$XINYI" commitment extend $company --source approval_hall
check "fulfilled" "$XINYI" commitment fulfil $company --target C-1 --source approval_hall
contains "as the list says" "$("$XINYI" commitment list $company)" 'business_premises +经营场所证明 +fulfilled'
check "one of long ago" "$XINYI" commitment accept $company --matter business_premises --id C-2 --day "$(ago '90 days')"
contains "is overdue by itself" "$("$XINYI" commitment list $company)" 'breached 20[0-9-]+, overdue'
equal "and broken" "$(field $company broken_commitments)" 1
equal "from when it can be repaired" "$("$XINYI" commitment list $company --json | jq -r '[.items[] | select(.state == "breached") | (.breached < .repairable_from)] | tostring')" "[true]"
expect_exit "not before" 1 "$XINYI" commitment repair $company --target C-2
expect_exit "nothing is open to be fulfilled" 1 "$XINYI" commitment fulfil $company
contains "the matters" "$("$XINYI" commitment matters)" 'business_premises +经营场所证明 +[0-9]+ working days'

# ---------------------------------------------------------------- lists, names, publication
good=uscc:92530102MA00TTT173 rest=uscc:93530102MA00TTT196
check "another company" "$XINYI" set $good form=cooperative tax_grade=A division=530111 --create
check "its name" "$XINYI" name $good '云南"示例",合作社'
check "a person's name" "$XINYI" name $person 张三丰
check "on the red list" "$XINYI" list add red_list $good --ref 云信〔2026〕8号 --id L-1
check "a person, too" "$XINYI" list add 1 $person --id L-2 --ref "张三丰案"
expect_exit "who does not qualify is not" 1 "$XINYI" list add red_list uscc:92530102MA00TTT173 --day 2099-01-01
equal "the flag is set" "$(field $good red_list)" true
equal "the list" "$("$XINYI" list show red_list --json | jq -r '"\(.subject) \(.name)"' | sort | paste -sd' ')" "$person 张三丰 $good 云南\"示例\",合作社"
equal "of a prefecture" "$("$XINYI" list show red_list --division 530100 --json | jq -s length)" 2
equal "of a county" "$("$XINYI" list show red_list --division 530111 --json | jq -r .subject)" "$good"
equal "at most one" "$("$XINYI" list show red_list --max 1 --json 2>/dev/null | jq -s length)" 1
check "the file for publication" "$XINYI" list export red_list --output "$work/red.csv"
contains "has entities in full" "$(cat "$work/red.csv")" "^red_list,$good,\"云南\"\"示例\"\",合作社\",官渡区,.*,云信〔2026〕8号$"
contains "and persons masked" "$(cat "$work/red.csv")" '^red_list,id:530000\*+11,张\*\*,盘龙区,.*,$'
if grep -q '张三\|199001010' "$work/red.csv"; then not_ok "nobody can be read" "$(cat "$work/red.csv")"; else ok "nobody can be read"; fi
if "$XINYI" list export red_list --output - --json 2>/dev/null | grep -q '张三\|199001010'; then not_ok "nor in JSON"; else ok "nor in JSON"; fi
check "a serious entry" "$XINYI" list add serious_list $person --source courts --id J-1
expect_exit "not taken off by the name of another list" 1 "$XINYI" list remove red_list $person --target J-1 --source courts
equal "so it stays on it" "$(field $person serious_list)" true
equal "overrides the red list" "$(field $person red_list) $(field $person serious_list)" "false true"
equal "also on the list" "$("$XINYI" list show red_list --json | jq -r .subject)" "$good"
expect_exit "and keeps off it" 1 "$XINYI" list add red_list $person --id L-3
check "removed" "$XINYI" list remove serious_list $person --source courts
equal "is off" "$(field $person serious_list)" false
expect_exit "no such list" 2 "$XINYI" list show blue_list
contains "nobody's dossier" "$("$XINYI" record list uscc:93532901MA00TTT25E 2>&1)" 'uscc:93532901MA00TTT25E: no such subject'
expect_exit "no such number" 1 "$XINYI" list show 77
contains "the lists" "$("$XINYI" list)" 'serious_list +严重失信主体名单'

# ---------------------------------------------------------------- sources
cat >"$work/tax.csv" <<CSV
subject,tax_grade,data_day
$good,B,2026-01-01
CSV
cat >"$work/base.csv" <<CSV
subject,tax_grade,public_grade,data_day
$good,D,良,2020-06-01
CSV
check "what the tax bureau says" "$XINYI" import "$work/tax.csv" --source tax_bureau
check "what the platform says of an earlier day than before" "$XINYI" import "$work/base.csv"
equal "the priority decides" "$(field $good tax_grade) $(field $good public_grade)" "B 良"
document=$("$XINYI" sources $good --json)
equal "where it comes from" "$(q '.fields[] | select(.field == "tax_grade") | "\(.value) \(.source_id) \(.losing[0].source_id) \(.losing[0].value)"' "$document")" "B tax_bureau base A"
contains "for people" "$("$XINYI" sources $good)" 'tax_grade +B +1 tax_bureau +2026-01-01 +纳税信用等级 +0 base: A'
check "it is withdrawn" "$XINYI" set $good tax_grade=- --source tax_bureau
equal "and the other counts" "$(field $good tax_grade)" A
expect_exit "a field that is not its business" 1 "$XINYI" set $good public_grade=优 --source tax_bureau
contains "which is named" "$("$XINYI" set $good tax_grade=A public_grade=优 --source tax_bureau 2>&1)" "public_grade: .*not this source's to write"
expect_exit "an unknown source" 2 "$XINYI" set $good tax_grade=A --source tax_burrow
expect_exit "an unknown number" 1 "$XINYI" set $good tax_grade=A --source 200
contains "the catalogue of sources" "$("$XINYI" sources)" '^ *1 +tax_bureau +云南省税务局 +tax_grade data_day'
check "another" "$XINYI" set $rest form=cooperative --create
equal "without a dossier all is the base's" "$("$XINYI" sources $rest --json | jq -r '[.fields[] | select(.computed | not).source] | unique | tostring')" "[0]"

# ---------------------------------------------------------------- scorecards and receipts
document=$("$XINYI" evaluate --scorecard $company --json)
equal "the scorecard agrees with the profile" "$(q '"\(.score) \(.grade)"' "$document")" "$(field $company composite_score) $(field $company composite_grade)"
equal "and has lines" "$(q '(.lines | length) > 3' "$document")" true
contains "for people" "$("$XINYI" evaluate --scorecard $company)" "^$company: [0-9]+, [ABC]+ by "
expect_exit "not of a scenario" 2 "$XINYI" evaluate --scorecard --scenario loan $company
out=$("$XINYI" evaluate --scenario loan --receipts $company)
contains "a receipt" "$out" "^$company xr1-[A-Za-z0-9_-]{214}$"
equal "is the explanation's" "$("$XINYI" evaluate --scenario loan --receipts $company --json | jq -r '"\(.status) \(.receipt | length)"')" "ok 218"

# ---------------------------------------------------------------- clients that send nonsense
seed=${SEED:-$RANDOM}
for case in garbage reports lists bodies full; do
  check "hostile client: $case (seed $seed)" timeout 60 "$BUILD/tests/tools/hostile_credit" $case --server "$XINYI_SERVER" --seed "$seed"
done

# ---------------------------------------------------------------- a restart
before=$("$XINYI" get $company $good $person --json; "$XINYI" record list $company --json; "$XINYI" list show red_list --json)
kill_server
start_server
after=$("$XINYI" get $company $good $person --json; "$XINYI" record list $company --json; "$XINYI" list show red_list --json)
equal "everything survives kill -9" "$after" "$before"
stop_server
equal "the server stops cleanly" "$stop_code" 0
finish
