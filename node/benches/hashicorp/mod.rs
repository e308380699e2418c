//! The same cluster with HashiCorp Raft and raft-boltdb. `main.go` measures it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

const PACKAGES: [&str; 2] = ["github.com/hashicorp/raft", "github.com/hashicorp/raft-boltdb"];

/// Builds `main.go`. `None`: this machine has no Go, or not the Debian packages of HashiCorp Raft.
pub(crate) fn build() -> Option<PathBuf> {
    let listed = go(&[&["list"][..], &PACKAGES].concat());
    if !listed.is_ok_and(|output| output.status.success()) {
        println!("HashiCorp Raft is skipped: it needs golang-go and its packages in /usr/share/gocode");
        return None;
    }
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hashicorp");
    let built = go(&["build", "-o", binary.to_str().unwrap(), "."]).unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(binary)
}

fn go(arguments: &[&str]) -> std::io::Result<Output> {
    Command::new("go")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/hashicorp"))
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOCACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/go-cache"))
        .args(arguments)
        .output()
}

/// Measures each load: the number of callers, and the bytes of a command.
pub(crate) fn measure(binary: &Path, loads: &[(usize, usize)], length: Duration) {
    let directory = TempDir::new_in(".").unwrap();
    let loads = loads.iter().flat_map(|(callers, bytes)| [callers.to_string(), bytes.to_string()]);
    let mut command = Command::new(binary);
    command.arg(directory.path()).arg(format!("{}ms", length.as_millis())).args(loads);
    assert!(command.status().unwrap().success(), "HashiCorp Raft failed");
}
