# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# The tools under test: how each is started, and where the target is reached
# through it. Sourced after tests/lab/topology.sh.
#
# 10.80.0.1 is the target through a tool that captures; without one, net has
# that address, where nobody listens. 10.84.0.1 is the target by plain routes,
# which only the benchmark has.

PROBE_PORT=7100
CAPTURED=10.80.0.0/16
THROUGH=10.90.4.1   # whom the target sees when the server connects
# The far end's name server, by the benchmark's own route. The client's own is
# net, where nobody serves names.
FAR_NAME_SERVER=10.84.0.53
TOOL_PIDS=()
TOOL_LOG=$LAB/log/tool

# start_tool NAME: in the background. Sets ADDRESS and PORT_THERE, where the
# target is, SEEN_AS, whom it must see, and NAME_SERVER, who is asked. With
# DNS=1 those that capture look-ups do so.
start_tool() {
  ADDRESS=10.80.0.1 PORT_THERE=$PROBE_PORT SEEN_AS=$THROUGH NAME_SERVER=$NET
  TOOL_PIDS=()
  : >"$TOOL_LOG"
  case $1 in
    raw | iperf3)
      ADDRESS=10.84.0.1 SEEN_AS=$CLIENT NAME_SERVER=$FAR_NAME_SERVER
      ;;
    libssh | openssh)
      start alice ginnel -r "far@$SERVER" --transport "$1" ${DNS:+--dns} "$CAPTURED"
      ;;
    ssh-L) start_forward ;;
    ssh-L-gcm) start_forward -c aes128-gcm@openssh.com ;;
    ssh-D) start_socks ;;
    sshuttle) start_sshuttle ;;
    sshuttle-fast) start_sshuttle --no-latency-control ;;
    *) die "no tool $1" ;;
  esac
}

# start USER COMMAND...: on the client.
start() {
  exec_as "$1" client "${@:2}" >>"$TOOL_LOG" 2>&1 &
  TOOL_PIDS+=($!)
}

start_forward() {
  ADDRESS=127.0.0.1 PORT_THERE=7101
  start alice ssh -N -o ExitOnForwardFailure=yes "$@" \
    -L "$PORT_THERE:10.80.0.1:$PROBE_PORT" "far@$SERVER"
}

start_sshuttle() {
  start root sshuttle --method nat "$@" ${DNS:+--dns} -r "far@$SERVER" "$CAPTURED"
}

start_socks() {
  start alice ssh -N -D 1080 "far@$SERVER"
  printf '%s\n' 'base { log = stderr; daemon = off; redirector = iptables;' \
    ' redsocks_conn_max = 60000; }' \
    'redsocks { local_ip = 127.0.0.1; local_port = 12345;' \
    ' listenq = 1024; ip = 127.0.0.1; port = 1080; type = socks5; }' \
    >"$LAB/redsocks.conf"
  start root redsocks -c "$LAB/redsocks.conf"
  on client iptables -t nat -A OUTPUT -p tcp -d "$CAPTURED" \
    -j REDIRECT --to-ports 12345
}

# Ends it with all that it started; fails when something had to be killed. The
# kernel is made to forget its connections: some tools leave their redirections,
# which would lead a later connection with the same port nowhere.
stop_tool() {
  local status=0
  kill -TERM "${TOOL_PIDS[@]}" 2>/dev/null || true
  if ! await 10 only_lab_processes; then
    status=1
    echo "left behind: $(tool_processes | tr '\n' ' ')" >&2
    # shellcheck disable=SC2046
    kill -KILL $(tool_processes | cut -d' ' -f1) 2>/dev/null || true
    await 5 only_lab_processes || die 'a tool cannot be ended'
  fi
  on client iptables -t nat -F OUTPUT
  on client conntrack -F 2>>"$TOOL_LOG" || die 'conntrack -F'
  return $status
}

# The processes of client and server that were not there when the lab came up.
note_lab_processes() { LAB_PROCESSES=" $(lab_processes | cut -d' ' -f1 | tr '\n' ' ') "; }

lab_processes() {
  python3 "$here/usage.py" list "$LAB_PID_client" "$LAB_PID_server"
}

tool_processes() {
  local pid name
  lab_processes | while read -r pid name; do
    [[ $LAB_PROCESSES = *" $pid "* ]] || echo "$pid $name"
  done
}

only_lab_processes() { [ -z "$(tool_processes)" ]; }
