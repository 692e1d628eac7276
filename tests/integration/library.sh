#!/usr/bin/env bash
# libxinyi as a stranger uses it: only xinyi_* is visible, docs/example.c builds as C99 and C++ against the shared and the
# static library with nothing but the header, and talks to a real server.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh

foreign=$(nm -D --defined-only "$BUILD/libxinyi.so" | awk '$3 !~ /^xinyi_/ {print $3}')
equal "the shared library shows xinyi_* only" "$foreign" ""
foreign=$(nm -g --defined-only "$BUILD/libxinyi.a" | awk 'NF == 3 && $3 !~ /^xinyi_/ {print $3}')
equal "the static library shows xinyi_* only" "$foreign" ""
declared=$(grep -oE '^XINYI_API [^;(]*[ *](xinyi_[a-z_]+)\(' client/xinyi.h | grep -oE 'xinyi_[a-z_]+\($' | tr -d '(' | sort)
shown=$(nm -D --defined-only "$BUILD/libxinyi.so" | awk '$3 ~ /^xinyi_/ {print $3}' | sort)
equal "every function of the header is there, and no other" "$shown" "$declared"
needed=$(objdump -p "$BUILD/libxinyi.so" | awk '$1 == "NEEDED" && $2 !~ /^(libc|libpthread|libm|ld-linux.*)\.so/ {print $2}')
equal "the shared library needs libc only" "$needed" ""

# As installed: a directory of its own for header and library.
mkdir -p "$work/include" "$work/lib"
cp client/xinyi.h "$work/include"
cp "$BUILD/libxinyi.so" "$work/lib/libxinyi.so.1"
ln -sf libxinyi.so.1 "$work/lib/libxinyi.so"
flags=(-Wall -Wextra -Werror -pedantic -I"$work/include")
shared=(-L"$work/lib" -lxinyi -Wl,-rpath,"$PWD/$work/lib")
check "the example is C99" gcc -std=c99 "${flags[@]}" -o "$work/c99" docs/example.c "${shared[@]}"
check "the example is C17" gcc -std=c17 "${flags[@]}" -o "$work/c17" docs/example.c "${shared[@]}"
check "the example is C++" g++ -std=c++11 -x c++ "${flags[@]}" -o "$work/cxx" docs/example.c "${shared[@]}"
check "the example links statically" gcc -std=c99 "${flags[@]}" -o "$work/static" docs/example.c "$BUILD/libxinyi.a"
cat >"$work/clash.c" <<'C'
#include <xinyi.h>
int buf_append(void);
int status_text(void);
int frame_parse(void);
int buf_append(void) { return 1; }
int status_text(void) { return 2; }
int frame_parse(void) { return 3; }
int main(void) { return buf_append() + status_text() + frame_parse() + (xinyi_status_text(0) == 0) - 6; }
C
check "a program may use the names that the library uses inside" gcc -std=c99 "${flags[@]}" -o "$work/clash" "$work/clash.c" "$BUILD/libxinyi.a"
check "and each has its own" "$work/clash"

out=$("$work/c99" 127.0.0.1:1 uscc:91530000MA00TTT099 2>&1); code=$?
equal "without a server it fails" "$code" 1
contains "and says where and what to do" "$out" '^cannot connect to 127.0.0.1:1: Connection refused; is xinyid running\?$'
out=$("$work/c99" 127.0.0.1:1 uscc:91530000MA00TTT098 2>&1)
contains "a wrong number is explained" "$out" 'uscc:91530000MA00TTT098'

start_server --threads 1
cat >"$work/one.csv" <<'CSV'
subject,division,form,public_score,public_grade,market_grade,tax_grade
uscc:91530000MA00TTT099,530102,enterprise,868,优,AAA,A
CSV
check "one subject is imported" "$XINYI" import "$work/one.csv"
for program in c99 cxx static; do
  out=$("$work/$program" "$XINYI_SERVER" uscc:91530000MA00TTT099 2>&1)
  contains "a decision arrives ($program)" "$out" '^uscc:91530000MA00TTT099: granted, up to [0-9]+ yuan$'
done
out=$("$work/c99" "$XINYI_SERVER" uscc:92530102MA00TTT173 2>&1); code=$?
equal "an unknown subject fails" "$code" 1
contains "with the reason" "$out" 'uscc:92530102MA00TTT173: no such subject'
stop_server
finish
