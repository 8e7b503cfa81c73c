# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
# Name servers for cases about look-ups. Sourced by them.

NAME_SERVERS=()

# serve_names HOST ADDRESS[:PORT] OPTION...: a dnsmasq there with these zones.
# (IPv6 has port 53.)
serve_names() {
  local host=$1 address=$2 port=53
  shift 2
  case $address in
    *.*:*) port=${address#*:} address=${address%:*} ;;
  esac
  exec_on "$host" dnsmasq --keep-in-foreground --conf-file=/dev/null \
    --no-resolv --no-hosts --bind-interfaces --listen-address="$address" --port="$port" \
    --pid-file= --host-record=ready.test,192.0.2.1 "$@" \
    >"$CASE/dnsmasq-$address" 2>&1 &
  NAME_SERVERS+=("$!")
  await 5 is_served "$host" "$address" "$port" ||
    fail "no dnsmasq at $address: $(cat "$CASE/dnsmasq-$address")"
}
is_served() {
  [ "$(on "$1" dig +short +tries=1 +time=1 -p "$3" "@$2" ready.test)" = 192.0.2.1 ]
}
stop_name_servers() {
  local server
  for server in "${NAME_SERVERS[@]}"; do
    kill "$server"
    wait "$server" || true
  done
  NAME_SERVERS=()
}

# resolv_conf HOST SERVER...: what stands in that host's own resolv.conf; with
# no server the machine's own is back.
resolv_conf() {
  local host=$1 file=$CASE/resolv.conf-$1
  shift
  if [ $# = 0 ]; then
    on "$host" umount /etc/resolv.conf
    rm "$file"
    return
  fi
  local mounted=1
  [ -e "$file" ] || mounted=
  printf 'nameserver %s\n' "$@" >"$file"
  [ -n "$mounted" ] || on "$host" mount --bind "$file" /etc/resolv.conf
}

# ask HOST WORDS...: dig's short answer there.
ask() { dig_at "$@" | sort; }
dig_at() {
  local host=$1
  shift
  on "$host" dig +tries=1 +time="${TIME:-5}" +short "$@"
}
# expect_names ANSWER HOST WORDS...
expect_names() {
  local wanted=$1 got
  shift
  got=$(ask "$@") || true
  [ "$got" = "$wanted" ] || fail "$*: wanted \"$wanted\", got \"$got\""
}
# Nobody answers (dig's status 9).
expect_no_answer() {
  local status=0
  TIME=1 dig_at "$@" >/dev/null || status=$?
  [ "$status" = 9 ] || fail "$*: answered, with status $status"
}
# It becomes so, within 5 s.
await_names() {
  local wanted=$1
  shift
  await 5 are_names "$wanted" "$@" ||
    fail "$*: wanted \"$wanted\", got \"$(TIME=1 ask "$@")\""
}
are_names() {
  local wanted=$1
  shift
  [ "$(TIME=1 ask "$@")" = "$wanted" ]
}
