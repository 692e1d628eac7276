#!/usr/bin/env bash
# The command line against a real server: every command, its output for people and as JSON, its exit status.
# Starts the server itself on a free port with a directory of its own under build/; prints "ok NAME" / "not ok NAME".
# XINYI_BUILD names another build directory, XINYID and XINYI other programs.
set -uo pipefail
cd "$(dirname "$0")/../.."
build=${XINYI_BUILD:-build}
xinyid=${XINYID:-$build/xinyid} xinyi=${XINYI:-$build/xinyi}
dir=$(mkdir -p "$build/tmp" && mktemp -d "$build/tmp/cli.XXXXXX")
failed=0 server_pid='' server=''
unset XINYI_SERVER NO_COLOR

stop_server() { # signal
  [ -n "$server_pid" ] || return 0
  kill -CONT "$server_pid" 2>/dev/null
  kill "-${1:-TERM}" "$server_pid" 2>/dev/null
  wait "$server_pid" 2>/dev/null
  server_pid=''
}
trap 'stop_server KILL; rm -rf "$dir"' EXIT

start_server() { # data directory, further options
  local data=$1; shift
  : >"$dir/$data.log"
  "$xinyid" --data "$dir/$data" --policy "$dir/policy" --listen 127.0.0.1:0 --threads 1 "$@" 2>"$dir/$data.log" &
  server_pid=$!
  for _ in $(seq 1 150); do
    server=$(sed -n 's/.* ready listen=\([^ ]*\).*/\1/p' "$dir/$data.log")
    [ -n "$server" ] && return 0
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  echo "not ok server starts"; cat "$dir/$data.log"; exit 1
}

# x ARGUMENTS: runs the client; $out, $err and $code are what came of it.
out='' err='' code=0
x() {
  timeout 60 "$xinyi" "$@" >"$dir/out" 2>"$dir/err"; code=$?
  out=$(cat "$dir/out"); err=$(cat "$dir/err")
}
s() { x --server "$server" "$@"; }
j() { jq -r "$1" <<<"$out" 2>/dev/null; }

result() { # name, condition's exit status, what was seen
  if [ "$2" -eq 0 ]; then echo "ok $1"
  else echo "not ok $1"; printf '#   %s\n' "${3:-}" "exit $code" "stdout: $(head -c 600 <<<"$out")" "stderr: $(head -c 600 <<<"$err")"; failed=1; fi
}
is() { [ "$2" = "$3" ]; result "$1" $? "wanted <$3>, got <$2>"; }           # name, got, wanted
has() { grep -qF -- "$3" <<<"$2"; result "$1" $? "no <$3>"; }               # name, text, part
hasnt() { ! grep -qF -- "$3" <<<"$2"; result "$1" $? "there is <$3>"; }
exits() { [ "$code" -eq "$2" ]; result "$1" $? "wanted exit $2"; }          # name, wanted

command -v jq >/dev/null || { echo "not ok jq is installed"; exit 1; }

# ---------------------------------------------------------------- policies of our own
mkdir "$dir/policy" "$dir/bad"
cat >"$dir/policy/loan.yaml" <<'YAML'
policy: loan-test
scenario: {name: loan, code: 1, title: 信易贷}
title: 贷款审批参考
authority: 测试机构
legal_basis: [测试文件]
effective: {from: 2020-01-01}
benefits:
  - {code: 0, id: pre_approval, title: 预授信}
  - {code: 3, id: fast_track, title: 绿色通道}
tables:
  - table: eligibility
    hit: first
    inputs: [serious_list, tax_grade, public_grade]
    outputs: [outcome, amount_fen, rate_bp, benefits]
    rows:
      - {id: L1, when: {serious_list: "true"}, then: {outcome: declined}, because: 列入严重失信主体名单}
      - {id: L2, when: {tax_grade: '"D"'}, then: {outcome: declined}, because: 纳税信用D级}
      - {id: L3, when: {public_grade: 优}, then: {outcome: granted, amount_fen: 3000000 元, rate_bp: -30, benefits: [pre_approval, fast_track]}, because: 公共信用优}
      - {id: L4, when: {}, then: {outcome: review, amount_fen: 300000 元}, because: 人工审核}
examples:
  - name: excellent
    given: {tax_grade: A, public_grade: 优}
    expect: {outcome: granted, row: L3}
YAML
cat >"$dir/policy/power.yaml" <<'YAML'
policy: power-test
scenario: {name: power, code: 3, title: 信用+电力}
title: 电力市场信用
authority: 测试机构
legal_basis: [测试文件]
effective: {from: 2020-01-01}
tables:
  - table: access
    hit: first
    inputs: [suspended]
    outputs: [outcome]
    rows:
      - {id: P1, when: {suspended: "true"}, then: {outcome: declined}, because: 暂停交易}
      - {id: P2, when: {}, then: {outcome: granted}, because: 准入}
guarantee:
  program: {name: power, code: 1}
  roles: [retailer, generator, power_user]
  base: {fen_per_mwh_12m: 800, fen_per_mwh_2m: 5000}
  exposure_fen_per_mwh: 5000
  floor_at_base: false
  refuse_when_short: false
  unrated: refuse
  factor_bp: {AAA: 5000, AA: 7000, A: 10000, B: 13000, C: 15000}
  unsecured_bp: {AAA: 800, AA: 500, A: 300, B: 0, C: 0}
  warn_percent: [80, 90, 100]
  reservation: {default: 300 s, max: 1 d}
  tables:
    - table: exemption
      hit: first
      inputs: [generator]
      outputs: [exempt]
      rows:
        - {id: X1, when: {generator: "true"}, then: [true]}
        - {id: X2, when: {}, then: [false]}
