# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A session's further channels, for the cases about them: a path that wants
# them, and how many there are. Sourced by those.

# shellcheck source=../bench/wan.sh
. "$here/../bench/wan.sh"

# Between client and server, until wan_down. The client's socket has room for
# what such a path holds.
long_path() {
  wan_up client server --rtt 300
  on client sysctl -qw net.ipv4.tcp_wmem='4096 16384 33554432'
}

# The attach processes: one for each channel but the first.
attached() { pgrep -f '^/proc/[0-9]+/exe --attach ginnel-[0-9a-f]+$'; }

lanes() { echo $(($(attached | wc -l) + 1)); }
has_lanes() { [ "$(lanes)" -ge "$1" ]; }

no_lane_left() {
  ! attached >/dev/null && ! on server grep -q '@ginnel-' /proc/net/unix
}
