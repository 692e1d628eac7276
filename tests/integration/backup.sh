#!/usr/bin/env bash
# Backups of a server under write load: complete after kill -9, incremental, restored elsewhere with the same answers;
# what is wrong with a directory or a backup is said; a running server and a data directory verify themselves.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh
backups=$(realpath "$work")/backups
field() { jq -r "$1" <<<"$2"; }

check "a province is invented" "$XINYI" gen --subjects 60000 --seed 5 --output "$work/subjects.csv"
start_server --fold-interval-ms 500
check "import" "$XINYI" import "$work/subjects.csv"
subject=$(sed -n 2p "$work/subjects.csv" | cut -d, -f1)

# ---- under load
set -m
(while :; do "$XINYI" import "$work/subjects.csv" >/dev/null 2>&1; done) &
loader=$!
set +m
first=$("$XINYI" backup "$backups" --json 2>&1)
contains "a backup under load" "$first" '"id": ?1\b'
second=$("$XINYI" backup "$backups" 2>&1)
contains "another one, for people" "$second" 'backup 2 in .* of them copied'
kill -KILL -- "-$loader" 2>/dev/null; wait "$loader" 2>/dev/null

check "a last write" "$XINYI" set "$subject" volunteer_minutes=4242
last=$("$XINYI" backup "$backups" --json)
info=$("$XINYI" info --json)
equal "the backup ends with the last acknowledged group" "$(field .sequence "$last")" "$(field .last_sequence "$info")"
equal "info remembers it" "$(field .last_backup.id "$info")" "$(field .id "$last")"
contains "info tells what bounds the log" "$info" '"fold_interval_ms": ?500'

"$XINYI" set "$subject" volunteer_minutes=4243 >/dev/null
small=$("$XINYI" backup "$backups" --keep 2 --json)
if [ "$(field .added_bytes "$small")" -lt $(($(field .bytes "$last") / 4)) ]; then ok "the next one is much smaller"
else not_ok "the next one is much smaller" "$small after $last"; fi
list=$("$XINYI" backup list "$backups" --json)
equal "two are kept" "$(field '.backups | length' "$list")" 2
check "verified by checksum" "$XINYI" backup verify "$backups"
check "the running server is well" "$XINYI" verify
contains "and says how long writes waited" "$("$XINYI" verify --json)" '"writes_waited_ms"'

# ---- what is refused
expect_exit "a relative path" 2 "$XINYI" backup backups
expect_exit "the data directory" 1 "$XINYI" backup "$(realpath "$work")/data"
expect_exit "a place in the data directory" 1 "$XINYI" backup "$(realpath "$work")/data/backups"
contains "a directory of something else" "$("$XINYI" backup "$(realpath "$work")" 2>&1)" 'is not empty and holds no backups'
contains "a directory without parent" "$("$XINYI" backup "$backups/no/such" 2>&1)" 'No such file'

# ---- kill -9 in the middle of one: earlier ones stay
"$XINYI" export --output "$work/before.csv" >/dev/null 2>&1 || not_ok "export"
profile=$("$XINYI" get "$subject" --json)
("$XINYI" backup "$backups" >/dev/null 2>&1) &
sleep 0.05
kill_server
wait
check "earlier backups are well after kill -9" "$XINYI" backup verify "$backups"
expect_exit "verify of the data directory" 0 "$XINYI" verify --data "$work/data"

# ---- restored elsewhere
id=$(field '.backups[-1].id' "$("$XINYID" --backups "$backups" --json)")
restored=$("$XINYID" --restore "$backups" --data "$work/new" 2>&1) && ok "restored" || not_ok "restored" "$restored"
contains "it says what it restored" "$restored" "restored backup $id "
contains "and that it can be loaded" "$restored" 'checked: 60,?000 subjects'
expect_exit "not twice into the same directory" 1 "$XINYID" --restore "$backups" --data "$work/new"
mv "$work/data" "$work/lost" && mv "$work/new" "$work/data"
start_server
equal "the same profile" "$("$XINYI" get "$subject" --json)" "$profile"
"$XINYI" export --output "$work/after.csv" >/dev/null 2>&1 || not_ok "export"
if cmp -s <(sort "$work/before.csv") <(sort "$work/after.csv"); then ok "the same profiles"
else not_ok "the same profiles" "$(diff <(sort "$work/before.csv") <(sort "$work/after.csv") | head -4)"; fi
check "it takes writes" "$XINYI" set "$subject" volunteer_minutes=1
check "and backs itself up into the same directory" "$XINYI" backup "$backups"
stop_server
equal "it stops" "$stop_code" 0

# ---- damage
expect_exit "verify of the restored directory" 0 "$XINYID" --verify --data "$work/data"
file=$(ls -S "$backups"/files/*.sst | head -1)
printf '\x5a' | dd of="$file" bs=1 seek=5000 conv=notrunc status=none
contains "damage in a backup is named" "$("$XINYI" backup verify "$backups" 2>&1)" "$(basename "$file"): its checksum"
expect_exit "and not restored" 1 "$XINYID" --restore "$backups" --data "$work/bad"
[ -e "$work/bad" ] && not_ok "nothing is left of it" || ok "nothing is left of it"
file=$(ls -S "$work"/data/db/*.sst | head -1)
printf '\x5a' | dd of="$file" bs=1 seek=5000 conv=notrunc status=none
damaged=$("$XINYID" --verify --data "$work/data" 2>&1); code=$?
equal "verify of a damaged directory" "$code" 1
contains "it names the file" "$damaged" "file +.*$(basename "$file")"
contains "and the table" "$damaged" 'table +[a-z]+'
equal "as JSON" "$("$XINYID" --verify --data "$work/data" --json 2>/dev/null | jq -r '.ok')" false
finish
