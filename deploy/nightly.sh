#!/usr/bin/env bash
# A nightly hunt: a range of seeds that no earlier night had, an exploration, and the fuzz targets.
# Usage: deploy/nightly.sh FOLDER [RUNS [DATE]]. The folder gets one folder for each night, and an index of nights.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:?usage: deploy/nightly.sh FOLDER [RUNS [DATE]]}
runs=${2:-1000000}
date=${3:-$(date -u +%F)}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
night=$folder/$date
mkdir -p "$night"

# Every day has a thousand million seeds of its own.
days=$(($(date -u -d "$date" +%s) / 86400))
first=$((days * 1000000000))
half=$((runs / 2))

cargo build --release --quiet
wavetank=$PWD/${CARGO_TARGET_DIR:-target}/release/wavetank
[ -x "$wavetank" ] || wavetank=${CARGO_TARGET_DIR:-target}/release/wavetank

# The capsules of failures go to target/wavetank of the current folder.
cd "$night"
status=0
"$wavetank" sweep storm storm_beyond_budget --seeds "$first..$((first + half))" \
  --keep failures --out sweep.jsonl --resume >sweep.txt || status=$?
explored=0
"$wavetank" explore --terms 2 --entries 1 --crashes 1 -o explored.json >explore.txt || explored=$?

pages=
for capsule in target/wavetank/*.json explored.json; do
  if [ -e "$capsule" ]; then
    page=$(basename "$capsule" .json).html
    "$wavetank" view "$capsule" -o "$page" || true
    pages="$pages <a href=\"$date/$page\">$page</a>"
  fi
done
cd - >/dev/null

fuzzed=none
if cargo fuzz --version >/dev/null 2>&1; then
  fuzzed=0
  for target in $(cargo fuzz list); do
    cargo fuzz run "$target" -- -max_total_time=60 >"$night/fuzz-$target.txt" 2>&1 || fuzzed=1
  done
fi

cells="<td>$date</td><td>$first..$((first + half))</td><td>$status</td><td>$explored</td><td>$fuzzed</td>"
echo "<tr>$cells<td>$pages</td></tr>" >"$night/row.html"
{
  echo '<!doctype html><meta charset="utf-8"><title>Nights</title><table>'
  echo '<tr><th>night</th><th>seeds of each storm</th><th>sweep</th><th>explore</th><th>fuzz</th><th>failures</th></tr>'
  cat "$folder"/*/row.html
  echo '</table>'
} >"$folder/index.html"
[ "$status" -eq 0 ] && [ "$explored" -eq 0 ] && [ "$fuzzed" != 1 ]
