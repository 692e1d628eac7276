#!/usr/bin/env bash
# redis-server and xinyid, side by side: the same subjects, the same rules, the same machine, in turns.
# bench/README.md says what is compared and how to read it. Exit: 0 measured, 1 failed, 2 usage.
set -euo pipefail
cd "$(dirname "$0")/.."

subjects= rounds= seconds= json= quick=0 budget= part=all B=${B:-build}
usage() {
  cat <<'TEXT'
usage: bench/compare-redis.sh [options]

  --subjects N    subjects and keys on each side [1000000; --quick 200000]
  --rounds N      interleaved rounds, the table shows medians [3; --quick 1]
  --seconds S     of each measurement, 1 to 60 [2; --quick 1]
  --quick         under 90 seconds instead of under 5 minutes
  --budget S      no new round begins that would not end by then [280; --quick 85]
  --part PART     lookups, reservations or all [all]
  --json FILE     everything measured, as JSON
  --help          this text

Installs redis-server with apt if it is missing, and says so. Programs are taken from build/, or from $B.
TEXT
}
die() { echo "compare-redis: $*" >&2; exit 1; }
wrong() { echo "compare-redis: $*; see bench/compare-redis.sh --help" >&2; exit 2; }
whole() { # OPTION VALUE MIN MAX
  [[ $2 =~ ^[0-9]{1,9}$ ]] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || wrong "$1 needs a whole number from $3 to $4, not '$2'"
}
while [ $# -gt 0 ]; do
  option=$1
  case $option in
    --quick) quick=1; shift; continue ;;
    --help|-h) usage; exit 0 ;;
    --subjects|--rounds|--seconds|--budget|--json|--part) ;;
    *) wrong "unknown option '$option'" ;;
  esac
  [ $# -ge 2 ] || wrong "$option needs a value"
  case $option in
    --subjects) whole "$option" "$2" 1000 10000000; subjects=$2 ;;
    --rounds) whole "$option" "$2" 1 99; rounds=$2 ;;
    --seconds) whole "$option" "$2" 1 60; seconds=$2 ;;
    --budget) whole "$option" "$2" 10 86400; budget=$2 ;;
    --part) case $2 in lookups|reservations|all) part=$2 ;; *) wrong "--part is lookups, reservations or all, not '$2'" ;; esac ;;
    --json) json=$2; [ -n "$json" ] || wrong "--json needs a file name" ;;
  esac
  shift 2
done
if [ $quick -eq 1 ]; then defaults=(200000 1 1 85); else defaults=(1000000 3 2 280); fi
subjects=${subjects:-${defaults[0]}} rounds=${rounds:-${defaults[1]}} seconds=${seconds:-${defaults[2]}} budget=${budget:-${defaults[3]}}

began=$(date +%s)
elapsed() { echo $(($(date +%s) - began)); }
step() { printf '[%3d s] %s\n' "$(elapsed)" "$*" >&2; }

# ---------------------------------------------------------------- what it needs
for program in xinyid xinyi xinyi-bench; do
  [ -x "$B/$program" ] || die "$B/$program is missing; run make first"
done
command -v jq >/dev/null || die "jq is missing; run make deps"
if ! command -v redis-server >/dev/null || ! command -v redis-benchmark >/dev/null; then
  step "installing Debian packages redis-server, redis-tools"
  as=(); [ "$(id -u)" -eq 0 ] || as=(sudo)
  # The package starts a server of its own on 6379; a policy that forbids that for the time of the installation.
  "${as[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends redis-server redis-tools >&2 ||
    die "redis-server cannot be installed; try: apt-get update, apt-get install redis-server redis-tools"
fi
cores=$(nproc)
pin_server=() pin_client=()
if command -v taskset >/dev/null && [ "$cores" -ge 2 ] && taskset -c 0 true 2>/dev/null && taskset -c 1 true 2>/dev/null; then
  pin_server=(taskset -c 0) pin_client=(taskset -c 1)
  pinning="servers on core 0, generators on core 1"
else
  pinning="NOT PINNED (it needs two cores): the numbers are noise"
fi

