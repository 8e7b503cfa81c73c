#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# session.sh LINK...: the lab, and each tool's turns on each link. Started by
# run.sh as the first process of a PID namespace, whose end is the clean-up.
set -eu
here=$(dirname "$(readlink -f "$0")")
[ $$ = 1 ] || { echo 'session.sh: started by run.sh only' >&2; exit 99; }
# shellcheck source=../lab/topology.sh
. "$here/../lab/topology.sh"
for part in links wan tools measure; do
  # shellcheck disable=SC1090
  . "$here/$part.sh"
done

PATH=$LAB/bin:$LAB/bin/client:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
ulimit -n "$(ulimit -Hn)"
ip link set lo up
PROBE_LOG=$LAB/log/probe

# setting HOST NAME VALUE: of net.ipv4, where the kernel has it.
setting() { on "$1" sysctl -qw "net.ipv4.$2=$3" || true; }

bench_up() {
  lab_up
  install "$BUILD/tests/bench/probe" "$LAB/bin/probe"
  on target ip route add local 10.84.0.0/16 dev lo
  on server ip route add 10.84.0.0/16 via "$TARGET"
  local host
  for host in "${HOSTS[@]}"; do
    # One visit must not learn from another, nor run out of ports.
    setting "$host" tcp_no_metrics_save 1
    setting "$host" ip_local_port_range '1024 65000'
    setting "$host" tcp_tw_reuse 1
    on "$host" sysctl -qw net.core.somaxconn=4096
  done
  exec_on target probe serve "$PROBE_PORT" >"$PROBE_LOG" 2>&1 &
  await 5 grep -qs serving "$PROBE_LOG" || die 'no probe'
  serve_names
  note_lab_processes
}

# A name server beside the target, and the far end's resolv.conf names it.
serve_names() {
  on target ip address add "$FAR_NAME_SERVER/32" dev lo
  exec_on target dnsmasq --keep-in-foreground --conf-file=/dev/null \
    --no-resolv --no-hosts --pid-file= --user=root \
    --bind-interfaces --listen-address="$FAR_NAME_SERVER" \
    --synth-domain=bench.test,100.64.0.0/10,h- >"$LAB/log/dnsmasq" 2>&1 &
  echo "nameserver $FAR_NAME_SERVER" >"$LAB/resolv.conf"
  on server mount --bind "$LAB/resolv.conf" /etc/resolv.conf
  await 5 names_are_served || die "no dnsmasq: $(cat "$LAB/log/dnsmasq")"
}

names_are_served() {
  on server probe lookups "$FAR_NAME_SERVER" 53 0.1 1 >/dev/null 2>&1
}

# On a WAN TCP's buffers, on all hosts and so for all tools, have room for what
# the line and its queue hold: with the usual 4 MB to send, one connection
# carries some 225 Mbit/s at 100 ms.
LARGEST_BUFFER=33554432

# The link between client and server, and the plain route to the target.
link_up() {
  local host
  link_options "$LINK"
  for host in "${HOSTS[@]}"; do
    on "$host" sysctl -qw "net.ipv4.tcp_congestion_control=$CONTROL" ||
      die "no $CONTROL on $host"
    [ "$LINK" = local ] || raise_buffers "$host"
  done
  if [ "$LINK" = local ]; then
    on net ip route replace 10.84.0.0/16 via "$SERVER"
  else
    wan_up client server "${WAN_OPTIONS[@]}"
    on client ip route replace 10.84.0.0/16 dev wan0 src "$CLIENT"
  fi
}

raise_buffers() {
  setting "$1" tcp_rmem "4096 131072 $LARGEST_BUFFER"
  setting "$1" tcp_wmem "4096 16384 $LARGEST_BUFFER"
}

link_down() {
  [ "$LINK" != local ] || return 0
  wan_down >"$LAB/log/passed"
  record wan "$(cat "$LAB/log/passed")"
}

# Seconds of bulk, of which table.py leaves out the beginning: a start-up is
# some ten round trips.
bulk_seconds() {
  case $BENCH_SET-$LINK in
    quick-local) echo 2 ;;
    *-local) echo 3 ;;
    quick-*) echo 5 ;;
    *-steps*) echo 12 ;;
    *-wan-*-300*) echo 14 ;;
    *-wan-*-20*) echo 6 ;;
    *) echo 8 ;;
  esac
}

# One turn of a tool. Each way's bulk has a session of its own: a download
# fills the queue in which the acknowledgements for the other way wait, cubic
# takes that for the end of its slow start, and what is sent up after it in the
# same session needs seconds to grow, by ssh as by ginnel.
visit() {
  if [ "$TOOL" = iperf3 ]; then
    start_tool "$TOOL"
    iperf3_bulk down "$(bulk_seconds)"
    iperf3_bulk up "$(bulk_seconds)"
    end_visit
  else
    use_for small_things_and_down
    use_for bulk up "$(bulk_seconds)"
    if looks_up_names "$TOOL" "$LINK"; then DNS=1 use_for look_ups; fi
  fi
}

# use_for WHAT...: of a tool just started.
use_for() {
  local began=$EPOCHREALTIME
  start_tool "$TOOL"
  if first "$began"; then "$@"; fi
  end_visit
}

small_things_and_down() {
  measure ping 10 ping 1.5 0.02
  measure sequential 20 connects 1.5 1
  [ "$LINK" != local ] || measure concurrent 20 connects 1.5 64
  bulk down "$(bulk_seconds)"
}

look_ups() {
  local seconds=2
  [ "$BENCH_SET" != quick ] || seconds=1
  measure lookup 10 lookups "$seconds" 1
  measure lookups 10 lookups "$seconds" 64
}

# Another one: as many idle streams as it can have.
idle_visit() { use_for idle_streams 10000; }

end_visit() {
  stop_tool 2>"$LAB/log/stop" || record_failure end "$(cat "$LAB/log/stop")"
}

rounds_of() {
  local rounds=1
  [ "$1" != local ] || rounds=3
  [ "$BENCH_SET-$1" != quick-local ] || rounds=1
  echo "${ROUNDS:-$rounds}"
}

bench_up
for LINK in "$@"; do
  rounds=$(rounds_of "$LINK")
  for ROUND in $(seq "$rounds"); do
    # shellcheck disable=SC2153
    for TOOL in ${TOOLS:-$(tools_on "$LINK")}; do
      echo "$(date +%T) $LINK, round $ROUND of $rounds, $TOOL"
      link_up
      visit
      case $LINK-$ROUND-$TOOL in
        # There is no tool, or it is one that is measured already.
        *-raw | *-iperf3 | *-ssh-L-gcm | *-sshuttle-fast) ;;
        local-1-*) idle_visit ;;
      esac
      link_down
    done
  done
done
