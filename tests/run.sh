#!/usr/bin/env bash
# Runs the tests and counts them. `tests/run.sh unit` the unit tests of the plain build; `tests/run.sh all` everything:
#   unit tests            plain, address+undefined sanitizers; those with threads under the thread sanitizer
#   tests/integration/*   scripts against real programs; each prints "ok NAME" / "not ok NAME" lines
#   fuzz targets          FUZZ_SECONDS (5) each
#   tidy                  format, forbidden functions, layers
# Every part is bounded by a timeout of its own. Ends with "N passed, N failed"; exit 1 if any failed.
set -uo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
jobs=$(nproc)
passed=0 failed=0
failures=()
logs=build/test-logs
mkdir -p "$logs"

say() { printf '%s\n' "$*"; }
fail() { failed=$((failed + ${2:-1})); failures+=("$1"); }

build() { # name, make arguments
  local name=$1; shift
  if make --no-print-directory -j"$jobs" WERROR=1 "$@" >"$logs/build-$name.log" 2>&1; then
    passed=$((passed + 1)); say "ok   build $name"
  else
    fail "build $name"; say "FAIL build $name"; grep -E 'error|warning|undefined|\*\*\*' "$logs/build-$name.log" | head -20
    return 1
  fi
}

# True if a sanitizer has something to say in a log.
reported() { grep -qaE 'WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer|runtime error:' "$1"; }

# The longest first, so that nobody waits for one of them at the end.
programs() { find "$1/persist" -type f -name '*_test' | sort -r; find "$1" -type f -name '*_test' -not -path "$1/persist/*" | sort; }

# Criterion prints "Synthesis: Tested: N | Passing: N | Failing: N | Crashing: N" at the end. Programs run side by side, one
# a core; their logs are read in order afterwards.
run_units() { # name, directory of test programs
  local name=$1 dir=$2 t log line ok bad code
  programs "$dir" | NAME=$name LOGS=$logs xargs -P "$jobs" -I{} bash -c '
    log=$LOGS/$NAME-$(basename "$(dirname "$1")")-$(basename "$1").log
    timeout 300 "$1" --jobs 1 --color=never >"$log" 2>&1; echo $? >"$log.code"' _ {}
  for t in $(programs "$dir"); do
    log=$logs/$name-$(basename "$(dirname "$t")")-$(basename "$t").log
    code=$(cat "$log.code" 2>/dev/null || echo 99)
    line=$(grep -a 'Synthesis:' "$log" | tail -1)
    ok=$(sed -n 's/.*Passing: \([0-9]*\).*/\1/p' <<<"$line"); ok=${ok:-0}
    bad=$(sed -n 's/.*Failing: \([0-9]*\).*Crashing: \([0-9]*\).*/\1 \2/p' <<<"$line" | awk '{print $1+$2}'); bad=${bad:-0}
    [ "$code" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    [ "$bad" -eq 0 ] && reported "$log" && bad=1 # a report after a test's body has ended fails no test by itself
    passed=$((passed + ok))
    if [ "$bad" -gt 0 ]; then
      fail "$name ${t#"$dir"/} ($log)" "$bad"
      say "FAIL $name ${t#"$dir"/}"; grep -aE '\[(----|FAIL|!!!!|ERR )|ERROR|WARNING: Thread|runtime error' "$log" | head -20
    else
      say "ok   $name ${t#"$dir"/}: $ok"
    fi
  done
}

# Integration scripts, one a core: lines "NAME SCRIPT VARIABLE=VALUE…".
run_scripts() {
  local name log code ok bad
  LOGS=$logs xargs -P "$jobs" -L1 bash -c '
    log=$LOGS/integration-$1.log; script=$2; shift 2
    env "$@" timeout 300 bash "$script" >"$log" 2>&1; echo $? >"$log.code"' _ <<<"$1"
  for name in $(awk '{ print $1 }' <<<"$1"); do
    log=$logs/integration-$name.log
    code=$(cat "$log.code" 2>/dev/null || echo 99)
    ok=$(grep -ac '^ok ' "$log"); bad=$(grep -ac '^not ok ' "$log")
    [ "$code" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    [ "$ok" -eq 0 ] && [ "$bad" -eq 0 ] && bad=1
    passed=$((passed + ok))
    if [ "$bad" -gt 0 ]; then
      fail "integration $name ($log)" "$bad"; say "FAIL integration $name"; grep -a '^not ok ' "$log" | head; tail -5 "$log"
    else say "ok   integration $name: $ok"; fi
  done
}

# Sanitizers that report in a forked child must still fail the test.
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:exitcode=97:detect_stack_use_after_return=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-exitcode=97:halt_on_error=1:suppressions=$PWD/tests/tsan.supp}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$PWD/tests/lsan.supp:print_suppressions=0}

build plain binaries units && run_units plain build/tests
if [ "$what" = all ]; then
  if build address,undefined SANITIZE=address,undefined binaries units; then
    run_units asan build/san-address-undefined/tests
    sanitized=address-undefined
  fi
  if build thread SANITIZE=thread binaries units-threaded; then
    run_units tsan build/san-thread/tests
    sanitized="${sanitized:-} thread"
  fi
  run_scripts "bench tests/integration/bench.sh"       # alone: it looks at rates
  run_scripts "overload tests/integration/overload.sh" # alone: it takes all there is
  scripts=$(ls tests/integration/*.sh | grep -vE '/(lib|bench|overload).sh$' | sed -E 's|.*/(.*)\.sh$|\1 &|')
  scripts+=$'\n'"simulation tests/sim/simulation.sh"
  for san in ${sanitized:-}; do # the server under sanitizers, shorter
    [ "$san" = thread ] || scripts+=$'\n'"simulation-$san tests/sim/simulation.sh XINYI_BUILD=build/san-$san SIM_RUNS=60"
    scripts+=$'\n'"server-$san tests/integration/server.sh XINYI_BUILD=build/san-$san SERVER_QUICK=1"
    scripts+=$'\n'"crash-$san tests/integration/crash.sh XINYI_BUILD=build/san-$san CRASH_ROUNDS=3"
    scripts+=$'\n'"linear-$san tests/integration/linear.sh XINYI_BUILD=build/san-$san LINEAR_SECONDS=5"
    scripts+=$'\n'"crash-credit-$san tests/integration/crash_credit.sh XINYI_BUILD=build/san-$san CRASH_ROUNDS=2 CRASH_DISKS=16M"
  done
  run_scripts "$scripts"
  if FUZZ_SECONDS=${FUZZ_SECONDS:-5} tests/fuzz.sh >"$logs/fuzz.log" 2>&1; then
    n=$(grep -c '^ok ' "$logs/fuzz.log"); passed=$((passed + n)); say "ok   fuzz: $n targets"
  else
    fail "fuzz ($logs/fuzz.log)"; say "FAIL fuzz"; tail -20 "$logs/fuzz.log"
  fi
  if tests/tidy.sh >"$logs/tidy.log" 2>&1; then passed=$((passed + 1)); say "ok   tidy"
  else fail "tidy ($logs/tidy.log)"; say "FAIL tidy"; tail -20 "$logs/tidy.log"; fi
fi

if [ "$failed" -gt 0 ]; then say "failed:"; printf '  %s\n' "${failures[@]}"; fi
say "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
