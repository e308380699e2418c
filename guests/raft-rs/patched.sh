# Builds the command raft-rs with a changed copy of the crate that cargo has fetched. `planted/run.sh` and `mends/run.sh`
# read this file. The binaries are in the folder `$work`. Needs the variable `here`, a folder of raft-rs.
cd "$here/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/planted
mkdir -p "$work"
source=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -maxdepth 2 -name raft-0.7.0 | head -1)
cp Cargo.lock "$work/Cargo.lock"
trap 'cp "$work/Cargo.lock" Cargo.lock' EXIT

build() { # name, options of cargo
  # raft-rs has warnings, which cargo prints for a package that is not from a registry.
  CARGO_TARGET_DIR=$target cargo build --quiet --profile exam --bin raft-rs "${@:2}" 2>"$work/build.log" ||
    { cat "$work/build.log" >&2 && exit 1; }
  cp "$target/exam/raft-rs" "$work/$1"
}

build_patched() { # name, patches
  rm -rf "$work/raft"
  cp -r "$source" "$work/raft"
  cat "${@:2}" | patch --quiet -d "$work/raft" -p1
  build "$1" --config "patch.crates-io.raft.path='$work/raft'"
}
