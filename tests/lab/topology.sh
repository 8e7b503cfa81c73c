# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
# The lab's five hosts. Sourced by session.sh, in namespaces of its own, and
# by every case. README.md has the picture.
#
# A host is a network, mount and UTS namespace held by one sleeping process.
# Nothing is named on the machine outside: when the session's PID namespace
# ends, hosts, links, users, files and processes are gone, whatever happened.

HOSTS=(lan client net server target)

# Where the lab's own files are: a tmpfs that only the session sees.
LAB=${LAB:-/media}

LAN=10.90.1.2        LAN6=fd90:1::2
CLIENT_LAN=10.90.1.1 CLIENT_LAN6=fd90:1::1
CLIENT=10.90.2.2     CLIENT6=fd90:2::2
NET=10.90.2.1        NET6=fd90:2::1
SERVER=10.90.3.2     SERVER6=fd90:3::2
TARGET=10.90.4.2     TARGET6=fd90:4::2

# Ports on which every host answers (peer.cc); PORT where any will do, and one
# where nobody listens.
PORTS=(80 7001 8000 8001 8002 8003)
PORT=7001
CLOSED_PORT=7999

ALICE=64001          # who runs ginnel
BOB=64002            # who is somebody else
FAR=64100            # who logs in at the far end
FAR_SHELLS=(bash dash busybox fish tcsh zsh)

die() {
  printf 'lab: %s\n' "$*" >&2
  exit 99
}

# on HOST COMMAND...: runs it there as root.
on() { (exec_on "$@"); }

# The same, becoming the command: with `&`, $! is the command's own pid.
exec_on() {
  local holder=LAB_PID_$1
  shift
  exec nsenter --target "${!holder}" --net --mount --root --uts -- \
    env -C / "$@"
}

# as USER HOST COMMAND...: runs it there as a user who has just logged in.
as() { (exec_as "$@"); }

exec_as() {
  local user=$1 host=$2 home=/home/$1
  shift 2
  [ "$user" != root ] || home=/root
  exec_on "$host" setpriv --reuid="$user" --regid="$user" --init-groups \
    env -i --default-signal -C "$home" HOME="$home" USER="$user" LOGNAME="$user" \
    SHELL=/bin/bash TERM=dumb PATH="$PATH" "$@"
}

# await SECONDS COMMAND...: until it succeeds; fails when it has not by then.
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}

lab_up() {
  mount -t tmpfs -o mode=755 lab "$LAB"
  mkdir "$LAB"/{bin,ssh,log}
  install_programs
  make_etc
  make_keys
  local host
  for host in "${HOSTS[@]}"; do add_host "$host"; done
  add_links
  add_routes
  fill_homes
  for host in "${HOSTS[@]}"; do start_peer "$host"; done
  start_sshd "$LAB/ssh/sshd_config" server
  # First logins make fish's folders and /run/motd.dynamic.
  as alice client ssh "far-fish@$SERVER" true || die 'ssh does not work'
}

# The programs keep the places they have to each other in a build folder.
install_programs() {
  local program
  for program in client/ginnel firewall/ginnel-firewall tests/lab/peer; do
    [ -x "$BUILD/$program" ] || die "$BUILD/$program is missing: build first"
    install -D "$BUILD/$program" "$LAB/bin/$program"
  done
  ln -s tests/lab/peer "$LAB/bin/peer"
}