examples:
  - name: open
    given: {retailer: true, market_grade: A}
    expect: {outcome: granted}
YAML

# ---------------------------------------------------------------- without a server
x --version; exits "version exits 0" 0; has "version is printed" "$out" "xinyi "
x; exits "no command is wrong usage" 2; has "no command prints the overview" "$err" "usage: xinyi"
x help; exits "help exits 0" 0
for command in evaluate explain replay get set record commitment service list name sources quota watch alerts import export policy effect report-use fields info stats id gen help; do
  has "help lists $command" "$out" "  $command "
done
for command in evaluate explain replay get set record commitment service list name sources quota watch alerts import export policy effect report-use fields info stats id gen; do
  x help $command
  [ "$code" -eq 0 ] && grep -q "^usage: xinyi $command" <<<"$out" && grep -q "^  xinyi $command\|| xinyi $command" <<<"$out" && [ "$(wc -l <<<"$out")" -le 30 ]
  result "help $command has usage and an example on one screen" $?
  first=$out; x $command --help
  [ "$code" -eq 0 ] && [ "$out" = "$first" ]; result "$command --help is the same" $?
done
for action in impact activate rollback shadow; do
  x help policy $action
  [ "$code" -eq 0 ] && grep -q "^usage: xinyi policy $action" <<<"$out" && grep -q "^  xinyi policy $action" <<<"$out" && [ "$(wc -l <<<"$out")" -le 30 ]
  result "help policy $action has usage and an example on one screen" $?
done
for action in show check reserve commit release settle pledge withdraw amend energy freeze unfreeze history batch outcome; do
  x help quota $action
  [ "$code" -eq 0 ] && grep -q "^usage: xinyi quota $action" <<<"$out" && grep -q "^  xinyi quota $action" <<<"$out" && [ "$(wc -l <<<"$out")" -le 30 ]
  result "help quota $action has usage and an example on one screen" $?
  first=$out; x quota $action --help; is "quota $action --help is the same" "$out" "$first"
done
x help quota reserv; exits "help of an unknown action exits 2" 2; has "help of an unknown action gets a suggestion" "$err" "did you mean 'reserve'?"
x help foo; exits "help of an unknown command exits 2" 2; is "help of an unknown command" "$err" "xinyi: unknown command 'foo' (see: xinyi help)"
x evalute; exits "unknown command exits 2" 2; has "unknown command gets a suggestion" "$err" "did you mean 'evaluate'?"
is "a small mistake takes one line" "$(wc -l <<<"$err")" 1
x get --jsn x; exits "unknown option exits 2" 2; has "unknown option gets a suggestion" "$err" "did you mean '--json'?"
x quota reserv; has "unknown action gets a suggestion" "$err" "did you mean 'reserve'?"
x evaluate --scenario; exits "option without value exits 2" 2; has "option without value is named" "$err" "--scenario needs a value"
x get id:530000199001010012; exits "bad id exits 2" 2; has "bad id is explained" "$err" "id:530000199001010012"
x quota check uscc:91530000MA00TTT099 --amount 1.234; exits "fraction of a fen exits 2" 2; has "fraction of a fen is explained" "$err" "finer than one fen"
x set uscc:91530000MA00TTT099 tax_grad=A; exits "unknown field exits 2" 2; has "unknown field gets a suggestion" "$err" "did you mean 'tax_grade'?"
x set uscc:91530000MA00TTT099 tax_grade=Q; exits "bad value exits 2" 2; has "bad value names the domain" "$err" "one of D C B A M"
x set uscc:91530000MA00TTT099 change_day=2026-01-01; exits "computed field exits 2" 2
x --server 127.0.0.1:1 info; exits "no server exits 3" 3; has "no server is named" "$err" "127.0.0.1:1"
XINYI_SERVER=127.0.0.1:1 x info; exits "server of the environment" 3
x --server 127.0.0.1:1 quota reserve uscc:91530000MA00TTT099 --amount 1; exits "reserve without server exits 3" 3
hasnt "nothing was sent, so nothing is in doubt" "$err" "not known"

x fields; exits "fields exits 0" 0; has "fields has titles" "$out" "纳税信用等级"
x fields --json; is "fields as JSON" "$(jq -rs 'map(select(.name == "tax_grade"))[0] | "\(.number) \(.type) \(.values | join(" "))"' <<<"$out")" "21 enum D C B A M"
is "fields are all there" "$(wc -l <<<"$out")" 40

x id check uscc:91530000MA00TTT099; exits "id check of a valid number" 0
x id check uscc:91530000MA00TTT098; exits "id check of a wrong number" 1

