#!/usr/bin/env bash
# The server against clients and circumstances that are not nice: settings, hostile clients, limits, signals, restarts,
# a full disk. SERVER_QUICK=1 leaves out what takes long, for builds with sanitizers.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
hostile=$BUILD/tests/tools/hostile load=$BUILD/tests/tools/crash_load
seed=${XINYI_SEED:-$RANDOM} quick=${SERVER_QUICK:-}
echo "seed $seed (set XINYI_SEED to repeat)"
mounted= filler=
trap '[ -z "$filler" ] || kill "$filler" 2>/dev/null; [ -z "$server_pid" ] || kill -KILL "$server_pid" 2>/dev/null; [ -z "$mounted" ] || umount -l "$mounted"; cleanup' EXIT

# hostile_case CASE [OPTION...]: against the running server
hostile_case() {
  local name=$1; shift
  check "hostile client: $name" timeout 120 "$hostile" "$name" --server "$XINYI_SERVER" --pid "$server_pid" --seed "$seed" "$@"
}
# refused NAME PATTERN OPTION...: a server that must not start: exit 1, and say why
refused() {
  local name=$1 pattern=$2 out code; shift 2
  out=$(timeout 30 "$XINYID" "$@" 2>&1); code=$?
  equal "$name: exit status" "$code" 1
  contains "$name: says why" "$out" "$pattern"
}
stops_cleanly() { stop_server; equal "$1" "$stop_code" 0; }

# ---- settings
settings() {
  expect_exit "--help" 0 "$XINYID" --help
  expect_exit "--version" 0 "$XINYID" --version
  expect_exit "no --data" 2 "$XINYID"
  expect_exit "an unknown option" 2 "$XINYID" --data "$work/x" --no-such-option
  expect_exit "an argument too many" 2 "$XINYID" --data "$work/x" extra
  expect_exit "a number that is none" 2 "$XINYID" --data "$work/x" --threads many
  expect_exit "a number out of range" 2 "$XINYID" --data "$work/x" --threads 65
  expect_exit "a negative number" 2 "$XINYID" --data "$work/x" --drain-ms -1
  expect_exit "an unknown unit" 2 "$XINYID" --data "$work/x" --queue-bytes 5X
  expect_exit "a size that overflows" 2 "$XINYID" --data "$work/x" --queue-bytes 9999999999G
  expect_exit "an unknown log format" 2 "$XINYID" --data "$work/x" --log-format xml
  expect_exit "an address without a port" 2 "$XINYID" --data "$work/x" --listen localhost
  expect_exit "an address with an impossible port" 2 "$XINYID" --data "$work/x" --listen 127.0.0.1:70000
  expect_exit "a cluster without a name" 2 "$XINYID" --data "$work/x" --cluster ''
  expect_exit "a settings file that is not there" 2 "$XINYID" --config "$work/nothing.yaml"
  contains "a bad value: says what is possible" "$("$XINYID" --data x --threads 65 2>&1)" '^xinyid: --threads needs a number from 0 to 64, not .65.'

  printf 'data: x\nthreads: 3\nlisten: 127.0.0.1:9\nno_such: 1\n' >"$work/bad.yaml"
  contains "an unknown key: says where" "$("$XINYID" --config "$work/bad.yaml" 2>&1)" "bad.yaml:4:1: unknown option 'no_such'"
  printf 'data: x\nthreads: [3\n' >"$work/bad.yaml"
  contains "bad YAML: says where" "$("$XINYID" --config "$work/bad.yaml" 2>&1)" "bad.yaml:[0-9]+:[0-9]+: "
  printf 'data: x\nthreads: 99\n' >"$work/bad.yaml"
  contains "a bad value in a file: says where" "$("$XINYID" --config "$work/bad.yaml" 2>&1)" "bad.yaml:2:1: threads needs a number from 0 to 64, not '99'"
  printf 'data: x\nfold_bytes: 1G\nfold-bytes: 2G\n' >"$work/bad.yaml"
  contains "a key given twice: says where" "$("$XINYID" --config "$work/bad.yaml" 2>&1)" "bad.yaml:3:1: 'fold_bytes' stands here twice, first in line 2"
  expect_exit "a key given twice" 2 "$XINYID" --config "$work/bad.yaml" --fold-bytes 1G
  printf '# settings\nthreads = 1\n' >"$work/bad.yaml"
  contains "not a mapping: says where" "$("$XINYID" --config "$work/bad.yaml" 2>&1)" "bad.yaml:2:1: expected 'option: value' lines"
  printf -- '- data\n' >"$work/bad.yaml"
  expect_exit "a settings file that is a list" 2 "$XINYID" --config "$work/bad.yaml"

  printf 'data: x\nthreads: 3\nqueue-bytes: 2M\nfold_bytes: 1G\n' >"$work/good.yaml"
  local described; described=$("$XINYID" --config "$work/good.yaml" --threads 5 --describe-config)
  contains "the command line wins over the file" "$described" '^threads: 5$'
  contains "the file wins over the default; - and _ are the same" "$described" '^queue_bytes: 2097152$'
  contains "what is not given has its default" "$described" '^max_connections: 10000$'
  "$XINYID" --data "it's \"odd\": \\dir # 曲靖" --listen '[::1]:0' --fold-bytes 3M --describe-config >"$work/1.yaml"
  "$XINYID" --config "$work/1.yaml" --describe-config >"$work/2.yaml"
  check "--describe-config is a settings file" cmp "$work/1.yaml" "$work/2.yaml"
  contains "quotes survive" "$(cat "$work/2.yaml")" "^data: 'it''s \"odd\": "
}

