#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# install_dependencies.sh build|test...: installs by apt what is missing of
# these groups of packaging/dependencies. Needs root only if anything is.
set -eu
root=$(dirname "$(dirname "$(readlink -f "$0")")")
unpacked=$root/build/packages
is_installed() {
  dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null |
    grep -qx installed
}
is_unpacked() { [ -e "$unpacked/usr/share/doc/$1" ]; }

missing=
to_unpack=
while read -r package group how; do
  for wanted in "$@"; do
    [ "$group" = "$wanted" ] || continue
    if [ "$how" = unpack ]; then
      is_unpacked "$package" || to_unpack="$to_unpack $package"
    else
      is_installed "$package" || missing="$missing $package"
    fi
  done
done <"$root/packaging/dependencies"
[ -n "$missing$to_unpack" ] || exit 0

export DEBIAN_FRONTEND=noninteractive
apt-get update -q || echo 'apt-get update failed; going on with what is known'
if [ -n "$missing" ]; then
  echo "installing$missing"
  # Their services are not wanted: whoever has no such policy gets one for now
  # (invoke-rc.d(8)).
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  # shellcheck disable=SC2086
  apt-get install -q -y --no-install-recommends $missing
fi
if [ -n "$to_unpack" ]; then
  echo "unpacking$to_unpack"
  mkdir -p "$unpacked"
  cd "$unpacked"
  # As root, apt downloads as a user of its own where it can.
  # shellcheck disable=SC2086
  apt-get download -q $to_unpack
  for file in ./*.deb; do dpkg-deb -x "$file" .; done
  rm ./*.deb
fi
