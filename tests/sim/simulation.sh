#!/usr/bin/env bash
# The simulation as a test: a seed replays its run exactly, SIM_RUNS (1000) runs keep every promise, and every planted
# bug is found within as many runs. XINYI_BUILD (build) is where the program was built.
set -uo pipefail
cd "$(dirname "$0")/../.."
sim=${XINYI_BUILD:-build}/sim/ledger_sim runs=${SIM_RUNS:-1000} bad=0
check() { # name, what to run
  local name=$1; shift
  if "$@"; then echo "ok $name"; else echo "not ok $name"; bad=1; fi
}

same_twice() {
  local one two
  one=$("$sim" --seed 77 --runs 3) && two=$("$sim" --seed 77 --runs 3) || return 1
  [ -n "$one" ] && [ "$one" = "$two" ] && return 0
  printf 'first:\n%s\nthen:\n%s\n' "$one" "$two"
  return 1
}
# Another seed is another run; else the hash says nothing.
another_seed() { [ "$("$sim" --seed 77 | tail -1)" != "$("$sim" --seed 78 | tail -1)" ]; }
many_runs() { "$sim" --runs "$runs" 2>&1; }
# The bug is found, and what is told repeats it.
found() {
  local said again
  said=$("$sim" --runs "$runs" --break "$1" 2>&1) && { echo "nothing was found in $runs runs"; return 1; }
  again=$(sed -n 's/.*; repeat: [^ ]* //p' <<<"$said" | tail -1)
  # shellcheck disable=SC2086 # the options are words
  [ -n "$again" ] && ! "$sim" $again >/dev/null 2>&1 && return 0
  printf 'not repeated: %s\n' "$said"
  return 1
}

check "a seed replays its run exactly" same_twice
check "another seed is another run" another_seed
check "$runs runs keep every promise" many_runs
breaks=$("$sim" --list-breaks | awk '{ print $1 }')
check "there are bugs to plant" test "$(wc -w <<<"$breaks")" -ge 6
for b in $breaks; do check "planted bug is found: $b" found "$b"; done
exit $bad
