#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh [--build DIR] [--list] [NAME...]: runs the lab's cases, all or those
# named, as root. Says on its last line how many passed; status 1 when one did
# not. What the machine has of rules, links and processes is left alone.
set -eu
here=$(dirname "$(readlink -f "$0")")
BUILD=$here/../../build/release
LAB=/media
while [ $# -gt 0 ]; do
  case $1 in
    --build) BUILD=$2 && shift 2 ;;
    --list) basename -as .test "$here"/cases/*.test && exit ;;
    -*) echo "run.sh: unknown option $1" >&2 && exit 2 ;;
    *) break ;;
  esac
done
BUILD=$(readlink -f "$BUILD")
export BUILD LAB
[ "$(id -u)" = 0 ] || { echo 'run.sh: the lab needs root' >&2; exit 2; }

cases=("$@")
if [ $# = 0 ]; then
  for file in "$here"/cases/*.test; do
    cases+=("$(basename "$file" .test)")
  done
fi
for name in "${cases[@]}"; do
  [ -f "$here/cases/$name.test" ] || { echo "no case $name" >&2; exit 2; }
done

report=$(mktemp)
session=
stop() {
  [ -z "$session" ] || kill -KILL "$session" 2>/dev/null || true
  rm -f "$report"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

machine() {
  nft list ruleset
  ip rule
  ip -6 rule
  ip -brief link
  ls /run/netns 2>/dev/null || true
}
before=$(machine)

# Each session goes on after the case that ended the one before.
while done=$(wc -l <"$report") && [ "$done" -lt ${#cases[@]} ]; do
  unshare --net --mount --pid --uts --ipc --fork --kill-child --mount-proc \
    bash "$here/session.sh" "$report" "${cases[@]:done}" </dev/null &
  session=$!
  wait "$session" || true
  session=
  if [ "$(wc -l <"$report")" = "$done" ]; then
    echo "broke ${cases[done]}: the lab did not come up"
    echo "broke ${cases[done]}" >>"$report"
  fi
done

if [ "$(machine)" != "$before" ]; then
  echo 'fail  the lab left something on this machine:'
  diff <(echo "$before") <(machine) || true
  echo 'fail machine' >>"$report"
fi
passed=$(grep -c '^pass' "$report" || true)
failed=$(grep -vc '^pass' "$report" || true)
echo "lab: $passed passed, $failed failed"
[ "$failed" = 0 ]
