#!/usr/bin/env bash
# Plants each bug of this folder in a copy of raft-rs that cargo has fetched. Prints, as rows of a table, the number of
# storms until the first failure, the check, and the length of the shrunk schedule. A storm that also fails without the
# bug does not count.
#
# Usage: raft-rs/planted/run.sh [NAME...]   SEEDS: the most storms for a bug; FIRST: the first seed; SECS: time to shrink
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/planted
first=${FIRST:-1000} seeds=${SEEDS:-1000} secs=${SECS:-30}
mkdir -p "$work"
source=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -maxdepth 2 -name raft-0.7.0 | head -1)
cp Cargo.lock "$work/Cargo.lock"
trap 'cp "$work/Cargo.lock" Cargo.lock' EXIT

build() { # name, options of cargo
  CARGO_TARGET_DIR=$target cargo build --quiet --profile exam --bin raft-rs "${@:2}"
  cp "$target/exam/raft-rs" "$work/$1"
}

plant() { # name
  rm -rf "$work/raft"
  cp -r "$source" "$work/raft"
  patch --quiet -d "$work/raft" -p1 <"$here/$1.patch"
  build "$1" --config "patch.crates-io.raft.path='$work/raft'"
}

# Prints the first seed from $2 on under which the binary $1 fails, and the check.
failing() {
  (cd "$work" && "./$1" sweep storm --seeds "$2..$((first + seeds))" --until-failed --json 2>/dev/null || true) |
    sed -n 's/^ *"seed": \([0-9]*\),/\1/p; s/^ *"spoke": "\(.*\)",/\1/p' | head -2 | tr '\n' ' '
}

build clean
printf '| bug | storms | check | schedule |\n|---|---|---|---|\n'
for bug in "${@:-$(cd "$here" && ls -- *.patch | sed 's/.patch$//')}"; do
  for name in $bug; do
    plant "$name"
    from=$first
    while read -r seed check < <(failing "$name" "$from") && [[ -n $seed ]]; do
      (cd "$work" && ./clean run storm --seed "$seed" --trace none >/dev/null 2>&1) && break
      from=$((seed + 1))
    done
    if [[ -z ${seed:-} ]]; then
      printf '| %s | none of %d | | |\n' "$name" "$seeds"
      continue
    fi
    after=$(cd "$work" && ("./$name" shrink "storm:$seed" -o "$name.json" --time "$secs" 2>/dev/null || true) |
      sed -n 's/^after *//p')
    printf '| %s | %d | `%s` | %s |\n' "$name" "$((seed - first + 1))" "$check" "$after"
  done
done
