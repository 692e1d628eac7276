#!/usr/bin/env bash
# Real disks that fill up, turn read-only and come back, under a load that never gives up, within one server process each:
# writes are refused meanwhile and lookups answered, writes resume by themselves, and after a final kill -9 nothing that
# was acknowledged is lost and nothing was applied twice.
# DISK_ROUNDS (4) fillings of each disk; `make disks` does 100. XINYI_SEED for the amounts left free. Needs to be root
# (or may become it in a namespace of its own) to mount small file systems; says so otherwise.
set -uo pipefail
cd "$(dirname "$0")/../.."
if [ "$(id -u)" -ne 0 ] && [ -z "${DISKS_INSIDE:-}" ] && unshare -rm true 2>/dev/null; then
  DISKS_INSIDE=1 exec unshare -rm bash "$0"
fi
. tests/integration/lib.sh
load=$BUILD/tests/tools/disk_load verify=$BUILD/tests/tools/crash_load log=$work/writes.log
rounds=${DISK_ROUNDS:-4} seed=${XINYI_SEED:-$RANDOM}
RANDOM=$seed
echo "seed $seed (set XINYI_SEED to repeat)"
disk=$work/disk mounts=0 filler= loader=

unmount_all() { while [ "$mounts" -gt 0 ]; do umount -l "$disk" && mounts=$((mounts - 1)) || break; done; }
end_all() {
  [ -z "$filler" ] || kill "$filler"
  [ -z "$loader" ] || kill "$loader"
  [ -z "$server_pid" ] || { kill -KILL "$server_pid" && wait "$server_pid"; }
  unmount_all
}
trap 'end_all 2>/dev/null; cleanup' EXIT

# wait_until SECONDS COMMAND…: false if it did not come true
wait_until() {
  local tries=$(($1 * 20)); shift
  while [ "$tries" -gt 0 ]; do "$@" && return 0; sleep 0.05; tries=$((tries - 1)); done
  return 1
}
lines() { grep -cE "$1" "$log"; }          # of the load's log
events() { grep -cE " $1 " "$server_log"; } # of the server's
more_events() { [ "$(events "$1")" -gt "$2" ]; }
more_acknowledged() { [ "$(lines '^[Aa] ')" -gt "$1" ]; }
says_read_only() { "$XINYI" info --json 2>/dev/null | grep -qE "\"read_only\": ?$1"; }
alive() { kill -0 "$server_pid" 2>/dev/null; }

# verified NAME: what the load was told is what there is
verified() {
  local out
  if out=$("$verify" verify --server "$XINYI_SERVER" --log "$log" 2>&1); then ok "$1"
  else not_ok "$1" "$out"$'\n'"$(tail -5 "$server_log")"; fi
}
start_load() {
  : >"$log"
  "$load" --server "$XINYI_SERVER" --log "$log" --seconds 3600 >"$work/load.out" 2>&1 &
  loader=$!
}
stop_load() { kill -TERM "$loader"; wait "$loader"; load_code=$?; loader=; }

# Takes all but a few MiB at once, then the rest again and again: files that the server deletes make room.
fill() {
  local leave=$((RANDOM % 12 + 1)) free
  free=$(($(df --output=avail -B1M "$disk" | tail -1) - leave))
  [ "$free" -le 0 ] || fallocate -l "${free}M" "$disk/ballast" 2>/dev/null || dd if=/dev/zero of="$disk/ballast" bs=1M count="$free" status=none 2>/dev/null
  while sleep 0.02; do dd if=/dev/zero of="$disk/ballast" bs=64K oflag=append conv=notrunc status=none 2>/dev/null; done
}
empty() { kill "$filler"; wait "$filler" 2>/dev/null; filler=; rm -f "$disk/ballast"; }
spoil_fill() { fill & filler=$!; }
cure_fill() { empty; }
# Whoever opens a file by its name meets a read-only file system; files that are open stay as they are.
spoil_readonly() { mount --bind "$disk" "$disk" && mounts=$((mounts + 1)) && mount -o remount,bind,ro "$disk"; }
cure_readonly() { umount "$disk" && mounts=$((mounts - 1)); }

