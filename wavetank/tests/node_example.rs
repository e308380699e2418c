//! Runs the example of the README as users do.

use std::path::PathBuf;
use std::process::Command;

#[test]
fn the_bank_on_nodes_prints_its_scenes() {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let output = Command::new(example()).current_dir(&folder).output().expect("the example starts");
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
    assert!(folder.path().join("data/n3/wal/0000000001.wal").is_file());
}

/// Builds the example in the profile of this test, with the features of the whole workspace.
fn example() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its path");
    let built = own.ancestors().nth(2).expect("tests are in a folder of the profile");
    let profile = built.file_name().and_then(|name| name.to_str()).expect("the name is text");
    let profile = if profile == "debug" { "dev" } else { profile };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--workspace", "--example", "bank_node", "--profile", profile]);
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo starts");
    assert!(status.success(), "the example does not build");
    built.join("examples/bank_node")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
