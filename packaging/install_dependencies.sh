#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# install_dependencies.sh build|test...: installs by apt what is missing of
# these groups of packaging/dependencies. Needs root only if anything is.
set -eu
list=$(dirname "$(readlink -f "$0")")/dependencies
is_installed() {
  dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null |
    grep -qx installed
}

missing=
while read -r package group; do
  for wanted in "$@"; do
    [ "$group" = "$wanted" ] || continue
    is_installed "$package" || missing="$missing $package"
  done
done <"$list"
[ -n "$missing" ] || exit 0

echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q || echo 'apt-get update failed; going on with what is known'
# shellcheck disable=SC2086
apt-get install -q -y --no-install-recommends $missing
