#!/usr/bin/env bash
# Everything as text and back: a directory with something in every table is dumped, loaded into a new one, dumped again:
# the same lines; a server answers from both alike. What is cut off, changed or malformed is refused, and leaves nothing.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
. tests/upgrade/answers.sh
retailer=$upgrade_retailer

lines() { sed '1d;$d' "$1" | sort; }
answers() { # of a server on $work/data
  start_server --policy ""
  upgrade_answers "$XINYI"
  for subject in "$retailer" "$upgrade_company"; do
    "$XINYI" evaluate --scenario power "$subject" --json
    "$XINYI" quota show "$subject" --json
    "$XINYI" quota history "$subject" --json | jq -c 'del(.kept_from_ms)'
  done
  "$XINYI" quota reserve "$retailer" --amount 11万 --ttl 1h --operation "$(upgrade_id 101)" --json | jq -c .
  kill -TERM "$server_pid"; wait "$server_pid"; server_pid=
}

# ---------------------------------------------------------------- a directory with something of everything
mkdir "$work/data"
base64 -d tests/upgrade/v1-log.tar.xz.base64 | tar xJ -C "$work/data"
"$XINYID" --dump "$work/first.jsonl" --data "$work/data" >/dev/null 2>&1
equal "a directory of version 1 is dumped with its operations" "$(tail -1 "$work/first.jsonl" | jq -c '[.lines.operations, .lines.history]')" '[46,0]'
start_server --policy ""
check "a reservation" "$XINYI" quota reserve $retailer --amount 11万 --ttl 1h --operation "$(upgrade_id 101)"
check "another" "$XINYI" quota reserve $retailer --amount 12万 --ttl 1h --operation "$(upgrade_id 102)"
check "a part of it" "$XINYI" quota commit $retailer --reservation "$(upgrade_id 102)" --amount 5万 --operation "$(upgrade_id 103)"
check "a short one" "$XINYI" quota reserve $retailer --amount 1万 --ttl 200ms
check "a claim" "$XINYI" set $upgrade_company tax_grade=- --source tax_bureau
check "a name" "$XINYI" name $upgrade_person 张示例
check "a frozen account" "$XINYI" quota freeze $upgrade_company --reference 云信〔26〕1
sleep 1.5
kill_server
check "the server is gone, the log is not folded: it is dumped" "$XINYID" --dump "$work/a.jsonl" --data "$work/data"

# ---------------------------------------------------------------- the text
equal "every line is JSON" "$(jq -c . "$work/a.jsonl" | wc -l)" "$(wc -l <"$work/a.jsonl")"
equal "the header" "$(head -1 "$work/a.jsonl" | jq -c '[.xinyi, .format, .cluster]')" '["dump",1,"xinyi"]'
for table in subjects records accounts policies state alerts history; do
  said=$(tail -1 "$work/a.jsonl" | jq ".lines.$table")
  equal "the end line counts $table" "$said" "$(jq -c "select(.table == \"$table\")" "$work/a.jsonl" | wc -l)"
  [ "$said" -gt 0 ] && ok "there are $table" || not_ok "there are $table"
done
equal "events of all three kinds" "$(jq -r 'select(.table == "history").event' "$work/a.jsonl" | sort -u | paste -sd' ')" 'expiry kept operation'
equal "a withdrawn claim is null" \
  "$(jq -c "select(.subject == \"$upgrade_company\" and .kind == \"claim\" and .source == 1).fields" "$work/a.jsonl" | tail -1)" '{"tax_grade":null}'
equal "a profile's fields have their names" \
  "$(jq -c "select(.table == \"subjects\" and .subject == \"$retailer\") | [.division, .market_grade, .retailer]" "$work/a.jsonl")" '["532628","AA",true]'
equal "the file is for its owner only" "$(stat -c %a "$work/a.jsonl")" 600
"$XINYID" --dump - --data "$work/data" >"$work/again.jsonl" 2>/dev/null
equal "to standard output: the same lines in the same order" "$(sed 1d "$work/again.jsonl" | head -n -1 | md5sum)" "$(sed 1d "$work/a.jsonl" | head -n -1 | md5sum)"

