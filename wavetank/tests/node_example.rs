//! Runs the example of the README as users do.

use std::path::Path;
use std::process::Command;

#[test]
fn the_bank_on_nodes_prints_its_scenes() {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--example", "bank_node", "--manifest-path"]).arg(manifest);
    let output = cargo.current_dir(&folder).output().expect("cargo starts");
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{printed}{errors}");
    assert_eq!(errors, "");

    let lines: Vec<&str> = printed.lines().collect();
    let is_node = |line: &str, rest: &str| line.starts_with("Node at 127.0.0.1:") && line.ends_with(rest);
    assert!(is_node(lines[0], " [Follower]"), "{printed}");
    // The first account had 100.
    assert!(is_node(lines[1], " [Leader], balance 70"), "{printed}");
    assert!(is_node(lines[2], " [Leader]"), "{printed}");
    assert_eq!(lines[3], "n2 is Shutdown, n3 is Follower", "{printed}");
    assert!(folder.path().join("data/n3/raft.redb").is_file());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