x policy check "$dir/policy"; exits "policy check exits 0" 0; has "policy check sums up" "$out" "2 files, 2 policies, 3 tables, 8 rows, 2 examples"
x policy check "$dir/policy" --json; is "policy check as JSON" "$(j '"\(.ok) \(.errors) \(.policies)"')" "true 0 2"
x policy test "$dir/policy"; exits "policy test exits 0" 0; has "policy test counts" "$out" "2 examples passed, 0 failed"
mkdir -p "$dir/warned"; printf 'service: s\nauthority: a\n' >"$dir/warned/service.yaml"
x policy test "$dir/warned"; exits "warnings do not fail a test" 0; has "but are shown" "$out" "no legal basis is named"
ln -s /nowhere "$dir/warned/lists.yaml"; x policy test "$dir/warned"; exits "a link that leads nowhere is not passed over" 2
rm -r "$dir/warned"
x policy test "$dir/policy" --json; is "policy test as JSON" "$(jq -rs 'map(.ok) | @csv' <<<"$out")" "true,true"
sed 's/public_grade: 优}, then/public_grad: 优}, then/' "$dir/policy/loan.yaml" >"$dir/bad/loan.yaml"
x policy check "$dir/bad"; exits "policy check of a bad file exits 1" 1
grep -qE "^$dir/bad/loan.yaml:[0-9]+:[0-9]+: error: .*public_grad" <<<"$out"; result "findings are file:line:column" $?
x policy check "$dir/bad/loan.yaml" --json; is "findings as JSON" "$(j '"\(.ok) \(.findings[0].severity) \(.findings[0].line > 10)"')" "false error true"
sed 's/expect: {outcome: granted, row: L3}/expect: {outcome: review}/' "$dir/policy/loan.yaml" >"$dir/bad/loan.yaml"
x policy test "$dir/bad"; exits "a failing example exits 1" 1; has "a failing example shows the difference" "$out" "review"
has "a failing example is counted" "$out" "0 examples passed, 1 failed"
x policy check "$dir/nowhere"; exits "policy check of nothing exits 2" 2

x gen --subjects 5000 --seed 11 --output "$dir/province.csv"; exits "gen exits 0" 0
is "gen writes rows" "$(wc -l <"$dir/province.csv")" 5001
x import "$dir/province.csv" --dry-run --json; exits "dry run exits 0" 0; is "dry run counts" "$(j '"\(.dry_run) \(.rows) \(.subjects) \(.rejected)"')" "true 5000 5000 0"

# ---------------------------------------------------------------- import and export
start_server one
s info --json; is "info of an empty server" "$(j '"\(.subjects) \(.accounts) \(.cluster)"')" "0 0 xinyi"
s info; exits "info for people" 0; has "info names the server" "$out" "xinyid"
x info --server "$server" --cluster other; exits "another cluster is refused" 1; has "another cluster is named" "$err" "cluster"
s import "$dir/province.csv" --json; exits "import exits 0" 0
is "import counts" "$(j '"\(.rows) \(.subjects) \(.rejected) \(.rejects)"')" "5000 5000 0 null"
accounts=$(j .accounts); [ "$accounts" -gt 0 ]; result "import makes accounts" $?
s info --json; is "everything is there" "$(j '"\(.subjects) \(.accounts)"')" "5000 $accounts"
operations=$(j .operations) sequence=$(j .last_sequence)
s import "$dir/province.csv" --batch 100; exits "import again exits 0" 0; has "import again says what it did" "$out" "imported 5,000 rows"
[ ! -e "$dir/province.csv.rejects" ]; result "no rejects file without rejects" $?
s info --json; is "import again changes nothing" "$(j '"\(.subjects) \(.accounts) \(.operations)"')" "5000 $accounts $operations"

retailer=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next } $c["retailer"] ~ /1|true/ && $c["energy_12m_mwh"] != "" { print $1; exit }' "$dir/province.csv")
s get "$retailer" --json; is "an imported profile" "$(j '"\(.status) \(.subject) \(.retailer) \(.version)"')" "ok $retailer true 1"
s quota show "$retailer" --json; is "an imported account" "$(j '"\(.status) \(.energy_12m_mwh)"')" "ok $(awk -F, -v who="$retailer" 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next } $1 == who { print $c["energy_12m_mwh"] }' "$dir/province.csv")"

s export --output "$dir/one.csv" --json; exits "export exits 0" 0; is "export counts" "$(j '"\(.rows) \(.accounts)"')" "5000 $accounts"
[ ! -e "$dir/one.csv.partial" ]; result "no partial file is left" $?
s export --output "$dir/persons.csv" --kind person
is "export of persons" "$(cut -c1-3 "$dir/persons.csv" | sort | uniq -c | awk '{ print $2 }' | tr '\n' ' ')" "id: sub "
s export --output - --kind entity; hasnt "export of entities to standard output" "$out" "id:"
s export --output "$dir/no/such/place.csv"; exits "export to nowhere exits 2" 2
ln -s linked.csv "$dir/to.csv"; echo old >"$dir/linked.csv"; s export --output "$dir/to.csv" --kind entity
[ -L "$dir/to.csv" ] && [ "$(wc -l <"$dir/linked.csv")" -gt 100 ]; result "export through a link keeps the link" $?
mkfifo "$dir/pipe"; wc -l <"$dir/pipe" >"$dir/lines" & reader=$!
s export --output "$dir/pipe" --kind entity; exits "export into a pipe" 0; wait "$reader"
[ -p "$dir/pipe" ] && [ "$(cat "$dir/lines")" = "$(wc -l <"$dir/linked.csv")" ]; result "a pipe gets the rows and stays" $?
if mknod "$dir/full" c 1 7 2>/dev/null && (: >"$dir/full") 2>/dev/null; then
  s export --output "$dir/full"; exits "a device that is full exits 1" 1; [ -c "$dir/full" ]; result "a device stays a device" $?
