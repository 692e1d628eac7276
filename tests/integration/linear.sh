#!/usr/bin/env bash
# kill -9, again and again, under 16 clients that reserve, commit, release, settle, pledge, freeze and chain on the same few
# accounts; then linear_check finds one order that explains every answer, or says which answers cannot be.
# LINEAR_SECONDS (8) of load; LINEAR_THREADS (16); the log is kept in LINEAR_LOG if that is set.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
time=${LINEAR_SECONDS:-8} clients=${LINEAR_THREADS:-16} seed=${XINYI_SEED:-$RANDOM}
RANDOM=$seed
echo "seed $seed (set XINYI_SEED to repeat)"
tool=$BUILD/tests/tools/crash_ledger checker=$BUILD/tests/tools/linear_check log=${LINEAR_LOG:-$work/operations.log}
: >"$log"

# A port of its own: clients come back to it. Below the range from which the system takes ports for clients, or one of them
# could find itself at the other end.
for _ in 1 2 3 4 5; do
  address=127.0.0.1:$((20000 + RANDOM % 10000))
  ss -Hltn "sport = :${address##*:}" 2>/dev/null | grep -q . || break
done
start() { start_server --listen "$address" --fold-bytes 256K --fold-interval-ms 300; }

start
"$tool" load --server "$address" --log "$log" --threads "$clients" --seconds "$time" --seed "$seed" >"$work/load.out" 2>&1 &
loader=$!
kills=0
until=$((SECONDS + time - 1))
while [ $SECONDS -lt $until ]; do
  sleep "$(awk -v r=$RANDOM 'BEGIN { printf "%.3f", 0.2 + r / 32768 * 1.8 }')"
  kill_server
  kills=$((kills + 1))
  [ $((RANDOM % 3)) -ne 0 ] || sleep 0.3
  start
done
wait "$loader"; code=$?
acked=$(sed -n 's/ acknowledged//p' "$work/load.out"); acked=${acked:-0}
if [ "$code" -eq 0 ] && [ "$acked" -gt 100 ]; then ok "$acked answers over $kills kills"
else not_ok "the clients get their answers over $kills kills" "exit $code: $(tail -3 "$work/load.out")"; fi
check "what the server keeps is asked for" "$tool" finish --server "$address" --log "$log"
kill_server
start
cp "$log" "$work/again.log"
sed -i '/^[OHQ]/d' "$work/again.log"
check "and again after one more kill" "$tool" finish --server "$address" --log "$work/again.log"
stop_server
equal "which makes no difference but for what ended meanwhile" \
  "$(awk '/^O/ { $11 = ""; print }' "$log" | md5sum)" \
  "$(awk '/^O/ { $11 = ""; print }' "$work/again.log" | md5sum)"
for file in "$log" "$work/again.log"; do
  if result=$("$checker" "$file" 2>&1); then ok "linearizable: $result"; else not_ok "linearizable" "$result"; fi
done

# ---- the checker can fail
# doctored NAME PATTERN AWK-PROGRAM: the log, changed, is found out with a sentence like PATTERN.
doctored() {
  local result code
  awk -v CONVFMT=%.0f -v OFMT=%.0f "$3" "$log" >"$work/doctored.log"
  if cmp -s "$log" "$work/doctored.log"; then not_ok "the checker finds $1" "the log is as it was"; return; fi
  result=$("$checker" "$work/doctored.log" 2>&1); code=$?
  if [ "$code" -eq 1 ] && grep -qE "$2" <<<"$result"; then ok "the checker finds $1"
  else not_ok "the checker finds $1" "exit $code: $(head -3 <<<"$result")"; fi
}
# Columns: A time id status version amount limit used committed expires flags
#          O known id status version amount limit used committed expires state at
# The first 40 that fit are passed over; `both` changes the operation `id` where it was answered and where it is kept.
pick='function pick() { return ++seen == 40 }'
both='{ lines[NR] = $0 } END { for (i = 1; i <= NR; i++) { $0 = lines[i]; if (/^[AO]/ && $3 == id) change(); print } }'
alone='/^I/ && $4 == 0 { alone[$5] = 1 }'
doctored "an operation that is lost" 'was answered, and is lost' \
  "$pick"'/^A/ && $4 == 0 && pick() { id = $3 } /^O/ && $3 == id { $2 = 0 } { print }'
doctored "an answer that is not kept" 'was answered ok, version' "$pick"'/^A/ && $4 == 0 && pick() { $8 += 1 } { print }'
doctored "a fen too much" 'a sequential ledger says' \
  "$pick"'function change() { $8 += 1 } /^A/ && $4 == 0 && pick() { id = $3 }'"$both"
# One whose version before it is an operation's too: before a reservation that ended, the numbers would not fit instead.
doctored "an operation that was applied twice" 'is there already' \
  "$pick"'function change() { $5 -= 1 } /^I/ { account[$5] = $7 } /^A/ && $4 == 0 { made[account[$3], $5] = $3 }
   { lines[NR] = $0 }
   END { for (i = 1; i <= NR && id == ""; i++) { $0 = lines[i]
           if (/^A/ && $4 == 0 && (account[$3], $5 - 1) in made && pick()) id = $3 }
         for (i = 1; i <= NR; i++) { $0 = lines[i]; if (/^[AO]/ && $3 == id) change(); print } }'
doctored "a refusal without a reason" 'was refused with unknown_operation; a sequential ledger says' \
  "$pick$alone"'function change() { $4 = 145 } /^A/ && $4 == 142 && alone[$3] && pick() { id = $3 }'"$both"
doctored "an order against the clock" 'no order is possible' \
  "$pick$alone"'/^A/ && $4 == 0 && alone[$3] && pick() { id = $3; at = $2 }
   { lines[NR] = $0 } END { for (i = 1; i <= NR; i++) { $0 = lines[i]
     if ($1 == "I" && $5 == id) $2 = at + 3000000000; if ($1 == "A" && $3 == id) $2 = at + 3000000001; print } }'
doctored "a chain that is half done" 'the chain that begins with' \
  "$pick"'function change() { $4 = 142 } /^I/ && $4 == 1 { linked[$5] = 1 }
   /^A/ && $4 == 0 && linked[$3] && pick() { id = $3 }'"$both"
doctored "a reservation with another end" 'and ends at|before its time|is still open' \
  'function change() { $10 += 1000 } /^I/ && $6 == 1 && $10 < 2000 { short[$5] = 1 }
   /^O/ && short[$3] && $11 == 4 && id == "" { id = $3 }'"$both"
doctored "a hole in a history" 'the history of account|the histories have' '/^H 2/ && $3 == 7 { next } { print }'
doctored "a fen that came from nowhere" 'the operations make' '/^Q 1/ { $4 += 1 } { print }'
finish
