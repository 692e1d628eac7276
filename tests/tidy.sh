#!/usr/bin/env bash
# Order in the house: format, forbidden functions, who may include whom, headers that stand alone.
set -uo pipefail
cd "$(dirname "$0")/.."
code=0
bad() { echo "tidy: $*"; code=1; }
mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.c' '*.h')

# format
if command -v clang-format >/dev/null; then
  for f in "${sources[@]}"; do
    clang-format --dry-run -Werror "$f" >/dev/null 2>&1 || bad "$f: not formatted (run: make format)"
  done
else bad "clang-format is missing"; fi

# functions that are unsafe or that hide state
forbidden='\b(gets|strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atoll|alloca|tmpnam|mktemp|rand|srand|gmtime|localtime|ctime|asctime)[[:space:]]*\('
hits=$(grep -nE "$forbidden" "${sources[@]}" | grep -vE ':[[:space:]]*(/\*|\*|//)' || true)
[ -z "$hits" ] || bad "forbidden functions:"$'\n'"$hits"

# layers: directory -> what its files may include from the project
declare -A may=(
  [base]="base" [engine]="engine base" [protocol]="protocol base" [persist]="persist engine base"
  [server]="server engine protocol persist base" [client]="client protocol base" [client/cli]="client engine protocol base"
  [bench]="bench client engine protocol base"
)
for f in "${sources[@]}"; do
  dir=$(dirname "$f")
  [ -n "${may[$dir]:-}" ] || continue
  while IFS= read -r inc; do
    top=${inc%%/*}
    [[ " ${may[$dir]} " == *" $top "* ]] || bad "$f includes \"$inc\": $dir may only use: ${may[$dir]}"
  done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]+)".*/\1/p' "$f")
  grep -qE '#[[:space:]]*include[[:space:]]*<rocksdb/' "$f" && [ "$dir" != persist ] && bad "$f: only persist may include rocksdb/c.h"
  grep -qE '#[[:space:]]*include[[:space:]]*<event2/' "$f" && [ "$dir" != server ] && bad "$f: only server may include event2/*"
  grep -qE '#[[:space:]]*include[[:space:]]*<urcu' "$f" && [ "$f" != base/rcu.c ] && [ "$dir" != server ] && bad "$f: liburcu is wrapped in base/rcu.h"
done

# every header compiles on its own
for f in "${sources[@]}"; do
  [[ $f == *.h ]] || continue
  "${CC:-gcc}" -std=c17 -D_GNU_SOURCE -I. -Ibuild/gen -Wall -Wextra -fsyntax-only -x c "$f" 2>/tmp/tidy.$$ || bad "$f does not stand alone: $(head -3 /tmp/tidy.$$)"
done
rm -f /tmp/tidy.$$
[ $code -eq 0 ] && echo "tidy: ok (${#sources[@]} files)"
exit $code
