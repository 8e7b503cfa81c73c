# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A WAN between two of the lab's hosts. Sourced after tests/lab/topology.sh.

WAN_PROGRAM=${WAN_PROGRAM:-$BUILD/tests/bench/wan}
WAN_PID=

# wan_up HOST HOST OPTION...: what the two say to each other's main address
# (CLIENT, SERVER, ...) goes over a WAN with these options (wan --help) instead
# of the lab's links; both families.
wan_up() {
  local a=$1 b=$2 pid_a=LAB_PID_$1 pid_b=LAB_PID_$2 log=$LAB/log/wan
  shift 2
  rm -f "$log"
  "$WAN_PROGRAM" "/proc/${!pid_a}/ns/net" "/proc/${!pid_b}/ns/net" "$@" \
    >"$log" 2>&1 &
  WAN_PID=$!
  await 5 grep -qs '^up' "$log" || die "no WAN: $(cat "$log")"
  wan_end "$a" "$b"
  wan_end "$b" "$a"
}

# wan_end HOST PEER: its device and its routes to the other. The device's own
# queue must never be the one that drops.
wan_end() {
  local here=${1^^} there=${2^^}
  local here6=${here}6 there6=${there}6
  on "$1" ip link set wan0 up txqueuelen 20000
  on "$1" ip route replace "${!there}/32" dev wan0 src "${!here}"
  on "$1" ip -6 route replace "${!there6}/128" dev wan0 src "${!here6}"
}

# wan_down: the WAN is gone, its devices and routes with it. Prints what
# passed, as JSON.
wan_down() {
  [ -n "$WAN_PID" ] || return 0
  kill -TERM "$WAN_PID"
  wait "$WAN_PID" || true
  WAN_PID=
  tail -n 1 "$LAB/log/wan"
}