# ---- consent: the id decides who is a natural person, not what a source writes
consent() {
  local person=id:530000199001010011 company=uscc:91530000MA00TTT099
  # without consent a person decides, and no amount is named
  loan_of() { "$XINYI" evaluate --scenario loan --json "$1" | jq -r .outcome; }
  check "a person is made without a form" "$XINYI" set "$person" public_grade=优 --create
  equal "… and is one" "$("$XINYI" get "$person" --json | jq -r .form)" person
  equal "no loan for a person who has not consented" "$(loan_of "$person")" review
  local form
  for form in - enterprise other; do
    expect_exit "a person does not become $form" 1 "$XINYI" set "$person" form=$form
    equal "… and has not consented" "$(loan_of "$person")" review
  done
  printf 'subject,form,public_grade\n%s,enterprise,优\n%s,,良\n%s,person,优\n' \
    "$person" "$person" "$company" >"$work/forms.csv"
  "$XINYI" import "$work/forms.csv" >/dev/null 2>"$work/forms.out"
  equal "an import changes neither" "$(loan_of "$person") $("$XINYI" get "$company" --json 2>/dev/null | jq -r .form)" 'review null'
  check "consent is what it takes" "$XINYI" set "$person" consent_loan=true
  equal "a loan for a person who has consented" "$(loan_of "$person")" granted
}

# ---- what keeps a server from starting
refusals() {
  refused "a second server on the data" 'cannot_open_data .*(in use|another process|locked)' --data "$work/data" --listen 127.0.0.1:0
  refused "an address in use" 'cannot_listen .*another program listens' --data "$work/other" --listen "$XINYI_SERVER"
  refused "a host that is none" 'cannot_listen .*cannot use address' --data "$work/other" --listen no.such.host.invalid:7420
  check "an address that cannot be used leaves no data directory" test ! -e "$work/other"
  refused "no policy files" 'policy_refused .*no \*.yaml files' --data "$work/other" --listen 127.0.0.1:0 --policy "$work"/other
  refused "another cluster" 'cannot_open_data .*belongs to cluster' --data "$work/other" --listen 127.0.0.1:0 --cluster another
  refused "no policy directory" 'policy_refused .*the directory does not exist' --data "$work/other" --listen 127.0.0.1:0 --policy "$work/none"
  mkdir "$work/policy" && cp policy/*.yaml "$work/policy"
  cp policy/loan.yaml "$work/policy/old.yml"
  local line; line=$(($(wc -l <"$work/policy/loan.yaml") + 1))
  echo 'no_such_key: 1' >>"$work/policy/loan.yaml"
  refused "a file that is not read is named" 'warn +policy_ignored file=[^ ]*/old.yml' --data "$work/other" --listen 127.0.0.1:0 --policy "$work/policy"
  contains "and by policy check" "$("$XINYI" policy check "$work/policy")" '^old.yml: warning: not read: '
  refused "a policy with an error" "loan.yaml:$line:1: .*no_such_key" --data "$work/other" --listen 127.0.0.1:0 --policy "$work/policy"
  : >"$work/file"
  refused "policies that are a file" 'policy_refused .*Not a directory' --data "$work/other" --listen 127.0.0.1:0 --policy "$work/file"
  refused "data that are a file" 'cannot_open_data ' --data "$work/file" --listen 127.0.0.1:0
}