fi
if [ -e /dev/full ]; then s export --output - ; timeout 60 "$xinyi" --server "$server" export --output - >/dev/full 2>"$dir/err"; code=$?; err=$(cat "$dir/err"); exits "a full disk exits 1" 1; has "a full disk is named" "$err" "No space left"; fi

# rejects: the good rows go in, the bad ones come out with their lines and reasons
cat >"$dir/mixed.csv" <<'CSV'
subject,tax_grade,public_grade,public_score,deposit_fen
uscc:91530000MA00TTT099,A,优,900,
uscc:91530000MA00TTT098,A,优,900,
id:530000199001010011,Q,,,
id:530000199001010011,,"良",710,
id:53000019900101002X,,优,1001,
"id:530000199602290020,A
uscc:92530102MA00TTT173,D,差,100,50000000
uscc:93532901MA00TTT25E,A
CSV
printf '\xef\xbb\xbf' | cat - "$dir/mixed.csv" | sed 's/$/\r/' >"$dir/crlf.csv"
for file in mixed crlf; do
  s import "$dir/$file.csv" --json; exits "import with rejects exits 4 ($file)" 4
  is "import with rejects counts ($file)" "$(j '"\(.rows) \(.subjects) \(.accounts) \(.rejected)"')" "8 3 1 5"
  is "rejected lines ($file)" "$(cut -d, -f1 "$dir/$file.csv.rejects" | grep -E '^[0-9]+$' | tr '\n' ' ')" "3 4 6 7 9 "
  has "reason of a check character ($file)" "$(sed -n 2p "$dir/$file.csv.rejects")" "subject:"
  has "reason of a value ($file)" "$(sed -n 3p "$dir/$file.csv.rejects")" "tax_grade: 'Q' is not one of D C B A M"
  has "reason of a range ($file)" "$(sed -n 4p "$dir/$file.csv.rejects")" "public_score: '1001' is not 0 to 1000"
  has "reason of a quote ($file)" "$(sed -n 5p "$dir/$file.csv.rejects")" "not closed"
  has "reason of a short row ($file)" "$(tail -1 "$dir/$file.csv.rejects")" "2 fields, but the header has 5"
  has "the original is kept ($file)" "$(tail -1 "$dir/$file.csv.rejects")" '"uscc:93532901MA00TTT25E,A"'
done
s get uscc:91530000MA00TTT099 --json; is "the good rows are in" "$(j '"\(.tax_grade) \(.public_grade) \(.public_score) \(.red_list) \(.market_grade)"')" "A 优 900 false null"
head -2 "$dir/mixed.csv" | x --server "$server" import - --rejects "$dir/stdin.rejects"; exits "import of standard input" 0
printf 'subject,tax_grade\nuscc:91530000MA00TTT099,-\n' | x --server "$server" import -
s get uscc:91530000MA00TTT099 --json; is "a dash clears, what is not named stays" "$(j '"\(.tax_grade) \(.public_grade)"')" "null 优"
printf 'subject,tax_grad\n' >"$dir/h.csv"; s import "$dir/h.csv"; exits "unknown column exits 2" 2; has "unknown column gets a suggestion" "$err" "did you mean 'tax_grade'?"
has "known columns are listed" "$err" "energy_12m_mwh"
: >"$dir/h.csv"; s import "$dir/h.csv"; exits "an empty file exits 2" 2
s import "$dir/nowhere.csv"; exits "a missing file exits 2" 2
printf 'subject,deposit_fen\nuscc:92530102MA00TTT173,70000000\n' >"$dir/i.csv"; s import "$dir/i.csv"; exits "another deposit under the same number exits 4" 4
has "another deposit is refused with the reason" "$(cat "$dir/i.csv.rejects")" "holds an instrument with this id already"
printf 'subject,tax_grade,energy_12m_mwh,deposit_fen\nuscc:92530102MA00TTT173,C,70,70000000\n' >"$dir/i.csv"; s import "$dir/i.csv"
has "what was written and what not is told" "$(cat "$dir/i.csv.rejects")" "the profile and the energy were written; the deposit was not written: "
has "what to do about a deposit is told" "$(cat "$dir/i.csv.rejects")" "xinyi quota withdraw uscc:92530102MA00TTT173 --instrument 1, then import again"
has "a rejected row is not imported" "$out" "imported 0 rows"; has "one is one" "$out" "1 subject written"
is "rejects are for their owner only" "$(stat -c %a "$dir/i.csv.rejects")" 600
cp "$dir/mixed.csv" "$dir/same.csv"; ln -s same.csv "$dir/link.csv"; ln "$dir/same.csv" "$dir/hard.csv"
for rejects in "$dir/same.csv" "$dir/link.csv" "$dir/hard.csv"; do
  s import "$dir/same.csv" --rejects "$rejects"; exits "rejects onto the input are refused" 2; has "and it says so" "$err" "would overwrite"
