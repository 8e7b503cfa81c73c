# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# systemd-resolved on the client, without a systemd: a system bus of its own,
# the real daemon (unpacked, not installed) and resolvectl; and a name server
# beyond the tunnel, on the net host, that knows every name as 10.99.9.9.
# Sourced by the cases that need it.

RESOLVED_ROOT=$CASE/resolved
PACKAGES=$RESOLVED_ROOT/packages
ELSEWHERE=10.99.9.9

# With the lab's resolv.conf. Sets BACKGROUND to the pids of all but resolved.
start_resolved() {
  mkdir "$RESOLVED_ROOT"
  # The hosts see what is in the lab's own folder.
  cp -a "${BASH_SOURCE[0]%/*}/../../build/packages" "$PACKAGES"
  [ -x "$PACKAGES/lib/systemd/systemd-resolved" ] ||
    die 'no systemd-resolved: run packaging/install_dependencies.sh test'
  (cat "$LAB/etc/passwd" && echo 'systemd-resolve:x:104:104::/:/bin/false') \
    >"$RESOLVED_ROOT/passwd"
  (cat "$LAB/etc/group" && echo 'systemd-resolve:x:104:') \
    >"$RESOLVED_ROOT/group"
  bus_config >"$RESOLVED_ROOT/bus.conf"
  : >"$RESOLVED_ROOT/resolved.conf"
  on client install -d /run/dbus /run/systemd
  on client install -d -o 104 -g 104 /run/systemd/resolve
  exec_on net dnsmasq -k -C /dev/null --no-resolv --no-hosts -u root \
    --address="/#/$ELSEWHERE" >"$RESOLVED_ROOT/dnsmasq.log" 2>&1 &
  BACKGROUND=($!)
  as_resolved dbus-daemon --config-file="$RESOLVED_ROOT/bus.conf" --nofork \
    --nopidfile --nosyslog >"$RESOLVED_ROOT/bus.log" 2>&1 &
  BACKGROUND+=($!)
  await 5 on client test -S /run/dbus/system_bus_socket || die 'no system bus'
  start_daemon
}

# start_daemon [LINE...]: with these lines in resolved.conf. Sets RESOLVED.
start_daemon() {
  printf '%s\n' '[Resolve]' 'LLMNR=no' 'MulticastDNS=no' 'Cache=no' "$@" \
    >"$RESOLVED_ROOT/resolved.conf"
  SYSTEMD_LOG_TARGET=console as_resolved \
    "$PACKAGES/lib/systemd/systemd-resolved" \
    >"$RESOLVED_ROOT/resolved.log" 2>&1 9>&- &
  RESOLVED=$!
  await 5 on client dig +tries=1 +time=1 @127.0.0.53 localhost >/dev/null ||
    die "no systemd-resolved: $(cat "$RESOLVED_ROOT"/*.log)"
}

restart_resolved() {
  kill "$RESOLVED"
  wait "$RESOLVED" || true
  start_daemon "$@"
}

stop_resolved() {
  kill "$RESOLVED" "${BACKGROUND[@]}"
  wait "$RESOLVED" "${BACKGROUND[@]}" || true
  on client rm -rf /run/dbus /run/systemd
}

# The system's, as far as resolved needs it.
bus_config() {
  cat <<'END'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow send_type="*"/>
    <allow receive_type="*"/>
    <allow send_destination="org.freedesktop.resolve1"/>
  </policy>
  <policy user="systemd-resolve"><allow own="org.freedesktop.resolve1"/></policy>
</busconfig>
END
}

# A program on the client, with the files of this one's folder over the lab's.
as_resolved() {
  # shellcheck disable=SC2016
  exec_on client env \
    LD_LIBRARY_PATH="$(echo "$PACKAGES"/usr/lib/*/systemd)" \
    unshare --mount bash -euc '
      mount --bind "$0/passwd" /etc/passwd
      mount --bind "$0/group" /etc/group
      mkdir -p /etc/systemd
      mount -t tmpfs lab /etc/systemd
      cp "$0/resolved.conf" /etc/systemd/
      exec "$@"' "$RESOLVED_ROOT" "$@"
}

# What systemd-resolved knows NAME as; or nothing.
resolved() {
  on client env LD_LIBRARY_PATH="$(echo "$PACKAGES"/usr/lib/*/systemd)" \
    "$PACKAGES/usr/bin/resolvectl" query -4 --legend=no --cache=no "$1" 2>&1 |
    grep -oE '([0-9]+\.){3}[0-9]+' | head -n 1
}

expect_resolved() {
  local address
  address=$(resolved "$1") || true
  [ "$address" = "$2" ] || {
    printf '%s: wanted %s, got "%s"\n' "$1" "$2" "$address"
    return 1
  }
}

# start_driver ADDRESS DOMAIN...: look-ups of these are answered with it. Sets
# DRIVER; words written to descriptor 9 are other domains.
start_driver() {
  rm -f "$CASE/domains"
  mkfifo "$CASE/domains"
  DRIVER_LOG=$CASE/ginnel.driver
  install "$BUILD/tests/lab/resolver_driver" "$CASE"
  exec_on client "$CASE/resolver_driver" \
    "$LAB/bin/firewall/ginnel-firewall" "$@" \
    <"$CASE/domains" >"$DRIVER_LOG" 2>&1 &
  DRIVER=$!
  exec 9>"$CASE/domains"
  await 10 grep -q . "$DRIVER_LOG" || fail 'the driver says nothing'
}

end_driver() {
  exec 9>&-
  expect_driver_end 0
}

# expect_driver_end STATUS: it ends by itself.
expect_driver_end() {
  local status=0
  await 10 ended "$DRIVER" || fail 'the driver goes on'
  wait "$DRIVER" || status=$?
  exec 9>&-
  [ "$status" = "$1" ] || fail "the driver: $status, $(cat "$DRIVER_LOG")"
}

no_link() { ! on client ip -brief link | grep -q ginnel; }