# ---------------------------------------------------------------- and back
contains "it is loaded" "$("$XINYID" --load "$work/a.jsonl" --data "$work/new" 2>&1)" 'holds all of .*: 42 subjects, 11 accounts, [0-9]+ operations; everything adds up'
contains "with --json" "$("$XINYID" --load - --data "$work/piped" --json <"$work/a.jsonl" 2>&1 | jq -c '[.subjects, .policy_compiles, .cluster]')" '\[42,true,"xinyi"\]'
check "the one that was dumped is well" "$XINYID" --verify --data "$work/data"
check "it is well" "$XINYID" --verify --data "$work/new"
check "it is dumped again" "$XINYID" --dump "$work/b.jsonl" --data "$work/new"
if cmp -s <(lines "$work/a.jsonl") <(lines "$work/b.jsonl"); then ok "the same lines"; else
  not_ok "the same lines" "$(diff <(lines "$work/a.jsonl") <(lines "$work/b.jsonl") | head -5 | cut -c1-300)"; fi
mv "$work/data" "$work/old" && cp -r "$work/old" "$work/data"
answers >"$work/then"
rm -rf "$work/data" && mv "$work/new" "$work/data"
answers >"$work/now"
check "a server answers from it as from the one that was dumped" diff "$work/then" "$work/now"
contains "an operation of then is repeated" "$(cat "$work/now")" '"operation":"00000000000000000000000000000065".*"repeated":true'

# ---------------------------------------------------------------- what is refused
refuse() { # name, pattern, file
  local out
  out=$("$XINYID" --load "$3" --data "$work/bad" 2>&1)
  equal "$1: exit status" $? 1
  contains "$1: says why" "$out" "$2"
  [ ! -e "$work/bad" ] && [ ! -e "$work/bad.partial" ] && ok "$1: nothing is left" || not_ok "$1: nothing is left" "$(ls -d "$work"/bad*)"
}
f=$work/x.jsonl total=$(wc -l <"$work/a.jsonl")
head -n -1 "$work/a.jsonl" >"$f"; refuse "without its end" "no end line: cut off behind line $((total - 1))" "$f"
head -c -20 "$work/a.jsonl" >"$f"; refuse "cut within its end" "line $total: cut off" "$f"
head -c 5000 "$work/a.jsonl" >"$f"; refuse "cut in the middle" 'line [0-9]+: cut off' "$f"
: >"$f"; refuse "empty" 'no end line' "$f"
sed '10d' "$work/a.jsonl" >"$f"; refuse "a line less" 'it holds 41 lines of subjects; its end line says 42' "$f"
sed '10p' "$work/a.jsonl" >"$f"; refuse "a line twice" 'it holds 43 lines of subjects; its end line says 42' "$f"
sed '0,/"tax_grade":"B"/s//"tax_grade":"C"/' "$work/a.jsonl" >"$f"; refuse "a grade changed" 'it was changed: the checksum of its lines is [0-9a-f]{16}, its end line says' "$f"
sed '0,/"tax_grade":"B"/s//"tax_grade":"E"/' "$work/a.jsonl" >"$f"; refuse "a grade that is none" "line [0-9]+: field 'tax_grade' has no such value" "$f"
sed '3s/"version"/"versoin"/' "$work/a.jsonl" >"$f"; refuse "a field misspelt" "line 3: field 'version' is not there" "$f"
sed '3s/}$/,"more":1}/' "$work/a.jsonl" >"$f"; refuse "a field too many" "line 3: unknown field 'more'" "$f"
sed '1s/"format":1/"format":9/' "$work/a.jsonl" >"$f"; refuse "of a later format" 'line 1: format 9 is not known' "$f"
sed 1d "$work/a.jsonl" >"$f"; refuse "without its header" 'line 1: not the header of a dump' "$f"
cat "$work/a.jsonl" "$work/a.jsonl" >"$f"; refuse "two in one" "line $((total + 1)): there is more behind the end line" "$f"
refuse "none at all" 'nowhere.jsonl: No such file' "$work/nowhere.jsonl"
# Money that does not add up is found although every line is sound and the sum is right: a reservation that is missing.
grep -v "$(upgrade_id 101)" "$work/a.jsonl" | jq -c 'if .xinyi == "end" then .lines.history -= 1 else . end' >"$f"
sum=$("$XINYID" --load "$f" --data "$work/bad" 2>&1 | sed -n 's/.*its lines is \([0-9a-f]*\),.*/\1/p')
sed -i "\$s/\"xxh3\":\"[0-9a-f]*\"/\"xxh3\":\"$sum\"/" "$f"
refuse "a reservation taken out" 'its records do not fit together: ' "$f"
# Numbers at their ends: a server that starts from them could not go on.
forged() { # name, pattern, jq filter of every line
  jq -c "$3" "$work/a.jsonl" >"$f"
  sum=$("$XINYID" --load "$f" --data "$work/bad" 2>&1 | sed -n 's/.*its lines is \([0-9a-f]*\),.*/\1/p')
  sed -i "\$s/\"xxh3\":\"[0-9a-f]*\"/\"xxh3\":\"$sum\"/" "$f"
  refuse "$1" "$2" "$f"
}
forged "alert numbers at their end" 'the numbers of alerts are used up' 'if .key == "alerts" then .value_hex = "01ffffffffffffff7f0000000000000000" else . end'
forged "alert numbers beyond it" 'records do not fit together: state: ' 'if .key == "alerts" then .value_hex = "01ffffffffffffffff0000000000000000" else . end'
forged "a clock far ahead" "the ledger's time is after the year 2200" 'if .key == "ledger_clock" then .value_hex = "011111111111111111111111111111111100000000000000000000000000000070" else . end'
forged "a clock at its end" 'records do not fit together: state: ' 'if .key == "ledger_clock" then .value_hex = "01111111111111111111111111111111110000000000000000ffffffffffffff7f" else . end'
forged "policy versions at their end" 'the versions of the policy are used up' 'if .table == "policies" then .version = 4294967295 else . end'
mkdir "$work/full" && touch "$work/full/file"
expect_exit "a directory that is not empty" 1 "$XINYID" --load "$work/a.jsonl" --data "$work/full"
equal "is left alone" "$(ls "$work/full")" file
mkdir "$work/empty"
check "one that is empty will do" "$XINYID" --load "$work/a.jsonl" --data "$work/empty"
mkdir "$work/y.partial"
contains "an interrupted load is told" "$("$XINYID" --load "$work/a.jsonl" --data "$work/y" 2>&1)" 'y.partial exists: .* remove it'
expect_exit "no such directory" 1 "$XINYID" --dump "$work/z.jsonl" --data "$work/nowhere"
[ -e "$work/z.jsonl" ] || [ -e "$work/z.jsonl.partial" ] && not_ok "no file then" || ok "no file then"
start_server --policy ""
contains "a directory in use is not dumped" "$("$XINYID" --dump "$work/z.jsonl" --data "$work/data" 2>&1)" 'in use|another process|locked'