done
cp "$dir/same.csv" "$dir/later.partial"; s import "$dir/later.partial" --rejects "$dir/later"; exits "nor in passing" 2
s import - --rejects "$dir/same.csv" <"$dir/same.csv"; exits "nor from standard input" 2
cmp -s "$dir/same.csv" "$dir/mixed.csv"; result "the input is as it was" $?
s import "$dir/mixed.csv" --rejects "$dir/no/such/place"; exits "rejects that cannot be written exit 1" 1
has "it says so" "$err" "cannot write $dir/no/such/place"; has "and what is certain" "$err" "running the same import again is safe"; hasnt "and claims nothing else" "$out" "rejected lines and reasons"
s import "$dir/mixed.csv" --rejects "$dir/no/such/place" --json; is "nor in JSON" "$(j .rejects)" null
mkfifo "$dir/pipe.rejects"; cat "$dir/pipe.rejects" >"$dir/through" & reader=$!
s import "$dir/mixed.csv" --rejects "$dir/pipe.rejects"; exits "rejects into a pipe" 4; wait "$reader"
[ -p "$dir/pipe.rejects" ] && [ "$(wc -l <"$dir/through")" -eq 6 ]; result "a pipe gets them and stays" $?
printf 'subject,form\nuscc:91530000MA00TTT099,\xc6\xf3\xd2\xb5\n' >"$dir/gbk.csv"; s import "$dir/gbk.csv"; has "GBK is recognised in a row" "$(cat "$dir/gbk.csv.rejects")" "save the file as UTF-8"
printf 'subject,\xd0\xc5\xd3\xc3\n' >"$dir/gbk.csv"; s import "$dir/gbk.csv"; exits "GBK in the header exits 2" 2; has "GBK in the header is recognised" "$err" "save the file as UTF-8"
gzip -c "$dir/mixed.csv" >"$dir/mixed.csv.gz"; s import "$dir/mixed.csv.gz"; exits "a compressed file exits 2" 2; has "and is recognised" "$err" "zcat"
printf 'subject,deposit_fen\nuscc:92530102MA00TTT173,-\n' >"$dir/i.csv"; s import "$dir/i.csv"; has "a dash withdraws nothing" "$(cat "$dir/i.csv.rejects")" "quota withdraw"
printf 'subject,energy_12m_mwh\nuscc:92530102MA00TTT173,-\n' >"$dir/i.csv"; s import "$dir/i.csv"; has "nor clears energy" "$(cat "$dir/i.csv.rejects")" "write 0"

# a server that refuses writes: said at once, waited for
stop_server; start_server one --min-free-bytes 1000000000000000000
printf 'subject,tax_grade\nuscc:92530102MA00TTT173,M\n' >"$dir/i.csv"
s import "$dir/i.csv" --timeout 1500; exits "a read-only server exits 3" 3
has "a read-only server is named at once" "$err" "writes are refused: storage is in trouble, lookups go on; waiting up to 2 s"
has "and given up" "$err" "gave up after"; has "nothing was imported" "$out" "imported 0 rows"
stop_server; start_server one

# round trip: a fresh server that imports an export exports the same
s export --output "$dir/one.csv"
stop_server; start_server two
s import "$dir/one.csv"; exits "import of an export exits 0" 0
s export --output "$dir/two.csv"
cmp -s <(sort "$dir/one.csv") <(sort "$dir/two.csv"); result "export, import, export gives the same" $? "$(diff <(sort "$dir/one.csv") <(sort "$dir/two.csv") | head -3)"

# ---------------------------------------------------------------- profiles
company=uscc:91530000MA00TTT099
s get uscc:91110000600037341L; exits "an unknown subject exits 1" 1; has "an unknown subject is named" "$err" "no such subject"
s get $company uscc:91110000600037341L; exits "one known, one not exits 4" 4
s get $company; exits "get for people" 0; has "get shows grades" "$out" "优"; hasnt "get leaves out what is not known" "$out" "market_grade"
s get $company --all; has "get --all shows everything" "$out" "market_grade"
s set $company tax_grade=A market_grade=AA negative_points=3.5 since_day=2019-02-03 red_list=true --json; exits "set exits 0" 0
version=$(j .version)
s get $company --json
is "set is there" "$(j '"\(.tax_grade) \(.market_grade) \(.negative_points) \(.since_day) \(.red_list) \(.version)"')" "A AA 3.5 2019-02-03 true $version"
s set $company tax_grade=B --if-version 1; exits "an old version exits 1" 1; has "an old version is named" "$err" "has changed"
s set $company tax_grade=A --if-version "$version"; exits "the right version" 0
s set $company since_day=1969-12-31; exits "a day before 1970 exits 2" 2; has "a day before 1970 is explained" "$err" "from 1970-01-02 to 2149-06-06"
s set $company division=999999; exits "an unknown division is accepted" 0; has "with a warning" "$err" "warning: division: 999999"
s set $company division=530102; is "a known one without" "$err" ""
s set uscc:51530300MJ00TE0572 form=foundation; exits "set of an unknown subject exits 1" 1; has "--create is offered" "$err" "--create"
s set uscc:51530300MJ00TE0572 form=foundation --create; exits "set --create" 0
s set uscc:51530300MJ00TE0572 form=foundation --if-version 0; exits "--if-version 0 of a known subject" 1