# An /etc for all hosts: the machine's, with accounts of the lab alone.
# (Files bound one by one over /etc's would come loose when the machine renames
# one of them, as useradd does.)
make_etc() {
  local etc=$LAB/etc uid=$FAR shell
  cp -a /etc "$etc"
  (cd "$etc" && rm -f passwd shadow group sudoers hosts resolv.conf)
  {
    echo 'root:x:0:0:root:/root:/bin/bash'
    echo 'sshd:x:103:65534::/run/sshd:/usr/sbin/nologin'
    echo 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin'
    echo "alice:x:$ALICE:$ALICE::/home/alice:/bin/bash"
    echo "bob:x:$BOB:$BOB::/home/bob:/bin/bash"
    echo "far:x:$FAR:$FAR::/home/far:/bin/bash"
    for shell in "${FAR_SHELLS[@]}"; do
      uid=$((uid + 1))
      echo "far-$shell:x:$uid:$FAR::/home/far-$shell:$(shell_path "$shell")"
    done
  } >"$etc/passwd"
  printf '%s\n' root:x:0: nogroup:x:65534: "alice:x:$ALICE:" "bob:x:$BOB:" \
    tty:x:5: "far:x:$FAR:" >"$etc/group"
  # Everyone's password at the far end is "open sesame".
  sed 's/:.*//' "$etc/passwd" | while read -r user; do
    echo "$user:$PASSWORD_HASH:19000:0:99999:7:::"
  done >"$etc/shadow"
  {
    echo 'Defaults env_reset, use_pty'
    echo "Defaults secure_path=\"$LAB/bin/client:$PATH\""
    echo 'root ALL=(ALL:ALL) ALL'
    echo 'alice ALL=(root) NOPASSWD: ALL'
  } >"$etc/sudoers"
  chmod 440 "$etc/sudoers"
  chmod 640 "$etc/shadow"
  printf '%s\n' '127.0.0.1 localhost' '::1 localhost' "$SERVER server" \
    "$TARGET target" "$TARGET6 target" "$CLIENT client" >"$etc/hosts"
  echo "nameserver $NET" >"$etc/resolv.conf"
}

PASSWORD='open sesame'
PASSWORD_HASH=$(openssl passwd -6 -salt ginnel "$PASSWORD")

# A login shell is called by its file's name, and busybox by that of `ash`.
shell_path() {
  if [ "$1" = busybox ]; then
    ln -sf "$(command -v busybox)" "$LAB/bin/ash"
    echo "$LAB/bin/ash"
  else
    command -v "$1" || die "the shell $1 is not installed"
  fi
}

make_keys() {
  local name
  for name in host other_host alice root; do
    ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$LAB/ssh/$name"
  done
  ssh-keygen -q -t ed25519 -N "$PASSWORD" -C locked -f "$LAB/ssh/locked"
  cat "$LAB"/ssh/{alice,root,locked}.pub >"$LAB/ssh/authorized_keys"
  local address
  for address in "$SERVER" "$SERVER6" server "[$SERVER]:2222"; do
    host_key_line "$address" host
  done >"$LAB/ssh/known_hosts"
  sshd_config "$LAB/ssh/host" >"$LAB/ssh/sshd_config"
}

# The known_hosts line of a server at ADDRESS with the host key NAME.
host_key_line() {
  echo "$1 $(cut -d' ' -f1,2 "$LAB/ssh/$2.pub")"
}

# What Debian's sshd has, with a host key of our own.
sshd_config() {
  printf '%s\n' "HostKey $1" 'KbdInteractiveAuthentication no' 'UsePAM yes' \
    'PrintMotd no' 'AcceptEnv LANG LC_*' 'LogLevel VERBOSE' 'PidFile none'
}

add_host() {
  local host=$1
  unshare --net --mount --uts --propagation private sleep infinity &
  export "LAB_PID_$host=$!"
  await 5 has_own_network $! || die "no namespaces for $host"
  on "$host" bash -eu -s "$host" "$LAB/etc" <<'SETUP'
    hostname "$1"
    for folder in /tmp /var/tmp /dev/shm; do
      mount -t tmpfs -o mode=1777 lab "$folder"
    done
    for folder in /run /home /root; do
      mount -t tmpfs -o mode=755 lab "$folder"
    done
    mount --bind "$2" /etc
    ip link set lo up
    for family in ipv4 ipv6; do
      echo 1 >"/proc/sys/net/$family/conf/all/forwarding"
    done
    echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
    echo 0 >/proc/sys/net/ipv6/conf/default/accept_ra
SETUP
}

has_own_network() {
  [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ] &&
    [ "$(readlink "/proc/$1/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]
}

