#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# case.sh FILE: runs one case in the lab that session.sh has brought up, then
# stops what it started and compares both ends with how they were. Here are
# the verbs that cases are written in.
set -eu
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=topology.sh
. "$here/topology.sh"

# Bytes in the large transfers: 1 GB, fewer where the programs are sanitized.
# shellcheck disable=SC2034
BULK=${LAB_BULK:-1000000000}

GINNELS=()   # pids of the ginnels that the case started and has not stopped

# Lines that may differ: the folder of notes, once made, stays, and is empty.
STAYS='^/run/ginnel d 700 root$'

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

show_logs() {
  local log
  for log in "$CASE"/ginnel.* "$CASE"/terminal; do
    [ -s "$log" ] || continue
    echo "--- ${log##*/}"
    tail -n 30 "$log"
  done
}

# --- how things were -------------------------------------------------------

snapshot() {
  echo '- rules'
  on client nft list ruleset
  on client ip rule
  on client ip -6 rule
  on client ip route show table all | sort
  on client ip -6 route show table all | sort
  on client cat /etc/hosts /etc/resolv.conf
  echo '- processes'
  # First alone: what filters it would be on it, under more than one name.
  local processes
  processes=$(ps -eo user:12,args --no-headers)
  grep -vE ' (ps -eo|bash [^ ]*case\.sh )' <<<"$processes" | sort
  local host
  for host in client server; do
    echo "- files on $host"
    on "$host" find /tmp /var/tmp /dev/shm /run /home /root \
      -path /run/sudo -prune -o -type f -printf '%p %m %u %s\n' -o \
      -printf '%p %y %m %u\n' | sort
  done
}

unchanged() {
  snapshot >"$CASE/after"
  diff <(grep -v "$STAYS" "$CASE/before") <(grep -v "$STAYS" "$CASE/after") \
    >"$CASE/changes"
}

# Endings are bounded: ten seconds for both ends to be as they were.
expect_unchanged() {
  await 10 unchanged || fail "left behind: $(cat "$CASE/changes")"
}

# --- ginnel ----------------------------------------------------------------

# How ginnel is started: alice (who lets it call sudo), sudo (alice, by sudo),
# root.
AS=alice

exec_ginnel() {
  case $AS in
    sudo) exec_as alice client "${ENVIRONMENT[@]}" sudo -n ginnel "$@" ;;
    *) exec_as "$AS" client "${ENVIRONMENT[@]}" ginnel "$@" ;;
  esac
}
ENVIRONMENT=(env)   # with NAME=VALUE behind: what ginnel is started with

