#!/usr/bin/env bash
# Runs storms with raft-rs, with raft-rs and each of the patches of this folder, and with both patches. Prints the verdicts as
# rows of a table.
#
# Usage: raft-rs/mends/run.sh SEED...
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../patched.sh"

verdict() { # binary, seed
  (cd "$work" && "./$1" run storm --seed "$2" --trace none || true) | sed -n 's/^verdict *\([^ :]*\).*/\1/p'
}

build clean
build_patched timer "$here/timer.patch"
build_patched answer "$here/answer.patch"
build_patched both "$here/timer.patch" "$here/answer.patch"
printf '| storm | raft-rs | timer | answer | both |\n|---|---|---|---|---|\n'
for seed in "$@"; do
  printf '| %d |' "$seed"
  for name in clean timer answer both; do
    printf ' %s |' "$(verdict "$name" "$seed")"
  done
  printf '\n'
done
