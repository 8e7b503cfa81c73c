#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh [--full]: as root, on Debian 12: installs what is missing, builds, and
# runs every test there is. The last line is "N passed, N failed"; the status
# is 1 when anything failed, and what cannot run has failed.
#
# --full sanitizes everything, runs twenty times the random networks, and
# fuzzes for ten minutes each.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/.." || exit 99
exec </dev/null

# The lab cases that run sanitized when not everything does: between them they
# use every program, both transports, both families and every kind of end.
SANITIZED_CASES=(fetch_http half_close resets refused lan_router kill_ginnel
  kill_helper bad_options bulk_openssh dns far_names auto_hosts_lan)
# Random networks of the simulation; sanitized, one takes ten times as long.
SEEDS=1000 SANITIZED_SEEDS=200 FUZZ_SECONDS=30 LAB_BULK=50000000
case $#-${1-} in
  0-) ;;
  1---full)
    SEEDS=20000 SANITIZED_SEEDS=2000 FUZZ_SECONDS=600 SANITIZED_CASES=()
    ;;
  *) echo 'usage: run.sh [--full]' >&2 && exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo 'run.sh: the lab needs root' >&2; exit 2; }

passed=0 failed=0
failures=()

# phase NAME COMMAND...: runs it and tells how long it took; a phase that
# stops before it has counted anything is a failure of its own.
phase() {
  local name=$1 began=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  "$@" || count "$name" 0 1
  printf '=== %s: %d s\n' "$name" $((SECONDS - began))
}

count() {
  passed=$((passed + $2)) failed=$((failed + $3))
  [ "$3" = 0 ] || failures+=("$1: $3 failed")
}

# counting NAME COMMAND...: takes the last "N passed, N failed" (or doctest's
# "N passed | N failed") that the command prints as its count. Without one, or
# with a status that contradicts it, it has failed.
counting() {
  local name=$1 status=0 log numbers
  shift
  log=$(mktemp)
  "$@" 2>&1 | tee "$log" || status=$?
  numbers=$(sed -nE '/assertions:/d
    s/.*\b([0-9]+) passed *[,|] *([0-9]+) failed.*/\1 \2/p' "$log" |
    tail -n 1)
  rm -f "$log"
  [ -n "$numbers" ] || numbers='0 0'
  case $status-${numbers#* } in
    0-0) [ "${numbers% *}" != 0 ] || numbers='0 1' ;;
    *-0) numbers="${numbers% *} 1" ;;
  esac
  # shellcheck disable=SC2086
  count "$name" $numbers
}

# once NAME COMMAND...: one test, which passes with status 0.
once() {
  local name=$1
  shift
  if "$@"; then count "$name" 1 0; else count "$name" 0 1; fi
}

build() {
  cmake --preset "$1" -DCMAKE_C_COMPILER_LAUNCHER=ccache \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null &&
    ninja -j2 -C "build/$1" "${@:2}"
}

# Every folder of tests/unit is a program; the benchmark has its own.
unit_tests() {
  local folder
  for folder in tests/unit/*/; do
    folder=$(basename "$folder")
    counting "$1 unit_$folder" timeout --kill-after=5 600 \
      "build/$1/tests/unit/unit_$folder"
  done
  counting "$1 unit_bench" timeout --kill-after=5 600 \
    "build/$1/tests/bench/unit_bench"
}

# simulation BUILD SEEDS
simulation() {
  once "$1 simulation" "build/$1/tests/sim/sim" --seeds "$2"
}

# The transports against an sshd of the test's own, with users that it adds: in
# namespaces, and to a copy of /etc. With the default signals: what is started
# in the background ignores Ctrl-C.
transports() {
  # shellcheck disable=SC2016
  unshare --net --mount --pid --fork --kill-child --mount-proc bash -euc '
    ip link set lo up
    mount -t tmpfs -o mode=755 tests /media
    cp -a /etc /media/etc
    mount --bind /media/etc /etc
    mount -t tmpfs -o mode=755 tests /run
    exec env --default-signal python3 tests/lab/transport_test.py "$1"' \
    bash "build/$1/tests/lab/transport_driver"
}

# Two at a time, each from its corpus; what one finds stays beside the build.
fuzzers() {
  local name names
  mapfile -t names < <(cd tests/fuzz && printf '%s\n' *_fuzz.cc |
    sed 's/_fuzz\.cc$//')
  printf 'build/fuzz/tests/fuzz/fuzz_%s\n' "${names[@]}" |
    xargs -P 2 -n 1 tests/fuzz/run_one.sh "$FUZZ_SECONDS"
  for name in "${names[@]}"; do
    once "fuzz $name" grep -qx passed "build/fuzz/tests/fuzz/$name.verdict"
  done
}

sanitized_lab() {
  export LAB_BULK LAB_LIMIT=300
  counting 'sanitized lab' \
    tests/lab/run.sh --build build/sanitize "${SANITIZED_CASES[@]}"
}

finish() {
  printf '%s\n' '' "${failures[@]}"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
  exit
}

phase 'packages' packaging/install_dependencies.sh build test
phase 'lint' counting lint tests/lint.sh
phase 'build: release' build release
[ "$failed" = 0 ] || [ -x build/release/client/ginnel ] || finish
phase 'unit tests' unit_tests release
phase 'benchmark table' once 'benchmark table' python3 tests/bench/table_test.py
phase 'simulation' simulation release "$SEEDS"
phase 'figures' counting figures build/release/tests/sim/sim --figures
phase 'transports' counting transports transports release
phase 'lab' counting lab tests/lab/run.sh --build build/release
phase 'build: fuzzers' build fuzz
phase "fuzzers, $FUZZ_SECONDS s each" fuzzers
phase 'build: sanitized' build sanitize
phase 'unit tests, sanitized' unit_tests sanitize
phase 'simulation, sanitized' simulation sanitize "$SANITIZED_SEEDS"
phase 'lab, sanitized' sanitized_lab
finish