dir=build/compare-redis
rm -rf "$dir"; mkdir -p "$dir/redis"
redis_pid= xinyi_pid= client=
cleanup() {
  local pid
  for pid in $client $redis_pid $xinyi_pid; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in $client $redis_pid $xinyi_pid; do
    for _ in $(seq 1 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$dir/data" "$dir/redis" "$dir"/*.csv "$dir"/*.resp
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# ---------------------------------------------------------------- servers
start_redis() {
  local port try
  for try in $(seq 1 20); do
    port=$((20000 + RANDOM % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
    "${pin_server[@]}" redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --daemonize no \
      --dir "$dir/redis" --logfile "" --loglevel warning >"$dir/redis.log" 2>&1 &
    redis_pid=$!
    for _ in $(seq 1 50); do
      if [ "$(redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null)" = PONG ]; then redis_port=$port; return; fi
      kill -0 "$redis_pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$redis_pid" 2>/dev/null || true; wait "$redis_pid" 2>/dev/null || true; redis_pid=
  done
  tail -5 "$dir/redis.log" >&2; die "redis-server does not start"
}
start_xinyi() {
  : >"$dir/xinyid.log"
  "${pin_server[@]}" "$B/xinyid" --data "$dir/data" --policy policy --listen 127.0.0.1:0 --threads 1 2>"$dir/xinyid.log" &
  xinyi_pid=$!
  for _ in $(seq 1 300); do
    XINYI_SERVER=$(sed -n 's/.* ready listen=\([^ ]*\).*/\1/p' "$dir/xinyid.log")
    [ -n "$XINYI_SERVER" ] && { export XINYI_SERVER; return; }
    kill -0 "$xinyi_pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -5 "$dir/xinyid.log" >&2; die "xinyid does not start"
}
stop_xinyi() { kill -TERM "$xinyi_pid"; wait "$xinyi_pid" || die "xinyid did not stop cleanly"; xinyi_pid=; }
redis() { redis-cli -h 127.0.0.1 -p "$redis_port" "$@"; }
rss() { awk '/^VmRSS:/ { print $2 * 1024 }' "/proc/$1/status"; }
redis_rss() { sleep 0.5; redis info memory | sed -n 's/^used_memory_rss:\([0-9]*\).*/\1/p'; }
load_redis() { # FILE: commands, one a line
  local said
  said=$(redis --pipe <"$1") || true
  [[ $said == *"errors: 0, replies: $subjects"* ]] || die "redis did not take all keys: $said"
}

step "generating $subjects subjects"
"$B/xinyi" gen --subjects "$subjects" --seed 1 --output "$dir/subjects.csv" >/dev/null

if [ $part != reservations ]; then
step "redis: 64-byte strings, then hashes with the fields of the loan policy"
start_redis
redis_empty=$(redis_rss)
awk -v n="$subjects" 'BEGIN { value = sprintf("%064d", 0); gsub(/0/, "x", value)
  for (i = 0; i < n; i++) printf "SET key:%012d %s\r\n", i, value }' >"$dir/strings.resp"
load_redis "$dir/strings.resp"
redis_strings=$(redis_rss)
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) col[$i] = i
    n = split("form consent_loan serious_list tax_grade public_grade market_grade negative_points broken_commitments red_list", name, " "); next }
  { printf "HSET subject:%012d", NR - 2
    for (k = 1; k <= n; k++) printf " %s \"%s\"", name[k], $(col[name[k]])
    printf "\r\n" }' "$dir/subjects.csv" >"$dir/hashes.resp"
load_redis "$dir/hashes.resp"
redis_hashes=$(redis_rss)
script=$(redis -x script load <bench/loan.lua)
[[ $script =~ ^[0-9a-f]{40}$ ]] || die "redis does not take bench/loan.lua: $script"

fi
redis_version=$(redis-server --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p')

step "xinyid: import, restart"
start_xinyi
xinyi_empty=$(rss "$xinyi_pid")
"$B/xinyi" import "$dir/subjects.csv" >"$dir/import.log" 2>&1 || { tail -5 "$dir/import.log" >&2; die "the import failed"; }
stop_xinyi
start_xinyi
xinyi_loaded=$(rss "$xinyi_pid")
"$B/xinyi" --json info >"$dir/info.json"
[ "$(jq .subjects "$dir/info.json")" -eq "$subjects" ] || die "xinyid has $(jq .subjects "$dir/info.json") subjects, not $subjects"

if [ $part != reservations ]; then
# ---------------------------------------------------------------- the same answers?
checked=500
step "asking both for $checked decisions"
awk -F, -v every=$((subjects / checked)) 'NR > 1 && (NR - 2) % every == 0 { print NR - 2 "," $1 }' "$dir/subjects.csv" |
  head -n $checked >"$dir/check.csv"
cut -d, -f2 "$dir/check.csv" >"$dir/ids.txt"
"$B/xinyi" --json evaluate --scenario loan --file "$dir/ids.txt" |
  jq -r '[({none: 0, granted: 1, review: 2, declined: 3}[.outcome]), .amount_fen, .rate_bp,
          ([.benefits[] | {pre_approval: 1, fast_track: 2}[.] // 1000] | add // 0)] | join(" ")' >"$dir/ours.txt"
while IFS=, read -r index _; do
  printf 'EVALSHA %s 1 subject:%012d\n' "$script" "$index"
done <"$dir/check.csv" | redis | paste -d' ' - - - - >"$dir/theirs.txt"
[ "$(wc -l <"$dir/ours.txt")" -eq "$(wc -l <"$dir/check.csv")" ] || die "xinyid did not answer every check"
if ! cmp -s "$dir/ours.txt" "$dir/theirs.txt"; then
  paste -d'|' "$dir/ids.txt" "$dir/ours.txt" "$dir/theirs.txt" | awk -F'|' '$2 != $3' | head -3 >&2
  die "the decisions differ (subject | xinyid | redis: outcome, amount, rate, benefits); bench/loan.lua must follow policy/loan.yaml"
fi
outcomes=$(cut -d' ' -f1 "$dir/ours.txt" | sort | uniq -c | awk '{ printf "%s%s: %d", sep, $2 == 1 ? "granted" : $2 == 2 ? "review" : "declined", $1; sep = ", " }')

fi

# ---------------------------------------------------------------- measuring
# All threads of a process: ns on a core, and ns ready to run but waiting for one.
sched_ns() { cat /proc/"$1"/task/*/schedstat 2>/dev/null | awk '{ run += $1; wait += $2 } END { printf "%.0f %.0f\n", run, wait }'; }
# Runs a generator; $cores_used and $cores_waited become what the server used of its core in the middle of it, and what
# it would have used but for others; "null" if the generator ended too early.
observe() { # SERVER-PID OUTPUT COMMAND…
  local pid=$1 out=$2 c0 c1 w0 w1 t0 t1
  shift 2
  "${pin_client[@]}" "$@" >"$out" 2>"$out.err" &
  client=$!
  sleep 0.9
  t0=$(date +%s%N); read -r c0 w0 < <(sched_ns "$pid")
  sleep "$(awk -v s="$seconds" 'BEGIN { print s * 0.6 }')"
  t1=$(date +%s%N); read -r c1 w1 < <(sched_ns "$pid")
  cores_used=null cores_waited=null
  if kill -0 $client 2>/dev/null; then
    cores_used=$(awk -v c=$((c1 - c0)) -v t=$((t1 - t0)) 'BEGIN { printf "%.4f", c / t }')
    cores_waited=$(awk -v c=$((w1 - w0)) -v t=$((t1 - t0)) 'BEGIN { printf "%.4f", c / t }')
  fi
  wait $client || { head -5 "$out" "$out.err" >&2; die "the generator failed: $*"; }
  client=
}
record() { # SYSTEM WORK SHAPE MESSAGES/S ERRORS
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$round" "$1" "$2" "$3" "$4" "$cores_used" "$cores_waited" "$5" >>"$dir/results.tsv"
}

declare -A guess # messages/s of the last time, so that redis-benchmark runs about as long as it should
# redis-benchmark counts requests, not seconds: `entries` keys in each, $seconds + 1.2 s of them.
measure_redis() { # WORK SHAPE PIPELINE ENTRIES COMMAND…
  local work=$1 shape=$2 pipeline=$3 entries=$4 n rate
  shift 4
  rate=${guess[$work-$shape]:-}
  if [ -z "$rate" ]; then
    redis_once $((3000 * pipeline)) "$pipeline" "$@"
    rate=$redis_rate
  fi
  n=$(awk -v r="$rate" -v s="$seconds" 'BEGIN { printf "%d", r * (s + 1.2) + 1 }')
  observe "$redis_pid" "$dir/out" redis-benchmark -h 127.0.0.1 -p "$redis_port" -c 50 -P "$pipeline" -n "$n" -r "$subjects" --csv "$@"
  redis_parse
  guess[$work-$shape]=$redis_rate
  record redis "$work" "$shape" "$(awk -v r="$redis_rate" -v e="$entries" 'BEGIN { printf "%.0f", r * e }')" 0
}
redis_once() { # N PIPELINE COMMAND…
  local n=$1 pipeline=$2
  shift 2
  "${pin_client[@]}" redis-benchmark -h 127.0.0.1 -p "$redis_port" -c 50 -P "$pipeline" -n "$n" -r "$subjects" --csv "$@" >"$dir/out" 2>"$dir/out.err"
  redis_parse
}
redis_parse() {
  redis_rate=$(tail -1 "$dir/out" | awk -F'","' 'NF > 6 { print $(NF - 6) }')
  [[ $redis_rate =~ ^[0-9.]+$ ]] || { head -3 "$dir/out" "$dir/out.err" >&2; die "redis-benchmark said nothing that can be read"; }
}
measure_xinyi() { # WORK SHAPE PIPELINE BATCH OP
  local work=$1 shape=$2 pipeline=$3 batch=$4 op=$5
  observe "$xinyi_pid" "$dir/out" "$B/xinyi-bench" --op "$op" --scenario loan --connections 50 --pipeline "$pipeline" \
    --batch "$batch" --seconds "$seconds" --warmup 0.8 --seed "$round" --json
  record xinyi "$work" "$shape" "$(jq '.ops_per_second | floor' "$dir/out")" "$(jq .errors "$dir/out")"
}

. bench/compare-reserve.sh

if [ $part != reservations ]; then
keys64=() subjects64=()
for _ in $(seq 64); do keys64+=(key:__rand_int__); subjects64+=(subject:__rand_int__); done
: >"$dir/results.tsv"
done_rounds=0 slowest=0
for round in $(seq 1 "$rounds"); do
  at=$(elapsed)
  if [ "$done_rounds" -gt 0 ] && [ $((at + slowest)) -gt "$budget" ]; then
    step "no time for another round (--budget $budget)"; break
  fi
  step "round $round of $rounds"
  for pipeline in 1 16 64; do
    measure_redis lookup "p$pipeline" $pipeline 1 GET key:__rand_int__
    measure_xinyi lookup "p$pipeline" $pipeline 1 get
    measure_redis decision "p$pipeline" $pipeline 1 EVALSHA "$script" 1 subject:__rand_int__
    measure_xinyi decision "p$pipeline" $pipeline 1 evaluate
  done
  measure_redis lookup b64 1 64 MGET "${keys64[@]}"
  measure_xinyi lookup b64 1 64 get
  measure_redis decision b64 1 64 EVALSHA "$script" 64 "${subjects64[@]}"
  measure_xinyi decision b64 1 64 evaluate
  done_rounds=$round
  took=$(($(elapsed) - at)); [ $took -gt $slowest ] && slowest=$took
done
errors=$(awk -F'\t' '{ s += $8 } END { print s + 0 }' "$dir/results.tsv")
[ "$errors" -eq 0 ] || die "xinyid answered $errors entries with errors; see $dir/results.tsv"

# ---------------------------------------------------------------- the report
method="medians of $done_rounds round(s), redis and xinyid in turns, ${seconds} s each after warm-up; $subjects subjects and as many keys, uniformly random; 50 connections, $pinning; redis-server $redis_version without persistence, driven by redis-benchmark; xinyid with 1 event loop and persistence on, checksums on, driven by xinyi-bench; closed loop; b64 is 64 entries a request, one request on the way per connection (MGET, and the script with 64 keys, for redis); a message is one key or one decision; decisions of $checked subjects compared before: equal ($outcomes)"
cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1)
jq -Rn --arg method "$method" --arg cpu "${cpu:-unknown}" --argjson cores "$cores" --arg redis "$redis_version" \
  --argjson subjects "$subjects" --argjson rounds "$done_rounds" --argjson seconds "$seconds" \
  --argjson r0 "$redis_empty" --argjson r1 "$redis_strings" --argjson r2 "$redis_hashes" \
  --argjson x0 "$xinyi_empty" --argjson x1 "$xinyi_loaded" --slurpfile info "$dir/info.json" '
  def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
                     else (.[length / 2 - 1] + .[length / 2]) / 2 end;
  [inputs | split("\t") | {round: .[0] | tonumber, system: .[1], work: .[2], shape: .[3], rate: .[4] | tonumber,
                           cores: (.[5] | fromjson), waited: (.[6] | fromjson)}]
  | group_by([.system, .work, .shape])
  | map({system: .[0].system, work: .[0].work, shape: .[0].shape, messages_per_second: map(.rate),
         median: (map(.rate) | median), min: (map(.rate) | min), max: (map(.rate) | max),
         server_cores: (map(.cores | values) | median), server_waited: (map(.waited | values) | median),
         server_ns_per_message: (map(select(.cores != null and .rate > 0) | .cores * 1e9 / .rate) | median)})
  | {method: $method, machine: {cpu: $cpu, cores: $cores}, redis_version: $redis, subjects: $subjects, rounds: $rounds,
     seconds: $seconds, cells: .,
     memory_bytes: {redis_string_64_bytes: (($r1 - $r0) / $subjects), redis_hash: (($r2 - $r1) / $subjects),
                    xinyi_subject: (($x1 - $x0) / $subjects), xinyi_accounts: $info[0].accounts,
                    redis_rss: {empty: $r0, strings: $r1, strings_and_hashes: $r2}, xinyi_rss: {empty: $x0, loaded: $x1}}}
' "$dir/results.tsv" >"$dir/result.json"
[ -z "$json" ] || cp "$dir/result.json" "$json"

jq -r '
  def find($s; $w; $h): .cells[] | select(.system == $s and .work == $w and .shape == $h);
  . as $all | ["lookup", "decision"][] as $w | ["p1", "p16", "p64", "b64"][] as $h
  | ($all | find("redis"; $w; $h)) as $r | ($all | find("xinyi"; $w; $h)) as $x | ($all | find("redis"; "lookup"; $h)) as $g
  | [$w, $h, $r.median, $r.min, $r.max, $x.median, $x.min, $x.max, $x.median / $r.median, $x.median / $g.median,
     $r.server_ns_per_message // -1, $x.server_ns_per_message // -1, ([$r, $x][] | if .server_cores == null then -1 else .server_cores + .server_waited end)] | @tsv
' "$dir/result.json" | awk -F'\t' '
  function k(v) { return v >= 1e6 ? sprintf("%.2f M", v / 1e6) : sprintf("%.0f k", v / 1e3) }
  function spread(lo, hi) { return lo == hi ? "" : sprintf("+-%.0f%%", 50 * (hi - lo) / ((hi + lo) / 2)) }
  function ns(v) { return v < 0 ? "?" : sprintf("%.0f", v) }
  function idle(v) { return v >= 0 && v < 0.9 ? "*" : "" }
  BEGIN { name["p1"] = "pipeline 1"; name["p16"] = "pipeline 16"; name["p64"] = "pipeline 64"; name["b64"] = "batches of 64"
    printf "\n%-28s %17s  %17s  %8s  %8s   %s\n", "messages/s", "redis", "xinyid", "xinyid /", "xinyid /", "server CPU, ns a message"
    printf "%-28s %17s  %17s  %8s  %8s   %8s  %8s\n", "", "", "", "redis", "GET", "redis", "xinyid" }
  { if ($1 != last) print $1 == "lookup" ? "lookup (GET 64 B, profile)" : "loan decision (Lua, DECIDE)"; last = $1
    printf "  %-26s %10s%-2s%6s  %10s%-2s%6s  %7.1fx  %7.2fx   %8s  %8s\n", name[$2], k($3), idle($13), spread($4, $5), k($6), idle($14),
      spread($7, $8), $9, $10, ns($11), ns($12) }
  END { print "  * the server had idle time: its generator was the limit, or the round trip (pipeline 1); compare the CPU" }'
jq -r '[.cells[].server_waited | values] | if length > 0 and (add / length) > 0.1 then
  "  WARNING: the servers waited \(add / length * 100 | round) % of the time for their core: something else used it; measure again on an idle machine"
  else empty end' "$dir/result.json"
jq -r '.memory_bytes | "\nmemory, bytes each             redis: \(.redis_string_64_bytes | round) a string of 64 bytes, \(.redis_hash | round) a hash;  xinyid: \(.xinyi_subject | round) a subject (with \(.xinyi_accounts) accounts)"' "$dir/result.json"
printf '\nmachine: %s, %s cores\nmethod: %s\n' "${cpu:-unknown}" "$cores" "$method"
[ -z "$json" ] || echo "JSON: $json"
fi
if [ $part != lookups ]; then
  [ -z "$redis_pid" ] || stop_durable_redis
  compare_reservations
fi
step "done"
