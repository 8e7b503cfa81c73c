#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# lint.sh: what can be checked by reading: layers, coroutine traps, format.
# Each check prints the lines that break it. The last line counts the checks.
set -u
cd "$(dirname "$(readlink -f "$0")")/.." || exit 99
passed=0 failed=0

files() {
  find . \( -path './build*' -o -path ./.git \) -prune -o -type f \
    \( "$@" \) -printf '%P\n' | sort
}
mapfile -t sources < <(files -name '*.h' -o -name '*.cc')
mapfile -t scripts < <(files -name '*.sh' -o -name '*.test' -o -path ./.ci/run)
mapfile -t builds < <(files -name CMakeLists.txt -o -name '*.cmake')

# check NAME COMMAND...: passes when the command prints nothing.
check() {
  local name=$1 found
  shift
  found=$("$@" 2>&1)
  if [ -z "$found" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'lint: %s\n    %s\n' "$name" "${found//$'\n'/$'\n    '}"
  fi
}

# in_sources PATTERN PATH-PATTERN...: lines of the sources that match, except in
# files whose path matches one of the patterns.
in_sources() {
  local pattern=$1 allowed
  shift
  allowed=$(printf '%s\n' "$@" '^$')
  printf '%s\n' "${sources[@]}" | grep -vE "$allowed" |
    xargs grep -nHP -- "$pattern"
}

# The same over several lines; prints the file and the beginning of the match.
across_lines() {
  local pattern=$1 file
  for file in "${sources[@]}"; do
    grep -qPzo -- "$pattern" "$file" && echo "$file"
  done
}

# includes_of FOLDER ALLOWED: what FOLDER includes of ours besides ALLOWED.
includes_of() {
  grep -rnHE --include='*.h' --include='*.cc' '^#include "' "$1" |
    grep -vE "#include \"($2)"
}

# In the tests themselves; a fixture may look again and again for what a real
# process has done.
in_tests() { grep -rnE --include='*_test.cc' --include='sim.cc' "$1" tests; }

without_spdx() {
  local file
  for file in "${sources[@]}" "${scripts[@]}" "${builds[@]}"; do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-3.0-or-later' ||
      echo "$file"
  done
}

without_pragma_once() {
  printf '%s\n' "${sources[@]}" | grep '\.h$' | xargs grep -LE '^#pragma once|Precompiled'
}

# The first line of each file that clang-format would change.
unformatted() {
  clang-format-14 --dry-run "${sources[@]}" 2>&1 | grep warning: |
    sort -t: -u -k1,1 | cut -d: -f1,2
}

unfinished() {
  grep -nHE '\b(TODO|FIXME|XXX)\b' "${sources[@]}" "${scripts[@]}" \
    "${builds[@]}" | grep -v '^tests/lint.sh:'
}

# Paths of the machine on which this was written.
workplaces() {
  grep -rnIE --exclude-dir='build*' --exclude-dir=.git --exclude=lint.sh \
    '/(work|farm)/|/tmp/[a-z]+-build' .
}

shell_faults() {
  shellcheck -x -P SCRIPTDIR -e SC2317 -f gcc tests/*.sh tests/lab/*.sh tests/bench/*.sh tests/fuzz/*.sh packaging/*.sh cmake/*.sh \
    .ci/run
}

# Layers: base <- mux, names <- resolve <- helper, client; base, names <-
# firewall; nothing includes client, and the client sees of firewall/ only its
# requests.
check 'base includes base only' includes_of base 'base/'
check 'mux includes base and mux only' includes_of mux '(base|mux)/'
check 'firewall includes base, names and firewall only' \
  includes_of firewall '(base|names|firewall)/'
check 'names includes base and names only' includes_of names '(base|names)/'
check 'resolve includes base, mux, names and resolve only' \
  includes_of resolve '(base|mux|names|resolve)/'
check 'helper includes base, mux, names, resolve and helper only' \
  includes_of helper '(base|mux|names|resolve|helper)/'
check 'client includes no more of others than their interfaces' \
  includes_of client '(base/|mux/|names/|resolve/|client/|firewall/wire\.h|helper/(image|ready)\.h)'
check 'no asio in base and firewall' \
  grep -rnE '#include <asio|asio::' base firewall
check 'libssh in client/transport only' \
  in_sources '#include <libssh' '^client/transport/'
check 'libnftnl in firewall/nft only' \
  in_sources '#include <libnftnl' '^firewall/nft'
check 'libmnl where netlink is spoken only' \
  in_sources '#include <libmnl' '^firewall/(nft|netlink|conntrack|tcp_sockets)' \
  '^tests/unit/firewall/(conntrack_test|tracked)\.cc$'

# Coroutines: the traps that were fallen into before.
check 'co_spawn in mux/spawn.cc only' \
  in_sources '\bco_spawn\s*\(' '^mux/spawn\.cc$'
check 'no detached: it drops exceptions' in_sources 'asio::detached|detached\.hpp'
check 'spawn a call, not a lambda' \
  across_lines '\bspawn\(\s*[^;{}"]*"[^"]*"[^;{}"]*,\s*\['
check 'no temporary aggregate in a co_await (g++ 12)' \
  across_lines '(?s)co_await [\w:.>-]+\([^;()]*\b[A-Z]\w*\{'
check 'no io_context.stop(): it would skip the undo' \
  in_sources '\b(io|context|loop|io_context)_?\.stop\('
check 'no experimental::channel: it loses what is buffered' \
  in_sources 'experimental/(concurrent_)?channel|experimental::channel'
check 'no asio.hpp: say what is used' in_sources '#include <asio\.hpp>'
check 'no test sleeps' \
  in_tests 'sleep_for|sleep_until|\bu?sleep\('

# Form.
# (plan_test.cc compares with nft's own words, which do not wrap.)
check 'a line has at most 80 columns' \
  in_sources '^.{81,}$' '^tests/unit/firewall/plan_test\.cc$'
check 'clang-format' unformatted
check 'an SPDX line on top' without_spdx
check '#pragma once in headers' without_pragma_once
check 'nothing is left for later' unfinished
check 'no paths of one machine' workplaces
check 'shellcheck' shell_faults

echo "lint: $passed passed, $failed failed"
[ "$failed" = 0 ]
