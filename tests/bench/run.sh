#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh [OPTION...] [LINK...]: measures ginnel beside its peers, on all the
# links of its list or those named (a pattern as 'wan-400-*' too), and writes
# one table, as Markdown and JSON.
#
#   --quick         a few links, one round: five minutes
#   --full          every link
#   --rounds N      how often each tool has its turn on a link
#   --tools A,B     these alone
#   --build DIR     the programs of that build (build/release)
#   --output DIR    where bench.md, bench.json and the raw results go
#                   (build/bench)
#   --list          the links and tools there are
#
# Status 1 when a tool failed: it did not start, carried wrong bytes, or its
# bytes did not go through it. A slow one is not a failure. Needs root; README.md
# tells the rest. What the machine has of rules, links and processes is left
# alone.
set -eu
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=links.sh
. "$here/links.sh"

usage() { sed -n '3,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; }

BUILD=$here/../../build/release OUTPUT=$here/../../build/bench
ROUNDS='' TOOLS='' set_of_links=usual
names=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) set_of_links=quick ;;
    --full) set_of_links=full ;;
    --rounds) ROUNDS=$2 && shift ;;
    --tools) TOOLS=${2//,/ } && shift ;;
    --build) BUILD=$2 && shift ;;
    --output) OUTPUT=$2 && shift ;;
    --list) list_all && exit ;;
    -h | --help) usage && exit ;;
    -*) echo "run.sh: unknown option $1" >&2 && exit 2 ;;
    *) names+=("$1") ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || { echo 'run.sh: the lab needs root' >&2; exit 2; }
"$here/../../packaging/install_dependencies.sh" build test bench
mkdir -p "$OUTPUT"
BUILD=$(readlink -f "$BUILD") OUTPUT=$(readlink -f "$OUTPUT") LAB=/media
mapfile -t LINKS < <(choose_links "$set_of_links" "${names[@]}")
[ "${#LINKS[@]}" -gt 0 ] || { echo 'run.sh: no such link' >&2; exit 2; }
export BUILD OUTPUT LAB ROUNDS TOOLS
export BENCH_SET=$set_of_links

# Which a namespace may choose is the whole machine's setting.
allowed=/proc/sys/net/ipv4/tcp_allowed_congestion_control
allowed_before=$(cat "$allowed")
session=
stop() {
  [ -z "$session" ] || kill -KILL "$session" 2>/dev/null || true
  echo "$allowed_before" >"$allowed"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
echo "$allowed_before cubic bbr" >"$allowed" ||
  echo 'run.sh: cubic and BBR are not both to be had' >&2

: >"$OUTPUT/results.jsonl"
began=$(date +%s)
unshare --net --mount --pid --uts --ipc --fork --kill-child --mount-proc \
  bash "$here/session.sh" "${LINKS[@]}" </dev/null &
session=$!
status=0
wait "$session" || status=1
[ $status = 0 ] || echo 'run.sh: the lab broke off' >&2
session=
took=$(($(date +%s) - began))
python3 "$here/table.py" "$OUTPUT" "$took" || status=1
exit $status