# ---------------------------------------------------------------- decisions
s evaluate --scenario loan $company; exits "evaluate exits 0" 0
has "evaluate says the outcome" "$out" "granted"; has "evaluate says the amount" "$out" "¥3,000,000.00"; has "evaluate says benefits" "$out" "预授信 (pre_approval)"
s evaluate --scenario loan $company --json
is "evaluate as JSON" "$(j '"\(.subject) \(.status) \(.outcome) \(.benefits | join("+")) \(.amount_fen) \(.rate_bp) \(.row) \(.policy_version)"')" "$company ok granted pre_approval+fast_track 300000000 -30 4099 1"
is "of one the deciding row is told" "$(j '.decided_by | "\(.table) \(.row) \(.because)"')" "eligibility L3 公共信用优"
s evaluate --scenario loan $company; has "for people, too" "$out" "eligibility / L3: 公共信用优"
s evaluate --scenario loan $company uscc:92530102MA00TTT173 --json; is "of many the row is a number" "$(jq -rs 'map("\(.row) \(has("decided_by"))") | join(" ")' <<<"$out")" "4099 false 4098 false"
s evaluate --scenario loan uscc:1 $company nonsense --json; exits "good ids are decided, bad ones reported" 4
is "in order" "$(jq -rs 'map("\(.subject) \(.status)") | join(" ")' <<<"$out")" "uscc:1 bad_subject $company ok nonsense bad_subject"
has "all bad ids are reported" "$err" "'nonsense'"; has "not only the last" "$err" "'uscc:1'"
s evaluate --scenario loan uscc:1 nonsense; exits "nothing but bad ids exits 2" 2
s evaluate --scenario loan $company uscc:92530102MA00TTT173; exits "evaluate of two" 0; has "a table has both" "$out" "declined"
s evaluate --scenario loan uscc:91110000600037341L; exits "evaluate of an unknown subject exits 1" 1; has "evaluate says why not" "$out" "no such subject"
s evaluate --scenario lone $company; exits "unknown scenario exits 2" 2; has "unknown scenario gets a suggestion" "$err" "did you mean 'loan'?"
s evaluate --scenario travel $company; exits "a scenario without policy exits 1" 1
s evaluate --scenario loan --purpose nothing $company; exits "unknown purpose exits 2" 2
purposes=$err; x help evaluate; for purpose in loan_review travel_service power_trading administrative_approval volunteer_service data_maintenance self_inquiry supervision benchmark; do
  has "$purpose is listed in the message" "$purposes" " $purpose"; has "$purpose is listed in the help" "$out" " $purpose"
done
cut -d, -f1 "$dir/province.csv" >"$dir/ids.txt"
s evaluate --scenario loan --file "$dir/ids.txt" --json; exits "a file of ids" 0
is "every line is decided, in order" "$(jq -r .subject <<<"$out" | cmp - <(tail -n +2 "$dir/ids.txt") && echo same)" same
s evaluate --scenario loan --file "$dir/ids.txt" --csv; is "as CSV" "$(wc -l <<<"$out")" 5001
has "CSV has a header" "$(head -1 <<<"$out")" "subject,status,outcome"
printf '%s\n\nnonsense\n%s\n' "$company" "id:53000019900101002X" >"$dir/some.txt"
timeout 60 "$xinyi" --server "$server" evaluate --scenario loan --file - --json <"$dir/some.txt" >"$dir/out" 2>"$dir/err"; code=$?; out=$(cat "$dir/out") err=$(cat "$dir/err")
exits "bad ids in a file exit 4" 4; has "bad ids are named with their line" "$err" "standard input:3: 'nonsense'"
is "bad ids are in the JSON, in order" "$(jq -rs 'map(.status) | join(" ")' <<<"$out")" "ok bad_subject unknown_subject"
{ seq 1 300; echo $company; } >"$dir/bad.txt"; s evaluate --scenario loan --file "$dir/bad.txt"; exits "many bad ids exit 4" 4
[ "$(wc -l <<<"$err")" -eq 22 ]; result "many bad ids take few lines" $?; has "and are counted" "$err" "1 decided, 300 not, of which 300 ids are not valid"
s evaluate --scenario loan --file "$dir/bad.txt" --json; is "JSON has them all" "$(wc -l <<<"$out")" 301
s evaluate --scenario loan --file "$dir/ids.txt"; [ "$code" -eq 0 ] && [ "$(grep -cE '^(id|uscc):' <<<"$out")" -eq 5000 ]; result "a file as tables" $?

s explain --scenario loan $company; exits "explain exits 0" 0
has "explain says which row" "$out" "granted by eligibility / L3: 公共信用优"; has "explain marks what was granted" "$out" "✓ 预授信 (pre_approval)"; hasnt "rows only if asked for" "$out" "table eligibility"
s explain --scenario loan $company --rows; has "explain --rows marks what failed" "$out" "✗"; has "and what held" "$out" "✓"
hasnt "rows behind the one that was used are left out" "$out" "L4"
s explain --scenario loan $company --all; has "explain --all" "$out" "L4"
s explain --scenario loan $company --json; is "explain as JSON" "$(j '"\(.decided_by.row) \(.outcome) \(.rows | length)"')" "L3 granted 4"
s explain --scenario loan uscc:91110000600037341L; exits "explain of an unknown subject exits 1" 1; is "explain names the unknown subject" "$err" "xinyi explain: uscc:91110000600037341L: no such subject"
s policy list; exits "policy list" 0; has "policy list names policies" "$out" "loan-test"
s policy list --json; is "policy list as JSON" "$(j '.policies | map(.id) | join(" ")')" "loan-test power-test"