# ---- hostile clients
hostile_clients() {
  local case
  hostile_case fill --count 20000
  for case in $("$hostile" list); do
    case ${quick:+$case} in idle | greedy) continue ;; esac
    # sanitizers keep freed memory: there its growth says nothing
    hostile_case "$case" ${quick:+--pid 0} --count "$([ -n "$quick" ] && echo 60 || echo 300)"
  done
}
limits() {
  start_server --max-connections 20 --hello-ms 500 --stall-ms 500
  hostile_case flood
  hostile_case slow-hello
  hostile_case no-files
  contains "a pause of accepting is in the log" "$(cat "$server_log")" 'accept_paused .*Too many open files'
  hostile_case stall
  contains "unread replies are in the log" "$(cat "$server_log")" 'connection_dropped .*not read'
  stops_cleanly "stops after that"
  start_server
  hostile_case crowd --count 2000
  stops_cleanly "stops after a crowd"
  (ulimit -n 300; exec "$XINYID" --data "$work/data" --listen 127.0.0.1:0 2>"$work/few.log") &
  server_pid=$!
  wait_for_line "$work/few.log" ' ready '
  contains "few descriptors: connections leave some" "$(cat "$work/few.log")" 'few_files open_files=300 max_connections=150'
  stops_cleanly "few descriptors: stops"
}
wait_for_line() { # FILE PATTERN
  local i
  for i in $(seq 1 300); do grep -qE "$2" "$1" 2>/dev/null && return 0; sleep 0.1; done
  not_ok "waiting for /$2/" "$(tail -5 "$1")"
  return 1
}

json_log() {
  "$XINYID" --data "$work/data" --policy policy --listen 127.0.0.1:0 --log-format json --log-level debug 2>"$work/json.log" &
  server_pid=$!
  wait_for_line "$work/json.log" '"event":"ready"'
  XINYI_SERVER=$(jq -r 'select(.event == "ready").listen' "$work/json.log")
  timeout 60 "$hostile" hellos --server "$XINYI_SERVER" >/dev/null 2>&1
  stops_cleanly "stops (JSON log)"
  check "every line of the log is JSON" jq -e '.time and .level and .event' "$work/json.log"
  equal "what an event tells are members" \
    "$(jq -r 'select(.event == "ready") | "\(.policy_version | type) \(.threads | type) \(.seconds | type)"' "$work/json.log")" \
    'number number number'
  equal "quoted text is one member" "$(jq -r 'select(.event == "loaded").directory' "$work/json.log")" "$work/data"
  equal "every line of the log is an object" "$(jq -s 'length' "$work/json.log")" "$(wc -l <"$work/json.log")"
}

