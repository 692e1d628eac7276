# Helpers for integration tests; sourced, not run. A test starts servers on free ports of 127.0.0.1 with data under
# build/, prints "ok NAME" or "not ok NAME" lines, and ends with `finish`.
BUILD=${XINYI_BUILD:-build}
XINYID=${XINYID:-$BUILD/xinyid} XINYI=${XINYI:-$BUILD/xinyi} XINYI_BENCH=${XINYI_BENCH:-$BUILD/xinyi-bench}
work=$(mkdir -p "$BUILD/tmp" && mktemp -d "$BUILD/tmp/$(basename "$0" .sh).XXXXXX")
server_pid= server_log=$work/server.log failures=0

ok() { printf 'ok %s\n' "$1"; }
not_ok() { printf 'not ok %s\n' "$1"; [ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/    /'; failures=$((failures + 1)); }
# check NAME COMMAND...: ok if the command succeeds; its output is shown otherwise.
check() {
  local name=$1 out; shift
  if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$* gave: $out"; fi
}
# expect_exit NAME CODE COMMAND...
expect_exit() {
  local name=$1 want=$2 out code; shift 2
  out=$("$@" 2>&1); code=$?
  if [ "$code" -eq "$want" ]; then ok "$name"; else not_ok "$name" "exit $code instead of $want: $* gave: $out"; fi
}
# contains NAME TEXT PATTERN: extended regular expression
contains() { if grep -qE -- "$3" <<<"$2"; then ok "$1"; else not_ok "$1" "no /$3/ in: $2"; fi; }
equal() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "'$2' instead of '$3'"; fi; }

# start_server [OPTION...]: on $work/data, sets XINYI_SERVER; more options are passed on.
start_server() {
  : >"$server_log"
  "$XINYID" --data "$work/data" --policy policy --listen 127.0.0.1:0 "$@" 2>"$server_log" &
  server_pid=$!
  local i
  for i in $(seq 1 300); do
    if grep -q ' ready ' "$server_log"; then
      XINYI_SERVER=$(sed -n 's/.* ready listen=\([^ ]*\).*/\1/p' "$server_log"); export XINYI_SERVER
      return 0
    fi
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  not_ok "the server starts" "$(tail -5 "$server_log")"
  finish
}
# kill_server: kill -9; a server that had ended before (a sanitizer's report, say) is a failure.
kill_server() {
  local code
  kill -KILL "$server_pid" 2>/dev/null; wait "$server_pid" 2>/dev/null; code=$?
  server_pid=
  [ "$code" -eq 137 ] || not_ok "the server lives until it is killed" "exit $code; $(tail -20 "$server_log")"
}
# stop_server: SIGTERM; sets stop_code.
stop_server() { kill -TERM "$server_pid"; wait "$server_pid"; stop_code=$?; server_pid=; }

cleanup() { [ -z "$server_pid" ] || kill -KILL "$server_pid" 2>/dev/null; rm -rf "$work"; }
trap cleanup EXIT
finish() { [ "$failures" -eq 0 ]; exit $?; }
