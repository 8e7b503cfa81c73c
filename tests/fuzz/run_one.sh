#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run_one.sh SECONDS FUZZER: fuzzes from corpus/NAME, without adding to it, and
# writes `passed` or `failed` to NAME.verdict beside the fuzzer. A crashing
# input is left there too; once mended it belongs into the corpus.
set -u
seconds=$1 fuzzer=$(readlink -f "$2")
name=${fuzzer##*/fuzz_}
corpus=$(dirname "$(readlink -f "$0")")/corpus/$name
cd "$(dirname "$fuzzer")" || exit 99
mkdir -p "$name.found"
seeds=()
[ ! -d "$corpus" ] || seeds=("$corpus")

verdict=failed
"$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
  -artifact_prefix="$name.crash-" -print_final_stats=1 \
  "$name.found" "${seeds[@]}" >"$name.log" 2>&1 && verdict=passed
echo "$verdict" >"$name.verdict"
echo "fuzz $name: $verdict, $(sed -n 's/^stat::number_of_executed_units: *//p' \
  "$name.log") runs"
[ "$verdict" = passed ] || tail -n 40 "$name.log"
