# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# What is measured of a tool that runs. Each result is a line of JSON in
# results.jsonl: link, tool, round, what, and its data, or why it failed.

# record WHAT JSON
record() {
  printf '{"link":"%s","tool":"%s","round":%d,"what":"%s","data":%s}\n' \
    "$LINK" "$TOOL" "$ROUND" "$1" "$2" >>"$OUTPUT/results.jsonl"
}

record_failure() {
  local why
  why=$(tr -d '"\134' <<<"$2" | tr -cs '[:print:]' ' ' | tail -c 200)
  echo "  $TOOL, $1: failed: $why"
  record "$1" "{\"failed\":\"$why\"}"
}

usage() {
  python3 "$here/usage.py" sum "$LAB_PID_client" "$LAB_PID_server"
}

# probe SECONDS VERB OPERAND...: as somebody on the client; its answer in
# ANSWER. On failure WHY says why.
probe() {
  local limit=$1 verb=$2 errors=$LAB/log/probe-errors.$BASHPID status=0
  local where=("$ADDRESS" "$PORT_THERE" "$SEEN_AS")
  [ "$verb" != lookups ] || where=("$NAME_SERVER" 53)
  shift 2
  ANSWER=$(as bob client timeout --kill-after=1 "$limit" probe "$verb" \
    "${where[@]}" "$@" 2>"$errors") || status=$?
  [ $status = 0 ] && return
  WHY=$(tail -n 1 "$errors")
  [ $status != 124 ] || WHY="no end after $limit s; $WHY"
  return 1
}

# measure WHAT SECONDS VERB OPERAND...: recorded under that name.
measure() {
  local what=$1
  shift
  if probe "$@"; then
    record "$what" "$ANSWER"
  else
    record_failure "$what" "$WHY"
  fi
}

# first BEGAN: until the first byte of an answer; fails when there is none.
first() {
  if probe 40 first 30 "$1"; then
    record first "$ANSWER"
  else
    record_failure first "$WHY; $(tail -n 3 "$TOOL_LOG")"
    return 1
  fi
}

# bulk down|up SECONDS: how fast, the pings beside it, and what it costs.
bulk() {
  local way=$1 seconds=$2 before after pings
  before=$(usage)
  start_pings "$way" "$seconds"
  "bulk_$way" "$seconds"
  after=$(usage)
  wait "$pings" || true
  if [ -n "$ANSWER" ]; then
    record "$way" "{\"progress\":$ANSWER,\"before\":$before,\"after\":$after}"
  else
    record_failure "$way" "$WHY"
  fi
}

start_pings() {
  measure "ping-$1" $(($2 + 25)) ping "$2" 0.02 &
  pings=$!
}

bulk_down() { probe $(($1 + 25)) down "$1" || ANSWER=; }

# What came is the server's to say.
bulk_up() {
  local tag=$LINK.$TOOL.$ROUND.$RANDOM line
  WHY='the target did not tell what came'
  probe $(($1 + 25)) up "$1" "$tag" || { ANSWER= && return; }
  ANSWER=
  await 10 grep -qs "^$tag " "$PROBE_LOG" || return 0
  line=$(grep "^$tag " "$PROBE_LOG")
  line=${line#* }
  WHY="came from ${line%% *}"
  [ "${line%% *}" != "$SEEN_AS" ] || ANSWER=${line#* }
}

# idle_streams COUNT: how many of these a tool that has done nothing yet can
# hold, and their memory, unless they are too few to tell.
idle_streams() {
  local errors=$LAB/log/hold-errors before after holder held
  before=$(usage)
  rm -f "$LAB/hold" "$LAB/log/held" && mkfifo "$LAB/hold"
  exec_as bob client probe hold "$ADDRESS" "$PORT_THERE" "$SEEN_AS" 3 "$1" \
    <"$LAB/hold" >"$LAB/log/held" 2>"$errors" &
  holder=$!
  exec 8>"$LAB/hold"
  await 30 held_or_ended "$holder" || true
  held=$(sed -n 's/{"held":\(.*\)}/\1/p' "$LAB/log/held")
  sleep 1
  after=$(usage)
  exec 8>&-
  await 5 ended "$holder" || kill "$holder" || true
  wait "$holder" || true
  record held "{\"held\":${held:-0}}"
  [ "${held:-0}" -lt 500 ] ||
    record idle "{\"count\":$held,\"before\":$before,\"after\":$after}"
  [ "${held:-0}" = "$1" ] ||
    echo "  $TOOL held ${held:-0} of $1 idle streams:" \
      "$(tail -n 1 "$errors"; tail -n 1 "$TOOL_LOG")"
}

ended() { ! kill -0 "$1" 2>/dev/null; }
held_or_ended() { grep -qs held "$LAB/log/held" || ended "$1"; }

# iperf3 measures itself.
iperf3_bulk() {
  local way=$1 seconds=$2 reverse=() server answer
  [ "$way" = up ] || reverse=(-R)
  exec_on target iperf3 -s -1 -p 5301 >/dev/null 2>&1 &
  server=$!
  await 5 target_listens 5301
  if answer=$(on client timeout $((seconds + 20)) iperf3 -J -c "$ADDRESS" \
    -p 5301 -t "$seconds" -i 0.1 "${reverse[@]}"); then
    record "$way" "{\"iperf3\":$(tr -d '\n\t' <<<"$answer")}"
  else
    record_failure "$way" "$(grep error <<<"$answer")"
  fi
  kill "$server" 2>/dev/null || true
  wait "$server" || true
}

target_listens() { on target ss -Hltn "sport = :$1" | grep -q .; }
