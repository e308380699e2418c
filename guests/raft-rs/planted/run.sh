#!/usr/bin/env bash
# Plants each bug of this folder in a copy of raft-rs that cargo has fetched. Prints, as rows of a table, the number of
# storms until the first failure, the check, and the length of the shrunk schedule. A storm that also fails without the
# bug does not count.
#
# Usage: raft-rs/planted/run.sh [NAME...]   SEEDS: the most storms for a bug; FIRST: the first seed; SECS: time to shrink
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../patched.sh"
first=${FIRST:-1000} seeds=${SEEDS:-1000} secs=${SECS:-30}

# Prints the first seed from $2 on under which the binary $1 fails, and the check.
failing() {
  (cd "$work" && "./$1" sweep storm --seeds "$2..$((first + seeds))" --until-failed --json 2>/dev/null || true) |
    sed -n 's/^ *"seed": \([0-9]*\),/\1/p; s/^ *"failed_check": "\(.*\)",/\1/p' | head -2 | tr '\n' ' '
}

clean_fails() { # seed
  ! (cd "$work" && ./clean run storm --seed "$1" --trace none >/dev/null 2>&1)
}

build clean
printf '| bug | storms | check | schedule |\n|---|---|---|---|\n'
for bug in "${@:-$(cd "$here" && ls -- *.patch | sed 's/.patch$//')}"; do
  for name in $bug; do
    build_patched "$name" "$here/$name.patch"
    from=$first
    while true; do
      read -r seed check < <(failing "$name" "$from") || true
      [[ -z ${seed:-} ]] || ! clean_fails "$seed" && break
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
