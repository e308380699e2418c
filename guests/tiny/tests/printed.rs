//! The test that `shrink` prints for a run with a bug switches the bug on, so it fails as the run did.

use std::process::Command;

include!("printed/ack_before_persist.rs");

#[test]
#[should_panic(expected = "committed_is_durable_on_quorum")]
fn the_printed_test_fails_as_the_run_did() {
    committed_is_durable_on_quorum_in_storm_1();
}

/// `ack_before_persist.rs` is the printed test without its first line, `#[test]`.
#[test]
fn shrink_prints_the_test_of_the_file() {
    let small = concat!(env!("CARGO_TARGET_TMPDIR"), "/printed.json");
    let args = ["--bug", "ack-before-persist", "shrink", "storm:1", "-o", small, "--time", "600"];
    let out = Command::new(env!("CARGO_BIN_EXE_tiny")).args(args).output().expect("the command can be run");
    let said = String::from_utf8(out.stdout).expect("the command prints text");
    let printed = said.split_once("#[test]\n").unwrap_or_else(|| panic!("{said}")).1;
    assert_eq!(printed, include_str!("printed/ack_before_persist.rs"));
}
