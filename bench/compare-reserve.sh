# The durable part of bench/compare-redis.sh, which sources it: reservations, each on disk before it is answered.
# redis-server runs with appendonly and appendfsync always, and bench/reserve.lua; xinyid as it always does. Both keep an
# answer under each operation's id; xinyid also ends reservations at their time, and knows the rest of its rules. Uses
# dir, B, pins, seconds, rounds, the helpers.

reserve_dir=$dir/reserve
# Memory that the machine has never touched costs several times as much as memory that has been used and given back:
# on a virtual machine the host has to find it. Who comes second must not have the better of it.
touch_memory() {
  local free_mib use
  free_mib=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
  use=$((free_mib / 2)); [ $use -gt 6144 ] && use=6144
  [ -d /dev/shm ] && [ $use -gt 256 ] || return 0
  dd if=/dev/zero of=/dev/shm/xinyi-compare bs=1M count=$use status=none 2>/dev/null || true
  rm -f /dev/shm/xinyi-compare
}

start_durable_redis() {
  rm -rf "$reserve_dir/redis"; mkdir -p "$reserve_dir/redis"
  for _ in $(seq 1 20); do
    redis_port=$((20000 + RANDOM % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$redis_port") 2>/dev/null && continue
    "${pin_server[@]}" redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly yes --appendfsync always \
      --auto-aof-rewrite-percentage 0 --daemonize no --dir "$reserve_dir/redis" --logfile "" --loglevel warning \
      >"$dir/redis.log" 2>&1 &
    redis_pid=$!
    for _ in $(seq 1 50); do
      [ "$(redis-cli -h 127.0.0.1 -p "$redis_port" ping 2>/dev/null)" = PONG ] && return
      kill -0 "$redis_pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$redis_pid" 2>/dev/null || true; wait "$redis_pid" 2>/dev/null || true; redis_pid=
  done
  tail -5 "$dir/redis.log" >&2; die "redis-server does not start"
}
stop_durable_redis() { kill -TERM "$redis_pid" 2>/dev/null; wait "$redis_pid" || true; redis_pid=; rm -rf "$reserve_dir/redis"; }

# rate, p50, p99, p99.9 in ms, from redis-benchmark's percentiles
parse_redis_reserve() {
  tr '\r' '\n' <"$1" | awk '
    /throughput summary:/ { rate = $3 }
    / <= .*milliseconds \(cumulative/ { p = $1 + 0; v = $3
      if (p >= 50 && !p50) p50 = v
      if (p >= 99 && !p99) p99 = v
      if (p >= 99.9 && !p999) p999 = v }
    END { if (rate == "") exit 1; printf "%.0f %s %s %s\n", rate, p50, p99, p999 }'
}
reserve_redis() { # PIPELINE RECORD: 0 only to learn how many requests make $seconds
  local pipeline=$1 n
  n=$(awk -v r="${guess[reserve-$pipeline]:-$((pipeline * 3000))}" -v s="$seconds" 'BEGIN { printf "%d", r * s + 1 }')
  observe "$redis_pid" "$dir/out" redis-benchmark -h 127.0.0.1 -p "$redis_port" -c 50 -P "$pipeline" -n "$n" \
    -r 100000000 --precision 3 EVALSHA "$reserve_script" 0 __rand_int__ __rand_int__ 100 "$accounts"
  read -r rate p50 p99 p999 < <(parse_redis_reserve "$dir/out") || die "redis-benchmark said nothing that can be read"
  guess[reserve-$pipeline]=$rate
  [ "$2" -eq 0 ] || reserve_record redis "$pipeline"
}
reserve_xinyi() { # PIPELINE
  observe "$xinyi_pid" "$dir/out" "$B/xinyi-bench" --op reserve --connections 50 --pipeline "$1" --seconds "$seconds" \
    --warmup 0.8 --ttl-ms 300000 --amount-fen 100 --seed $((round * 100 + $1)) --json
  [ "$(jq '.errors' "$dir/out")" -eq 0 ] || die "xinyid answered reservations with errors"
  read -r rate p50 p99 p999 < <(jq -r '[.ops_per_second, .latency_us.p50 / 1000, .latency_us.p99 / 1000, .latency_us.p999 / 1000] | map(tostring) | join(" ")' "$dir/out")
  reserve_record xinyi "$1"
}
reserve_record() { # SYSTEM PIPELINE
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$rate" "$p50" "$p99" "$p999" "$cores_used" >>"$reserve_dir/results.tsv"
}

compare_reservations() {
  mkdir -p "$reserve_dir"; : >"$reserve_dir/results.tsv"
  accounts=$(jq .accounts "$dir/info.json")
  step "reservations: touching memory once, so that nobody pays for the first time"
  touch_memory
  for round in $(seq 1 "$rounds"); do
    step "reservations, round $round of $rounds ($accounts accounts)"
    start_durable_redis
    awk -v n="$accounts" 'BEGIN { for (i = 0; i < n; i++)
      printf "HSET account:%d limit 900000000000000 used 0\r\n", i }' |
      redis-cli -h 127.0.0.1 -p "$redis_port" --pipe >/dev/null
    reserve_script=$(redis -x script load <bench/reserve.lua)
    [[ $reserve_script =~ ^[0-9a-f]{40}$ ]] || die "redis does not take bench/reserve.lua: $reserve_script"
    for pipeline in 1 16 64; do
      [ -n "${guess[reserve-$pipeline]:-}" ] || reserve_redis "$pipeline" 0
      reserve_redis "$pipeline" 1
      reserve_xinyi "$pipeline"
    done
    stop_durable_redis
  done
  awk -F'\t' '
    function sorted(list, n,  i, j, t, a) { split(list, a, " "); for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j] + 0 < a[j - 1] + 0; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
      return n % 2 ? a[(n + 1) / 2] + 0 : (a[n / 2] + a[n / 2 + 1]) / 2 }
    { k = $1 SUBSEP $2; n[k]++; for (f = 3; f <= 7; f++) v[k, f] = v[k, f] " " ($f == "null" ? 0 : $f) }
    function med(s, p, f) { return sorted(substr(v[s SUBSEP p, f], 2), n[s SUBSEP p]) }
    BEGIN { printf "\ndurable reservations/s       redis (always)      xinyid   xinyid /    p50, p99, p99.9 in ms          server CPU, ns\n"
            printf "                                                              redis    redis / xinyid                 redis  xinyid\n" }
    END { split("1 16 64", ps, " "); for (i = 1; i <= 3; i++) { p = ps[i]; if (!n["redis" SUBSEP p]) continue
      r = med("redis", p, 3); x = med("xinyi", p, 3)
      printf "  pipeline %-2d              %12.0f  %12.0f   %6.1fx   %.2f %.2f %.2f / %.2f %.2f %.2f   %6.0f  %6.0f\n", p, r, x, x / r,
        med("redis", p, 4), med("redis", p, 5), med("redis", p, 6), med("xinyi", p, 4), med("xinyi", p, 5), med("xinyi", p, 6),
        (r ? med("redis", p, 7) * 1e9 / r : 0), (x ? med("xinyi", p, 7) * 1e9 / x : 0) } }' "$reserve_dir/results.tsv" |
    tee "$reserve_dir/report.txt"
  printf '\nreservations: every one synced to disk before its answer, on the same file system; %s accounts, limit checked, the answer kept under\nan id of its own and given again for the same id (7 days), life 300 s (xinyid only); 50 connections, %s; redis-server %s with\nappendonly yes, appendfsync always and bench/reserve.lua; medians of %s round(s) of %s s in turns; a fresh append-only file each round\n' \
    "$accounts" "$pinning" "$redis_version" "$rounds" "$seconds"
}
