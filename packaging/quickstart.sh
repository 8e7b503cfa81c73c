#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# quickstart.sh [ginnel's options]: on Debian 12, as root: installs what the
# build needs, builds, and runs ginnel with the options. Without options it
# shows ginnel at work: with a far end of its own on this machine, a server
# with sshd and a private network behind it, which it takes down again.
set -eu
root=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
build=$root/build/release

# The example's networks; change them if this machine uses these already.
HERE=10.99.77.1 SERVER=10.99.77.2
SERVER_INSIDE=10.99.88.1 WEB=10.99.88.2 PRIVATE=10.99.88.0/24

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

build_ginnel() {
  say 'Installing what the build needs'
  "$root/packaging/install_dependencies.sh" build
  say 'Building (a few minutes the first time)'
  (cd "$root" && cmake --preset release \
    -DCMAKE_C_COMPILER_LAUNCHER=ccache \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null)
  ninja -C "$build" ginnel ginnel-firewall peer
}

# --- the example's far end: two hosts, each a sleeping process's namespaces --

holders=() work='' ginnel=''

clean_up() {
  trap '' INT TERM HUP
  if [ -n "$ginnel" ]; then
    kill -TERM "$ginnel" 2>/dev/null || true
    wait "$ginnel" || true
  fi
  # With the first process of a PID namespace ends all that runs there.
  ip link delete ginnel-demo 2>/dev/null || true
  local holder
  for holder in "${holders[@]}"; do
    kill -KILL "$holder" 2>/dev/null || true
  done
  [ -z "$work" ] || rm -rf "$work"
}

await() {
  local tries=100
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "gave up waiting for: $*" >&2; exit 1; }
    sleep 0.1
  done
}

# new_host: sets HOST to the pid of a process inside.
new_host() {
  unshare --net --mount --uts --pid --fork --kill-child --mount-proc \
    sleep infinity &
  holders+=("$!")
  disown "$!"
  await pgrep -P "$!" -x sleep >/dev/null
  HOST=$(pgrep -P "$!" -x sleep)
}

on() {
  local host=$1
  shift
  nsenter --target "$host" --net --mount --root --uts --pid -- env -C / "$@"
}

add_address() {
  ${1:+on "$1"} ip address add "$3/24" dev "$2"
  ${1:+on "$1"} ip link set "$2" up
}

far_end() {
  new_host && server=$HOST
  new_host && web=$HOST
  ip link add ginnel-demo type veth peer name outside netns "$server"
  ip link add inside netns "$server" type veth peer name eth0 netns "$web"
  add_address '' ginnel-demo "$HERE"
  add_address "$server" outside "$SERVER"
  add_address "$server" inside "$SERVER_INSIDE"
  add_address "$web" eth0 "$WEB"
  # There must be a route for a connection to begin; this one ends at the
  # server, which forwards nothing.
  ip route add "$PRIVATE" via "$SERVER"
  on "$web" "$build/tests/lab/peer" serve 'the private web server' 80 \
    >"$work/web" 2>&1 &
  await grep -qs serving "$work/web"
  far_sshd
}

# An sshd with an account of its own, `guest`, that only this host knows.
far_sshd() {
  ssh-keygen -q -t ed25519 -N '' -f "$work/host"
  ssh-keygen -q -t ed25519 -N '' -f "$work/key"
  echo "$SERVER $(cut -d' ' -f1,2 "$work/host.pub")" >"$work/known_hosts"
  printf '%s\n' 'root:x:0:0::/root:/bin/sh' \
    'sshd:x:103:65534::/run/sshd:/usr/sbin/nologin' \
    'guest:*:64100:64100::/home/guest:/bin/sh' >"$work/passwd"
  printf '%s\n' "HostKey $work/host" 'UsePAM no' 'PidFile none' \
    "AuthorizedKeysFile $work/key.pub" 'StrictModes no' >"$work/sshd_config"
  # shellcheck disable=SC2016
  on "$server" sh -euc 'mount -t tmpfs none /run; mkdir /run/sshd
    mount -t tmpfs none /home; mkdir /home/guest
    chown 64100:64100 /home/guest; mount --bind "$1/passwd" /etc/passwd
    exec /usr/sbin/sshd -D -e -f "$1/sshd_config"' sh "$work" \
    >"$work/sshd" 2>&1 &
  await grep -qs 'Server listening' "$work/sshd"
}

fetch() {
  printf 'GET / HTTP/1.0\r\n\r\n' |
    timeout 3 "$build/tests/lab/peer" pipe "$WEB" 80
}

captures() {
  kill -0 "$ginnel" 2>/dev/null || { cat "$work/ginnel" >&2; exit 1; }
  nft list tables | grep -q ginnel
}

example() {
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  work=$(mktemp -d /tmp/ginnel-quickstart.XXXXXX)
  chmod 755 "$work"
  say "A far end: a server at $SERVER, and behind it $PRIVATE with a web server"
  far_end
  echo "Without a tunnel http://$WEB/ does not answer:"
  if fetch; then echo 'but it did' >&2; exit 1; fi

  local command=("$build/client/ginnel" -r "guest@$SERVER" -i "$work/key"
    -o "UserKnownHostsFile=$work/known_hosts" "$PRIVATE")
  say 'The tunnel'
  echo "$ ${command[*]}"
  "${command[@]}" >"$work/ginnel" 2>&1 &
  ginnel=$!
  await captures
  sed 's/^/  /' "$work/ginnel"

  say "The page, fetched from http://$WEB/ through the tunnel"
  fetch | sed 's/^/  /'
  say 'How it travelled'
  echo "1. The kernel of this machine hands connections to $PRIVATE to ginnel,"
  echo '   by a table that ginnel-firewall owns and that goes when it goes:'
  nft list ruleset | sed -n '/^table.*ginnel/,/^}/s/^/  /p'
  echo "2. ginnel carries them in one SSH session; the server's sshd saw:"
  grep Accepted "$work/sshd" | sed 's/^/  /'
  echo '3. ginnel-helper, uploaded to the server and run there as the guest:'
  on "$server" ps -u guest -o user,pid,comm,args | sed 's/^/  /'
  echo "4. It connects, and the web server saw the server's address there,"
  echo "   $SERVER_INSIDE, and not ours."
  say 'Taking it all down'
}

[ "$(id -u)" = 0 ] || { echo 'quickstart.sh: please run it as root' >&2; exit 1; }
build_ginnel
if [ $# -gt 0 ]; then
  exec "$build/client/ginnel" "$@"
fi
example
