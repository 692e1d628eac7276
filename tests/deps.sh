#!/usr/bin/env bash
# Installs the Debian packages that are missing, and says which. Does nothing, silently, when all are there. Packages
# that only some targets need are given as arguments: tests/deps.sh gcovr
set -euo pipefail
packages=(
  build-essential pkg-config git clang clang-format llvm libclang-rt-14-dev   # build; clang is for fuzzing and format
  libevent-dev libxxhash-dev librocksdb-dev libyaml-dev libssl-dev libjansson-dev libcsv-dev liburcu-dev
  libsmartcols-dev libjemalloc-dev libcriterion-dev jq
)
packages+=("$@")
missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing Debian packages: ${missing[*]}"
run=(); [ "$(id -u)" -eq 0 ] || run=(sudo)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"${run[@]}" apt-get update -qq >"$log" 2>&1 || { cat "$log"; echo "apt-get update failed: is the package mirror reachable?"; exit 1; }
if ! "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
  tail -20 "$log"; echo "apt-get install failed for: ${missing[*]}"; exit 1
fi
echo "installed."
