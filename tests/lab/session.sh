#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# session.sh REPORT CASE...: one lab, and the cases run in it one after
# another until one fails, since what a failed case leaves is nobody's to
# trust. Appends "pass|fail|broke NAME" to REPORT. Started by run.sh as the
# first process of a PID namespace, whose end is the clean-up.
set -eu
here=$(dirname "$(readlink -f "$0")")
[ $$ = 1 ] || { echo 'session.sh: started by run.sh only' >&2; exit 99; }
# shellcheck source=topology.sh
. "$here/topology.sh"

report=$1
shift
PATH=$LAB/bin:$LAB/bin/client:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LAB BUILD
ulimit -n "$(ulimit -Hn)"
ip link set lo up
lab_up

# The comment below the SPDX line.
promise_of() {
  sed '1d; /^# /!q; s/^# //' "$here/cases/$1.test" | sed '$d' | tr '\n' ' '
}

limit=${LAB_LIMIT:-120}
for name in "$@"; do
  CASE=$LAB/case
  export CASE
  rm -rf "$CASE"
  install -d -m 1777 "$CASE"
  began=$SECONDS status=0
  timeout --kill-after=5 "$limit" \
    bash "$here/case.sh" "$here/cases/$name.test" \
    >"$CASE/output" 2>&1 </dev/null || status=$?
  took=$((SECONDS - began))
  verdict=fail
  case $name-$status in
    xfail_*-1 | *-0) verdict=pass ;;
    *-99) verdict=broke ;;
    *-124) echo "took longer than $limit seconds" >>"$CASE/output" ;;
  esac
  case $name-$status in
    xfail_*-0) verdict=fail ;;
  esac
  printf '%-5s %-22s %3d s  %s\n' "$verdict" "$name" "$took" \
    "$(promise_of "$name")"
  echo "$verdict $name" >>"$report"
  if [ "$verdict" != pass ]; then
    sed 's/^/    /' "$CASE/output"
    exit 1
  fi
done