# ---- signals and restarts
# loads SECONDS ROUND: writes in the background; sets loader
loads() {
  "$load" load --server "$XINYI_SERVER" --log "$work/writes.log" --round "$2" --threads 8 --seconds "$1" >"$work/load.out" 2>&1 &
  loader=$!
}
acknowledged() { sed -n 's/ acknowledged//p' "$work/load.out"; }
verified() { # NAME
  local out
  if out=$("$load" verify --server "$XINYI_SERVER" --log "$work/writes.log" 2>&1); then ok "$1: $(tail -1 <<<"$out")"
  else not_ok "$1" "$out"; fi
}
signals() {
  local round
  for round in 1 2 3; do
    start_server --fold-bytes 256K --fold-interval-ms 300
    loads 10 "$round"
    sleep "0.$((RANDOM % 8 + 2))"
    stops_cleanly "SIGTERM in a stream of writes"
    wait "$loader"
    if [ "$(acknowledged)" -gt 0 ]; then ok "SIGTERM: $(acknowledged) acknowledged before"; else not_ok "SIGTERM: none acknowledged before"; fi
    start_server
    verified "SIGTERM: all that was acknowledged is there"
    [ "$round" -lt 3 ] && kill_server
  done
  local subjects; subjects=$(jq -r .subjects <<<"$("$XINYI" info --json --server "$XINYI_SERVER" 2>/dev/null)")
  stops_cleanly "SIGTERM without clients"
  start_server
  equal "a restart keeps the subjects" "$(jq -r .subjects <<<"$("$XINYI" info --json --server "$XINYI_SERVER" 2>/dev/null)")" "$subjects"
  verified "a restart keeps everything"
  kill -INT "$server_pid"; wait "$server_pid"; equal "SIGINT stops as well" $? 0; server_pid=
}

# A signal that waits already when the program begins meets it while it loads.
stop_while_loading() {
  local out code
  out=$(timeout 60 perl -MPOSIX -e 'sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM)); kill TERM => $$; exec @ARGV' \
    "$XINYID" --data "$work/data" --listen 127.0.0.1:0 2>&1); code=$?
  equal "SIGTERM while loading: exit status" "$code" 0
  contains "SIGTERM while loading: says so" "$out" 'stopped while=loading$'
  if grep -qE ' (ready|error) ' <<<"$out"; then not_ok "SIGTERM while loading: nothing else" "$out"; else ok "SIGTERM while loading: nothing else"; fi
  start_server
  verified "SIGTERM while loading: nothing is lost"
  stops_cleanly "and it stops as ever"
}