# ---------------------------------------------------------------- quota
s set $company retailer=true market_grade=A suspended=false
s quota check $company --amount 100; exits "no account exits 1" 1; has "no account is said" "$out" "no guarantee account"
s quota energy $company --energy-12m 1200000 --wholesale-2m 180000 --retail-2m 200000 --json; exits "quota energy" 0
s quota pledge $company --instrument 1 --kind deposit --amount 1000万 --json; exits "quota pledge" 0
s quota pledge $company --instrument 2 --kind bond --amount 200000 --to 2099-12-31; exits "quota pledge of a bond" 0
s quota pledge $company --instrument 2 --kind bond --amount 5; exits "the same instrument again exits 1" 1
s quota show $company --json
is "quota show as JSON" "$(j '"\(.required_fen) \(.lodged_fen) \(.limit_fen) \(.available_fen) \(.usage_percent) \(.covered) \(.short) \(.instrument_count)"')" \
  "1000000000 1020000000 1050600000 1050600000 0 true false 2"
s quota show $company; has "quota show for people" "$out" "¥10,506,000.00"; has "quota show explains" "$out" "lodged + 3%"
s quota show $company --json; is "instruments as JSON" "$(j '.instruments | map("\(.id) \(.kind) \(.amount_fen) \(.state) \(.to_ms)") | join(", ")')" \
  "1 deposit 1000000000 valid null, 2 bond 20000000 valid 4102416000000"
s quota show $company; has "instruments for people" "$out" "through 2099-12-31  valid"; has "their kind and amount" "$out" "2  bond        ¥200,000.00"
s quota pledge $company --instrument 8 --kind bond --amount 5 --from 2098-01-01T09 --to 2098-02-01T18; s quota show $company; has "one that has not begun" "$out" "from 2098-01-01T09 until 2098-02-01T18  not yet"
s quota withdraw $company --instrument 8; exits "can be withdrawn" 0
s quota show uscc:91110000600037341L; exits "quota show of an unknown subject exits 1" 1
s quota check uscc:91110000600037341L --amount 1; is "check of an unknown subject names it" "$out" "does not fit: uscc:91110000600037341L: no such subject"
s quota reserve uscc:91110000600037341L --amount 1; has "so does reserve" "$err" "quota reserve: uscc:91110000600037341L: no such subject"
s quota check $company --amount 100万; exits "it fits" 0; is "it fits, in a sentence" "$out" "fits: ¥1,000,000.00 of ¥10,506,000.00 available"
s quota check $company --amount 1亿; exits "it does not fit exits 1" 1
is "it does not fit, in a sentence" "$out" "does not fit: the amount is more than the available quota: limit ¥10,506,000.00, used ¥0.00, asked ¥100,000,000.00: ¥89,494,000.00 too much"
s quota check $company --amount-fen 100000000 --json; is "quota check as JSON" "$(j '"\(.fits) \(.amount_fen) \(.available_fen)"')" "true 100000000 1050600000"