# one_round NAME KIND: well, spoilt, refused, cured, well. False when something did not happen in time.
one_round() {
  local name=$1 kind=$2 trouble healed before
  trouble=$(events storage_trouble) healed=$(events storage_healed)
  before=$(lines '^[Aa] ')
  wait_until 20 more_acknowledged $((before + 20)) || { not_ok "$name: writes are acknowledged" "$(tail -3 "$server_log")"; return 1; }
  "spoil_$kind"
  if ! wait_until 40 more_events storage_trouble "$trouble"; then
    "cure_$kind"; not_ok "$name: the server notices" "$(df "$disk"; tail -3 "$server_log")"; return 1
  fi
  wait_until 5 says_read_only true || { "cure_$kind"; not_ok "$name: INFO says read_only" "$(tail -3 "$server_log")"; return 1; }
  sleep "$(awk -v r=$RANDOM 'BEGIN { printf "%.2f", r / 32768 * 1.3 }')"
  "cure_$kind"
  wait_until 30 more_events storage_healed "$healed" || { not_ok "$name: writes are possible again" "$(df "$disk"; tail -5 "$server_log")"; return 1; }
  before=$(lines '^[Aa] ')
  wait_until 10 more_acknowledged "$before" || { not_ok "$name: writes resume" "$(tail -5 "$server_log")"; return 1; }
}

# on_disk NAME KIND ROUNDS OPTION…: rounds on the mounted disk within one process, then kill -9 and a look at what is left
on_disk() {
  local name=$1 kind=$2 n=$3 i done_rounds=0; shift 3
  start_server --data "$disk/data" --fold-bytes 256K --fold-interval-ms 300 "$@"
  start_load
  for i in $(seq 1 "$n"); do
    one_round "$name, round $i" "$kind" || break
    done_rounds=$i
    alive || break
  done
  equal "$name: rounds within one process" "$done_rounds" "$n"
  stop_load
  equal "$name: every lookup was answered" "$load_code" 0
  contains "$name: some writes were refused or of unknown outcome" "$(cat "$work/load.out")" '[1-9][0-9]* (refused|of unknown)'
  sed "s/^/    /" "$work/load.out"
  equal "$name: trouble and healing come in pairs" "$(events storage_trouble)" "$(events storage_healed)"
  verified "$name: nothing is lost, nothing twice"
  kill_server
  start_server --data "$disk/data" "$@"
  verified "$name: nor after kill -9"
  stop_server
  rm -rf "$disk/data"
}

mount_tmpfs() { mount -t tmpfs -o "size=$1" none "$disk" 2>/dev/null && mounts=1; }
mkdir "$disk"
if ! mount_tmpfs 400m; then
  echo "skipped: no right to mount a small tmpfs here; run as root"
  ok "disks: skipped"
  finish
fi
on_disk "full disk, noticed in time" fill $(((rounds + 1) / 2)) --min-free-bytes 64M
on_disk "full disk, met by RocksDB" fill "$rounds" --min-free-bytes 0
on_disk "read-only disk" readonly $(((rounds + 1) / 2)) --min-free-bytes 64M
unmount_all

# ---------------------------------------------------------------- a file system that has given up
# ext4 turns read-only after an error and stays so until it has been checked.
given_up() {
  local device
  truncate -s 400M "$work/disk.img" && mkfs.ext4 -q "$work/disk.img" 2>/dev/null &&
    mount -o loop,errors=remount-ro "$work/disk.img" "$disk" 2>/dev/null && mounts=1 || return 1
  device=$(basename "$(findmnt -n -o SOURCE "$disk")")
  trigger=/sys/fs/ext4/$device/trigger_fs_error
  [ -w "$trigger" ] || return 1
}
if given_up; then
  on_disk "full ext4" fill $(((rounds + 3) / 4)) --min-free-bytes 0
  start_server --data "$disk/data" --fold-bytes 256K --fold-interval-ms 300 --min-free-bytes 0
  start_load
  wait_until 20 more_acknowledged 100 || not_ok "ext4: writes are acknowledged"
  echo "a test" >"$trigger"
  wait_until 20 more_events storage_trouble 0 || not_ok "ext4 gives up: the server notices" "$(tail -5 "$server_log")"
  wait_until 5 says_read_only true || not_ok "ext4 gives up: INFO says read_only"
  sleep 1.5
  check "ext4 gives up: lookups are answered" "$XINYI" get id:530000199001010003
  check "ext4 gives up: the server lives" alive
  stop_load
  equal "ext4 gives up: every lookup was answered" "$load_code" 0
  kill_server
  unmount_all
  e2fsck -fp "$work/disk.img" >/dev/null 2>&1
  [ $? -le 1 ] || not_ok "ext4 is checked"
  mount -o loop "$work/disk.img" "$disk" && mounts=1
  start_server --data "$disk/data"
  verified "ext4 checked and mounted again: nothing is lost, nothing twice"
  stop_server
  unmount_all
else
  echo "skipped: a file system that gives up (no loop devices or no ext4 here)"
  unmount_all
fi
finish