# start_ginnel ARGUMENT...: in the background, until it captures. Sets GINNEL
# to its pid and LOG to the file of what it says.
start_ginnel() {
  local before
  before=$(tables)
  LOG=$CASE/ginnel.${#GINNELS[@]}.$RANDOM
  exec_ginnel -v "$@" >"$LOG" 2>&1 &
  GINNEL=$!
  GINNELS+=("$GINNEL")
  await 20 captures_or_ended "$before" "$GINNEL" ||
    fail "not ready after 20 s: ginnel $*"
  running "$GINNEL" || fail "ended at once: ginnel $*"
}

tables() { on client nft list tables | wc -l; }
running() { kill -0 "$1" 2>/dev/null; }
captures_or_ended() { [ "$(tables)" -gt "$1" ] || ! running "$2"; }

# tunnel NETWORK...: the usual one.
tunnel() { start_ginnel -r "far@$SERVER" "$@"; }

# expect_end PID STATUS [SECONDS]: it ends by itself, in time, with STATUS.
expect_end() {
  local pid=$1 status=0 left=()
  await "${3:-10}" ended "$pid" || fail "still running: $(ps -o args= "$pid")"
  wait "$pid" || status=$?
  [ "$status" = "$2" ] || fail "ended with status $status, not $2"
  for pid in "${GINNELS[@]}"; do
    [ "$pid" = "$1" ] || left+=("$pid")
  done
  GINNELS=("${left[@]}")
}

ended() { ! running "$1"; }

stop_ginnel() {
  kill -TERM "$1"
  expect_end "$1" 143
}

# run_ginnel STATUS SECONDS ARGUMENT...: to its end; OUTPUT is what it said.
run_ginnel() {
  local status=0 wanted=$1 limit=$2
  shift 2
  LOG=$CASE/ginnel.$RANDOM
  (exec_ginnel "$@") >"$LOG" 2>&1 </dev/null &
  GINNEL=$!
  await "$limit" ended "$GINNEL" || fail "still running after $limit s: $*"
  wait "$GINNEL" || status=$?
  OUTPUT=$(cat "$LOG")
  [ "$status" = "$wanted" ] ||
    fail "ginnel $*: status $status, not $wanted, and said: $OUTPUT"
}

# expect_said PATTERN: in the output of run_ginnel, by extended expression.
expect_said() {
  grep -qiE -- "$1" <<<"$OUTPUT" || fail "did not say \"$1\" but: $OUTPUT"
}

expect_logged() {
  await 10 grep -qiE -- "$1" "$LOG" || fail "no \"$1\" in the log"
}

# The one ginnel that runs, whoever started it; and its helper, which may be
# called by the descriptor it was run from.
program_pid() { pgrep -x ginnel || fail 'no ginnel runs'; }
helper_pid() { pgrep -o -x 'ginnel-helper|9' || fail 'no ginnel-helper runs'; }

# --- alice's files, her agent, and another sshd ------------------------------

# hide FILE...: of alice's home, until unhide.
HIDDEN=()
hide() {
  local file
  for file in "$@"; do
    on client mv "/home/alice/$file" "/home/alice/$file.hidden"
    HIDDEN+=("$file")
  done
}

unhide() {
  local file
  for file in "${HIDDEN[@]}"; do
    on client mv "/home/alice/$file.hidden" "/home/alice/$file"
  done
  HIDDEN=()
}

# Sets AGENT to the socket of an empty agent of alice's.
start_agent() {
  AGENT=$CASE/agent
  exec_as alice client ssh-agent -D -a "$AGENT" >/dev/null &
  AGENT_PID=$!
  await 5 test -S "$AGENT" || fail 'no ssh-agent'
}

stop_agent() {
  kill "$AGENT_PID"
  wait "$AGENT_PID" || true
}

# second_sshd COMMANDS: on port 2222 of the server, with mounts of its own that
# the shell commands make.
second_sshd() {
  { sshd_config "$LAB/ssh/host"; echo 'Port 2222'; } >"$CASE/sshd_config"
  start_sshd "$CASE/sshd_config" server unshare --mount \
    bash -euc "$1"$'\nexec "$@"' sshd
}

stop_second_sshd() {
  kill "$SSHD_PID"
  wait "$SSHD_PID" || true
}

# --- which way a connection takes ------------------------------------------

FROM=client  # the host that connects
WHO=bob      # and its user

# From the case's host and user: peer VERB ADDRESS PORT ...
caller() { (exec_as "$WHO" "$FROM" timeout "${LIMIT:-60}" peer "$@"); }

# expect_answer TEXT ADDRESS [PORT]
expect_answer() {
  local answer
  answer=$(LIMIT=15 caller ask "$2" "${3:-$PORT}" who 2>&1) || true
  [ "$answer" = "$1" ] ||
    fail "$2 port ${3:-$PORT}: wanted \"$1\", got \"$answer\""
}

# It came out at the server.
expect_tunnel() {
  local seen=10.90.4.1
  case $1 in *:*) seen=fd90:4::1 ;; esac
  expect_answer "target saw $seen" "$@"
}

# It took the plain route.
expect_direct() {
  local seen=$CLIENT
  case $FROM-$1 in
    lan-*:*) seen=$LAN6 ;;
    lan-*) seen=$LAN ;;
    *-*:*) seen=$CLIENT6 ;;
  esac
  expect_answer "net saw $seen" "$@"
}

# expect_failure WORDS ADDRESS PORT: the connection breaks, and how.
expect_failure() {
  local words=$1 said
  shift
  said=$(caller ask "$1" "$2" who 2>&1) && fail "$1 port $2 answered: $said"
  [ "$said" = "$words" ] || fail "$1 port $2: wanted \"$words\", got \"$said\""
}

# target_said LINE: the target's server told how a connection ended.
expect_target_said() {
  await 10 grep -qx -- "$1" "$LAB/log/peer-target" ||
    fail "the target did not say \"$1\": $(tail -n 3 "$LAB/log/peer-target")"
}

# --- a terminal ------------------------------------------------------------

# on_terminal COMMAND...: alice types it. Its output is in $CASE/terminal.
on_terminal() {
  rm -f "$CASE/keyboard"
  mkfifo "$CASE/keyboard"
  : >"$CASE/terminal"
  chmod 666 "$CASE/terminal"
  exec_as alice client "${ENVIRONMENT[@]}" \
    script -qefc "$*" "$CASE/terminal" <"$CASE/keyboard" >/dev/null 2>&1 &
  TERMINAL=$!
  GINNELS+=("$TERMINAL")
  exec 7>"$CASE/keyboard"
}

# type_when PATTERN TEXT: once it is on the screen.
type_when() {
  expect_screen "$1"
  printf '%s' "$2" >&7
}

expect_screen() {
  await 20 grep -qiE -- "$1" "$CASE/terminal" ||
    fail "no \"$1\" on the terminal"
}

# --- the case --------------------------------------------------------------

on_exit() {
  local status=$?
  [ "$status" = 0 ] || show_logs
}
trap on_exit EXIT

snapshot >"$CASE/before"
# shellcheck disable=SC1090
. "$1"
for pid in "${GINNELS[@]}"; do stop_ginnel "$pid"; done
expect_unchanged
if grep -hE 'Sanitizer|runtime error:|terminate called' \
  "$CASE"/ginnel.* "$CASE"/terminal 2>/dev/null; then
  fail 'a program broke'
fi
