#!/usr/bin/env bash
# The guarantee ledger from outside: chains that are executed as a whole or not at all, instruments that are amended,
# accounts that are frozen, statements that add up, ids that answer once and for all also after kill -9, and a second
# program beside power (tests/policy/gas.yaml). Prints "ok NAME" / "not ok NAME" lines.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
command -v jq >/dev/null || { not_ok "jq is installed"; finish; }

x() { timeout 60 "$XINYI" "$@"; }
q() { x quota "$@"; }
field() { jq -r "$2" <<<"$1" 2>/dev/null; } # field JSON FILTER
show() { q show "$who" --json "${@:2}" | jq -r "$1"; } # show FILTER [OPTION...]
id() { printf '%032x' "$1"; }
who=uscc:91530000MA00TTT099 other=uscc:92530102MA00TTT173 stranger=uscc:93532901MA00TTT25E

mkdir "$work/policy" && cp policy/*.yaml tests/policy/gas.yaml "$work/policy"
start_server --policy "$work/policy"
check "a retailer" x set $who --create form=enterprise retailer=true market_grade=A
check "its deposit" q pledge $who --instrument 1 --kind deposit --amount 1000000 --operation "$(id 1)"
out=$(q pledge $who --instrument 2 --kind bond --amount 500000 --to 2099-06-30); equal "its bond" $? 0
contains "its validity, as quota show says it" "$out" '^valid +from now through 2099-06-30$'
check "another one, not rated" x set $other --create form=enterprise retailer=true

# ---------------------------------------------------------------- chains
before=$(show '"\(.limit_fen) \(.used_fen) \(.account_version) \(.instrument_count)"')
cat >"$work/chain.jsonl" <<JSON
{"kind": "pledge", "subject": "$who", "instrument": 3, "instrument_kind": "bond", "amount": "100000", "operation": "$(id 10)", "linked": true}
{"kind": "reserve", "subject": "$who", "amount": "1亿", "operation": "$(id 11)", "linked": true}
{"kind": "settle", "subject": "$who", "amount": "1", "operation": "$(id 12)"}
{"kind": "reserve", "subject": "$who", "amount_fen": 777, "operation": "$(id 13)"}
JSON
out=$(q batch "$work/chain.jsonl"); equal "a batch with a refusal exits 1" $? 1
contains "the operation that failed says why" "$out" '^line 2 .*refused: the amount is more than the available quota: asked ¥100,000,000\.00, limit ¥1,545,000\.00, used ¥0\.00, not counting the chain'
contains "the one before it was not executed" "$out" '^line 1 .*refused: another operation of the chain was refused'
contains "nor the one behind it" "$out" '^line 3 .*refused: another operation of the chain was refused'
contains "what is not of the chain is" "$out" '^line 4 .*done ¥7\.77 until'
contains "the summary" "$out" '^4 operations: 1 done, 3 refused$'
check "it is released" q release "$(id 13)"
equal "none of the chain" "$(show '"\(.limit_fen) \(.used_fen) \(.account_version - 2) \(.instrument_count)"')" "$before"
out=$(q batch "$work/chain.jsonl" --json); equal "sent again: the first answers" "$(jq -r '"\(.line) \(.status)"' <<<"$out" | paste -sd' ')" \
  "1 linked_failed 2 limit_exceeded 3 linked_failed 4 ok"
equal "the refusal of the chain is kept" "$(field "$(q outcome "$(id 12)" --json)" '"\(.known) \(.status)"')" "true linked_failed"
contains "and told as one" "$(q outcome "$(id 12)")" '^settle +refused: another operation of the chain was refused'

cat >"$work/chain.csv" <<CSV
kind,subject,instrument,instrument_kind,amount,ttl,linked
pledge,$who,3,bond,"100,000",,true
reserve,$who,,,160万,1h,
CSV
expect_exit "alone the reservation does not fit" 1 q reserve $who --amount 160万
out=$(q batch "$work/chain.csv" --name first); equal "with the guarantee it does" $? 0
contains "both are done" "$out" '^2 operations: 2 done, 0 refused$'
equal "all of the chain" "$(show '"\(.limit_fen) \(.reserved_fen) \(.instrument_count)"')" "164800000 160000000 3"
equal "the same file under the same name is the same" "$(q batch "$work/chain.csv" --name first --json | jq -r .status | paste -sd' ')" "ok ok"
equal "and reserves nothing more" "$(show .reserved_fen)" 160000000
out=$(q batch "$work/chain.csv" --name first)
contains "a line that was executed before says so" "$out" '^line 3 .*done ¥1,600,000\.00 .*\(first answer repeated; executed 20[0-9: -]+\)$'
contains "so does the summary" "$out" '^2 operations: 2 done, 0 refused; 2 were executed before'
equal "and JSON" "$(q batch "$work/chain.csv" --name first --json | jq -r '"\(.repeated) \(.state)"' | paste -sd' ')" "true final true open"
expect_exit "under another name it is another" 1 q batch "$work/chain.csv" --name second
reservation=$(q history $who --json | jq -r '[.events[] | select(.kind == "reserve")][-1].operation')
check "released" q release "$reservation"

# ---------------------------------------------------------------- files with mistakes
version=$(show .account_version)
{ sed -n 4p "$work/chain.jsonl" | sed "s/$(id 13)/$(id 14)/"; echo '{"kind": "reserve"}'; echo 'x'; } >"$work/bad.jsonl"
out=$(q batch "$work/bad.jsonl" 2>&1); equal "a file with mistakes exits 2" $? 2
contains "its first mistake, with the line" "$out" 'bad\.jsonl:2: subject is missing'
contains "and its second" "$out" 'bad\.jsonl:3: not a JSON object'
contains "nothing was sent" "$out" 'nothing was sent'
equal "and nothing was" "$(show .account_version)" "$version"
expect_exit "an open chain is a mistake" 2 q batch - <<<"{\"kind\": \"settle\", \"subject\": \"$who\", \"amount\": \"1\", \"linked\": true}"
expect_exit "a dry run" 0 q batch "$work/chain.csv" --dry-run

# ---------------------------------------------------------------- amend
check "a bond's end is put off" q amend $who --instrument 2 --to 2100-12-31
equal "its end" "$(show '.instruments[] | select(.id == 2) | "\(.amount_fen) \(.to_ms) \(.state)"')" "50000000 4133952000000 valid"
check "without end" q amend $who --instrument 2 --to none
equal "it has none" "$(show '.instruments[] | select(.id == 2) | .to_ms')" null
check "its amount" q amend $who --instrument 2 --amount 60万
equal "the limit follows at once" "$(show .limit_fen)" 175100000
expect_exit "nothing to amend" 2 q amend $who --instrument 2
expect_exit "an end that is over" 1 q amend $who --instrument 2 --to 2020-01-01
expect_exit "no such instrument" 1 q amend $who --instrument 9 --amount 1
check "much is reserved" q reserve $who --amount 170万 --operation "$(id 20)"
out=$(q amend $who --instrument 2 --amount 1 2>&1); equal "less than is used" $? 1
contains "is explained" "$out" 'with instrument 2 so amended the limit would fall below what is used: used ¥1,700,000\.00, limit now ¥1,751,000\.00'
soon=$(TZ=Asia/Shanghai date -d '+5 days' +%F)
check "a bond that ends soon" q pledge $who --instrument 4 --kind bond --amount 1 --to "$soon"
contains "is marked" "$(q show $who)" "through $soon +ends in [56] days"

# ---------------------------------------------------------------- freeze
check "a second reservation" q reserve $who --amount 1万 --operation "$(id 21)"
check "frozen" q freeze $who --reference YF-2026-118
out=$(q check $who --amount 1000万); equal "a check says no" $? 1
contains "for both reasons" "$out" '^does not fit, for 2 reasons:$'
contains "frozen since when, by which order" "$out" '^  frozen: the guarantee account is frozen, reference YF-2026-118, since 20[0-9 :-]+: no new exposure'
contains "and the limit" "$out" '^  limit_exceeded: .*: limit ¥1,751,001\.03, used ¥1,710,000\.00, asked ¥10,000,000\.00: ¥9,958,998\.97 too much$'
out=$(q reserve $who --amount 1 --json 2>/dev/null); equal "a reservation too" "$(field "$out" '"\(.status) \(.violations | join(" "))"')" "frozen frozen"
out=$(q withdraw $who --instrument 4 2>&1); equal "nothing is given back" $? 1; contains "which is said" "$out" 'frozen, reference YF-2026-118'
expect_exit "nor lowered" 1 q amend $who --instrument 2 --amount 599999
expect_exit "frozen already" 1 q freeze $who
check "what is reserved may be committed" q commit "$(id 20)" --amount 50万
check "or released" q release "$(id 21)"
check "trades are settled" q settle $who --amount 20万
check "guarantees are welcome" q pledge $who --instrument 5 --kind deposit --amount 1
contains "the account says so" "$(q show $who)" '^account +frozen since 20[0-9 :-]+ +reference YF-2026-118'
equal "in JSON as well" "$(show '"\(.frozen) \(.freeze_reference) \(.frozen_since_ms > 0)"')" "true YF-2026-118 true"
check "unfrozen" q unfreeze $who
expect_exit "not twice" 1 q unfreeze $who
check "and all is as before" q withdraw $who --instrument 5
expect_exit "a reference that is too long" 2 q freeze $who --reference 云法冻结令二〇二六
equal "unfrozen in JSON" "$(show '"\(.frozen) \(.freeze_reference)"')" "false null"

# ---------------------------------------------------------------- history
check "a reservation that nobody resolves" q reserve $who --amount 3万 --ttl 1s --operation "$(id 30)"
for _ in $(seq 50); do [ "$(show .reserved_fen)" = 0 ] && break; sleep 0.1; done
equal "ends by itself" "$(field "$(q outcome "$(id 30)" --json)" .state)" expired
out=$(q history $who); equal "the statement" $? 0
contains "opens with nothing" "$out" '^ +0 +opening +¥0\.00 +¥0\.00 +¥0\.00$'
contains "has the expiry" "$out" 'expiry of …0000001e +¥30,000\.00 +-¥30,000\.00 +¥300,000\.00$'
contains "the commit in part" "$out" 'commit of …00000014 +¥500,000\.00 +-¥1,700,000\.00 +\+¥500,000\.00 '
contains "closes adding up" "$out" 'closing, adds up +¥0\.00 +¥300,000\.00 +¥300,000\.00$'
check "a bond is prolonged" q amend $who --instrument 2 --to 2099-12-31T18
check "and energy changes" q energy $who --energy-12m 1,200 --retail-2m 30
check "back" q energy $who --energy-12m 0 --retail-2m 0
check "and without end" q amend $who --instrument 2 --to none
out=$(q history $who)
contains "a pledge with its end" "$out" 'pledge bond 2, through 2099-06-30 '
contains "an amendment says what it changed" "$out" 'amend 2, until 2099-12-31T18 '
contains "the other one as well" "$out" 'amend 2, no end '
contains "energy with its numbers" "$out" 'energy 1,200 / 0 / 30 MWh '
h=$(q history $who --json)
equal "in JSON" "$(field "$h" '[.events[] | select(.kind == "energy")][0] | "\(.energy_12m_mwh) \(.wholesale_2m_mwh) \(.retail_2m_mwh) \(.forecast_12m_gwh)"')" "1200 0 30 0"
equal "moments as quota show has them" "$(field "$h" '[.events[] | select(.kind == "amend")][-2:] | "\(.[0].to_ms) \(.[1] | has("to_ms")) \(.[1].to_ms) \(.[1] | has("from_ms"))"')" \
  "$(( $(date -d '2099-12-31T18:00+08:00' +%s) * 1000 )) true null false"
equal "a pledge counts from its hour" "$(field "$h" '.events[0] | .from_ms == .at_ms - .at_ms % 3600000')" true
equal "versions without gaps" "$(field "$h" '[.events[].version] == [range(1; .account.version + 1)]')" true
equal "sums of changes are the balances" "$(field "$h" '"\([.events[] | .reserved_fen - .reserved_before_fen] | add) \([.events[] | .committed_fen - .committed_before_fen] | add) \(.adds_up)"')" \
  "$(show '"\(.reserved_fen) \(.committed_fen) true"')"
equal "amounts by kind as well" "$(field "$h" '[.events[] | {reserve: .amount_fen, release: -.amount_fen, expiry: -.amount_fen, commit: (.reserved_fen - .reserved_before_fen)}[.kind] // 0] | add')" 0
p=$(q history $who --json --max 3)
equal "a page" "$(field "$p" '"\(.events | length) \(.more) \(.events[-1].version == .account.version)"')" "3 true true"
first=$(field "$p" '.events[0].version')
equal "the page before it" "$(q history $who --json --max 3 --before "$first" | jq -r '"\(.events | length) \(.events[-1].version)"')" "3 $((first - 1))"
out=$(q history $who --before 1); contains "before the first there is nothing" "$out" 'nothing is kept before'
expect_exit "no account, no history" 1 q history $other
expect_exit "nobody, no history" 1 q history $stranger

# ---------------------------------------------------------------- ids
out=$(q reserve $who --amount 5万 --ttl 50m --operation "$(id 40)" --json); first=$(field "$out" '"\(.status) \(.amount_fen) \(.used_fen) \(.expires_ms) \(.account_version)"')
out=$(q reserve $who --amount 100亿 --operation "$(id 41)" --json 2>/dev/null); refusal=$(field "$out" '"\(.status) \(.violations) \(.limit_fen)"')
out=$(q reserve $who --amount 6万 --ttl 50m --operation "$(id 40)" 2>&1); equal "the same id with other content" $? 1; contains "is told" "$out" 'used with other content'
statement=$(q history $who --json)
kill_server
start_server --policy "$work/policy"
equal "after kill -9 the id gives its first answer" "$(q reserve $who --amount 5万 --ttl 50m --operation "$(id 40)" --json | jq -r '"\(.status) \(.amount_fen) \(.used_fen) \(.expires_ms) \(.account_version)"')" "$first"
equal "a refusal, too" "$(q reserve $who --amount 100亿 --operation "$(id 41)" --json 2>/dev/null | jq -r '"\(.status) \(.violations) \(.limit_fen)"')" "$refusal"
expect_exit "other content is refused as before" 1 q reserve $who --amount 6万 --ttl 50m --operation "$(id 40)"
expect_exit "as another kind, too" 1 q settle $who --amount 1 --operation "$(id 40)"
equal "a chain's answers are kept" "$(q batch "$work/chain.jsonl" --json | jq -r .status | paste -sd' ')" "linked_failed limit_exceeded linked_failed ok"
out=$(sed -n 1,3p "$work/chain.jsonl" | sed "s/$(id 12)/$(id 99)/" | q batch - --json)
equal "a chain half of which is known is refused" "$(jq -r .status <<<"$out" | paste -sd' ')" "linked_failed limit_exceeded linked_failed"
equal "the statement is the same" "$(q history $who --json | jq -cS '{opening, events, account}')" "$(jq -cS '{opening, events, account}' <<<"$statement")"
equal "nothing was done twice" "$(show '"\(.reserved_fen) \(.committed_fen) \(.open_reservations)"')" "5000000 30000000 1"

# A long file, the server killed amid it, and the same file again: everything once.
seq 20000 | awk -v s=$who '{ printf "{\"kind\": \"reserve\", \"subject\": \"%s\", \"amount_fen\": 3, \"ttl\": \"1h\", \"linked\": %s}\n", s, $1 % 4 ? "true" : "false" }' >"$work/long.jsonl"
q batch "$work/long.jsonl" --name long >"$work/long.out" 2>"$work/long.err" & sender=$!
for _ in $(seq 200); do [ -s "$work/long.out" ] && break; sleep 0.01; done
kill_server
wait "$sender"; code=$?
start_server --policy "$work/policy"
if [ "$code" = 0 ]; then ok "the whole file was sent before the server died"
else
  equal "a batch that lost its server exits 3" "$code" 3
  contains "says what to do" "$(cat "$work/long.err")" "quota batch '.*long.jsonl' --name 'long'"
  contains "and how far it came" "$(tail -1 "$work/long.out")" '^20,000 operations: [0-9]+ done, 0 refused'
fi
partly=$(( $(show .open_reservations) - 1 ))
equal "chains of four are whole" $((partly % 4)) 0
out=$(q batch "$work/long.jsonl" --name long | tail -1); contains "sent again" "$out" "^20,000 operations: 20000 done, 0 refused(; $partly were executed before: .*)?\$"
equal "everything is reserved once ($partly were before)" "$(show '"\(.reserved_fen) \(.open_reservations)"')" "5060000 20001"
contains "which the statement says as well" "$(q history $who --max 20100)" 'closing, adds up +¥50,600\.00'
{ echo 'kind,subject,reservation'; q history $who --max 20100 --json | jq -r --arg s $who '.events[] | select(.kind == "reserve" and .state == "open" and .amount_fen == 3) | "release,\($s),\(.operation)"'; } >"$work/back.csv"
equal "released by what the statement told" "$(q batch "$work/back.csv" | tail -1)" "20,000 operations: 20000 done, 0 refused"
equal "as before" "$(show '"\(.reserved_fen) \(.committed_fen) \(.open_reservations)"')" "5000000 30000000 1"

# ---------------------------------------------------------------- two programs
contains "an unknown program" "$(q show $who --program coal 2>&1)" "unknown guarantee program 'coal'; there is: power, gas"
check "an account of gas" q pledge $who --program gas --instrument 1 --kind deposit --amount 10万
equal "of its own" "$(q show $who --program gas --json | jq -r '"\(.program) \(.limit_fen) \(.used_fen)"')" "gas 10000000 0"
equal "all accounts without a program" "$(q show $who --json | jq -r '"\(.program) \(.limit_fen)"' | paste -sd' ')" "power 175100103 gas 10000000"
contains "for people" "$(q show $who)" '^program +gas'
check "a reservation there" q reserve $who --program gas --amount 2万 --operation "$(id 50)"
equal "the other account is untouched" "$(show .reserved_fen --program power)" 5000000
check "committed, its program is known" q commit "$(id 50)"
out=$(q reserve $who --program gas --amount 1 --operation "$(id 51)")
contains "the next commands name the program" "$out" "quota release $who --program gas --reservation $(id 51)"
check "the program of a reservation need not be named" q release $who --reservation "$(id 51)"
equal "its statement names it in JSON" "$(q history $who --program 2 --json | jq -r .program)" gas
equal "alerts name their program" "$(x alerts --program power --json | jq -r .program | sort -u)" power
contains "its statement" "$(q history $who --program gas)" 'closing, adds up +¥0\.00 +¥20,000\.00'
check "energy that asks for more" q energy $who --program gas --energy-12m 1000000
out=$(q reserve $who --program gas --amount 50万 2>&1); equal "short of the requirement" $? 1
contains "what to lodge is told" "$out" '^  shortfall: .*required ¥1,000,000\.00, lodged ¥100,000\.00: lodge ¥900,000\.00 more'
contains "beside the limit" "$out" '^  limit_exceeded: '
check "unrated: lodges" q pledge $other --program 2 --instrument 1 --kind deposit --amount 1万
out=$(q check $other --program gas --amount 2万 --json); equal "the unrated get nothing, for all reasons" "$(field "$out" '.violations | join(" ")')" "unrated limit_exceeded"
cat >"$work/two.jsonl" <<JSON
{"kind": "reserve", "subject": "$who", "program": "gas", "amount": "1", "ttl": "9m", "linked": true}
{"kind": "reserve", "subject": "$who", "program": "power", "amount": "1", "ttl": "9m"}
JSON
out=$(q batch "$work/two.jsonl" 2>&1); equal "a chain over both" $? 1
equal "leaves both as they were" "$(q show $who --json | jq -r .reserved_fen | paste -sd' ')" "5000000 0"
check "topped up" q pledge $who --program gas --instrument 2 --kind bond --amount 90万
out=$(q batch "$work/two.jsonl"); equal "it is executed" $? 0
equal "in both" "$(q show $who --json | jq -r .reserved_fen | paste -sd' ')" "5000100 100"

stop_server; equal "the server stops in order" "$stop_code" 0

# ---------------------------------------------------------------- what docs/LEDGER.md shows
# Every command of its blocks is run, in order; the lines below it must be in what it prints, whatever the time and the
# number of spaces. "$ cat FILE" makes the file.
plain() { sed -E 's/20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}/TIME/g; s/ +/ /g; s/^ //; s/ $//'; }
rm -rf "$work/data"
start_server --policy policy
mkdir "$work/docs"
tool=$(realpath "$XINYI")
shown= commands=0
while IFS= read -r line; do
  case $line in
    '$ cat '*) file=${line#'$ cat '}; : >"$work/docs/$file"; shown= ;;
    '$ xinyi '*)
      file= command=${line#'$ xinyi '} commands=$((commands + 1))
      shown=$(cd "$work/docs" && eval "timeout 60 $tool $command" 2>&1 | plain) ;;
    *) if [ -n "$file" ]; then echo "$line" >>"$work/docs/$file"
       elif grep -qxF -- "$(plain <<<"$line")" <<<"$shown"; then ok "LEDGER.md: ${line:0:60}"
       else not_ok "LEDGER.md: $command" "no '$line' in: $shown"; fi ;;
  esac
done < <(awk '/^```/ { inside = !inside; next } inside' docs/LEDGER.md)
[ "$commands" -ge 10 ]; equal "its examples are there" $? 0
stop_server
finish