# ---- a full disk
# Takes what is free, again and again: files that the server deletes make room.
keep_full() {
  while sleep 0.05; do dd if=/dev/zero of="$mounted/ballast" bs=4K oflag=append conv=notrunc status=none 2>/dev/null; done
}
# disk_full NAME OPTION...: writes are refused, lookups go on, and all is well again once there is room, without a restart
disk_full() {
  local name=$1 answer= i; shift
  rm -f "$work/writes.log"
  start_server --data "$mounted/data" --fold-bytes 256K --fold-interval-ms 300 "$@"
  "$hostile" fill --server "$XINYI_SERVER" --count 10000 >/dev/null
  loads 1 1; wait "$loader"
  if [ "$(acknowledged)" -gt 0 ]; then ok "$name: $(acknowledged) acknowledged before"; else not_ok "$name: nothing acknowledged before"; fi
  keep_full & filler=$!
  loads 10 2
  for i in $(seq 1 100); do # room that was allocated before may still be used up
    answer=$("$hostile" put --server "$XINYI_SERVER" 2>&1)
    [[ $answer == ok ]] || break
    sleep 0.1
  done
  contains "$name: a write is not acknowledged" "$answer" '^(read_only|outcome_unknown)$'
  wait "$loader"
  sleep 1.5
  contains "$name: later ones are refused" "$("$hostile" put --server "$XINYI_SERVER" 2>&1)" '^(read_only|outcome_unknown)$'
  contains "$name: INFO says read_only" "$("$XINYI" info --json --server "$XINYI_SERVER" 2>&1)" '"read_only": ?true'
  hostile_case pipelined
  hostile_case cursors
  kill "$filler"; wait "$filler" 2>/dev/null; filler=
  rm "$mounted/ballast"
  for i in $(seq 1 100); do
    answer=$("$hostile" put --server "$XINYI_SERVER" 2>&1)
    [[ $answer == ok ]] && break
    sleep 0.2
  done
  equal "$name: writes resume without a restart" "$answer" ok
  verified "$name: nothing acknowledged is lost"
  loads 1 3; wait "$loader"
  if [ "$(acknowledged)" -gt 0 ]; then ok "$name: $(acknowledged) acknowledged afterwards"; else not_ok "$name: nothing acknowledged afterwards" "$(tail -5 "$server_log")"; fi
  equal "$name: trouble and healing are told once" \
    "$(grep -c ' storage_trouble ' "$server_log") $(grep -c 'healed ' "$server_log")" '1 1'
  kill_server
  start_server --data "$mounted/data" "$@"
  verified "$name: nor after a restart"
  stops_cleanly "$name: stops"
  rm -rf "$mounted/data"
}
# A server below the limit refuses writes as not executed, says so before anybody tried, and starts if it has a policy.
below_the_limit() {
  local i answer
  start_server --data "$mounted/data" --min-free-bytes 16M
  stops_cleanly "below the limit: a server with room"
  mkdir "$work/changed" && cp policy/*.yaml "$work/changed" && sed -i 's/^title: .*/title: 改/' "$work/changed/travel.yaml"
  start_server --data "$mounted/data" --policy "$work/changed" --min-free-bytes 1T
  contains "below the limit: INFO says read_only" "$("$XINYI" info --json)" '"read_only": ?true'
  contains "below the limit: the changed policies are named" "$(cat "$server_log")" \
    "policy_not_activated reason=\"less than 1099511627776 bytes are free in $mounted/data\" in_force=1 "
  contains "below the limit: the stored policies decide" "$("$XINYI" info --json)" '"policy_version": ?1,'
  for i in 1 2 3; do
    equal "below the limit: a write is not executed" "$("$hostile" put --server "$XINYI_SERVER" 2>&1)" read_only
    sleep 0.7
  done
  equal "below the limit: the log stays calm" "$(grep -c 'heal_failed' "$server_log")" 1
  stops_cleanly "below the limit: stops"
  refused "below the limit: no policy stored" \
    "policy_not_stored .*reason=\"less than 1099511627776 bytes are free in $mounted/fresh\"" \
    --data "$mounted/fresh" --policy policy --listen 127.0.0.1:0 --min-free-bytes 1T
  # without --policy the first write meets the limit; room comes back while it runs
  dd if=/dev/zero of="$mounted/ballast" bs=1M count=100 status=none
  local free; free=$(df --output=avail -B1 "$mounted" | tail -1)
  start_server --data "$mounted/data" --min-free-bytes $((free + (20 << 20)))
  equal "room returns: refused before" "$("$hostile" put --server "$XINYI_SERVER" 2>&1)" read_only
  rm "$mounted/ballast"
  for i in $(seq 1 50); do
    answer=$("$hostile" put --server "$XINYI_SERVER" 2>&1)
    [ "$answer" = ok ] && break
    sleep 0.1
  done
  equal "room returns: writes resume" "$answer" ok
  contains "room returns: INFO agrees" "$("$XINYI" info --json)" '"read_only": ?false'
  equal "room returns: healing is told once" "$(grep -c healed "$server_log")" 1
  stops_cleanly "room returns: stops"
  rm -rf "$mounted/data" "$mounted/fresh"
}
disks() {
  mkdir "$work/disk"
  if ! mount -t tmpfs -o size=256m none "$work/disk" 2>/dev/null; then
    echo "skipped: a full disk (no right to mount a small tmpfs here)"
    return
  fi
  mounted=$work/disk
  disk_full "full disk, noticed in time" --min-free-bytes 16M
  disk_full "full disk, not looked at" --min-free-bytes 0
  below_the_limit
  umount "$mounted" && mounted=
}

[ -n "$quick" ] || settings
start_server
[ -n "$quick" ] || refusals
[ -n "$quick" ] || consent
hostile_clients
contains "nothing but what was asked for is in the log" "$(grep -cE ' error ' "$server_log")" '^0$'
stops_cleanly "stops after hostile clients"
limits
[ -n "$quick" ] || json_log
rm -rf "$work/data"
signals
stop_while_loading
[ -n "$quick" ] || disks
finish