# ---------------------------------------------------------------- of a running server, by a backup
check "a backup" "$XINYI" backup "$PWD/$work/backups"
check "later" "$XINYI" quota reserve $retailer --amount 1万 --operation "$(upgrade_id 201)"
check "another backup" "$XINYI" backup "$PWD/$work/backups"
check "the latest is dumped while the server runs" "$XINYID" --dump "$work/live.jsonl" --data "$work/backups"
check "or another" "$XINYID" --dump "$work/live1.jsonl" --data "$work/backups" --backup 1
equal "each holds what there was" "$(grep -c "$(upgrade_id 201)" "$work/live.jsonl") $(grep -c "$(upgrade_id 201)" "$work/live1.jsonl")" '1 0'
[ -e "$work/live.jsonl.data" ] && not_ok "the copy is gone" || ok "the copy is gone"
expect_exit "there is no third" 1 "$XINYID" --dump "$work/live3.jsonl" --data "$work/backups" --backup 3
expect_exit "a number is a number" 2 "$XINYID" --dump "$work/live3.jsonl" --data "$work/backups" --backup x
check "it becomes a directory again" "$XINYID" --load "$work/live.jsonl" --data "$work/live"
contains "one command for it" "$("$XINYI" export --everything --backups "$PWD/$work/backups" --output "$work/all.jsonl" 2>&1)" 'all.jsonl holds all of .*backups; lines: subjects 42, records [0-9]+, accounts [0-9]+, '
check "gives the same" cmp <(lines "$work/all.jsonl" | grep -v '"clock') <(lines "$work/live.jsonl" | grep -v '"clock')
expect_exit "which needs a place for backups" 2 "$XINYI" export --everything --output "$work/all.jsonl"
stop_server
finish