# link HOST INTERFACE NUMBER HOST INTERFACE NUMBER SUBNET
add_link() {
  local a=LAB_PID_$1 b=LAB_PID_$4
  ip link add "lab-$2" netns "${!a}" type veth \
    peer name "lab-$5" netns "${!b}"
  set_address "$1" "lab-$2" "$7" "$3"
  set_address "$4" "lab-$5" "$7" "$6"
}

set_address() {
  on "$1" ip address add "10.90.$3.$4/24" dev "$2"
  on "$1" ip address add "fd90:$3::$4/64" dev "$2" nodad
  on "$1" ip link set "$2" up
}

add_links() {
  add_link client lan 1 lan eth 2 1
  add_link net up 1 client up 2 2
  add_link net srv 1 server up 2 3
  add_link server target 1 target eth 2 4
}

default_route() {
  on "$1" ip route add default via "10.90.$2.1"
  on "$1" ip -6 route add default via "fd90:$2::1"
}

add_routes() {
  default_route lan 1
  default_route client 2
  default_route server 3
  default_route target 4
  on net ip route add 10.90.1.0/24 via "$CLIENT"
  on net ip -6 route add fd90:1::/64 via "$CLIENT6"
  # Two hosts own these networks. Which of them answers tells which way a
  # connection took: `target` through the tunnel, `net` without it.
  own_network target 10.80.0.0/16 fd80::/64
  own_network net 10.80.0.0/16 fd80::/64
  # This one only target has, and net would send it to the client if asked.
  own_network target 10.81.0.0/16 fd81::/64
  local network
  for network in 80 81; do
    on server ip route add "10.$network.0.0/16" via "$TARGET"
    on server ip -6 route add "fd$network::/64" via "$TARGET6"
  done
  on server ip route add unreachable 10.82.0.0/16
  on server ip -6 route add unreachable fd82::/64
}

own_network() {
  on "$1" ip route add local "$2" dev lo
  on "$1" ip -6 route add local "$3" dev lo
}

fill_homes() {
  local host
  for host in lan client net; do
    on "$host" install -d -o $BOB -g $BOB -m 700 /home/bob
  done
  on client bash -eu -s <<SETUP
    install -d -o $ALICE -g $ALICE -m 700 /home/alice /home/alice/.ssh
    install -o $ALICE -m 600 $LAB/ssh/alice /home/alice/.ssh/id_ed25519
    install -o $ALICE -m 644 $LAB/ssh/alice.pub /home/alice/.ssh/id_ed25519.pub
    install -o $ALICE -m 644 $LAB/ssh/known_hosts /home/alice/.ssh/
    install -d -m 700 /root/.ssh
    install -m 600 $LAB/ssh/root /root/.ssh/id_ed25519
    install -m 644 $LAB/ssh/root.pub /root/.ssh/id_ed25519.pub
    install -m 644 $LAB/ssh/known_hosts /root/.ssh/
SETUP
  on server bash -eu -s <<SETUP
    mkdir /run/sshd
    for user in far ${FAR_SHELLS[*]/#/far-}; do
      install -d -o \$user -g far -m 700 /home/\$user /home/\$user/.ssh
      install -o \$user -m 600 $LAB/ssh/authorized_keys /home/\$user/.ssh/
    done
SETUP
}

start_peer() {
  local log=$LAB/log/peer-$1
  exec_on "$1" peer serve "$1" "${PORTS[@]}" >"$log" 2>&1 &
  await 5 grep -qs serving "$log" || die "no peer on $1: $(cat "$log")"
}

# start_sshd CONFIG HOST WRAPPER...: a real sshd there, started through the
# wrapper if there is one. Sets SSHD_PID; its log is CONFIG.log.
start_sshd() {
  local config=$1 sshd
  sshd=$(command -v sshd || echo /usr/sbin/sshd)
  shift
  exec_on "$@" "$sshd" -D -e -f "$config" >"$config.log" 2>&1 &
  SSHD_PID=$!
  await 5 grep -qs 'Server listening' "$config.log" ||
    die "no sshd: $(cat "$config.log")"
}