s quota reserve $company --amount 1,000,000.00 --ttl 10m; exits "quota reserve" 0
operation=$(sed -n 's/^operation *\([0-9a-f]\{32\}\).*/\1/p' <<<"$out")
is "an operation id is printed" ${#operation} 32; has "what to type next is printed" "$out" "quota commit $company --reservation $operation"
has "the expiry is printed" "$out" "expires"
s quota reserve $company --amount 1000000 --ttl 10m --operation "$operation" --json
is "the same operation again gives the first answer" "$(j '"\(.status) \(.operation) \(.used_fen)"')" "ok $operation 100000000"
is "and says that it does" "$(j '"\(.repeated) \(.state)"')" "true open"
s quota reserve $company --amount 1000000 --ttl 600s --operation "$operation"; has "so for people" "$out" "first answer repeated; executed 20"; has "what is open can be committed" "$out" "next, before it expires"
s quota reserve $company --amount 2000000 --operation "$operation"; exits "the same id with other content exits 1" 1; has "other content is named" "$err" "used with other content"
s quota show $company --json; is "reserved once" "$(j '"\(.reserved_fen) \(.open_reservations)"')" "100000000 1"
s quota outcome "$operation" --json; is "outcome as JSON" "$(j '"\(.known) \(.kind) \(.state) \(.status) \(.amount_fen)"')" "true reserve open ok 100000000"
s quota outcome "$operation"; has "outcome for people" "$out" "open"
s quota outcome 00112233445566778899aabbccddeeff; exits "an unknown operation exits 1" 1
s quota outcome xyz; exits "no operation id exits 2" 2
s quota commit --reservation "$operation" --amount 600000 --json; exits "commit without naming the subject" 0
is "commit as JSON" "$(j '"\(.kind) \(.amount_fen) \(.used_fen)"')" "commit 60000000 60000000"
is "what a commit leaves is released" "$(j .released_fen)" 40000000
s quota commit $company "$operation"; exits "commit twice exits 1" 1; has "commit twice is explained" "$err" "committed or released before: it is committed"
s quota reserve $company --amount 1000000 --ttl 10m --operation "$operation"; has "a late repetition says what it is" "$out" "; the reservation is committed by now"; hasnt "and offers nothing" "$out" "next"
s quota reserve $company --amount 1000000 --ttl 10m --operation "$operation" --json; is "a late repetition as JSON" "$(j '"\(.repeated) \(.state) \(.at_ms > 1700000000000) \(.at[0:2])"')" "true committed true 20"
s quota reserve $company --amount 100 --json; other=$(j .operation)
s quota commit "$other" --amount 101; has "more than reserved is explained" "$err" "asked ¥101.00, reserved ¥100.00"
s quota commit "$other" --amount 40; has "what is released is said" "$out" "committed ¥40.00; the other ¥60.00 of the reservation is released"
s quota settle $company --amount 40
s quota settle $company --amount 9000000; has "more than committed is explained" "$err" "asked ¥9,000,000.00, committed ¥600,000.00"
s quota settle $company --amount 100000; exits "settle" 0
s quota settle $company --amount 9000000; exits "settle of too much exits 1" 1
s quota show $company --json; is "settled" "$(j '"\(.committed_fen) \(.reserved_fen)"')" "50000000 0"
s quota reserve $company --amount 100亿; exits "too much exits 1" 1; has "too much is explained" "$err" "asked ¥10,000,000,000.00: ¥9,9"
s quota reserve $company --amount 100亿 --operation 000000000000000000000000000000aa; s quota outcome 000000000000000000000000000000aa; has "the outcome of a refusal shows what was asked" "$out" "¥10,000,000,000.00"
s quota outcome 000000000000000000000000000000aa --json; is "so as JSON" "$(j '"\(.asked_fen) \(.amount_fen) \(.status)"')" "1000000000000 0 limit_exceeded"
s quota reserve $company --amount 1 --ttl 7d; has "a time to live too long is told" "$err" "asked 7d"
s quota withdraw $company --instrument 1; has "a withdrawal that is refused is explained" "$err" "without instrument 1 the limit would fall below what is used: used ¥500,000.00, limit now ¥10,506,000.00"
s quota reserve $company --amount 5 --json; other=$(j .operation)
s quota release "$other"; exits "release by the operation alone" 0
s quota withdraw $company --instrument 2; exits "withdraw" 0
s quota withdraw $company --instrument 2; exits "withdraw twice exits 1" 1
s set $company generator=true; s quota show $company; has "exempt is said" "$out" "no guarantee is needed"; hasnt "without a required amount" "$out" "required"; hasnt "and an available one" "$out" "available"
s quota check $company --amount 100亿; has "check of an exempt subject" "$out" "exempt: no guarantee is needed"
s quota reserve $company --amount 100亿; has "reserve of an exempt subject" "$out" "exempt: no guarantee is needed"
s quota release "$(sed -n 's/^operation *//p' <<<"$out")"; exits "and its release" 0
s set $company generator=false
s quota energy $company --retail-2m 9,000 --operation 000000000000000000000000000000ab; s quota energy $company --wholesale-2m 180,001
s quota energy $company --retail-2m 9000 --operation 000000000000000000000000000000ab --json; is "energy is repeated as it was" "$(j '"\(.status) \(.repeated) \(.wholesale_2m_mwh)"')" "ok true 180000"
s quota energy $company --retail-2m 7; s quota show $company --json; is "energy that is not named stays" "$(j '"\(.energy_12m_mwh) \(.retail_2m_mwh)"')" "1200000 7"
s quota reserve $company --amount 1 --ttl 90d; exits "a bad duration exits 2" 2
s quota pledge $company --instrument 3 --kind paper --amount 1; exits "a bad kind exits 2" 2
s quota check $company --amount 1 --program gas; exits "an unknown program exits 2" 2

# ---------------------------------------------------------------- stats, colours, output errors
s stats --json; [ "$(j .requests.decide)" -gt 0 ]; result "stats as JSON" $?
s stats; has "stats for people" "$out" "requests.decide"
s stats --watch 1 --count 2; exits "stats --watch" 0; has "stats --watch has rates" "$out" "per second"
hasnt "no colours off a terminal" "$out" $'\e['
if [ -e /dev/full ]; then timeout 60 "$xinyi" --server "$server" info >/dev/full 2>"$dir/err"; code=$?; err=$(cat "$dir/err"); exits "output that cannot be written exits 1" 1; fi

# ---------------------------------------------------------------- a server that does not answer, or dies
kill -STOP "$server_pid"
s quota reserve $company --amount 1 --timeout 300; exits "no answer exits 3" 3
kill -CONT "$server_pid"
{ head -3001 "$dir/province.csv"; sleep 1.5; tail -n +3002 "$dir/province.csv"; } |
  timeout 60 "$xinyi" --server "$server" import - --batch 500 --rejects "$dir/r" >"$dir/out" 2>"$dir/err" &
import_pid=$!
sleep 0.7; stop_server KILL
wait "$import_pid"; code=$?; out=$(cat "$dir/out") err=$(cat "$dir/err")
exits "a server that dies during an import exits 3" 3
has "what is certain is said" "$err" "are certain"; has "that it can be repeated is said" "$err" "running the same import again is safe"
start_server two
s import "$dir/province.csv"; exits "and running it again is safe" 0
s quota outcome "$operation" --json; is "operations survive a crash" "$(j '"\(.known) \(.state)"')" "true committed"

[ "$failed" -eq 0 ] && echo "# all passed"
exit "$failed"
